import { afterEach, expect, it, vi } from 'vitest';
import { awaitConvergence, type Outcome } from '../../../cli/await-upload.ts';
import type { Context } from '../../../cli/context.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { clockAt } from '../pipeline/ports.ts';

const text = 'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}';
const config = parseConfig({ file: 'converge.yaml', text });
const unopened = () => {
  throw new Error('is not to be opened');
};

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A wait of ten minutes, where the status function answers so each time. */
async function waitWith(status: number): Promise<{ calls: number; outcome: Promise<Outcome> }> {
  const clock = clockAt('2026-11-21T02:00:00Z');
  const answer = vi.fn(async () => Response.json({ error: { code: 'x', message: 'said' } }, { status }));
  vi.stubGlobal('fetch', answer);
  const context: Context = {
    ...{ config, pubsub: undefined, folder: '/', progress: () => undefined },
    statusUrl: 'https://status.example',
    environment: { CONVERGE_ID_TOKEN: 'a.b.c' },
    ports: { now: clock.now, sleep: async (milliseconds) => clock.forward(milliseconds / 1000) },
    open: {
      ...{ uploads: unopened, buckets: unopened, state: unopened, repository: unopened },
      ...{ topics: unopened, deadLetters: unopened, renderer: unopened },
    },
  };
  const deadline = clock.now().getTime() + 600_000;
  const outcome = awaitConvergence(context, { repositoryClass: 'master', landed: new Map([['c', []]]), deadline });
  await outcome.catch(() => undefined);
  return { calls: answer.mock.calls.length, outcome };
}

it.each([401, 403])('ends at once, with the reason, where who waits may not ask (%s)', async (status) => {
  const { calls, outcome } = await waitWith(status);
  await expect(outcome).rejects.toMatchObject({ problem: expect.stringContaining(`(${status})`), exit: 1 });
  expect(calls).toBe(1);
});

it.each([429, 500, 503])(
  'asks again until the time is over where it does not answer as it should (%s)',
  async (status) => {
    const { calls, outcome } = await waitWith(status);
    await expect(outcome).rejects.toMatchObject({ problem: 'said', exit: 1 });
    expect(calls).toBe(1201);
  },
);
