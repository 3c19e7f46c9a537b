import { describe, expect, it } from 'vitest';
import { ConvergeError, type ErrorCode } from '../../../../shared/base/errors.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import type { Cluster } from '../../../../shared/ports/kubernetes.ts';
import { watchDependencies } from '../../../../shared/pipeline/common/watch-dependencies.ts';
import {
  clockAt,
  recordingLog,
  recordingTopics,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
} from '../ports.ts';
import { recordingCluster } from '../reconcile/world/cluster.ts';

const settings = { classOfBucket: new Map([['family-master', 'master']]), unreachableAfter: 120_000 };
const path = 'unreachable/_/cluster-sandbox.json';
const asked = { name: 'sandbox', repository: 'master', environment: 'acme' };
const widgets = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
const fails = (code: ErrorCode) => async (): Promise<never> => {
  throw new ConvergeError({ code, subject: 'cluster sandbox', message: 'no answer', disposition: 'retry' });
};

function instance(cluster: Partial<Cluster> = {}) {
  const clock = clockAt('2026-11-28T05:00:00Z');
  const state = stateInMemory(clock.now);
  const reads: string[] = [];
  const counted = {
    ...state,
    read: async (of: string) => {
      reads.push(of);
      return await state.read(of);
    },
  };
  const sleep = async (milliseconds: number) => clock.forward(milliseconds / 1000);
  const ports = { now: clock.now, log: recordingLog(), topics: recordingTopics(), state: counted, sleep };
  const watch = watchDependencies(settings, ports);
  const api: Cluster = { ...recordingCluster({ name: 'sandbox', now: clock.now }), ...cluster };
  const open = watch.cluster(async () => api);
  return { clock, state, reads, watch, open };
}

const list = async (cluster: Cluster): Promise<unknown> =>
  cluster.list({ resource: widgets, namespace: undefined, content: 'metadata' }).catch(() => undefined);
const get = async (cluster: Cluster): Promise<unknown> =>
  cluster.get({ resource: widgets, namespace: 'acme', name: 'a' }).catch(() => undefined);

describe('a piece of work', () => {
  it('that gets no answer notes that, and one that is answered forgets it', async () => {
    const broken: Partial<Cluster> = { get: fails('ClusterUnavailable') };
    const { clock, state, watch, open } = instance(broken);
    const first = watch.begin();
    await get(await open(asked));
    await first.tell();
    expect(state.valueAt(path)).toMatchObject({ kind: 'cluster', name: 'sandbox', code: 'ClusterUnavailable' });
    clock.forward(10);
    const second = watch.begin();
    await list(await open(asked));
    await second.tell();
    expect(state.valueAt(path)).toBeUndefined();
  });

  it('that gets one answer of several was answered', async () => {
    const { state, watch, open } = instance({ list: fails('ClusterUnavailable') });
    const span = watch.begin();
    await get(await open(asked));
    await list(await open(asked));
    await span.tell();
    expect(state.valueAt(path)).toBeUndefined();
  });

  it('that is refused was answered, and one that fails by something else says nothing', async () => {
    for (const [code, isForgotten] of [
      ['ClusterRefused', true],
      ['CredentialsUnavailable', false],
    ] as const) {
      const { clock, state, watch, open } = instance({ list: fails('ClusterUnavailable'), get: fails(code) });
      const first = watch.begin();
      await list(await open(asked));
      await first.tell();
      clock.forward(10);
      const second = watch.begin();
      await get(await open(asked));
      await second.tell();
      expect(state.valueAt(path) === undefined, code).toBe(isForgotten);
    }
  });

  it('asks for what is noted once, and not where it asked nobody', async () => {
    const { reads, watch, open } = instance();
    const idle = watch.begin();
    const cluster = await open(asked);
    await idle.tell();
    expect(reads).toEqual([]);
    const span = watch.begin();
    await Promise.all([get(cluster), list(cluster), get(cluster)]);
    await span.tell();
    expect(reads).toEqual([path]);
  });

  it('is told of its own span alone', async () => {
    const { reads, watch, open } = instance();
    await get(await open(asked));
    const later = watch.begin();
    await later.tell();
    expect(reads).toEqual([path]);
  });
});

describe('a watched repository', () => {
  it('is the same object each time: others know it by that', () => {
    const { watch } = instance();
    const repository: Repository = repositoryWith({ files: {} });
    const watched = watch.repository(() => repository);
    expect(watched('master')).toBe(watch.repository(() => repository)('master'));
    expect(watched('master')).not.toBe(repository);
  });

  it('whose host does not answer is noted below its class', async () => {
    const { state, watch } = instance();
    const span = watch.begin();
    await watch
      .repository(unreachableRepository)('master')
      .head()
      .catch(() => undefined);
    await span.tell();
    expect(state.valueAt('unreachable/master/repository-master.json')).toMatchObject({ code: 'GitUnavailable' });
  });
});

describe('a watched bucket', () => {
  it('that does not answer is noted below its class', async () => {
    const { state, watch } = instance();
    const span = watch.begin();
    const nobody = fails('StorageUnavailable');
    const buckets = watch.buckets({ find: nobody, list: nobody, read: nobody });
    await buckets.list('family-master').catch(() => undefined);
    await span.tell();
    expect(state.valueAt('unreachable/master/bucket-family-master.json')).toMatchObject({ code: 'StorageUnavailable' });
  });
});
