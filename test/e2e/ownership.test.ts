import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReconcileResult } from '../../shared/pipeline/reconcile.ts';
import { status } from '../../shared/pipeline/status.ts';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { stateOf } from './state.ts';
import { objectsOf } from './objects.ts';
import { runsOf } from './runs.ts';
import {
  configMap,
  environmentFile,
  eventually,
  startWorld,
  type Clone,
  type Files,
  type Observed,
  type RepositoryClass,
  type World,
} from './world.ts';

let world: World;
let stage: InProcess;
const { get } = objectsOf(() => world);
const { diffsOf } = runsOf(() => stage);
const { forget } = stateOf(() => world);
const clones = new Map<RepositoryClass, Clone>();

beforeAll(async () => {
  world = await startWorld();
  stage = await startInProcess(world);
  for (const repository of ['master', 'staging', 'develop'] as const)
    clones.set(repository, await world.clone(repository));
});
afterAll(async () => {
  await world.stop();
});

async function push(files: Files, repository: RepositoryClass = 'master'): Promise<string> {
  const clone = clones.get(repository);
  if (clone === undefined) throw new Error(`there is no clone of ${repository}`);
  return await pushUnheard(world, clone, files, repository);
}

const environment = (
  name: string,
  spec: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): Files => {
  const file = JSON.parse(environmentFile(name, spec)) as { metadata: object };
  return { [`environments/${name}.yaml`]: JSON.stringify({ ...file, metadata: { ...file.metadata, ...metadata } }) };
};
const manifests = (name: string, ...objects: string[]): Files => ({
  [`manifests/${name}/all.yaml`]: objects.join('\n---\n'),
});
const json = (object: unknown): string => JSON.stringify(object);
const service = (name: string, spec: object): string =>
  json({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });

async function converge(name: string, repository: RepositoryClass = 'master'): Promise<ReconcileResult> {
  const result = await stage.run(name, { repository });
  expect(result, name).toMatchObject({ outcome: expect.stringMatching(/^(converged|unchanged)$/) });
  return result;
}

const marks = ({ metadata }: Observed) => ({
  partOf: metadata.labels?.['applyset.kubernetes.io/part-of'],
  environment: metadata.annotations?.['converge.dev/environment'],
  object: metadata.annotations?.['converge.dev/object'],
});

describe('what copied the label of an inventory', () => {
  it('is neither pruned nor told, also where the memory is lost, and status names what made it', async () => {
    await push({
      ...environment('copies'),
      ...manifests(
        'copies',
        service('ext-db', { ports: [{ port: 5432 }] }),
        json({
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'ext-db' },
          subsets: [{ addresses: [{ ip: '10.99.0.7' }], ports: [{ port: 5432 }] }],
        }),
        service('web', { selector: { app: 'web' }, ports: [{ port: 80 }] }),
        service('ext-cache', { ports: [{ port: 6379 }] }),
        json({
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: 'ext-cache-1', labels: { 'kubernetes.io/service-name': 'ext-cache' } },
          addressType: 'IPv4',
          ports: [{ port: 6379 }],
          endpoints: [{ addresses: ['10.99.0.8'] }],
        }),
      ),
    });
    await converge('copies');
    const { partOf } = marks(await get('service', 'web', 'copies'));
    const labelled = async (kinds: string) =>
      (
        await world.kubectl(
          'get',
          kinds,
          '--namespace',
          'copies',
          '--selector',
          `applyset.kubernetes.io/part-of=${partOf ?? ''}`,
          '--output',
          'name',
        )
      )
        .split('\n')
        .filter((line) => line !== '');
    const slices = await eventually('the controllers have copied the label', async () => {
      const found = await labelled('endpointslices,endpoints');
      return found.length >= 4 && found;
    });
    // A person, and a controller that copies annotations, too.
    await world.apply(
      json({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'by-hand', namespace: 'copies', labels: { 'applyset.kubernetes.io/part-of': partOf } },
        spec: { ports: [{ port: 1 }] },
      }),
    );
    const web = await get('service', 'web', 'copies');
    await world.apply(
      json({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name: 'synced',
          namespace: 'copies',
          labels: web.metadata.labels,
          annotations: web.metadata.annotations,
        },
        spec: { ports: [{ port: 1 }] },
      }),
    );

    const told = diffsOf('copies').length;
    expect(await stage.run('copies')).toMatchObject({ outcome: 'unchanged' });
    await forget('copies');
    await converge('copies');
    await push(environment('copies', { timeout: '31s' }));
    await converge('copies');
    expect(await labelled('endpointslices,endpoints')).toEqual(slices);
    expect(await labelled('services')).toEqual(expect.arrayContaining(['service/by-hand', 'service/synced']));
    expect(diffsOf('copies')).toHaveLength(told);

    const { environments } = await status({ repositories: ['master'], interval: 24 * 3_600_000 }, stage.ports);
    const { unproven } = environments.find(({ name }) => name === 'copies') ?? {};
    expect(unproven?.objects).toEqual(
      expect.arrayContaining([
        {
          object: 'Service copies/by-hand',
          why: 'it does not name the environment',
          madeBy: 'kubectl-client-side-apply',
        },
        { object: 'Service copies/synced', why: 'it names another object', madeBy: 'kubectl-client-side-apply' },
        {
          object: expect.stringContaining('EndpointSlice copies/web-'),
          why: expect.any(String),
          madeBy: expect.stringContaining('Service copies/web'),
        },
      ]),
    );
  });

  it('stays where the environment is torn down, whatever is deleted', async () => {
    await push({ ...environment('leaving', { deletion: 'prune' }), ...manifests('leaving', configMap('own', {})) });
    await converge('leaving');
    const { metadata } = await get('configmap', 'own', 'leaving');
    await world.apply(
      configMap('copied', {}, { namespace: 'leaving', labels: metadata.labels, annotations: metadata.annotations }),
    );
    await push({ 'environments/leaving.yaml': undefined });
    expect(await stage.run('leaving')).toMatchObject({ outcome: 'removed' });
    expect(await world.find('configmap', 'own', 'leaving')).toBeUndefined();
    expect(await world.find('configmap', 'copied', 'leaving')).toBeDefined();
  });

  it('is nobody’s, and taken by whichever environment has it in Git', async () => {
    await push({ ...environment('exposed'), ...manifests('exposed', service('front', { ports: [{ port: 80 }] })) });
    await converge('exposed');
    const { metadata } = await get('service', 'front', 'exposed');
    await world.apply(
      json({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'back', namespace: 'exposed', labels: metadata.labels },
        spec: { ports: [{ port: 80 }] },
      }),
    );
    const { metadata: before } = await get('service', 'back', 'exposed');
    await push({
      ...environment('taking', { namespace: 'exposed' }),
      ...manifests('taking', service('back', { ports: [{ port: 80 }] })),
    });
    await converge('taking');
    await converge('exposed');
    const after = await get('service', 'back', 'exposed');
    expect(after.metadata.uid).toBe(before.uid);
    expect(marks(after)).toMatchObject({ environment: 'master/taking', object: '/Service/exposed/back' });
    // Only the label tells whose it is: that is still asked.
    await world.kubectl(
      'annotate',
      'service',
      'front',
      '--namespace',
      'exposed',
      'converge.dev/environment-',
      'converge.dev/object-',
    );
    await push(
      manifests('taking', service('back', { ports: [{ port: 80 }] }), service('front', { ports: [{ port: 81 }] })),
    );
    expect(await stage.run('taking')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('Service exposed/front: is owned by the ApplySet'),
    });
    await push({ ...manifests('taking', service('back', { ports: [{ port: 80 }] })) });
    await converge('exposed');
    expect(marks(await get('service', 'front', 'exposed'))).toMatchObject({ environment: 'master/exposed' });
  });

  it('is not counted: of ten copies and two members, two may go', async () => {
    const files = {
      ...environment('counted'),
      ...manifests('counted', ...['a', 'b', 'c'].map((name) => configMap(name, {}))),
    };
    await push(files);
    await converge('counted');
    const { metadata } = await get('configmap', 'a', 'counted');
    const copies = Array.from({ length: 10 }, (_, index) =>
      configMap(`copy-${index}`, {}, { namespace: 'counted', labels: metadata.labels }),
    );
    await world.apply(json({ apiVersion: 'v1', kind: 'List', items: copies.map((text): unknown => JSON.parse(text)) }));
    await push(manifests('counted', configMap('a', {})));
    await converge('counted');
    expect(await world.find('configmap', 'b', 'counted')).toBeUndefined();
    expect(await world.find('configmap', 'copy-9', 'counted')).toBeDefined();
  });
});

describe('what Git wants is healed under its name', () => {
  const begin = async (name: string): Promise<Observed> => {
    await push({ ...environment(name), ...manifests(name, configMap('settings', { a: '1' }), configMap('other', {})) });
    await converge(name);
    return await get('configmap', 'settings', name);
  };
  const healed = async (name: string, uid: string): Promise<void> => {
    const now = await get('configmap', 'settings', name);
    expect(now.metadata.uid).toBe(uid);
    expect(now.data).toEqual({ a: '1' });
    expect(marks(now)).toEqual({
      partOf: expect.stringContaining('applyset-'),
      environment: `master/${name}`,
      object: `/ConfigMap/${name}/settings`,
    });
    expect(await stage.run(name)).toMatchObject({ outcome: 'unchanged' });
  };

  it.each([
    ['with the memory', false],
    ['without it', true],
  ])('where somebody took its label off, as modified, %s', async (_what, isLost) => {
    const name = isLost ? 'unlabelled-lost' : 'unlabelled';
    const { metadata } = await begin(name);
    await world.kubectl('label', 'configmap', 'settings', 'applyset.kubernetes.io/part-of-', '--namespace', name);
    if (isLost) await forget(name);
    await converge(name);
    expect(diffsOf(name).flatMap(({ objects }) => objects)).toMatchObject([
      {
        name: 'settings',
        change: 'modified',
        fields: [
          {
            path: '/metadata/labels/applyset.kubernetes.io~1part-of',
            desired: metadata.labels?.['applyset.kubernetes.io/part-of'],
          },
        ],
      },
    ]);
    await healed(name, metadata.uid);
  });

  it('where somebody replaced it by force, as modified, by whom', async () => {
    await begin('replaced');
    await world.pipeline.kubernetes.kubectl(
      ['replace', '--force', '--filename', '-'],
      configMap('settings', { a: '2' }, { namespace: 'replaced' }),
    );
    const { metadata } = await get('configmap', 'settings', 'replaced');
    await converge('replaced');
    expect(diffsOf('replaced').flatMap(({ objects }) => objects)).toMatchObject([
      { name: 'settings', change: 'modified' },
    ]);
    const [object] = diffsOf('replaced')[0]?.objects ?? [];
    expect(object?.fields).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          path: '/data/a',
          desired: '1',
          observed: '2',
          manager: expect.stringContaining('kubectl'),
        }),
      ]),
    );
    expect(object?.fields.map(({ manager }) => manager)).toEqual(
      object?.fields.map(() => expect.stringContaining('kubectl')),
    );
    await healed('replaced', metadata.uid);
  });

  it('where managedFields were cleared, without a word, and it is pruned later', async () => {
    const { metadata } = await begin('cleared');
    await world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'cleared',
      '--type',
      'json',
      '--patch',
      '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]',
    );
    await converge('cleared');
    expect(diffsOf('cleared')).toEqual([]);
    await healed('cleared', metadata.uid);
    await push(manifests('cleared', configMap('other', {})));
    await converge('cleared');
    expect(await world.find('configmap', 'settings', 'cleared')).toBeUndefined();
  });

  it.each([
    ['with managedFields', (object: Observed): unknown => object],
    [
      'without managedFields',
      (object: Observed): unknown => ({ ...object, metadata: { ...object.metadata, managedFields: undefined } }),
    ],
  ])('where a backup restored it %s', async (_what, backup) => {
    const name = _what.replaceAll(' ', '-').toLowerCase();
    await begin(name);
    const saved = json(
      JSON.parse(
        await world.kubectl(
          'get',
          'configmap',
          'settings',
          '--namespace',
          name,
          '--show-managed-fields',
          '--output',
          'json',
        ),
      ),
    );
    await world.kubectl('delete', 'configmap', 'settings', '--namespace', name);
    const restored = backup(JSON.parse(saved) as Observed) as Observed;
    const { uid: _uid, resourceVersion: _version, ...rest } = restored.metadata;
    await world.pipeline.kubernetes.kubectl(
      ['create', '--field-manager=velero-server', '--filename', '-'],
      json({ ...restored, metadata: rest }),
    );
    const { metadata } = await get('configmap', 'settings', name);
    await converge(name);
    expect(diffsOf(name)).toEqual([]);
    await healed(name, metadata.uid);
  });

  it('and an object whose owner is a controller is ours all the same, and pruned with the rest', async () => {
    await begin('owned');
    const { metadata } = await get('configmap', 'other', 'owned');
    const owner = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: metadata.uid, controller: true }];
    await world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'owned',
      '--type',
      'merge',
      '--patch',
      json({ metadata: { ownerReferences: owner } }),
    );
    expect(await stage.run('owned')).toMatchObject({ outcome: 'unchanged' });
    await push(manifests('owned', configMap('other', {})));
    await converge('owned');
    expect(await world.find('configmap', 'settings', 'owned')).toBeUndefined();
  });
});

describe('an object of the version before, which does not name itself', () => {
  it('is not written nor told while nothing changes, named at its next apply, and pruned as ever', async () => {
    await push({
      ...environment('older'),
      ...manifests('older', configMap('settings', { a: '1' }), configMap('stale', {})),
    });
    await converge('older');
    const older = async (name: string, data: Record<string, string>): Promise<Observed> => {
      const { metadata } = await get('configmap', name, 'older');
      const { 'converge.dev/object': _name, ...annotations } = metadata.annotations ?? {};
      const object = configMap(name, data, { namespace: 'older', labels: metadata.labels, annotations });
      await world.pipeline.kubernetes.kubectl(
        ['apply', '--server-side', '--force-conflicts', '--field-manager=converge', '--filename', '-'],
        object,
      );
      return await get('configmap', name, 'older');
    };
    const settings = await older('settings', { a: '1' });
    const stale = await older('stale', {});
    expect(marks(settings).object).toBeUndefined();
    await converge('older');
    await forget('older');
    await converge('older');
    expect(await get('configmap', 'settings', 'older')).toEqual(settings);
    expect(await get('configmap', 'stale', 'older')).toEqual(stale);
    expect(diffsOf('older')).toEqual([]);
    await push(manifests('older', configMap('settings', { a: '2' })));
    await converge('older');
    expect(marks(await get('configmap', 'settings', 'older')).object).toBe('/ConfigMap/older/settings');
    expect(await world.find('configmap', 'stale', 'older')).toBeUndefined();
  });
});

describe('an inventory of somebody else', () => {
  it('under the same name, of another class, is refused by name before anything is listed or written', async () => {
    await push({
      ...environment('twin'),
      ...manifests('twin', configMap('one', { of: 'master' }), configMap('both', { of: 'master' })),
    });
    await converge('twin');
    await push(
      {
        ...environment('twin'),
        ...manifests('twin', configMap('two', { of: 'staging' }), configMap('both', { of: 'staging' })),
      },
      'staging',
    );
    const calls: string[] = [];
    const refused = await stage.run('twin', {
      repository: 'staging',
      waits: async ({ name }) => void calls.push(name),
    });
    expect(refused).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringMatching(
        /ConfigMap twin\/converge-twin: is the inventory of environment master\/twin, not of staging\/twin/,
      ),
    });
    expect(calls.filter((name) => name.startsWith('cluster.'))).toEqual(['cluster.api', 'cluster.get']);
    expect(diffsOf('twin', 'staging')).toMatchObject([{ reason: 'Failed' }]);
    expect(await converge('twin')).toMatchObject({ outcome: 'unchanged' });
    expect((await get('configmap', 'both', 'twin')).data).toEqual({ of: 'master' });
    expect(await world.find('configmap', 'two', 'twin')).toBeUndefined();
    // Not even with the parent gone: the members say whose they are.
    await world.kubectl('delete', 'configmap', 'converge-twin', '--namespace', 'twin');
    await stage.run('twin', { repository: 'staging' });
    expect((await get('configmap', 'both', 'twin')).data).toEqual({ of: 'master' });
    await converge('twin');
    // Its file gone, nothing is left of the one that never owned anything.
    await push({ 'environments/twin.yaml': undefined }, 'staging');
    await stage.run('twin', { repository: 'staging' });
    expect(await get('configmap', 'one', 'twin')).toBeDefined();
  });

  it('of another installation with the same class and name is refused, and one whose repository moved goes on', async () => {
    const files = { ...environment('moved'), ...manifests('moved', configMap('one', { of: 'first' })) };
    await push(files);
    await converge('moved');
    const parent = await get('configmap', 'converge-moved', 'moved');
    expect(parent.metadata.annotations?.['converge.dev/repository']).toBe(
      world.pipeline.facts.repositories.master.replace(/\.git$/, ''),
    );

    await push({ ...files, ...manifests('moved', configMap('one', { of: 'second' })) }, 'staging');
    const { repositories } = world.pipeline.facts;
    for (const bucket of ['second-state', 'moved-state']) await world.pipeline.clients.storage.createBucket(bucket);
    const second = await startInProcess(world, undefined, undefined, {
      master: repositories.staging,
      stateBucket: 'second-state',
    });
    const refused = {
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('is the inventory of master/moved of the repository'),
    };
    expect(await second.run('moved')).toMatchObject(refused);
    expect((await get('configmap', 'one', 'moved')).data).toEqual({ of: 'first' });
    // Nor with the parent gone, which alone named the repository.
    await world.kubectl('delete', 'configmap', 'converge-moved', '--namespace', 'moved');
    expect(await second.run('moved')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('whose inventory is gone, and nothing is remembered of it here'),
    });
    expect((await get('configmap', 'one', 'moved')).data).toEqual({ of: 'first' });
    await converge('moved');
    expect((await get('configmap', 'converge-moved', 'moved')).metadata.annotations).toEqual(
      parent.metadata.annotations,
    );

    await clones.get('master')?.git('push', '--quiet', world.pipeline.git.path('develop'), 'HEAD:refs/heads/main');
    const moved = await startInProcess(world, undefined, undefined, {
      master: repositories.develop,
      stateBucket: 'moved-state',
    });
    expect(await moved.run('moved')).toMatchObject({ outcome: 'converged' });
  });

  it('is not taken over by a previous name that this branch never had, nor by that of another class', async () => {
    await push({ ...environment('t8'), ...manifests('t8', configMap('mine', { of: 'staging' })) }, 'staging');
    await converge('t8', 'staging');
    await push({
      ...environment('thief', { namespace: 't8' }, { previousNames: ['t8'] }),
      ...manifests('thief', configMap('stolen', {})),
    });
    expect(await stage.run('thief')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringMatching(/staging\/t8, not of master\/t8/),
    });
    expect((await get('configmap', 'mine', 't8')).data).toEqual({ of: 'staging' });
    // The annotation of the parent is not all that there is to it.
    await world.kubectl(
      'annotate',
      'configmap',
      'converge-t8',
      '--namespace',
      't8',
      '--overwrite',
      'converge.dev/environment=master/t8',
      `converge.dev/repository=${world.pipeline.facts.repositories.master}`,
    );
    expect(await stage.run('thief')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect((await get('configmap', 'mine', 't8')).data).toEqual({ of: 'staging' });
    await push({ 'environments/thief.yaml': undefined });
  });

  it('is never applied over: neither its parent, nor its seed, nor an object that lost its label', async () => {
    await push({ ...environment('victim'), ...manifests('victim', configMap('keep', { of: 'victim' })) });
    await converge('victim');
    const parent = await get('configmap', 'converge-victim', 'victim');
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--server-side', '--field-manager=converge', '--filename', '-'],
      json({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'converge-victim-seed',
          namespace: 'victim',
          annotations: { 'converge.dev/environment': 'master/victim' },
        },
        data: { seed: 'AAAAAAAAAAAAAAAAAAAAAA==' },
      }),
    );
    const seed = await get('secret', 'converge-victim-seed', 'victim');
    await world.kubectl('label', 'configmap', 'keep', 'applyset.kubernetes.io/part-of-', '--namespace', 'victim');
    await push({
      ...environment('evil'),
      ...manifests(
        'evil',
        configMap('x', {}),
        configMap('converge-victim', { a: 'b' }, { namespace: 'victim' }),
        configMap('keep', { of: 'evil' }, { namespace: 'victim' }),
        json({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'converge-victim-seed', namespace: 'victim' },
          data: { seed: 'BBBB' },
        }),
      ),
    });
    expect(await stage.run('evil')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    const messages = Object.fromEntries(
      diffsOf('evil')
        .at(-1)
        ?.objects.map(({ name, message }) => [name, message]) ?? [],
    );
    expect(messages).toEqual({
      'converge-victim': expect.stringContaining('holds what environment master/victim keeps of itself'),
      'converge-victim-seed': expect.stringContaining('holds what environment master/victim keeps of itself'),
      keep: expect.stringContaining('is owned by environment master/victim'),
    });
    expect(await get('configmap', 'converge-victim', 'victim')).toEqual(parent);
    expect(await get('secret', 'converge-victim-seed', 'victim')).toEqual(seed);
    expect((await get('configmap', 'keep', 'victim')).data).toEqual({ of: 'victim' });
    await push({ ...environment('own-state'), ...manifests('own-state', configMap('converge-own-state', {})) });
    expect(await stage.run('own-state')).toMatchObject({
      outcome: 'diverged',
      summary: expect.stringContaining('is where Converge keeps what it needs to know of environment master/own-state'),
    });
  });

  it('keeps its seed: a chart of another environment of that name does not draw from it', async () => {
    const chart = {
      'charts/r/Chart.yaml': 'apiVersion: v2\nname: r\nversion: 1.0.0\n',
      'charts/r/templates/s.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata: { name: pw }\nstringData: { password: {{ randAlphaNum 20 | quote }} }\n',
    };
    await world.apply(json({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'drawing' } }));
    await world.apply(
      json({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'converge-drawing-seed',
          namespace: 'drawing',
          annotations: { 'converge.dev/environment': 'staging/drawing' },
        },
      }),
    );
    await push({ ...chart, ...environment('drawing', { sources: [{ helm: { chart: 'charts/r', release: 'r' } }] }) });
    expect(await stage.run('drawing')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('holds the random values of environment staging/drawing, not of master/drawing'),
    });
    expect(await world.find('secret', 'pw', 'drawing')).toBeUndefined();
  });
});

describe('marks that somebody took off or wrote over', () => {
  const annotate = async (kind: string, name: string, namespace: string, ...annotations: string[]): Promise<void> =>
    void (await world.kubectl('annotate', kind, name, '--namespace', namespace, '--overwrite', ...annotations));

  it('of a parent make it neither an ordinary object nor that of another class, and are written again', async () => {
    await push({ ...environment('bare'), ...manifests('bare', configMap('one', { of: 'master' })) });
    await converge('bare');
    await world.kubectl('label', 'configmap', 'converge-bare', '--namespace', 'bare', 'applyset.kubernetes.io/id-');
    for (const marks of [[], ['applyset.kubernetes.io/tooling-']]) {
      if (marks.length > 0) await annotate('configmap', 'converge-bare', 'bare', ...marks);
      const before = await get('configmap', 'converge-bare', 'bare');
      await push({
        ...environment('greedy'),
        ...manifests(
          'greedy',
          configMap('x', {}),
          configMap('converge-bare', { a: String(marks) }, { namespace: 'bare' }),
        ),
      });
      expect(await stage.run('greedy')).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringContaining('holds what environment master/bare keeps of itself'),
      });
      expect(await get('configmap', 'converge-bare', 'bare')).toEqual(before);
    }
    await push({ 'environments/greedy.yaml': undefined });
    await converge('bare');
    const all = [
      'converge.dev/environment',
      'converge.dev/repository',
      'converge.dev/revision',
      'converge.dev/render-key',
      'applyset.kubernetes.io/contains-group-kinds',
    ];
    await annotate('configmap', 'converge-bare', 'bare', ...all.map((name) => `${name}-`));
    await push({ ...environment('bare'), ...manifests('bare', configMap('two', { of: 'staging' })) }, 'staging');
    expect(await stage.run('bare', { repository: 'staging' })).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('no longer says whose it is'),
    });
    expect(await world.find('configmap', 'two', 'bare')).toBeUndefined();
    expect(await converge('bare')).toMatchObject({ outcome: 'unchanged' });
    expect((await get('configmap', 'converge-bare', 'bare')).metadata).toMatchObject({
      labels: { 'applyset.kubernetes.io/id': expect.any(String) },
      annotations: {
        'converge.dev/environment': 'master/bare',
        'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap',
      },
    });
    // Its name written over, the class that is named has nothing to tear down.
    await annotate('configmap', 'converge-bare', 'bare', 'converge.dev/environment=staging/bare');
    expect(await stage.run('bare')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    await push({ 'environments/bare.yaml': undefined }, 'staging');
    await stage.run('bare', { repository: 'staging' });
    expect((await get('configmap', 'one', 'bare')).data).toEqual({ of: 'master' });
    await annotate('configmap', 'converge-bare', 'bare', 'converge.dev/environment=master/bare');
    await converge('bare');
  });

  it('of an object hand it to no other environment, and stop none', async () => {
    await push({
      ...environment('giver'),
      ...manifests('giver', configMap('mine', { of: 'giver' })),
      ...environment('getter', {}),
      ...manifests('getter', configMap('x', {})),
    });
    await converge('giver');
    await converge('getter');
    const { partOf = '' } = marks(await get('configmap', 'x', 'getter'));
    await push({
      ...environment('getter', { namespace: 'getter' }),
      ...manifests('getter', configMap('x', {}), configMap('y', {}, { namespace: 'giver' })),
    });
    await converge('getter');
    await world.kubectl(
      'label',
      'configmap',
      'mine',
      '--namespace',
      'giver',
      '--overwrite',
      `applyset.kubernetes.io/part-of=${partOf}`,
    );
    expect(await stage.run('getter')).toMatchObject({ outcome: 'unchanged' });
    await forget('getter');
    await converge('getter');
    await converge('giver');
    await annotate('configmap', 'mine', 'giver', 'converge.dev/environment=master/getter');
    await push(
      manifests(
        'getter',
        configMap('x', {}),
        configMap('y', {}, { namespace: 'giver' }),
        configMap('mine', { of: 'getter' }, { namespace: 'giver' }),
      ),
    );
    expect(await stage.run('getter')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('ConfigMap giver/mine: is owned by'),
    });
    expect((await get('configmap', 'mine', 'giver')).data).toEqual({ of: 'giver' });
    await push({ 'environments/getter.yaml': undefined });
    await converge('giver');
    expect(marks(await get('configmap', 'mine', 'giver'))).toMatchObject({ environment: 'master/giver' });
  });

  it('leave a seed to its environment where a previous name is one that this branch never had', async () => {
    await world.apply(json({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'heir' } }));
    const data = {
      seed: Buffer.alloc(32, 3).toString('base64'),
      time: Buffer.from('2026-01-01T00:00:00.000Z').toString('base64'),
    };
    await world.apply(
      json({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'converge-unheard-seed',
          namespace: 'heir',
          annotations: { 'converge.dev/environment': 'master/unheard' },
        },
        data,
      }),
    );
    await push({
      ...environment('heir', {}, { previousNames: ['unheard'] }),
      ...manifests('heir', configMap('x', {})),
    });
    expect(await stage.run('heir')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('environments/unheard.yaml was never on this branch'),
    });
    expect(await world.find('secret', 'converge-unheard-seed', 'heir')).toBeDefined();
    await push({ 'environments/heir.yaml': undefined });
  });
});
