import { expect, it } from 'vitest';
import { answer, enqueue, giveBack, type Queue } from '../../../../shared/pipeline/copy-artifact/queue.ts';
import type { StoredObject } from '../../../../shared/ports/storage.ts';
import { rejectionOf } from '../../../refusal.ts';

const live: StoredObject = {
  ...{ bucket: 'family-master', name: 'a.yaml', generation: '7', bytes: 1, metadata: {} },
  createdAt: new Date(0),
};
const done = { outcome: 'copied', commit: 'c' } as const;

it('an event that nobody comes to is given back, to be tried again', async () => {
  const queue: Queue = { waiting: [], isServed: true, lastWrites: {} };
  const { waiting, outcome } = enqueue(queue, { live, now: new Date() });
  giveBack(queue, waiting);
  expect(await rejectionOf(outcome)).toMatchObject({
    code: 'IntakeBusy',
    disposition: 'retry',
    subject: 'gs://family-master/a.yaml#7',
  });
  expect(queue.waiting).toEqual([]);
});

it('an event whose object is being copied, or was, is not given back', async () => {
  const queue: Queue = { waiting: [], isServed: true, lastWrites: {} };
  const [copied, being] = [enqueue(queue, { live, now: new Date() }), enqueue(queue, { live, now: new Date() })];
  answer(queue, copied.waiting, { done });
  const taken = queue.waiting.splice(0);
  giveBack(queue, copied.waiting);
  giveBack(queue, being.waiting);
  for (const { tell } of taken) tell({ done });
  expect(await Promise.all([copied.outcome, being.outcome])).toEqual([done, done]);
});
