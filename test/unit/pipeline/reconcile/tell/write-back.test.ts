import { describe, expect, it } from 'vitest';
import { emptyMemory, type Memory } from '../../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../../shared/memory/state-paths.ts';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { configSchema } from '../../../../../shared/config/config.ts';
import type { Repository } from '../../../../../shared/ports/git.ts';
import { encodeAlert } from '../../../../../shared/events/alert.ts';
import { writeBack } from '../../../../../shared/pipeline/reconcile/tell/write-back.ts';
import type { Run } from '../../../../../shared/pipeline/reconcile/run/run.ts';
import { tellConverged } from '../../../../../shared/pipeline/reconcile/tell/tell.ts';
import {
  clockAt,
  commitId,
  noSignatures,
  recordingLog,
  recordingTopics,
  repositoryWith,
  stateInMemory,
} from '../../ports.ts';

const unused = async (): Promise<never> => {
  throw new Error('not needed');
};

/** One environment that converges at commit after commit, and a host that may be away. */
function makeEnvironment({ writeback = true }: { writeback?: boolean } = {}) {
  const clock = clockAt('2026-11-21T01:02:03.000Z');
  const host = {
    isAway: false,
    ref: undefined as string | undefined,
    notes: [] as { commit: string; text: string }[],
    calls: 0,
  };
  const answer = (): void => {
    host.calls += 1;
    if (host.isAway)
      throw new ConvergeError({ code: 'GitUnavailable', subject: 'git', message: 'is away', disposition: 'retry' });
  };
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    listRefs: async () => {
      answer();
      return new Map(host.ref === undefined ? [] : [['refs/converge/acme', host.ref]]);
    },
    writeNotes: async ({ notes, refs }) => {
      answer();
      if (refs.some(({ expected }) => expected !== host.ref)) return 'moved';
      for (const { commit, text } of notes)
        if (!host.notes.some((note) => note.commit === commit && note.text === text)) host.notes.push({ commit, text });
      host.ref = refs[0]?.commit;
      return 'written';
    },
  };
  let memory: Memory = emptyMemory(clock.now());
  const state = stateInMemory(clock.now);
  const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
  const topics = recordingTopics();
  const log = recordingLog();
  const run: Run = {
    ...{
      repository: 'master',
      environment: 'acme',
      key: 'master/acme',
      head: undefined,
      startedAt: clock.now(),
      cause: 'commit' as const,
      waitUntil: clock.now,
      learnTime: () => {},
      isSuperseded: unused,
      unsettled: new Set<string>(),
      unansweredCreations: new Set<string>(),
      waitId: 'test',
    },
    ports: {
      now: clock.now,
      sleep: async (milliseconds) => clock.forward(milliseconds / 1000),
      log,
      state,
      repository: () => repository,
      cluster: unused,
      renderer: { version: unused, render: unused, kept: { find: () => [], keep: () => {} } },
      topics,
      signatures: noSignatures,
    },
    settings: { limits: configSchema.shape.limits.parse({}), event: 'test', writeback },
    lease: {
      claim: unused,
      assertHeld: unused,
      assertUndisturbed: unused,
      recordOnly: unused,
      leaveEvidence: unused,
      isHeld: () => false,
      hasActed: () => false,
    },
    memoryFile: {
      memory: () => memory,
      commit: unused,
      remember(transition, ...facts) {
        memory = transition(memory, ...facts);
        void state.write({ path, value: memory, ifGeneration: 'any' });
      },
      remove: unused,
    },
  };
  return {
    ...{ host, topics, log },
    forget: () => void (memory = emptyMemory(clock.now())),
    memory: () => memory,
    remember: (more: Partial<Memory>) => void (memory = { ...memory, ...more }),
    async converge(digit: string) {
      clock.forward(60);
      const [commit, revision] = [commitId(digit), `main@sha1:${commitId(digit)}`];
      const converged = { commit, revision, at: clock.now().toISOString(), inputs: {}, renderKey: 'k' };
      const changes = { created: 1, configured: 0, unchanged: 0, pruned: 0 };
      const { notes } = memory;
      tellConverged(run, {
        reached: {
          reached: 'revision',
          converged,
          ...{ cluster: memory.cluster, namespace: memory.namespace, previous: memory.previous },
          ...{ desired: Object.keys(memory.objects), left: memory.left, pending: memory.pending },
          health: { state: memory.health, unawaited: memory.unawaited },
        },
        converged: { cluster: 'sandbox', revision, seconds: 1.5, changes, policy: null },
      });
      for (const { time, ...alert } of memory.outbox ?? [])
        await topics.publish(alert.topic, encodeAlert(alert, new Date(time)));
      memory = { ...memory, outbox: undefined };
      if (memory.notes !== notes) await writeBack(run);
    },
  };
}

describe('the writeback of what converged', () => {
  it('is a line in the note of the commit, with the id of the alert, and then the place of the ref', async () => {
    const { host, topics, converge } = makeEnvironment();
    await converge('a');
    expect(host.ref).toBe(commitId('a'));
    expect(host.notes).toEqual([
      {
        commit: commitId('a'),
        text: `acme converged at=2026-11-21T01:03:03.000Z cluster=sandbox seconds=1.5 created=1 configured=0 unchanged=0 pruned=0 event=${topics.published[0]?.event.id}`,
      },
    ]);
  });

  it('says nothing more of a revision that it said', async () => {
    const { host, converge } = makeEnvironment();
    await converge('a');
    const { calls } = host;
    await converge('a');
    expect(host.calls).toBe(calls);
    expect(host.notes).toHaveLength(1);
  });

  it('that failed fails no run, is logged, and is made up for at the next convergence, each line once', async () => {
    const { host, log, topics, converge } = makeEnvironment();
    await converge('a');
    host.isAway = true;
    await converge('b');
    await converge('c');
    expect(topics.published).toHaveLength(3);
    expect(log.lines).toEqual([
      'WARNING what converged could not be written back to Git',
      'WARNING what converged could not be written back to Git',
    ]);
    host.isAway = false;
    await converge('d');
    expect(host.notes.map(({ commit }) => commit)).toEqual(['a', 'b', 'c', 'd'].map(commitId));
    expect(host.ref).toBe(commitId('d'));
  });

  it('goes on where the memory was lost', async () => {
    const { host, forget, converge } = makeEnvironment();
    await converge('a');
    forget();
    await converge('b');
    expect(host.ref).toBe(commitId('b'));
    expect(host.notes).toHaveLength(2);
  });

  it('is not there where the configuration says so', async () => {
    const { host, topics, converge } = makeEnvironment({ writeback: false });
    await converge('a');
    expect(topics.published).toHaveLength(1);
    expect(host.calls).toBe(0);
  });
});

describe('a commit that converges while a fight is on', () => {
  const since = '2026-11-21T01:02:03.000Z';
  const incident = {
    id: '4be0d1a2c3f40516',
    since,
    occurrence: 4,
    reason: 'Drifted' as const,
    revision: 'main@sha1:1',
    summary: 'replicas differ',
    told: true,
  };
  const fight = {
    '/ConfigMap/acme/settings': {
      at: [since],
      managers: ['rogue'],
      pausedUntil: '2026-11-21T01:12:03.000Z',
      pause: 600,
    },
  };
  const closed = (data: unknown) => (data as { incident: string | null }).incident;

  it('is told without an end of the incident, which stays open', async () => {
    const { topics, memory, remember, converge } = makeEnvironment();
    await converge('a');
    remember({ incident, heals: fight, since });
    await converge('b');
    expect(topics.published.map(({ event }) => closed(event.data))).toEqual([null, null]);
    expect(memory()).toMatchObject({ incident, heals: fight, since, converged: { commit: commitId('b') } });
  });

  it('ends the incident where it failed before, and where no fight is on', async () => {
    for (const changed of [
      { incident: { ...incident, reason: 'Failed' as const }, heals: fight },
      { incident, heals: undefined },
    ]) {
      const { topics, memory, remember, converge } = makeEnvironment();
      remember(changed);
      await converge('a');
      expect(topics.published.map(({ event }) => closed(event.data))).toEqual([incident.id]);
      expect(memory().incident?.closedAt).toBeDefined();
    }
  });
});
