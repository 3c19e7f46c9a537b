import { http, type Request } from '@google-cloud/functions-framework';
import { appendFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Functions under the product's names that write down what reaches them, one JSON line each, into `received.jsonl` of
 * TMPDIR.
 */
const records = join(tmpdir(), 'received.jsonl');

function record(entry: object): void {
  appendFileSync(records, `${JSON.stringify({ pid: process.pid, ...entry })}\n`);
}

const recordSchema = z.object({ pid: z.number(), event: z.looseObject({ id: z.string().optional() }).optional() });

/** Whether the event had reached a process before this one. */
function isAnew(id: string): boolean {
  return readFileSync(records, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => recordSchema.parse(JSON.parse(line)))
    .some(({ pid, event }) => event?.id === id && pid !== process.pid);
}

/** `die`: never answered by the first process that it reaches, so that this one can be killed over it. */
const orderSchema = z.object({ order: z.enum(['fail', 'die', 'none']).default('none') }).catch({ order: 'none' });

for (const name of ['copyArtifact', 'fanOut', 'reconcile', 'planChange', 'deliverAlert']) {
  http(name, async (request: Request, response) => {
    const { headers, body } = request;
    const attributes = Object.fromEntries(
      Object.entries(headers).flatMap(([header, value]) =>
        header.startsWith('ce-') ? [[header.slice(3), value]] : [],
      ),
    );
    record({ function: name, event: { ...attributes, data: body }, headers, body: request.rawBody?.toString() ?? '' });
    const { order } = orderSchema.parse(body);
    if (order === 'fail') throw new Error('told to fail');
    if (order === 'die' && !isAnew(String(attributes['id']))) return;
    record({ function: name, done: attributes['id'] });
    response.status(204).end();
  });
}

for (const name of ['receivePush', 'checkDrift', 'status']) {
  http(name, (request: Request, response) => {
    record({
      function: name,
      method: request.method,
      headers: request.headers,
      body: request.rawBody?.toString() ?? '',
    });
    response.status(200).json({ name });
  });
}
