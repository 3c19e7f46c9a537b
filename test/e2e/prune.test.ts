import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushUnheard, startInProcess, type Call, type InProcess } from './in-process.ts';
import { stateOf } from './state.ts';
import { runsOf } from './runs.ts';
import {
  configMap,
  deployment,
  environment,
  eventually,
  manifest,
  startWorld,
  type Clone,
  type Files,
  type Observed,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
let stage: InProcess;
const { diffsOf } = runsOf(() => stage);
const { forget, memoryOf } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
});
afterAll(async () => {
  await world.stop();
});

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);

describe('an object of a kind whose definition changes', () => {
  const version = (name: string, isServed: boolean): object => ({
    name,
    served: isServed,
    storage: isServed,
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  });
  const definition = (...versions: object[]): string =>
    JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'moves.bugs.example' },
      spec: {
        group: 'bugs.example',
        scope: 'Namespaced',
        names: { kind: 'Move', listKind: 'MoveList', plural: 'moves', singular: 'move' },
        versions,
      },
    });
  const move = (name: string, at: string): string =>
    JSON.stringify({ apiVersion: `bugs.example/${at}`, kind: 'Move', metadata: { name } });

  it('is pruned by the very run that takes its version away, in another', async () => {
    const before = {
      ...manifest('versions', 'crd', definition(version('v1alpha1', true))),
      ...manifest('versions', 'one', move('one', 'v1alpha1')),
      ...manifest('versions', 'two', move('two', 'v1alpha1')),
    };
    await push({ ...environment('versions'), ...before });
    expect(await stage.run('versions')).toMatchObject({ outcome: 'converged' });
    await push({
      ...manifest('versions', 'crd', definition(version('v1alpha1', false), version('v1', true))),
      ...manifest('versions', 'one', move('one', 'v1')),
      'manifests/versions/two.yaml': undefined,
    });
    expect(await stage.run('versions')).toMatchObject({ outcome: 'converged' });
    expect(await world.kubectl('get', 'moves', '--namespace', 'versions', '--output', 'name')).toBe(
      'move.bugs.example/one\n',
    );
    expect(await stage.run('versions')).toMatchObject({ outcome: 'unchanged' });
    expect(diffsOf('versions')).toEqual([]);
  });

  it('is pruned in another version where somebody else takes its own away, and is no drift', async () => {
    await world.apply(
      definition(version('v1', true))
        .replaceAll('moves', 'trips')
        .replaceAll('Move', 'Trip')
        .replaceAll('move', 'trip'),
    );
    await world.kubectl('wait', '--for=condition=established', 'customresourcedefinition/trips.bugs.example');
    const trip = (name: string): string =>
      JSON.stringify({ apiVersion: 'bugs.example/v1', kind: 'Trip', metadata: { name } });
    await push({
      ...environment('trips'),
      ...manifest('trips', 'own', configMap('trips-own', {})),
      ...manifest('trips', 'one', trip('one')),
      ...manifest('trips', 'two', trip('two')),
    });
    expect(await stage.run('trips')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/trips/one.yaml': undefined, 'manifests/trips/two.yaml': undefined });
    let taken: Promise<void> | undefined;
    const waits = async ({ name }: Call): Promise<void> => {
      if (name !== 'cluster.delete') return;
      taken ??= (async () => {
        await world.apply(
          definition(version('v1', false), version('v2', true))
            .replaceAll('moves', 'trips')
            .replaceAll('Move', 'Trip')
            .replaceAll('move', 'trip'),
        );
        await eventually('the version is gone', async () =>
          world.kubectl('get', '--raw', '/apis/bugs.example/v1/trips').then(
            () => false,
            () => true,
          ),
        );
      })();
      await taken;
    };
    await stage.run('trips', { waits });
    expect(await stage.run('trips')).toMatchObject({ outcome: expect.stringMatching(/^(converged|unchanged)$/) });
    expect(await world.kubectl('get', 'trips', '--namespace', 'trips', '--output', 'name')).toBe('');
    expect(diffsOf('trips')).toEqual([]);
  });

  it('is found in another version where the run still takes its own for served', async () => {
    const travels = (...versions: object[]): string =>
      definition(...versions)
        .replaceAll('moves', 'travels')
        .replaceAll('Move', 'Travel')
        .replaceAll('move', 'travel');
    const travel = (name: string): string =>
      JSON.stringify({ apiVersion: 'bugs.example/v1', kind: 'Travel', metadata: { name } });
    await world.apply(travels(version('v1', true)));
    await world.kubectl('wait', '--for=condition=established', 'customresourcedefinition/travels.bugs.example');
    await push({
      ...environment('travels'),
      ...manifest('travels', 'own', configMap('travels-own', {})),
      ...manifest('travels', 'one', travel('one')),
    });
    expect(await stage.run('travels')).toMatchObject({ outcome: 'converged' });
    await world.apply(travels(version('v1', false), version('v2', true)));
    await eventually('the version is gone', async () =>
      world.kubectl('get', '--raw', '/apis/bugs.example/v1/travels').then(
        () => false,
        () => true,
      ),
    );
    await push({ 'manifests/travels/one.yaml': undefined });
    expect(await stage.run('travels')).toMatchObject({ outcome: 'converged' });
    expect(await world.kubectl('get', 'travels', '--namespace', 'travels', '--output', 'name')).toBe('');
    expect(diffsOf('travels')).toEqual([]);
  });

  it('is not forgotten while its kind is served in no version: it is pruned when it is, and its environment does not end before', async () => {
    const named = (text: string): string =>
      text.replaceAll('moves', 'ghosts').replaceAll('Move', 'Ghost').replaceAll('move', 'ghost');
    const ghosts = async (isServed: boolean): Promise<void> => {
      await world.apply(named(definition({ ...version('v1', isServed), storage: true })));
      await eventually(
        'discovery says so',
        async () =>
          (await stage.cluster.api({ refresh: true })).resources.some(({ kind }) => kind === 'Ghost') === isServed,
      );
      await eventually('the version is as it is defined', async () =>
        world.kubectl('get', '--raw', '/apis/bugs.example/v1/ghosts').then(
          () => isServed,
          () => !isServed,
        ),
      );
    };
    const left = async (): Promise<string> =>
      world.kubectl('get', 'ghosts', '--namespace', 'ghosts', '--output', 'name');
    await ghosts(true);
    await push({
      ...environment('ghosts', { deletion: 'prune', timeout: '1s' }),
      ...manifest('ghosts', 'own', configMap('ghosts-own', {})),
      ...manifest('ghosts', 'one', named(move('one', 'v1'))),
      ...manifest('ghosts', 'two', named(move('two', 'v1'))),
    });
    expect(await stage.run('ghosts')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/ghosts/one.yaml': undefined });
    await ghosts(false);
    await push({ 'manifests/ghosts/two.yaml': undefined });
    for (const _run of ['first', 'second']) expect(await stage.run('ghosts')).toMatchObject({ outcome: 'converged' });
    expect(await memoryOf('ghosts')).toMatchObject({
      pending: ['bugs.example/Ghost/ghosts/one', 'bugs.example/Ghost/ghosts/two'],
    });
    await ghosts(true);
    expect(await stage.run('ghosts')).toMatchObject({ outcome: 'converged' });
    expect(await left()).toBe('');
    expect(diffsOf('ghosts')).toEqual([]);

    await push(manifest('ghosts', 'one', named(move('one', 'v1'))));
    expect(await stage.run('ghosts')).toMatchObject({ outcome: 'converged' });
    await ghosts(false);
    await push({ 'environments/ghosts.yaml': undefined });
    await eventually('it is told', async () => (await stage.run('ghosts')).outcome === 'diverged');
    expect(diffsOf('ghosts')).toMatchObject([
      {
        reason: 'Guarded',
        summary: expect.stringContaining(
          'ghosts.bugs.example: serves no version, and what this environment has of Ghost.bugs.example cannot be deleted until it does',
        ),
      },
    ]);
    expect(await world.find('configmap', 'converge-ghosts', 'ghosts')).toBeDefined();
    await ghosts(true);
    expect(await stage.run('ghosts')).toMatchObject({ outcome: 'removed' });
    expect(await left()).toBe('');
  });
});

describe('an environment that does not render', () => {
  const broken = (name: string): Files => manifest(name, 'broken', 'a: [');
  const two = (name: string, kept: readonly string[]): Files =>
    Object.fromEntries(
      ['a', 'b', 'c'].map((each) => [
        `manifests/${name}/${each}.yaml`,
        kept.includes(each) ? configMap(`${name}-${each}`, {}) : undefined,
      ]),
    );
  const messages = (name: string): string[] =>
    diffsOf(name).flatMap(({ objects }) => objects.map((object) => `${object.name}: ${object.message}`));

  it('holds back no prune of others while its own inputs stay as they were', async () => {
    await push({
      ...environment('busy'),
      ...two('busy', ['a', 'b', 'c']),
      ...environment('torn', { namespace: 'busy' }),
      ...broken('torn'),
    });
    expect(await stage.run('torn')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect(await stage.run('busy')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/busy/c.yaml': undefined });
    expect(await stage.run('busy')).toMatchObject({ outcome: 'converged' });
    expect(await world.find('configmap', 'busy-c', 'busy')).toBeUndefined();
    expect(diffsOf('busy')).toEqual([]);
  });

  it('holds back what may have moved to it, and is named; what was pruned before its change is none of that', async () => {
    await push({ 'manifests/busy/b.yaml': undefined, ...manifest('torn', 'b', configMap('busy-b', {})) });
    expect(await stage.run('busy')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(messages('busy')).toEqual([
      expect.stringContaining('busy-b: is not pruned, as environment torn may want it: '),
    ]);
    // Any later commit finds it held, still.
    await push({ 'README.md': 'later' });
    expect(await stage.run('busy')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(await world.find('configmap', 'busy-b', 'busy')).toBeDefined();
    await push({ 'manifests/torn/broken.yaml': undefined });
    expect(await stage.run('torn')).toMatchObject({ outcome: 'converged' });
    expect(await stage.run('busy')).toMatchObject({ outcome: 'converged' });
    expect((await world.find('configmap', 'busy-b', 'busy'))?.metadata.annotations).toMatchObject({
      'converge.dev/environment': 'master/torn',
    });
  });

  it('holds back what may have moved to where a link in its folder leads', async () => {
    await push({
      ...environment('linking'),
      ...two('linking', ['a', 'b', 'c']),
      'manifests/linked/own.yaml': configMap('linked-own', {}),
      'shared-manifests/broken.yaml': 'a: [',
    });
    const folder = await master.git('rev-parse', '--show-toplevel');
    await symlink('../../shared-manifests', join(folder, 'manifests', 'linked', 'more'));
    await master.git('add', '--all');
    await master.git('commit', '--quiet', '--message', 'Link');
    await master.git('push', '--quiet', 'origin', 'main');
    await push(environment('linked', { namespace: 'linking' }));
    expect(await stage.run('linking')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/linking/c.yaml': undefined });
    expect(await stage.run('linking')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/linking/b.yaml': undefined, 'shared-manifests/b.yaml': configMap('linking-b', {}) });
    expect(await stage.run('linking')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(messages('linking')).toEqual([
      expect.stringContaining('linking-b: is not pruned, as environment linked may want it: '),
    ]);
    await push({ 'environments/linked.yaml': undefined });
    expect(await stage.run('linking')).toMatchObject({ outcome: 'converged' });
  });

  it('holds back what may have moved to a base that its overlay names', async () => {
    const overlay = {
      ...environment('layered', { namespace: 'laid', sources: [{ kustomize: 'overlays/layered' }] }),
      'overlays/layered/kustomization.yaml': 'resources: [../../bases/shared, missing.yaml]\n',
      'bases/shared/kustomization.yaml': 'resources: []\n',
    };
    await push({ ...environment('laid'), ...two('laid', ['a', 'b', 'c']), ...overlay });
    expect(await stage.run('laid')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/laid/c.yaml': undefined });
    expect(await stage.run('laid')).toMatchObject({ outcome: 'converged' });
    await push({
      'manifests/laid/b.yaml': undefined,
      'bases/shared/kustomization.yaml': 'resources: [b.yaml]\n',
      'bases/shared/b.yaml': configMap('laid-b', {}),
    });
    expect(await stage.run('laid')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(messages('laid')).toEqual([
      expect.stringContaining('laid-b: is not pruned, as environment layered may want it: '),
    ]);
    await push({ 'overlays/layered/kustomization.yaml': 'resources: [../../bases/shared]\n' });
    expect(await stage.run('layered')).toMatchObject({ outcome: 'converged' });
    expect(await stage.run('laid')).toMatchObject({ outcome: 'converged' });
  });
});

describe('what live Pods refer to', () => {
  const generated = (name: string, value: string, pod: Record<string, unknown> = {}): Files => ({
    [`kustomize/${name}/kustomization.yaml`]: `resources: [dep.yaml]\nconfigMapGenerator:\n- { name: cfg, literals: [a=${value}] }\n`,
    [`kustomize/${name}/dep.yaml`]: JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [{ name: 'web', image: 'shop:1', envFrom: [{ configMapRef: { name: 'cfg' } }], ...pod }],
          },
        },
      },
    }),
  });
  const impossible = { resources: { requests: { cpu: 1_000_000 } } };
  const overlay = (name: string, timeout = '1m'): Files =>
    environment(name, { timeout, sources: [{ kustomize: `kustomize/${name}` }] });
  async function maps(namespace: string): Promise<string[]> {
    const list = JSON.parse(
      await world.kubectl(
        'get',
        'configmaps',
        '--namespace',
        namespace,
        '--selector',
        'applyset.kubernetes.io/part-of',
        '--output',
        'json',
      ),
    ) as { items: Observed[] };
    return list.items.map(({ data }) => data?.['a'] ?? '').sort();
  }
  async function settles(name: string): Promise<void> {
    await eventually(`${name} has nothing left to prune`, async () => {
      await stage.run(name);
      return (await memoryOf(name)).pending === undefined;
    });
  }

  it('stays while a revision that fails runs beside it, over three commits in a row and with the memory lost, and goes once one works', async () => {
    await push({ ...overlay('live'), ...generated('live', '1') });
    expect(await stage.run('live')).toMatchObject({ outcome: 'converged' });
    for (const value of ['2', '3', '4']) {
      await push({ ...overlay('live', '2s'), ...generated('live', value, impossible) });
      expect(await stage.run('live'), value).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
      expect(await maps('live')).toContain('1');
      if (value === '3') await forget('live');
      expect(await stage.run('live'), value).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
    }
    expect(await maps('live')).toContain('1');
    expect(
      new Set(diffsOf('live').flatMap(({ objects }) => objects.map(({ kind, change }) => `${kind} ${change}`))),
    ).toEqual(new Set(['Deployment unhealthy']));
    await push({ ...overlay('live'), ...generated('live', '5') });
    expect(await stage.run('live')).toMatchObject({ outcome: 'converged' });
    await settles('live');
    expect(await maps('live')).toEqual(['5']);
    expect(await stage.run('live')).toMatchObject({ outcome: 'unchanged' });
  });

  it('stays where a revision that fails has left no pod of the one before: it is what a way back needs', async () => {
    const registry = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'registry' },
      stringData: { user: 'shop' },
    });
    const web = (image: string, spec: Record<string, unknown>): string => {
      const document = JSON.parse(deployment('web', image, spec)) as { spec: object };
      return JSON.stringify({ ...document, spec: { ...document.spec, strategy: { type: 'Recreate' } } });
    };
    await push({
      ...environment('anew'),
      ...manifest('anew', 'registry', registry),
      ...manifest('anew', 'web', web('shop:1', { imagePullSecrets: [{ name: 'registry' }] })),
    });
    expect(await stage.run('anew')).toMatchObject({ outcome: 'converged' });
    await push({
      ...environment('anew', { timeout: '2s' }),
      'manifests/anew/registry.yaml': undefined,
      ...manifest('anew', 'web', web('shop:2', { nodeSelector: { 'example.com/nowhere': 'true' } })),
    });
    expect(await stage.run('anew')).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
    expect(await world.find('secret', 'registry', 'anew')).toBeDefined();
    await push({ ...environment('anew'), ...manifest('anew', 'web', web('shop:3', {})) });
    expect(await stage.run('anew')).toMatchObject({ outcome: 'converged' });
    await settles('anew');
    expect(await world.find('secret', 'registry', 'anew')).toBeUndefined();
  });

  it('stays where only the account of a live ReplicaSet names it', async () => {
    const registry = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'registry' },
      stringData: { user: 'shop' },
    });
    await push({
      ...environment('accounts'),
      ...manifest('accounts', 'own', configMap('accounts-own', {})),
      ...manifest('accounts', 'registry', registry),
    });
    expect(await stage.run('accounts')).toMatchObject({ outcome: 'converged' });
    await world.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'puller', namespace: 'accounts' },
        imagePullSecrets: [{ name: 'registry' }],
      }),
    );
    const labels = { app: 'pulled' };
    const template = {
      metadata: { labels },
      spec: { serviceAccountName: 'puller', containers: [{ name: 'c', image: 'shop:1' }] },
    };
    await world.apply(
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name: 'pulled', namespace: 'accounts' },
        spec: { replicas: 1, selector: { matchLabels: labels }, template },
      }),
    );
    await push({ 'manifests/accounts/registry.yaml': undefined });
    expect(await stage.run('accounts')).toMatchObject({ outcome: 'converged' });
    expect(await world.find('secret', 'registry', 'accounts')).toBeDefined();
    await world.kubectl('delete', 'replicaset', 'pulled', '--namespace', 'accounts');
    await settles('accounts');
    expect(await world.find('secret', 'registry', 'accounts')).toBeUndefined();
  });

  it('is told to nobody while it stays, and counted by no guard', async () => {
    const kept = Array.from({ length: 11 }, (_, index) => `kept-${index}`);
    const job = JSON.stringify({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'long', namespace: 'quiet' },
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            nodeSelector: { 'example.com/nowhere': 'true' },
            serviceAccountName: 'kept',
            containers: [{ name: 'c', image: 'busybox', envFrom: kept.map((name) => ({ configMapRef: { name } })) }],
          },
        },
      },
    });
    const account = JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'kept' } });
    const files = Object.assign(
      { ...manifest('quiet', 'account', account) },
      ...kept.map((name) => manifest('quiet', name, configMap(name, {}))),
    ) as Files;
    await push({ ...environment('quiet'), ...manifest('quiet', 'own', configMap('quiet-own', {})), ...files });
    expect(await stage.run('quiet')).toMatchObject({ outcome: 'converged' });
    await world.apply(job);
    await push({
      ...Object.fromEntries(Object.keys(files).map((path) => [path, undefined])),
      ...environment('torn-apart', { namespace: 'quiet' }),
      ...manifest('torn-apart', 'a', 'a: ['),
    });
    // Who cannot be asked has changed, too.
    expect(await stage.run('quiet')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    await push({ 'manifests/torn-apart/a.yaml': configMap('torn-apart', {}) });
    expect(await stage.run('quiet')).toMatchObject({ outcome: 'converged' });
    const told = stage.published.length;
    // A commit to somebody else is no news of this one; one that breaks meanwhile without a change of its own holds
    // nothing.
    await push({ 'README.md': 'quiet' });
    expect(await stage.run('quiet')).toMatchObject({ outcome: 'converged' });
    expect(stage.published.length).toBe(told);
    expect(await world.find('serviceaccount', 'kept', 'quiet')).toBeDefined();
    expect(await world.find('configmap', 'kept-0', 'quiet')).toBeDefined();
    await world.kubectl('delete', 'job', 'long', '--namespace', 'quiet');
    await settlesGuarded('quiet');
  });

  /** Nothing is in use any more: more than half at once is what the guard is for. */
  async function settlesGuarded(name: string): Promise<void> {
    await eventually(`${name} is Guarded`, async () => {
      const result = await stage.run(name);
      return (
        result.outcome === 'diverged' &&
        result.reason === 'Guarded' &&
        result.summary.includes('12 of 13 objects would be pruned at once')
      );
    });
  }
});

describe('an object whose status a controller writes', () => {
  it('is pruned however often that changes it meanwhile', async () => {
    const budget = JSON.stringify({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    });
    const quota = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'all' },
      spec: { hard: { configmaps: '50' } },
    });
    await push({
      ...environment('written'),
      ...manifest('written', 'own', configMap('written-own', {})),
      ...manifest('written', 'budget', budget),
      ...manifest('written', 'quota', quota),
    });
    expect(await stage.run('written')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/written/budget.yaml': undefined, 'manifests/written/quota.yaml': undefined });
    let writes = 0;
    const waits = async ({ name }: Call): Promise<void> => {
      if (name !== 'cluster.delete' || writes++ > 4) return;
      for (const kind of ['poddisruptionbudget/web', 'resourcequota/all'])
        await world
          .kubectl('annotate', '--overwrite', kind, '--namespace', 'written', `example.com/write=${writes}`)
          .catch(() => undefined);
    };
    expect(await stage.run('written', { waits })).toMatchObject({ outcome: 'converged' });
    expect([
      await world.find('poddisruptionbudget', 'web', 'written'),
      await world.find('resourcequota', 'all', 'written'),
    ]).toEqual([undefined, undefined]);
    expect(diffsOf('written')).toEqual([]);
  });

  it('is left to the next look, and told to nobody, where it never stands still', async () => {
    await push({
      ...environment('restless'),
      ...manifest('restless', 'own', configMap('restless-own', {})),
      ...manifest('restless', 'other', configMap('restless-other', {})),
    });
    expect(await stage.run('restless')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/restless/other.yaml': undefined });
    let writes = 0;
    const waits = async ({ name }: Call): Promise<void> => {
      if (name === 'cluster.delete')
        await world.kubectl(
          'annotate',
          '--overwrite',
          'configmap/restless-other',
          '--namespace',
          'restless',
          `example.com/write=${++writes}`,
        );
    };
    expect(await stage.run('restless', { waits })).toMatchObject({ outcome: 'converged' });
    expect(writes).toBeGreaterThan(3);
    expect(await memoryOf('restless')).toMatchObject({ pending: ['/ConfigMap/restless/restless-other'] });
    expect(await stage.run('restless')).toMatchObject({ outcome: 'converged' });
    expect(await world.find('configmap', 'restless-other', 'restless')).toBeUndefined();
    expect(await stage.run('restless')).toMatchObject({ outcome: 'unchanged' });
    expect(diffsOf('restless')).toEqual([]);
  });
});
