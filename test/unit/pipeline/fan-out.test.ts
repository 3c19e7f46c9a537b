import { describe, expect, it } from 'vitest';
import { claimOf, leaseMetadata } from '../../../shared/memory/lease.ts';
import { emptyMemory, type AttemptedRevision } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import type { ChangeCommitted } from '../../../shared/events/change-committed.ts';
import { fanOut } from '../../../shared/pipeline/fan-out.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import {
  byNobody,
  clockAt,
  commitId,
  environmentText,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
  failingRepository,
} from './ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const files = {
  'environments/acme.yaml': environmentText('acme'),
  'environments/globex.yaml': environmentText('globex'),
  'environments/README.md': 'not an environment',
  'manifests/shop/web.yaml': 'kind: Deployment',
};

async function run({
  repository,
  attempts = {},
  underWay = {},
  topics = recordingTopics(),
  artifacts = [],
}: {
  repository: Repository;
  attempts?: Readonly<Record<string, AttemptedRevision['inputs']>>;
  /** Claims of runs, by environment: without inputs, one that says nothing of what it set out for. */
  underWay?: Readonly<Record<string, { nonce: string; inputs?: AttemptedRevision['inputs'] }>>;
  topics?: ReturnType<typeof recordingTopics>;
  artifacts?: ChangeCommitted['artifacts'];
}) {
  const state = stateInMemory(clock.now);
  for (const [environment, inputs] of Object.entries(attempts)) {
    const { memory: path } = statePaths({ repository: 'master', environment });
    const attempted = attemptOf(inputs);
    const converged = { ...attempted, renderKey: '00ff' };
    const value = { ...emptyMemory(clock.now()), attempted, converged, ended: 'ended' };
    await state.write({ path, value, ifGeneration: 'absent' });
  }
  for (const [environment, { nonce, inputs }] of Object.entries(underWay)) {
    const { lease: path } = statePaths({ repository: 'master', environment });
    const intent = inputs === undefined ? { keys: [] } : { keys: [], attempted: attemptOf(inputs) };
    const evidence = { incidents: [], outbox: [] };
    const value = claimOf({ nonce, event: '', base: '0', intent, evidence, last: undefined });
    await state.write({ path, value, ifGeneration: 'absent', metadata: leaseMetadata(value) });
  }
  const change = {
    repository: 'master',
    url: repository.url,
    branch: 'main',
    commit: commitId('f'),
    previous: null,
    artifacts,
  };
  const result = await fanOut(change, {
    now: clock.now,
    log: recordingLog(),
    repository: repositories(repository),
    state,
    topics,
  });
  return { result, jobs: topics.published };
}

function attemptOf(inputs: AttemptedRevision['inputs']): AttemptedRevision {
  const commit = commitId('0');
  return { commit, revision: `main@sha1:${commit}`, at: '2026-11-21T00:00:00.000Z', inputs };
}

/** The ids of these paths now, as a run would remember them. */
async function inputsOf(repository: Repository, paths: readonly string[]): Promise<Record<string, string | null>> {
  const idAt = async (path: string) => (await repository.entry({ commit: commitId('a'), path }))?.id ?? null;
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await idAt(path)] as const)));
}

describe('a change on a branch', () => {
  const repository = repositoryWith({ files });

  it('is a job for every environment that never ran', async () => {
    const { result, jobs } = await run({ repository });
    expect(result).toEqual({
      commit: commitId('a'),
      due: ['acme', 'globex'],
      untouched: [],
      removed: [],
      again: [],
      unused: [],
    });
    expect(jobs.map(({ topic, event }) => [topic, event.subject, event.data])).toEqual(
      ['acme', 'globex'].map((environment) => [
        'reconcile',
        `master/${environment}`,
        { repository: 'master', environment, cause: 'commit', head: commitId('a'), told: '', waitId: '', ...byNobody },
      ]),
    );
  });

  it('is no job for an environment whose inputs are what they were', async () => {
    const acme = await inputsOf(repository, ['environments/acme.yaml', 'manifests/shop']);
    const { result, jobs } = await run({ repository, attempts: { acme } });
    expect(result).toMatchObject({ due: ['globex'], untouched: ['acme'] });
    expect(jobs).toHaveLength(1);
  });

  it.each<{ what: string; change: Readonly<Record<string, string>> }>([
    { what: 'a file below an input changed', change: { 'manifests/shop/web.yaml': 'kind: StatefulSet' } },
    { what: 'a file came to an input', change: { 'manifests/shop/more.yaml': 'kind: Service' } },
    { what: 'its own file changed', change: { 'environments/acme.yaml': environmentText('acme', ['prune: false']) } },
    { what: 'its own file is broken now: its run says so', change: { 'environments/acme.yaml': 'nonsense: [' } },
    { what: 'an input that was missing is there', change: { 'config/acme.yaml': 'a: b' } },
  ])('is a job where $what', async ({ change }) => {
    const acme = await inputsOf(repository, ['environments/acme.yaml', 'manifests/shop', 'config/acme.yaml']);
    const { result } = await run({
      repository: repositoryWith({ files: { ...files, ...change } }),
      attempts: { acme },
    });
    expect(result.due).toContain('acme');
  });

  it('is a job where an input is gone', async () => {
    const acme = await inputsOf(repository, ['environments/acme.yaml', 'manifests/shop']);
    const { 'manifests/shop/web.yaml': _gone, ...rest } = files;
    const { result } = await run({ repository: repositoryWith({ files: rest }), attempts: { acme } });
    expect(result.due).toContain('acme');
  });

  describe('while a run is at work on it', () => {
    const attempts = async () => ({ acme: await inputsOf(repository, ['environments/acme.yaml', 'manifests/shop']) });

    it('is a job where that set out for something else, though nothing else is remembered', async () => {
      const underWay = { acme: { nonce: 'n-2', inputs: { 'environments/acme.yaml': null } } };
      const { result } = await run({ repository, attempts: await attempts(), underWay });
      expect(result.due).toContain('acme');
    });

    it('is none where that set out for the same', async () => {
      const { acme } = await attempts();
      const underWay = { acme: { nonce: 'n-2', inputs: acme } };
      const { result } = await run({ repository, attempts: { acme: { 'manifests/shop': null } }, underWay });
      expect(result.untouched).toEqual(['acme']);
    });

    it('is a job where nobody can tell what for', async () => {
      const { result } = await run({ repository, attempts: await attempts(), underWay: { acme: { nonce: 'n-2' } } });
      expect(result.due).toContain('acme');
    });

    it('is none where its end is remembered', async () => {
      const underWay = { acme: { nonce: 'ended', inputs: { 'environments/acme.yaml': null } } };
      const { result } = await run({ repository, attempts: await attempts(), underWay });
      expect(result.untouched).toEqual(['acme']);
    });
  });

  it('is the same job when it is announced again', async () => {
    const [first, second] = await Promise.all([run({ repository }), run({ repository })]);
    expect(second.jobs.map(({ event }) => event.id)).toEqual(first.jobs.map(({ event }) => event.id));
  });

  it('is a job for each environment that is remembered and no longer declared', async () => {
    const { result, jobs } = await run({ repository, attempts: { gone: {} } });
    expect(result.removed).toEqual(['gone']);
    expect(jobs.map(({ event }) => event.data)).toContainEqual({
      repository: 'master',
      environment: 'gone',
      cause: 'commit',
      head: commitId('a'),
      told: '',
      waitId: '',
      ...byNobody,
    });
  });

  it('is a job for each environment of which nothing but a lease is left, and no file', async () => {
    const underWay = { gone: { nonce: 'n-1' }, acme: { nonce: 'n-2' } };
    const { result } = await run({ repository, underWay });
    expect(result.removed).toEqual(['gone']);
  });

  it.each([
    ['the branch is gone', repositoryWith({ files: undefined }), 'BranchMissing'],
    ['its head cannot be read', failingRepository('master', 'UnreadableObject'), 'UnreadableObject'],
  ])('has each remembered environment say so where %s', async (_what, repository, code) => {
    const topics = recordingTopics();
    const running = run({ repository, attempts: { gone: {} }, topics });
    await expect(running).rejects.toMatchObject({ code });
    expect(topics.published.map(({ event }) => event.data)).toEqual([
      { repository: 'master', environment: 'gone', cause: 'commit', head: '', told: '', waitId: '', ...byNobody },
    ]);
  });

  it('is nothing in an empty repository', async () => {
    const { result, jobs } = await run({ repository: repositoryWith({ files: undefined }) });
    expect(result).toEqual({ commit: undefined, due: [], untouched: [], removed: [], again: [], unused: [] });
    expect(jobs).toEqual([]);
  });

  it('is asked for again where the repository cannot be read', async () => {
    const running = run({ repository: unreachableRepository('master') });
    await expect(running).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
  });
});

describe('an upload of which nothing comes', () => {
  const artifact = (name: string) => ({ bucket: 'family-master', name, generation: '7' });
  const inputs = { 'environments/acme.yaml': 'a', 'manifests/shop': 'b' };
  const uploaded = async (names: readonly string[], more: Readonly<Record<string, string>> = {}, attempts = {}) => {
    const repository = repositoryWith({ files: { ...files, ...more } });
    const withFiles: Repository = {
      ...repository,
      files: async ({ folder }) =>
        Object.entries({ ...files, ...more }).flatMap(([path, id]) =>
          path.startsWith(`${folder}/`) ? [{ path, id, kind: 'file' as const }] : [],
        ),
    };
    const known = { acme: inputs, globex: inputs, ...attempts };
    const { result, jobs } = await run({ repository: withFiles, attempts: known, artifacts: names.map(artifact) });
    return { result, told: jobs.filter(({ topic }) => topic === 'converged').map(({ event }) => event) };
  };

  it('is told once for its commit, with why', async () => {
    const names = ['docs/a.md', 'manifests/shop.tgz', 'environments/initech.yml', 'deploy.tgz'];
    const { result, told } = await uploaded(names, {
      ...{ 'docs/a.md': 'a', 'environments/initech.yml': environmentText('initech') },
      ...{ 'deploy/environments/initech.yaml': environmentText('initech'), 'deploy/b.yaml': 'kind: ConfigMap' },
    });
    expect(result.unused).toEqual(['docs/a.md', 'environments/initech.yml', 'deploy/environments/initech.yaml']);
    expect(told).toMatchObject([
      {
        ...{ type: 'dev.converge.upload.accepted.v1', subject: 'gs://family-master/docs/a.md' },
        data: {
          ...{ repository: 'master', artifact: 'gs://family-master/docs/a.md#7', incident: null, since: null },
          ...{ outcome: 'committed', commit: commitId('f'), omitted: 0 },
          unused: [
            { path: 'docs/a.md', reason: 'NoEnvironment' },
            { path: 'environments/initech.yml', reason: 'IgnoredFile' },
            { path: 'deploy/environments/initech.yaml', reason: 'IgnoredFile' },
          ],
        },
      },
    ]);
    const again = await uploaded(names, { 'docs/a.md': 'a' });
    expect(again.told[0]?.id).toBe(told[0]?.id);
  });

  it.each([
    ['an environment reads it', ['manifests/shop/web.yaml', 'environments/acme.yaml'], {}, {}],
    ['it holds what an environment reads', ['manifests.tgz'], {}, {}],
    ['it is gone from the branch', ['docs/gone.md'], {}, {}],
    ['its name is none of an upload', ['../x'], {}, {}],
    ['an environment was read by render', ['base/a.yaml'], { 'base/a.yaml': 'a' }, { acme: { base: 'a' } }],
    ['it is not known what an environment reads', ['docs/a.md'], { 'docs/a.md': 'a', ...withNew() }, {}],
  ])('is none where %s', async (_why, names, more, attempts) => {
    expect((await uploaded(names, more, attempts)).told).toEqual([]);
  });

  function withNew(): Readonly<Record<string, string>> {
    return { 'environments/initech.yaml': environmentText('initech') };
  }
});
