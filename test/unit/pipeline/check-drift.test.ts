import { describe, expect, it } from 'vitest';
import { checkDrift } from '../../../shared/pipeline/check-drift.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import {
  byNobody,
  clockAt,
  commitId,
  environmentText,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
  failingRepository,
} from './ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const master = repositoryWith({
  files: { 'environments/globex.yaml': environmentText('globex'), 'environments/acme.yaml': 'broken: [' },
});
const staging = repositoryWith({
  repositoryClass: 'staging',
  files: { 'environments/acme.yaml': environmentText('acme') },
});
const develop = repositoryWith({ repositoryClass: 'develop', files: undefined });

async function check(all: readonly Repository[], tick = '2026-11-21T01:00:00Z', state = stateInMemory(clock.now)) {
  const topics = recordingTopics();
  const names = all.map((repository) => repository.repositoryClass);
  const result = checkDrift(
    { repositories: names, tick },
    { now: clock.now, repository: repositories(...all), state, topics },
  );
  return { result, topics };
}

const jobsOf = (topics: ReturnType<typeof recordingTopics>) =>
  topics.published.filter(({ topic }) => topic === 'reconcile');

describe('a tick of the schedule', () => {
  it('is one job for every environment of every repository, broken ones too', async () => {
    const { result, topics } = await check([staging, master, develop]);
    expect(await result).toEqual({ checked: ['master/acme', 'master/globex', 'staging/acme'] });
    const jobs = jobsOf(topics).map(({ topic, event }) => [topic, event.subject, event.data]);
    expect(jobs).toHaveLength(3);
    expect(jobs).toContainEqual([
      'reconcile',
      'staging/acme',
      {
        repository: 'staging',
        environment: 'acme',
        cause: 'schedule',
        head: commitId('a'),
        told: '',
        waitId: '',
        ...byNobody,
      },
    ]);
  });

  it('is a job for each environment that is remembered and no longer declared', async () => {
    const state = stateInMemory(clock.now);
    for (const path of [
      'master/gone/memory.json',
      'master/globex/memory.json',
      'master/never/lease.json',
      'masters/other/memory.json',
    ]) {
      await state.write({ path: `environments/${path}`, value: {}, ifGeneration: 'absent' });
    }
    const { result, topics } = await check([master, develop], 'now', state);
    const checked = ['master/acme', 'master/globex', 'master/gone'];
    // Its memory was deleted. Leases are listed once in ten minutes.
    expect(await result).toEqual({ checked: [...checked, 'master/never'] });
    expect(jobsOf(topics).map(({ event }) => event.subject)).toContain('master/gone');
    expect(await (await check([master, develop], 'later', state)).result).toEqual({ checked });
  });

  it('is a job for each environment that is no more, and of which something may still come to be', async () => {
    const state = stateInMemory(clock.now);
    for (const path of ['master/gone', 'master/globex', 'staging/other'])
      await state.write({ path: `environments/${path}/memory.departed.json`, value: {}, ifGeneration: 'absent' });
    await state.write({ path: 'environments/master/gone/memory.json', value: {}, ifGeneration: 'absent' });
    const { result } = await check([master], 'now', state);
    expect(await result).toEqual({ checked: ['master/acme', 'master/globex', 'master/gone'] });
  });

  it.each([
    ['that has no branch any more', repositoryWith({ repositoryClass: 'develop', files: undefined }), 'BranchMissing'],
    ['that has other branches', failingRepository('develop', 'BranchMissing'), 'BranchMissing'],
    ['whose head cannot be read', failingRepository('develop', 'UnreadableObject'), 'UnreadableObject'],
  ])('has each remembered environment of a repository %s say so', async (_what, repository, code) => {
    const state = stateInMemory(clock.now);
    for (const name of ['lost', 'also-lost'])
      await state.write({ path: `environments/develop/${name}/memory.json`, value: {}, ifGeneration: 'absent' });
    const { result, topics } = await check([staging, repository], 'now', state);
    await expect(result).rejects.toMatchObject({ code, disposition: 'refuse' });
    const jobs = jobsOf(topics).map(({ event }) => event.subject);
    expect(jobs.toSorted()).toEqual(['develop/also-lost', 'develop/lost', 'staging/acme']);
  });

  it('is no double of the job that asked about the branch while it could not be read', async () => {
    const state = stateInMemory(clock.now);
    await state.write({ path: 'environments/staging/acme/memory.json', value: {}, ifGeneration: 'absent' });
    const lost = await check([failingRepository('staging', 'BranchMissing')], 'now', state);
    await expect(lost.result).rejects.toMatchObject({ code: 'BranchMissing' });
    const back = await check([staging], 'now', state);
    await back.result;
    const [[asked], [due]] = [jobsOf(lost.topics), jobsOf(back.topics)];
    expect([asked?.event.subject, due?.event.subject]).toEqual(['staging/acme', 'staging/acme']);
    expect(asked?.event.id).not.toBe(due?.event.id);
  });

  it.each([
    ['heads/develop.json', { commit: commitId('a'), environments: [] }],
    [
      'ledger/develop.json',
      {
        version: 1,
        copied: [{ name: 'a', generation: '1', commit: commitId('a'), at: '2026-11-21T01:00:00Z', content: null }],
        refused: [],
      },
    ],
  ])('is a failure where a repository has no branch, and %s says that it had one', async (path, value) => {
    const state = stateInMemory(clock.now);
    await state.write({ path, value, ifGeneration: 'absent' });
    await expect((await check([develop], 'now', state)).result).rejects.toMatchObject({
      code: 'BranchMissing',
      message: expect.stringMatching(/the branch main.*does not exist.*push main again/),
    });
  });

  it('is the same jobs when it comes twice, and others the next time', async () => {
    const idsOf = async (tick: string) => {
      const { result, topics } = await check([master], tick);
      await result;
      return jobsOf(topics)
        .map(({ event }) => event.id)
        .toSorted();
    };
    expect(await idsOf('01:00')).toEqual(await idsOf('01:00'));
    expect(await idsOf('01:05')).not.toEqual(await idsOf('01:00'));
  });

  it('checks the other repositories where one cannot be read, and says so', async () => {
    const { result, topics } = await check([unreachableRepository('master'), staging]);
    await expect(result).rejects.toMatchObject({ code: 'GitUnavailable' });
    expect(jobsOf(topics).map(({ event }) => event.subject)).toEqual(['staging/acme']);
  });

  it('clears what was written of looks a day ago, once all jobs are sent', async () => {
    const started = clockAt('2026-11-20T00:59:59Z');
    const storage = stateInMemory(() => started.now());
    const [old, recent] = ['looks/staging/old.json', 'looks/staging/recent.json'];
    await storage.write({ path: old, value: {}, ifGeneration: 'absent' });
    started.forward(60);
    await storage.write({ path: recent, value: {}, ifGeneration: 'absent' });
    const { result } = await check([staging], 'now', storage);
    await result;
    expect([storage.valueAt(old), storage.valueAt(recent)]).toEqual([undefined, {}]);
  });

  // A function whose answer is out may be frozen: what it had not published by then is lost.
  it('answers only when every job that can be published is', async () => {
    let published = 0;
    const topics = {
      publish: async (topic: string) => {
        if (topic !== 'reconcile') return;
        await new Promise((resolve) => setImmediate(resolve));
        published += 1;
      },
    };
    const repository = repositories(unreachableRepository('master'), staging);
    const checking = checkDrift(
      { repositories: ['master', 'staging'], tick: 'now' },
      { now: clock.now, repository, state: stateInMemory(clock.now), topics },
    );
    await expect(checking).rejects.toThrow();
    expect(published).toBe(1);
  });
});

describe('a branch', () => {
  const files = { 'environments/acme.yaml': environmentText('acme') };
  const path = 'heads/master.json';
  /** Counts the calls that cost a request each. */
  function counted(repository: Repository): Repository & { readonly calls: string[] } {
    const calls: string[] = [];
    const count =
      <T>(name: string, call: () => Promise<T>) =>
      async () => {
        calls.push(name);
        return await call();
      };
    return {
      ...repository,
      calls,
      head: count('head', repository.head),
      fetchHead: count('fetchHead', repository.fetchHead),
    };
  }
  const announced = (topics: ReturnType<typeof recordingTopics>) =>
    topics.published.filter(({ topic }) => topic === 'change-committed').map(({ event }) => event.data);

  it('that was never seen is fetched, announced and remembered', async () => {
    const state = stateInMemory(clock.now);
    const { result, topics } = await check([repositoryWith({ files })], 'now', state);
    expect(await result).toEqual({ checked: ['master/acme'] });
    expect(announced(topics)).toEqual([
      {
        repository: 'master',
        url: 'https://git.example.com/family/master.git',
        branch: 'main',
        commit: commitId('a'),
        previous: null,
        artifacts: [],
      },
    ]);
    expect(state.objects.get(path)).toEqual({ commit: commitId('a'), environments: ['acme'] });
  });

  it('that has not moved costs one look and no fetch, and its environments are checked all the same', async () => {
    const state = stateInMemory(clock.now);
    await (
      await check([repositoryWith({ files })], 'first', state)
    ).result;
    const repository = counted(repositoryWith({ files }));
    const { result, topics } = await check([repository], 'second', state);
    expect(await result).toEqual({ checked: ['master/acme'] });
    expect(repository.calls).toEqual(['head']);
    expect(announced(topics)).toEqual([]);
    expect(jobsOf(topics)).toHaveLength(1);
  });

  it('that moved is announced with the commit it was at, and what is declared now is checked', async () => {
    const state = stateInMemory(clock.now);
    await (
      await check([repositoryWith({ files })], 'first', state)
    ).result;
    const moved = repositoryWith({
      commit: commitId('b'),
      files: { ...files, 'environments/globex.yaml': environmentText('globex') },
    });
    const { result, topics } = await check([moved], 'second', state);
    expect(await result).toEqual({ checked: ['master/acme', 'master/globex'] });
    expect(announced(topics)).toMatchObject([{ commit: commitId('b'), previous: commitId('a') }]);
    expect(state.objects.get(path)).toEqual({ commit: commitId('b'), environments: ['acme', 'globex'] });
  });

  it('is announced again by the next tick where this one dies', async () => {
    const state = stateInMemory(clock.now);
    const topics = {
      publish: async (topic: string) => (topic === 'reconcile' ? Promise.reject(new Error('killed')) : undefined),
    };
    const ports = { now: clock.now, repository: repositories(repositoryWith({ files })), state, topics };
    await expect(checkDrift({ repositories: ['master'], tick: 'first' }, ports)).rejects.toThrow('killed');
    expect(state.objects.has(path)).toBe(false);
    const again = await check([repositoryWith({ files })], 'second', state);
    await again.result;
    expect(announced(again.topics)).toHaveLength(1);
  });

  it.each([{}, 'junk', { commit: 'main', environments: [] }])('whose memory is %j was never seen', async (value) => {
    const state = stateInMemory(clock.now);
    await state.write({ path, value, ifGeneration: 'absent' });
    const { result, topics } = await check([repositoryWith({ files })], 'now', state);
    expect(await result).toEqual({ checked: ['master/acme'] });
    expect(announced(topics)).toHaveLength(1);
    expect(state.objects.get(path)).toEqual({ commit: commitId('a'), environments: ['acme'] });
  });

  it('of an empty repository is not remembered', async () => {
    const state = stateInMemory(clock.now);
    await (
      await check([develop], 'now', state)
    ).result;
    expect([...state.objects]).toEqual([]);
  });
});
