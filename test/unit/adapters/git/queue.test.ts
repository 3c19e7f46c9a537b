import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createQueue, sharedUntilBegun } from '../../../../shared/adapters/git/queue.ts';

const queue = () => createQueue({ patience: 50, late: () => new Error('waited too long') });

it('work waits for the work before it, which may take as long as it takes and may fail', async () => {
  const inTurn = createQueue({ patience: 10_000, late: () => new Error('waited too long') });
  const done: number[] = [];
  const results = await Promise.allSettled(
    [30, 0, 10].map(async (milliseconds, index) =>
      inTurn(async () => {
        await sleep(milliseconds);
        done.push(index);
        if (index === 1) throw new Error('failed');
        return index;
      }),
    ),
  );
  expect(done).toEqual([0, 1, 2]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('work behind work that does not end is given up, and never begun', async () => {
  const inTurn = queue();
  const stuck = Promise.withResolvers<string>();
  let isBegun = false;
  const first = inTurn(async () => stuck.promise);
  const behind = inTurn(async () => {
    isBegun = true;
  });
  await expect(behind).rejects.toThrow('waited too long');
  stuck.resolve('done after all');
  expect(await first).toBe('done after all');
  expect(await inTurn(async () => 'next')).toBe('next');
  expect(isBegun).toBe(false);
});

it('a look that waited too long is nobody’s any more: the next to ask looks anew', async () => {
  const inTurn = queue();
  let looks = 0;
  const look = sharedUntilBegun((begins) =>
    inTurn(async () => {
      begins();
      looks += 1;
      return looks;
    }),
  );
  const stuck = Promise.withResolvers<void>();
  const first = inTurn(async () => stuck.promise);
  const [one, other] = [look(), look()];
  await expect(one).rejects.toThrow('waited too long');
  await expect(other).rejects.toThrow('waited too long');
  stuck.resolve();
  await first;
  expect(await look()).toBe(1);
  expect(await Promise.all([look(), look()])).toEqual([2, 2]);
});
