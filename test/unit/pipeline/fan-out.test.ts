import { describe, expect, it } from 'vitest';
import { emptyMemory, type AttemptedRevision } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { fanOut } from '../../../shared/pipeline/fan-out.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import {
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
  topics = recordingTopics(),
}: {
  repository: Repository;
  attempts?: Readonly<Record<string, AttemptedRevision['inputs']>>;
  topics?: ReturnType<typeof recordingTopics>;
}) {
  const state = stateInMemory(clock.now);
  for (const [environment, inputs] of Object.entries(attempts)) {
    const attempted = {
      commit: commitId('0'),
      revision: `main@sha1:${commitId('0')}`,
      at: '2026-11-21T00:00:00.000Z',
      inputs,
    };
    const { memory: path } = statePaths({ repository: 'master', environment });
    await state.write({ path, value: { ...emptyMemory(clock.now()), attempted }, ifGeneration: 'absent' });
  }
  const change = {
    repository: 'master',
    url: repository.url,
    branch: 'main',
    commit: commitId('f'),
    previous: null,
    artifacts: [],
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

/** The ids of these paths now, as a run would remember them. */
async function inputsOf(repository: Repository, paths: readonly string[]): Promise<Record<string, string | null>> {
  const idAt = async (path: string) => (await repository.entry({ commit: commitId('a'), path }))?.id ?? null;
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await idAt(path)] as const)));
}

describe('a change on a branch', () => {
  const repository = repositoryWith({ files });

  it('is a job for every environment that never ran', async () => {
    const { result, jobs } = await run({ repository });
    expect(result).toEqual({ commit: commitId('a'), due: ['acme', 'globex'], untouched: [], removed: [] });
    expect(jobs.map(({ topic, event }) => [topic, event.subject, event.data])).toEqual(
      ['acme', 'globex'].map((environment) => [
        'reconcile',
        `master/${environment}`,
        { repository: 'master', environment, cause: 'commit', head: commitId('a'), told: '', waitId: '' },
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
    });
  });

  it.each([
    ['the branch is gone', repositoryWith({ files: undefined }), 'BranchMissing'],
    ['its head cannot be read', failingRepository('master', 'UnreadableObject'), 'UnreadableObject'],
  ])('has each remembered environment say so where %s', async (_what, repository, code) => {
    const topics = recordingTopics();
    const running = run({ repository, attempts: { gone: {} }, topics });
    await expect(running).rejects.toMatchObject({ code });
    expect(topics.published.map(({ event }) => event.data)).toEqual([
      { repository: 'master', environment: 'gone', cause: 'commit', head: '', told: '', waitId: '' },
    ]);
  });

  it('is nothing in an empty repository', async () => {
    const { result, jobs } = await run({ repository: repositoryWith({ files: undefined }) });
    expect(result).toEqual({ commit: undefined, due: [], untouched: [], removed: [] });
    expect(jobs).toEqual([]);
  });

  it('is asked for again where the repository cannot be read', async () => {
    const running = run({ repository: unreachableRepository('master') });
    await expect(running).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
  });
});
