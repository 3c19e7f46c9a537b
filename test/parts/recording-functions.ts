import { http, type Request } from '@google-cloud/functions-framework';
import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** Functions under the product's names that write down what reaches them, one JSON line each, into `received.jsonl` of TMPDIR. */
function record(entry: object): void {
  appendFileSync(join(tmpdir(), 'received.jsonl'), `${JSON.stringify({ pid: process.pid, ...entry })}\n`);
}

const orderSchema = z.object({ order: z.enum(['fail', 'wait', 'none']).default('none') }).catch({ order: 'none' });

for (const name of ['copyArtifact', 'fanOut', 'reconcile', 'deliverAlert']) {
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
    if (order === 'wait') await sleep(100);
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
