import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { dependencyReachableSchema, dependencyUnreachableSchema } from '../../../../shared/events/dependency-alert.ts';
import { decodeUnreachable, unreachablePath } from '../../../../shared/memory/unreachable.ts';
import { emptyMemory } from '../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { readState, valueOrNone } from '../../../../shared/pipeline/common/read-state.ts';
import {
  lookAfterUnreachable,
  unreachableNow,
  tellReachable,
  tellUnreachable,
  type Place,
} from '../../../../shared/pipeline/common/tell-unreachable.ts';
import type { Topics } from '../../../../shared/ports/messages.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, recordingTopics, stateInMemory } from '../ports.ts';

const settings = {
  classOfBucket: new Map([
    ['family-master', 'master'],
    ['family-develop', 'develop'],
  ]),
  unreachableAfter: 120_000,
};
const cluster: Place = { kind: 'cluster', name: 'production-eu', repositoryClass: undefined };
const host: Place = { kind: 'repository', name: 'master', repositoryClass: 'master' };
const bucket: Place = { kind: 'bucket', name: 'family-master', repositoryClass: 'master' };
const away = new ConvergeError({
  ...{ code: 'ClusterUnavailable', subject: 'cluster production-eu', message: 'GET /api got no answer in 3 tries' },
  ...{ remedy: 'check that the API server is up', disposition: 'retry' },
});

/** Any number of instances and functions: they share the state bucket and the topics alone. */
async function world({
  state: changes = () => ({}),
  topics: other = (topics) => topics,
}: { state?: (state: StateStore) => Partial<StateStore>; topics?: (topics: Topics) => Topics } = {}) {
  const clock = clockAt('2026-11-28T05:00:00Z');
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const topics = recordingTopics();
  for (const [repository, environment, name] of [
    ['master', 'acme', 'production-eu'],
    ['develop', 'acme', 'production-eu'],
    ['master', 'globex', 'production-us'],
  ] as const) {
    const { memory: path } = statePaths({ repository, environment });
    await state.write({ path, value: { ...emptyMemory(clock.now()), cluster: name }, ifGeneration: 'absent' });
  }
  clock.forward(60);
  const ports = {
    ...{ now: clock.now, log, topics: other(topics), state: { ...state, ...changes(state) } },
    sleep: async (milliseconds: number) => clock.forward(milliseconds / 1000),
  };
  const sound = { ...ports, state, topics };
  return {
    ...{ clock, state, log, ports, sound, published: topics.published },
    meet: async (place = cluster, through = ports) =>
      tellUnreachable({ place, error: away, begunAt: clock.now(), settings }, through),
    answer: async (place = cluster, through = ports) => {
      const found = await readState({ path: unreachablePath(place), decode: decodeUnreachable }, { state });
      if (found !== undefined) await tellReachable({ place, found }, through);
    },
    noted: (place = cluster) => state.valueAt(unreachablePath(place)),
  };
}

type World = Awaited<ReturnType<typeof world>>;

/** Meets it until it is due to be told. */
async function due({ meet, clock }: World, place = cluster): Promise<void> {
  await meet(place);
  clock.forward(121);
}

const idsOf = ({ published }: World): readonly string[] => published.map(({ event: { id } }) => id);

describe('what does not answer', () => {
  it('is told once, with those behind it, by whichever instance meets it when it has lasted', async () => {
    const all = await world();
    await due(all);
    expect(all.published).toEqual([]);
    await Promise.all(Array.from({ length: 20 }, async () => all.meet()));
    for (let minute = 0; minute < 60; minute += 7) {
      all.clock.forward(7 * 60);
      await all.meet();
    }
    expect(all.published).toHaveLength(1);
    const [{ topic, event } = { topic: undefined, event: undefined }] = all.published;
    expect(topic).toBe('diff');
    expect(event).toMatchObject({ type: 'dev.converge.dependency.unreachable.v1', subject: 'cluster/production-eu' });
    expect(dependencyUnreachableSchema.parse(event?.data)).toEqual({
      ...{ subject: 'cluster/production-eu', kind: 'cluster', name: 'production-eu' },
      incident: expect.stringMatching(/^[0-9a-f]{16}$/),
      since: '2026-11-28T05:01:00.000Z',
      ...{ code: 'ClusterUnavailable', message: away.problem, remedy: 'check that the API server is up' },
      ...{ environments: ['develop/acme', 'master/acme'], count: 2 },
    });
    expect(all.log.lines).toEqual([]);
  });

  it('ends with the first answer, once, and is forgotten', async () => {
    const all = await world();
    await due(all);
    await all.meet();
    all.clock.forward(100);
    await Promise.all(Array.from({ length: 20 }, async () => all.answer()));
    await all.answer();
    expect(all.published.map(({ topic }) => topic)).toEqual(['diff', 'converged']);
    const ended = dependencyReachableSchema.parse(all.published[1]?.event.data);
    expect(ended).toMatchObject({ subject: 'cluster/production-eu', outcome: 'answered', count: 2 });
    expect(ended.seconds).toBeGreaterThanOrEqual(221);
    expect(ended.incident).toBe(dependencyUnreachableSchema.parse(all.published[0]?.event.data).incident);
    expect(all.noted()).toBeUndefined();
  });

  it('ends with an answer to a request that began before it was noted last', async () => {
    const all = await world();
    await due(all);
    await all.meet();
    all.clock.forward(301);
    const found = await readState({ path: unreachablePath(cluster), decode: decodeUnreachable }, all.ports);
    await all.meet();
    all.clock.forward(5);
    if (found === undefined) throw new Error('unexpected');
    await tellReachable({ place: cluster, found }, all.ports);
    expect(all.published.map(({ topic }) => topic)).toEqual(['diff', 'converged']);
  });

  it('for a moment is told to nobody', async () => {
    const all = await world();
    await all.meet();
    all.clock.forward(60);
    await all.answer();
    all.clock.forward(61);
    await all.meet();
    expect(all.published).toEqual([]);
  });

  it('again is another incident', async () => {
    const all = await world();
    for (let outage = 0; outage < 2; outage++) {
      await due(all);
      await all.meet();
      all.clock.forward(60);
      await all.answer();
      all.clock.forward(60);
    }
    expect(new Set(idsOf(all)).size).toBe(4);
  });

  it.each([
    { place: host, path: 'unreachable/master/repository-master.json' },
    { place: bucket, path: 'unreachable/master/bucket-family-master.json' },
  ])('of a class is noted below that class, and names its environments: $path', async ({ place, path }) => {
    const all = await world();
    await due(all, place);
    await all.meet(place);
    expect(all.state.valueAt(path)).toBeDefined();
    const data = dependencyUnreachableSchema.parse(all.published[0]?.event.data);
    expect(data).toMatchObject({ environments: ['master/acme', 'master/globex'], count: 2 });
    expect(await unreachableNow(all.ports)).toMatchObject([{ kind: place.kind, repositoryClass: 'master' }]);
  });

  it('is waited for since its request was sent', async () => {
    const all = await world();
    const begunAt = all.clock.now();
    all.clock.forward(90);
    await tellUnreachable({ place: cluster, error: away, begunAt, settings }, all.ports);
    all.clock.forward(31);
    await all.meet();
    expect(all.published).toHaveLength(1);
  });

  it('and cannot be noted either fails nothing', async () => {
    const all = await world({ state: () => ({ read: async () => Promise.reject(new Error('no answer')) }) });
    await all.meet();
    expect(all.log.lines).toEqual(['WARNING what does not answer, or does again, could not be noted']);
  });
});

describe('who tells that something does not answer', () => {
  it('and dies before it is published leaves that to the next who meets it', async () => {
    const all = await world({ topics: () => ({ publish: async () => Promise.reject(new Error('killed')) }) });
    await due(all);
    await all.meet();
    expect(all.published).toEqual([]);
    // It may be at it.
    all.clock.forward(5);
    await all.meet(cluster, all.sound);
    expect(all.published).toEqual([]);
    all.clock.forward(6);
    await all.meet(cluster, all.sound);
    all.clock.forward(60);
    await all.meet(cluster, all.sound);
    expect(all.published).toHaveLength(1);
  });

  it('and dies once it is published has it told again under the same id at most', async () => {
    const all = await world({
      state: (state) => ({
        write: async (write) => {
          const stored = await readState({ path: write.path, decode: decodeUnreachable }, { state });
          if (valueOrNone(stored)?.incident !== undefined) throw new Error('killed');
          return await state.write(write);
        },
      }),
    });
    await due(all);
    await all.meet();
    expect(all.published).toHaveLength(1);
    all.clock.forward(11);
    await all.meet(cluster, all.sound);
    all.clock.forward(60);
    await all.meet(cluster, all.sound);
    expect(all.published).toHaveLength(2);
    expect(new Set(idsOf(all)).size).toBe(1);
  });

  it('whose answer was lost knows its own', async () => {
    const all = await world({
      state: (state) => ({
        write: async (write) => {
          await state.write(write);
          return 'conflict';
        },
      }),
    });
    await due(all);
    await all.meet();
    expect(all.published).toHaveLength(1);
  });

  it('and dies as it ends leaves that to the schedule', async () => {
    const all = await world();
    await due(all);
    await all.meet();
    all.clock.forward(60);
    const dying = { ...all.ports, topics: { publish: async () => Promise.reject(new Error('killed')) } };
    await all.answer(cluster, dying);
    expect(all.published).toHaveLength(1);
    all.clock.forward(11);
    await lookAfterUnreachable({ settings }, all.ports);
    expect(all.published.map(({ topic }) => topic)).toEqual(['diff', 'converged']);
    expect(all.noted()).toBeUndefined();
    expect(await unreachableNow(all.ports)).toEqual([]);
  });
});

describe('the schedule', () => {
  it('ends what nothing stands on any more, as no look would, once nobody meets it', async () => {
    const all = await world();
    await due(all);
    await all.meet();
    all.clock.forward(31 * 60);
    await lookAfterUnreachable({ settings }, all.ports);
    expect(all.published).toHaveLength(1);
    for (const repository of ['master', 'develop']) {
      const { memory: path } = statePaths({ repository, environment: 'acme' });
      const { generation = '' } = (await all.state.read(path)) ?? {};
      await all.state.delete({ path, generation });
    }
    await all.meet();
    all.clock.forward(60);
    await lookAfterUnreachable({ settings }, all.ports);
    expect(all.published).toHaveLength(1);
    all.clock.forward(31 * 60);
    await lookAfterUnreachable({ settings }, all.ports);
    expect(dependencyReachableSchema.parse(all.published[1]?.event.data)).toMatchObject({ outcome: 'unused' });
    expect(all.noted()).toBeUndefined();
  });

  it.each([
    { place: { kind: 'repository', name: 'staging', repositoryClass: 'staging' } as const, isEnded: true },
    { place: { kind: 'bucket', name: 'family-old', repositoryClass: 'master' } as const, isEnded: true },
    { place: host, isEnded: false },
    { place: bucket, isEnded: false },
  ])('ends what the configuration has no more: $place.kind $place.name, $isEnded', async ({ place, isEnded }) => {
    const all = await world();
    await due(all, place);
    await all.meet(place);
    all.clock.forward(31 * 60);
    await lookAfterUnreachable({ settings }, all.ports);
    expect(all.noted(place) === undefined).toBe(isEnded);
  });
});
