import { cloudEvent, http, type CloudEvent, type Request } from '@google-cloud/functions-framework';
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
  cloudEvent<unknown>(name, async (event: CloudEvent<unknown>) => {
    record({ function: name, event });
    const { order } = orderSchema.parse(event.data);
    if (order === 'fail') throw new Error('told to fail');
    if (order === 'wait') await sleep(100);
    record({ function: name, done: event.id });
  });
}

for (const name of ['receivePush', 'checkDrift', 'status']) {
  http(name, (request: Request, response) => {
    record({ function: name, method: request.method, headers: request.headers, body: request.rawBody?.toString() ?? '' });
    response.status(200).json({ name });
  });
}
