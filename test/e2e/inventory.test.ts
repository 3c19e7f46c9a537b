import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Killed, pushUnheard, startInProcess, type Call, type InProcess } from './in-process.ts';
import { stateOf } from './state.ts';
import { runsOf } from './runs.ts';
import { configMap, environmentFile, manifest, startWorld, type Clone, type Files, type World } from './world.ts';

let world: World;
let master: Clone;
let stage: InProcess;
const { converge, lastDiff } = runsOf(() => stage);
const { expireLease, memoryOf } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
});
afterAll(async () => {
  await world.stop();
});

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);
const environment = (name: string, spec: Record<string, unknown> = {}): Files => ({
  [`environments/${name}.yaml`]: environmentFile(name, { namespace: 'shared', ...spec }),
});
const removed = (...paths: string[]): Files => Object.fromEntries(paths.map((path) => [path, undefined]));

/** The repository holds these environments and nothing else: each test begins with its own. */
async function begin(files: Files): Promise<string> {
  const [head] = [await master.git('ls-remote', 'origin', 'refs/heads/main')];
  if (head !== '') {
    await master.git('fetch', '--quiet', 'origin');
    await master.git('reset', '--quiet', '--hard', 'origin/main');
    const held = (await master.git('ls-files')).split('\n').filter((path) => path !== '' && files[path] === undefined);
    return await push({ ...removed(...held), ...files });
  }
  return await push(files);
}

async function ownerOf(name: string, namespace = 'shared'): Promise<string | undefined> {
  return (await world.find('configmap', name, namespace))?.metadata.annotations?.['converge.dev/environment'];
}

async function uidOf(name: string, namespace = 'shared'): Promise<string | undefined> {
  return (await world.find('configmap', name, namespace))?.metadata.uid;
}

describe('the inventory', () => {
  it('is an ApplySet that kubectl recognises, and refuses to touch', async () => {
    await begin({ ...environment('kept-apart'), ...manifest('kept-apart', 'a', configMap('kept-apart', {})) });
    await converge('kept-apart');
    const { kubernetes } = world.pipeline;
    const command = [
      'apply',
      '--namespace',
      'shared',
      '--server-side',
      '--prune',
      '--applyset=configmap/converge-kept-apart',
      '--filename',
      '-',
    ];
    const refusal = await kubernetes
      .kubectl(command, configMap('other', {}), { KUBECTL_APPLYSET: 'true' })
      .catch((error: unknown) => String(error));
    expect(refusal).toContain('managed by tooling "converge" instead of "kubectl"');
    expect(await world.find('configmap', 'other', 'shared')).toBeUndefined();
    expect(await world.find('configmap', 'kept-apart', 'shared')).toBeDefined();
    expect(await ownerOf('kept-apart')).toBe('master/kept-apart');
  });

  const many = (name: string, count: number): Files =>
    Object.assign(
      {},
      ...Array.from({ length: count }, (_, index) => manifest(name, `m${index}`, configMap(`${name}-${index}`, {}))),
    );

  it.each([
    ['between the intent and the first apply', 0],
    ['after three applies', 3],
    ['after all of them', 8],
  ])('holds what a run that is killed %s has applied, so that nothing is orphaned', async (_when, applies) => {
    const name = `killed-${applies}`;
    await begin({ ...environment(name), ...many(name, 8) });
    let applied = 0;
    // The first apply of a run is that of its parent; the namespace is there.
    const dies = ({ name: call }: Call): boolean => call === 'cluster.apply' && ++applied > applies + 1;
    const late = ({ name: call }: Call): boolean => call === 'cluster.apply' && ++applied > 9;
    await expect(stage.run(name, { dies: applies === 8 ? late : dies })).rejects.toThrow(Killed);
    await expireLease(name);
    // The next commit no longer wants them: whatever was applied goes, though no memory knows of it.
    await push({ ...removed(...Object.keys(many(name, 8))), ...manifest(name, 'last', configMap(`${name}-last`, {})) });
    await converge(name);
    const left = (await world.kubectl('get', 'configmaps', '--namespace', 'shared', '--output', 'name'))
      .split('\n')
      .filter((line) => line.includes(`/${name}-`));
    expect(left).toEqual([`configmap/${name}-last`]);
  });
});

describe('an object that moves to another environment', () => {
  const both = (left: Files, right: Files): Files => ({
    ...environment('left'),
    ...environment('right'),
    ...manifest('left', 'own', configMap('left-own', {})),
    ...manifest('right', 'own', configMap('right-own', {})),
    ...left,
    ...right,
  });
  const moving = (name: string): Files => manifest(name, 'moving', configMap('moving', { by: name }));

  it.each([
    ['the new owner runs first', ['right', 'left']],
    ['the old owner runs first', ['left', 'right']],
  ])('is handed over, not deleted, where %s', async (_what, order) => {
    await begin(both(moving('left'), {}));
    await converge('left', 'right');
    const uid = await uidOf('moving');
    await push({ ...removed('manifests/left/moving.yaml'), ...moving('right') });
    await converge(...order);
    expect(await uidOf('moving')).toBe(uid);
    expect(await ownerOf('moving')).toBe('master/right');
    // Nobody is left with an object to look after.
    expect(await stage.run('left')).toMatchObject({ outcome: order[0] === 'left' ? 'converged' : 'unchanged' });
    expect(await stage.run('left')).toMatchObject({ outcome: 'unchanged' });
    expect((await memoryOf('left')).left).toEqual([]);
    expect((await world.find('configmap', 'moving', 'shared'))?.data).toEqual({ by: 'right' });
  });

  it('stays with its owner while that wants it, too, and the other is told whose it is', async () => {
    await begin(both(moving('left'), {}));
    await converge('left', 'right');
    await push(moving('right'));
    expect(await stage.run('right')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect(lastDiff('right').objects).toMatchObject([
      { name: 'moving', change: 'failed', message: 'is owned by environment master/left; remove it there first' },
    ]);
    expect(await ownerOf('moving')).toBe('master/left');
  });

  it.each([
    ['does not parse', { 'environments/left.yaml': 'kind: [' }, 'whether that still wants it cannot be told'],
    ['does not render', { 'manifests/left/broken.yaml': 'a: [' }, 'whether that still wants it cannot be told'],
    ['renders to nothing', removed('manifests/left/own.yaml'), 'whether that still wants it cannot be told'],
    ['is suspended', environment('left', { suspend: true }), 'which is suspended and keeps what it owns'],
  ])('stays with an owner that %s: that does not say it is not wanted', async (_what, change, says) => {
    await begin(both(moving('left'), {}));
    await converge('left', 'right');
    await push({ ...removed('manifests/left/moving.yaml'), ...moving('right'), ...change });
    expect(await stage.run('right')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining(says),
    });
    expect(await ownerOf('moving')).toBe('master/left');
  });

  it('is not pruned while another environment cannot be asked whether it wants it, and that is told', async () => {
    await begin(both(moving('left'), {}));
    await converge('left', 'right');
    await push({ ...removed('manifests/left/moving.yaml'), 'environments/right.yaml': 'kind: [' });
    expect(await stage.run('left')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(lastDiff('left').objects).toMatchObject([
      {
        name: 'moving',
        change: 'unexpected',
        message: expect.stringContaining('is not pruned, as environment right may want it'),
      },
    ]);
    expect(await uidOf('moving')).toBeDefined();
    await push(environment('right'));
    await converge('left');
    expect(await uidOf('moving')).toBeUndefined();
  });

  it('is not taken, nor deleted, by a run of a commit that is no longer the head', async () => {
    await begin(both(moving('left'), {}));
    await converge('left', 'right');
    await push({ ...removed('manifests/left/moving.yaml'), ...moving('right') });
    // The branch moves on after the run has read it: the newest commit gives the object back.
    const behind = async (name: string): Promise<unknown> => {
      let moved: Promise<unknown> | undefined;
      const dies = ({ name: call }: Call): boolean => {
        if (call === 'cluster.list') moved ??= push({ ...moving('left'), ...removed('manifests/right/moving.yaml') });
        return false;
      };
      const waits = async ({ name: call }: Call): Promise<void> => {
        if (call === 'repository.head') await moved;
      };
      return await stage.run(name, { dies, waits }).catch((error: unknown) => error);
    };
    // It looks again, at what is the head by then.
    expect(await behind('right')).toMatchObject({ outcome: 'unchanged' });
    expect(await ownerOf('moving')).toBe('master/left');
    await converge('left', 'right');
    expect(await ownerOf('moving')).toBe('master/left');
  });
});

describe('a prune that would destroy more than was meant', () => {
  const many = (count: number): Files =>
    Object.assign(
      {},
      ...Array.from({ length: count }, (_, index) =>
        manifest('guarded', `m${index}`, configMap(`guarded-${index}`, {})),
      ),
    );

  it('of more than half of the inventory is Guarded, says how to go on, and goes on so', async () => {
    await begin({ ...environment('guarded'), ...many(12) });
    await converge('guarded');
    await push(removed(...Object.keys(many(7))));
    expect(await stage.run('guarded')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    expect(lastDiff('guarded')).toMatchObject({
      action: 'none',
      objects: { length: 7 },
      summary: expect.stringContaining(
        '7 of 12 objects would be pruned at once, more than half; remove them in two commits',
      ),
    });
    expect(await uidOf('guarded-0')).toBeDefined();
    const published = stage.published.length;
    await stage.run('guarded');
    expect(stage.published.length).toBe(published);
    await push(many(1));
    await converge('guarded');
    expect([await uidOf('guarded-0'), await uidOf('guarded-1')]).toEqual([expect.any(String), undefined]);
  });

  it('of a Namespace, a definition or a claim needs their annotation, and a definition without it is released', async () => {
    const precious = (annotations: Record<string, string> = {}): Files => ({
      ...manifest(
        'precious',
        'ns',
        JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'precious-ns', annotations } }),
      ),
      ...manifest(
        'precious',
        'claim',
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data', annotations },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        }),
      ),
      ...manifest(
        'precious',
        'crd',
        JSON.stringify({
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: 'jewels.example.com', annotations },
          spec: {
            group: 'example.com',
            scope: 'Namespaced',
            names: { plural: 'jewels', singular: 'jewel', kind: 'Jewel' },
            versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
          },
        }),
      ),
    });
    await begin({
      ...environment('precious', { timeout: '1s' }),
      ...manifest('precious', 'own', configMap('precious-own', {})),
      ...precious(),
    });
    // A claim that nobody mounts stays pending.
    await stage.run('precious');
    await push(removed(...Object.keys(precious())));
    expect(await stage.run('precious')).toMatchObject({ outcome: 'diverged', reason: 'Guarded' });
    const [released, ...guarded] = lastDiff('precious').objects.map(({ kind, message }) => `${kind}: ${message}`);
    expect(guarded).toEqual([
      'Namespace: Namespace is pruned only with the annotation converge.dev/prune: "true"',
      'PersistentVolumeClaim: PersistentVolumeClaim is pruned only with the annotation converge.dev/prune: "true"',
    ]);
    expect(released).toContain('is released, not deleted');
    const jewels = await world.find('customresourcedefinition', 'jewels.example.com');
    expect(jewels?.metadata.labels?.['applyset.kubernetes.io/part-of']).toBeUndefined();
    await push(precious({ 'converge.dev/prune': 'true' }));
    await stage.run('precious');
    expect((await world.find('customresourcedefinition', 'jewels.example.com'))?.metadata.uid).toBe(
      jewels?.metadata.uid,
    );
    await push({ ...environment('precious', { timeout: '1m' }), ...removed(...Object.keys(precious())) });
    await converge('precious');
    for (const [kind, name] of [
      ['customresourcedefinition', 'jewels.example.com'],
      ['namespace', 'precious-ns'],
      ['persistentvolumeclaim', 'data'],
    ] as const) {
      expect(await world.find(kind, name, kind === 'persistentvolumeclaim' ? 'shared' : undefined)).toBeUndefined();
    }
  });
});

describe('what is pruned', () => {
  it('goes in the reverse order of apply, and what a finalizer holds is told by its name; the next look goes on', async () => {
    const held = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'held', finalizers: ['example.com/hold'] },
      spec: { ports: [{ port: 80 }] },
    });
    await begin({
      ...environment('held'),
      ...manifest('held', 'own', configMap('held-own', {})),
      ...manifest('held', 'a', held),
      ...manifest('held', 'b', configMap('held-later', {})),
    });
    await converge('held');
    await push(removed('manifests/held/a.yaml', 'manifests/held/b.yaml'));
    expect(await stage.run('held')).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
    expect(lastDiff('held').objects).toMatchObject([
      {
        kind: 'Service',
        name: 'held',
        change: 'unexpected',
        message: 'is being deleted, and its finalizer example.com/hold has not let go',
      },
    ]);
    // Its stage is not through: what was applied before it stays.
    expect(await uidOf('held-later')).toBeDefined();
    const published = stage.published.length;
    expect(await stage.run('held')).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
    expect(stage.published.length).toBe(published);
    await world.kubectl(
      'patch',
      'service',
      'held',
      '--namespace',
      'shared',
      '--type=merge',
      '--patch',
      '{"metadata":{"finalizers":null}}',
    );
    await converge('held');
    expect(await uidOf('held-later')).toBeUndefined();
    expect(await stage.run('held')).toMatchObject({ outcome: 'unchanged' });
  });
});
