import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../shared/config/config.ts';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { environmentPath } from '../../../../shared/environment/environment-file.ts';
import { emptyMemory, readMemory, type Memory } from '../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { fanOut } from '../../../../shared/pipeline/fan-out.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { reconcile } from '../../../../shared/pipeline/reconcile.ts';
import { tellDependents } from '../../../../shared/pipeline/reconcile/tell/tell-dependents.ts';
import type { RunResult } from '../../../../shared/pipeline/reconcile/run/target.ts';
import {
  byNobody,
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

const limits = configSchema.shape.limits.parse({});
const commit = commitId('a');
const revision = `main@sha1:${commit}`;

/** A repository of these environments, each of the same manifests, and the state that runs left. */
function setUp(graph: Readonly<Record<string, readonly string[] | { text: string }>>) {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const files = Object.entries(graph).map(([name, declared]) => {
    const text = 'text' in declared ? declared.text : environmentText(name, [`dependsOn: [${declared.join(', ')}]`]);
    return [environmentPath(name), text] as const;
  });
  const repository = repositoryWith({
    files: { ...Object.fromEntries(files), 'manifests/shop/web.yaml': 'kind: Deployment' },
  });
  const state = stateInMemory(clock.now);
  const topics = recordingTopics();
  const touched: string[] = [];
  const touch = async (): Promise<never> => {
    touched.push('cluster');
    // What ends a run without a word of this environment: the test is about what comes before.
    throw new ConvergeError({
      code: 'ClusterUnavailable',
      subject: 'sandbox',
      message: 'is touched',
      disposition: 'retry',
    });
  };
  const ports = {
    ...{ now: clock.now, sleep: async () => {}, log: recordingLog(), state, topics, signatures: noSignatures },
    repository: repositories(repository),
    cluster: touch,
    renderer: { version: async () => '1', render: touch, kept: { find: () => [], keep: () => {} } },
  };
  const pathOf = (environment: string): string => statePaths({ repository: 'master', environment }).memory;
  return {
    ...{ clock, repository, ports, topics, touched },
    jobs: () => topics.published.filter(({ topic }) => topic === 'reconcile').map(({ event }) => event.data),
    diffs: () => topics.published.filter(({ topic }) => topic === 'diff').map(({ event }) => event.data),
    memoryOf: async (environment: string): Promise<Memory> =>
      readMemory({ value: state.valueAt(pathOf(environment)), now: clock.now() }),
    async remember(environment: string, memory: Partial<Memory>) {
      await state.write({
        path: pathOf(environment),
        value: { ...emptyMemory(clock.now()), ...memory },
        ifGeneration: 'any',
      });
    },
    run: async (environment: string) =>
      reconcile({ repository: 'master', environment, cause: 'commit' }, ports, {
        limits,
        event: environment,
        writeback: false,
      }),
  };
}

/** A memory that has converged with the inputs the repository has now, or with other ones. */
async function convergedMemory({
  repository,
  name,
  other = false,
}: {
  repository: Repository;
  name: string;
  other?: boolean;
}): Promise<Partial<Memory>> {
  const paths = [environmentPath(name), 'manifests/shop'];
  const ids = await Promise.all(
    paths.map(
      async (path) => [path, other ? 'other' : ((await repository.entry({ commit, path }))?.id ?? null)] as const,
    ),
  );
  const at = { commit, revision, at: '2026-11-21T00:00:00.000Z', inputs: Object.fromEntries(ids) };
  return { attempted: at, converged: { ...at, renderKey: '00ff' }, health: 'Healthy' };
}
const dependencyJob = (environment: string) => ({
  repository: 'master',
  environment,
  cause: 'dependency',
  head: '',
  told: '',
  waitId: '',
  ...byNobody,
});
const failure = {
  id: '4be0d1a2c3f40516',
  since: '2026-11-21T00:00:00.000Z',
  occurrence: 1,
  reason: 'Failed',
  revision,
  summary: 'Deployment acme/web: refused',
  told: true,
} as const;

describe('an environment that depends on another', () => {
  it('waits until that has converged: touches no cluster, tells nobody, and remembers what it waits for', async () => {
    const { run, touched, topics, memoryOf } = setUp({ platform: [], acme: ['platform'] });
    expect(await run('acme')).toEqual({ outcome: 'waiting', revision, message: 'waits for platform' });
    expect(touched).toEqual([]);
    expect(topics.published).toEqual([]);
    expect(await memoryOf('acme')).toMatchObject({
      attempted: { commit },
      held: { revision, message: 'waits for platform' },
    });
  });

  it('goes on where that has converged with the inputs it has now, and waits no more', async () => {
    const { run, touched, memoryOf, remember, repository } = setUp({ platform: [], acme: ['platform'] });
    await run('acme');
    await remember('platform', await convergedMemory({ repository, name: 'platform' }));
    await expect(run('acme')).rejects.toThrow('is touched');
    expect(touched).toEqual(['cluster']);
    expect((await memoryOf('acme')).held).toBeUndefined();
  });

  it('waits again where that has other inputs by now', async () => {
    const { run, remember, repository } = setUp({ platform: [], acme: ['platform'] });
    await remember('platform', await convergedMemory({ repository, name: 'platform', other: true }));
    expect(await run('acme')).toMatchObject({ outcome: 'waiting' });
  });

  it('waits for nobody where its own inputs are those it converged with: drift is healed', async () => {
    const { run, touched, remember, repository } = setUp({ platform: [], acme: ['platform'] });
    await remember('acme', await convergedMemory({ repository, name: 'acme' }));
    await expect(run('acme')).rejects.toThrow('is touched');
    expect(touched).toEqual(['cluster']);
  });

  it('is blocked where that has failed at this revision, and tells it once', async () => {
    const text = environmentText('acme', ['dependsOn: [platform]']).replace(
      'name: acme',
      'name: acme, labels: { tier: gold }',
    );
    const { run, remember, diffs, memoryOf, repository } = setUp({ platform: [], acme: { text } });
    await remember('platform', { ...(await convergedMemory({ repository, name: 'platform' })), incident: failure });
    const summary = 'waits for platform, which failed: Deployment acme/web: refused';
    expect(await run('acme')).toMatchObject({ outcome: 'diverged', reason: 'Blocked', summary });
    expect(await run('acme')).toMatchObject({ outcome: 'diverged', reason: 'Blocked', summary });
    expect(diffs()).toMatchObject([
      {
        environment: 'acme',
        reason: 'Blocked',
        summary,
        policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
        labels: { tier: 'gold' },
      },
    ]);
    expect((await memoryOf('acme')).held).toMatchObject({ message: summary });
  });

  it('is blocked where that fails while it is about to say that it waits', async () => {
    const { run, remember, repository, ports, memoryOf } = setUp({ platform: [], acme: ['platform'] });
    const failed = { ...(await convergedMemory({ repository, name: 'platform' })), incident: failure };
    const write = ports.state.write.bind(ports.state);
    let said = 0;
    ports.state.write = async (asked) => {
      // Whoever fails now finds nobody who waits.
      if (asked.path.includes('/acme/') && said++ === 0) await remember('platform', failed);
      return await write(asked);
    };
    expect(await run('acme')).toMatchObject({ outcome: 'diverged', reason: 'Blocked' });
    expect((await memoryOf('acme')).held).toMatchObject({ message: expect.stringContaining('which failed') });
  });

  it('is blocked where the file of that cannot be read', async () => {
    const { run } = setUp({ platform: { text: 'broken: [' }, acme: ['platform'], globex: [] });
    expect(await run('acme')).toMatchObject({
      outcome: 'diverged',
      reason: 'Blocked',
      summary: expect.stringContaining('platform cannot be read: environments/platform.yaml:'),
    });
    expect(await run('platform')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    await expect(run('globex')).rejects.toThrow('is touched');
  });

  it('says that what it waits for is suspended', async () => {
    const { run } = setUp({ platform: { text: environmentText('platform', ['suspend: true']) }, acme: ['platform'] });
    expect(await run('platform')).toEqual({ outcome: 'suspended' });
    expect(await run('acme')).toMatchObject({ outcome: 'waiting', message: 'waits for platform, which is suspended' });
  });
});

describe('a loop and an unknown name', () => {
  it('fail the environments that are concerned, and harm no other', async () => {
    const { run, diffs } = setUp({ a: ['b'], b: ['c'], c: ['a'], misspelt: ['platfrom'], platform: [], upon: ['a'] });
    for (const name of ['a', 'b', 'c'])
      expect(await run(name)).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringContaining('a → b → c → a'),
      });
    expect(await run('misspelt')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining(
        'environments/misspelt.yaml:8: spec.dependsOn.0: there is no environment platfrom in this repository; did you mean platform?',
      ),
    });
    await expect(run('platform')).rejects.toThrow('is touched');
    expect(await run('upon')).toMatchObject({
      outcome: 'diverged',
      reason: 'Blocked',
      summary: expect.stringContaining('waits for a, which failed: environments/a.yaml:8'),
    });
    expect(diffs()).toHaveLength(5);
  });
});

describe('an environment that has converged', () => {
  const graph = { platform: [], acme: ['platform'], globex: ['platform'], beside: [], upon: ['acme'] };

  async function told(setting: ReturnType<typeof setUp>, result: RunResult): Promise<unknown[]> {
    const { ports, repository } = setting;
    const unused = async (): Promise<never> => {
      throw new Error('is not used');
    };
    const memoryFile = { memory: () => emptyMemory(new Date(0)), remember: () => {}, commit: unused, remove: unused };
    const lease = {
      claim: unused,
      assertHeld: unused,
      assertUndisturbed: unused,
      recordOnly: unused,
      leaveEvidence: unused,
      isHeld: () => false,
      hasActed: () => false,
    };
    const run = {
      repository: 'master',
      environment: 'platform',
      key: 'master/platform',
      ports,
      settings: { limits, event: 'test', writeback: false },
      lease,
      memoryFile,
      head: await repository.fetchHead(),
      startedAt: new Date(0),
      cause: 'commit' as const,
      waitUntil: () => new Date(0),
      isSuperseded: unused,
      learnTime: () => {},
      unsettled: new Set<string>(),
      unansweredCreations: new Set<string>(),
      waitId: 'test',
    };
    await tellDependents(run, result);
    return setting.jobs();
  }

  it('sends one job to each that depends on it itself and has not converged with its inputs', async () => {
    const setting = setUp(graph);
    await setting.remember('globex', await convergedMemory({ repository: setting.repository, name: 'globex' }));
    expect(await told(setting, { outcome: 'converged', revision })).toEqual([dependencyJob('acme')]);
  });

  it('sends the same job when it does so again', async () => {
    const setting = setUp(graph);
    await told(setting, { outcome: 'converged', revision });
    await told(setting, { outcome: 'converged', revision });
    const ids = setting.topics.published.map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(2);
    expect(ids).toHaveLength(4);
  });

  it('finishes what a killed run left: where nothing changed, those that wait are told, and no others', async () => {
    const setting = setUp(graph);
    await setting.run('acme');
    expect(await told(setting, { outcome: 'unchanged', revision })).toEqual([dependencyJob('acme')]);
  });

  it('is told of where it failed instead, to those that do not know it yet', async () => {
    const setting = setUp(graph);
    await setting.run('acme');
    expect(await told(setting, { outcome: 'diverged', revision, reason: 'Failed', summary: 'refused' })).toEqual([
      dependencyJob('acme'),
    ]);
    await setting.remember('platform', {
      ...(await convergedMemory({ repository: setting.repository, name: 'platform' })),
      incident: failure,
    });
    await setting.run('acme');
    expect(await told(setting, { outcome: 'diverged', revision, reason: 'Failed', summary: 'refused' })).toEqual([
      dependencyJob('acme'),
    ]);
  });

  it('tells nobody where it waits itself, drifted, or is suspended', async () => {
    const setting = setUp(graph);
    await setting.run('acme');
    for (const result of [
      { outcome: 'waiting', revision, message: '' },
      { outcome: 'diverged', revision, reason: 'Drifted', summary: '' },
      { outcome: 'suspended' },
    ] as const)
      expect(await told(setting, result)).toEqual([]);
  });
});

describe('a change', () => {
  it('is sent to what others depend on first, and to all at once', async () => {
    const { ports, topics } = setUp({
      top: ['left', 'right'],
      left: ['base'],
      right: ['base'],
      base: [],
      broken: { text: 'broken: [dependsOn' },
    });
    const change = { repository: 'master', url: '', branch: 'main', commit, previous: null, artifacts: [] };
    expect((await fanOut(change, ports)).due).toEqual(['base', 'broken', 'left', 'right', 'top']);
    expect(topics.published.map(({ event }) => event.subject)).toEqual(
      ['base', 'broken', 'left', 'right', 'top'].map((name) => `master/${name}`),
    );
  });

  it('of a dependency alone is no job for those that depend on it', async () => {
    const { ports, remember, repository } = setUp({ platform: [], acme: ['platform'] });
    await remember('acme', await convergedMemory({ repository, name: 'acme' }));
    await remember('platform', await convergedMemory({ repository, name: 'platform', other: true }));
    const change = { repository: 'master', url: '', branch: 'main', commit, previous: null, artifacts: [] };
    expect(await fanOut(change, ports)).toMatchObject({ due: ['platform'], untouched: ['acme'] });
  });
});
