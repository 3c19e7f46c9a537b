import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../shared/config/config.ts';
import { emptyMemory } from '../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { reconcile } from '../../../../shared/pipeline/reconcile.ts';
import {
  clockAt,
  commitId,
  environmentText,
  noSignatures,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
} from '../ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const limits = configSchema.shape.limits.parse({});
const job = { repository: 'master', environment: 'acme', cause: 'schedule' } as const;

/** An environment that lives in a cluster, and whose file now names another one. No run may touch either. */
async function setUp() {
  const state = stateInMemory(clock.now);
  const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
  const attempted = {
    commit: commitId('a'),
    revision: `main@sha1:${commitId('a')}`,
    at: '2026-11-21T00:00:00.000Z',
    inputs: {},
  };
  const memory = { ...emptyMemory(clock.now()), attempted, cluster: 'elsewhere', namespace: 'acme' };
  await state.write({ path, value: memory, ifGeneration: 'absent' });
  const topics = recordingTopics();
  const untouchable = async (): Promise<never> => {
    throw new Error('touched a cluster');
  };
  const ports = {
    ...{ now: clock.now, sleep: async () => {}, log: recordingLog(), state, topics, signatures: noSignatures },
    repository: repositories(repositoryWith({ files: { 'environments/acme.yaml': environmentText('acme') } })),
    cluster: untouchable,
    renderer: { version: untouchable, render: untouchable, kept: { find: () => [], keep: () => {} } },
  };
  return {
    topics,
    run: async () => reconcile(job, ports, { limits, event: 'test', writeback: false }),
  };
}
const refused = {
  outcome: 'diverged',
  reason: 'Failed',
  summary: expect.stringContaining('spec.cluster from elsewhere to sandbox'),
};

describe('an environment that moves to another cluster', () => {
  it('is refused, and told', async () => {
    const { run, topics } = await setUp();
    expect(await run()).toMatchObject(refused);
    expect(topics.published.map(({ topic }) => topic)).toEqual(['diff']);
  });

  // The refusal itself writes the new cluster into the memory, so that the next look goes there and orphans the first
  // one's objects.
  it('is refused by the next look, too', async () => {
    const { run } = await setUp();
    await run();
    expect(await run()).toMatchObject(refused);
  });
});
