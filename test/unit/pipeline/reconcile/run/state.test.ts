import { expect, it } from 'vitest';
import { claimOf, encodeLease, givenBack, type Lease } from '../../../../../shared/memory/lease.ts';
import { suspended } from '../../../../../shared/memory/transitions/accept.ts';
import { assertHeld, claim } from '../../../../../shared/pipeline/reconcile/run/claim.ts';
import { commit, openState, publish, remember } from '../../../../../shared/pipeline/reconcile/run/state.ts';
import type { State, StatePorts } from '../../../../../shared/pipeline/reconcile/run/state.ts';
import { attemptAt, diff, incidentOf, states } from '../../../memory/transitions/states.ts';
import { clockAt, recordingLog, recordingTopics, stateInMemory } from '../../ports.ts';

const paths = { memory: 'memory.json', lease: 'lease.json' };
const isHead = async (): Promise<boolean> => true;
const intent = { keys: ['/ConfigMap/acme/colors'] };
const drifted = incidentOf('Drifted', { id: 'drift', diff });
const evidence = { incidents: [drifted], outbox: [{ topic: 'diff' as const, time: drifted.since, data: diff }] };

function world() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const topics = recordingTopics();
  const store = stateInMemory(clock.now);
  const ports: StatePorts = {
    ...{ now: clock.now, log: recordingLog(), topics, state: store },
    sleep: async (milliseconds) => clock.forward(milliseconds / 1000),
  };
  const put = async (path: string, value: unknown): Promise<void> =>
    void (await store.write({ path, value, ifGeneration: 'any' }));
  return { clock, topics, store, ports, put };
}

async function opened(ports: StatePorts): Promise<State> {
  const found = await openState({ paths, event: 'job' }, ports);
  if (found.opened === 'held') throw new Error('is held');
  return found.state;
}

/** A store that does the first write of the lease, and loses its answer: the next try finds another generation. */
function losingFirstAnswer(state: StatePorts['state'], meanwhile: () => void = () => {}): StatePorts['state'] {
  let isLost = false;
  return {
    ...state,
    async write(asked) {
      const result = await state.write(asked);
      if (asked.path !== paths.lease || isLost) return result;
      isLost = true;
      meanwhile();
      return 'conflict';
    },
  };
}

it('knows its own claim whose answer was lost, whatever evidence stands in it', async () => {
  const { ports, put } = world();
  // As it is made, and not in the order in which it is read.
  const { id: _id, ...rest } = drifted;
  await put(paths.memory, { ...states.converged, incident: { ...rest, id: 'drift', told: true } });
  const state = await opened({ ...ports, state: losingFirstAnswer(ports.state) });
  state.current = { ...state.current, incident: { ...rest, id: 'drift', told: true } };
  await claim(state, intent, { isHead });
  expect(state.hold).toBeDefined();
});

it('counts the time of its lease from before it was asked for', async () => {
  const { ports, put, clock } = world();
  await put(paths.memory, states.converged);
  const slow = losingFirstAnswer(ports.state, () => clock.forward(40));
  const state = await opened({ ...ports, state: slow });
  await claim(state, intent, { isHead });
  await expect(assertHeld(state)).rejects.toMatchObject({ code: 'LeaseLost' });
});

it('does not make a lease last longer whose time passed while it was looked at', async () => {
  const { ports, put, clock } = world();
  await put(paths.memory, states.converged);
  let isSlow = false;
  const generationOf = async (path: string): Promise<string | undefined> => {
    if (isSlow) clock.forward(40);
    isSlow = false;
    return await ports.state.generationOf(path);
  };
  const state = await opened({ ...ports, state: { ...ports.state, generationOf } });
  await claim(state, intent, { isHead });
  clock.forward(16);
  isSlow = true;
  await expect(assertHeld(state)).rejects.toMatchObject({ code: 'LeaseLost' });
});

it('takes its lease for lost where its clock was put back: nobody knows how old the claim is', async () => {
  const { ports, put, store } = world();
  await put(paths.memory, states.converged);
  let isPutBack = false;
  const now = (): Date => new Date(ports.now().getTime() - (isPutBack ? 45 * 60_000 : 0));
  const state = await opened({ ...ports, now });
  await claim(state, intent, { isHead });
  isPutBack = true;
  // Somebody else ended it, and acts.
  await put(paths.memory, states.failed);
  await put(paths.lease, store.valueAt(paths.lease));
  await expect(assertHeld(state)).rejects.toMatchObject({ code: 'LeaseLost' });
});

it('publishes what it recalls of a lost memory once a memory says it again', async () => {
  const { ports, put, topics } = world();
  const held: Lease = claimOf({ nonce: 'dead', event: 'job', base: '0', intent, evidence, last: undefined });
  await put(paths.lease, encodeLease(givenBack(held), { isOver: true }));
  const state = await opened(ports);
  await publish(state, ports);
  expect(topics.published).toEqual([]);
  remember(state, suspended, [{ attempted: attemptAt('1') }]);
  await commit(state);
  expect(topics.published).toMatchObject([{ topic: 'diff' }]);
});

it('claims with no evidence of a look at an older memory: whoever ended it would tell what is of the past', async () => {
  const { ports, put, store } = world();
  await put(paths.memory, states.converged);
  const state = await opened(ports);
  state.current = { ...state.current, ...evidence };
  await put(paths.memory, states.failed);
  await expect(claim(state, intent, { isHead })).rejects.toMatchObject({ code: 'StaleLook' });
  expect(store.valueAt(paths.lease)).toBeUndefined();
});
