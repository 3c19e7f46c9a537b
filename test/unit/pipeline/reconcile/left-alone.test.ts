import { describe, expect, it } from 'vitest';
import { diffSchema, type Diff } from '../../../../shared/events/alert.ts';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const title = 'ConfigMap acme/colors';
const files = 'manifests/shop/all.json';
const hour = 3600;

const annotate = (world: World, annotations: Readonly<Record<string, string>>, of = title): void =>
  world.cluster.edit(of, 'kubectl-annotate', (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
  }));
const disable = (world: World, until?: string, of = title): void =>
  annotate(
    world,
    { 'converge.dev/reconcile': 'disabled', ...(until === undefined ? {} : { 'converge.dev/reconcile-until': until }) },
    of,
  );
const enable = (world: World): void => annotate(world, { 'converge.dev/reconcile': 'enabled' });
const paint = (world: World, color: string): void =>
  world.cluster.edit(title, 'kubectl-edit', (object) => ({ ...object, data: { color } }));

const colorOf = ({ cluster }: World): unknown =>
  (cluster.find(title) as { data?: { color?: string } } | undefined)?.data?.color;
const diffsOf = ({ published }: World): readonly Diff[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));
const idsOf = ({ published }: World): readonly string[] =>
  published.flatMap(({ topic, event: { id } }) => (topic === 'diff' ? [id] : []));
const look = async (world: World, seconds = 60): Promise<string> => {
  world.wait(seconds);
  return (await world.run({ cause: 'schedule' })).outcome;
};

async function installed(
  objects = [configMap('colors'), deployment('web')],
  spec: readonly string[] = [],
): Promise<World> {
  const world = createWorld();
  world.git.add(shop(objects, spec));
  await world.run();
  world.wait(60);
  return world;
}
const writesSince = ({ cluster }: World, before: number): readonly string[] => cluster.writes.slice(before);

describe('an object that a person leaves alone in the cluster', () => {
  it('is not healed, is told with who left it alone, and is reminded of once a day', async () => {
    const world = await installed();
    disable(world);
    expect(await look(world)).toBe('unchanged');
    paint(world, 'blue');
    const before = world.cluster.writes.length;
    for (let passed = 0; passed < 10; passed++) expect(await look(world)).toBe('diverged');
    expect(colorOf(world)).toBe('blue');
    expect(writesSince(world, before)).toEqual([]);
    const [told, ...others] = diffsOf(world);
    expect(others).toEqual([]);
    expect(told).toMatchObject({ reason: 'Drifted', action: 'none' });
    expect(told?.objects[0]).toMatchObject({
      message: expect.stringMatching(
        /^color differs; left alone by converge.dev\/reconcile: disabled \(kubectl-annotate, at or before .*\), without an end$/,
      ),
      suspended: { in: 'cluster', by: 'kubectl-annotate' },
      fields: [{ path: '/data/color', manager: 'kubectl-edit' }],
    });

    paint(world, 'green');
    for (let passed = 0; passed < 22; passed++) await look(world, hour);
    expect(diffsOf(world)).toHaveLength(1);
    for (let passed = 0; passed < 48; passed++) await look(world, hour);
    expect(diffsOf(world).map(({ reminder }) => reminder)).toEqual([undefined, 1, 2]);
    expect(new Set(idsOf(world)).size).toBe(3);
    expect(diffsOf(world)[1]?.objects[0]?.fields[0]?.observed).toBe('green');
  });

  it('is healed when the annotation goes, and told to have converged', async () => {
    const world = await installed();
    disable(world);
    paint(world, 'blue');
    await look(world);
    await look(world, 6 * 60);
    expect(diffsOf(world)).toHaveLength(1);
    enable(world);
    expect(await look(world)).toBe('converged');
    expect(colorOf(world)).toBe('red');
    expect(world.published.filter(({ topic }) => topic === 'converged')).toHaveLength(2);
    expect(await look(world)).toBe('unchanged');
  });

  it('is healed when its time is over', async () => {
    const world = await installed();
    disable(world, new Date(world.ports.now().getTime() + 2 * hour * 1000).toISOString());
    paint(world, 'blue');
    await look(world);
    expect(await look(world, hour)).toBe('diverged');
    expect(colorOf(world)).toBe('blue');
    await look(world, hour);
    expect(colorOf(world)).toBe('red');
  });

  it('of which nobody can tell how it differs is told to, and nothing that it holds', async () => {
    const password = 'hunter2hunter2';
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { password } };
    const world = await installed([secret, deployment('web')]);
    disable(world, undefined, 'Secret acme/keys');
    world.cluster.edit('Secret acme/keys', 'kubectl-edit', (object) => ({ ...object, data: {} }));
    const message = `denied: ${password}`;
    world.cluster.refusals.set('dry-run Secret acme/keys', { status: 403, message });
    expect(await look(world)).toBe('diverged');
    await look(world, 6 * 60);
    expect(diffsOf(world)[0]?.objects[0]?.message).toMatch(
      /^may differ: a dry run of its apply is refused: .*; left alone/,
    );
    expect(JSON.stringify(world.published)).not.toContain(password);
    expect(JSON.stringify([...world.state.values()])).not.toContain(password);
  });

  it('is not applied by a commit that changes it, and the others are; it is when the annotation goes', async () => {
    const world = await installed();
    disable(world);
    world.git.add({ [files]: list(configMap('colors', { color: 'green' }), deployment('web', { image: 'shop:2' })) });
    world.wait(60);
    expect((await world.run({ cause: 'commit' })).outcome).toBe('diverged');
    expect(colorOf(world)).toBe('red');
    expect(JSON.stringify(world.cluster.find('Deployment acme/web'))).toContain('shop:2');
    expect(await look(world)).toBe('diverged');
    enable(world);
    expect(await look(world)).toBe('converged');
    expect(colorOf(world)).toBe('green');
  });

  it('is not pruned, and is when the annotation goes', async () => {
    const world = await installed();
    disable(world);
    world.git.add({ [files]: list(deployment('web')) });
    world.wait(60);
    expect((await world.run({ cause: 'commit' })).outcome).toBe('converged');
    expect(colorOf(world)).toBe('red');
    expect((await world.memoryOf('shop')).left).toEqual(['/ConfigMap/acme/colors']);
    await look(world);
    expect(colorOf(world)).toBe('red');
    enable(world);
    await look(world);
    expect(world.cluster.find(title)).toBeUndefined();
  });

  it('stays though its environment is removed with all that it has', async () => {
    const world = await installed(undefined, ['deletion: prune']);
    disable(world);
    world.git.add({ 'environments/shop.yaml': null });
    world.wait(60);
    await world.run({ cause: 'commit' });
    await look(world);
    expect(colorOf(world)).toBe('red');
    expect(world.cluster.find('Deployment acme/web')).toBeUndefined();
  });

  it('counts where it is not healthy, and nothing is rolled back for it', async () => {
    const world = await installed(undefined, ['timeout: 20s', 'rollback: { onFailure: revert }']);
    disable(world, undefined, 'Deployment acme/web');
    world.cluster.edit('Deployment acme/web', 'kubectl-edit', (object): KubernetesObject => ({
      ...object,
      spec: { ...(object['spec'] as object), replicas: 3 },
    }));
    world.git.add({ [files]: list(configMap('colors', { color: 'green' }), deployment('web')) });
    world.cluster.statuses.set('Deployment acme/web', unready);
    world.wait(60);
    await world.run({ cause: 'commit' });
    await look(world);
    const unhealthy = diffsOf(world).filter(({ reason }) => reason === 'Unhealthy');
    expect(unhealthy).toHaveLength(1);
    expect(unhealthy[0]).toMatchObject({ rollback: null, objects: [{ name: 'web', suspended: { in: 'cluster' } }] });
    expect(unhealthy[0]?.summary).toContain('not rolled back: it is left alone');
    expect((await world.memoryOf('shop')).quarantine).toBeUndefined();
    expect(colorOf(world)).toBe('green');
  });

  it('is not written where the annotation comes between the look and the apply', async () => {
    const world = await installed();
    world.git.add({ [files]: list(configMap('colors', { color: 'green' }), deployment('web')) });
    world.wait(60);
    const { ports } = world;
    const cluster: typeof ports.cluster = async (asked) => {
      const real = await ports.cluster(asked);
      let isLate = false;
      return {
        ...real,
        async apply(call) {
          if (!call.dryRun && call.object.metadata.name === 'colors' && !isLate) {
            isLate = true;
            disable(world);
          }
          return await real.apply(call);
        },
      };
    };
    expect(await world.run({ cause: 'commit' }, { ...ports, cluster })).toMatchObject({
      outcome: 'diverged',
      summary: expect.stringContaining('is left alone by converge.dev/reconcile: disabled (kubectl-annotate'),
    });
    expect(colorOf(world)).toBe('red');
  });
});

describe('an annotation that says what cannot be', () => {
  it('is told once with what would be right, and leaves nothing alone', async () => {
    const world = await installed();
    annotate(world, { 'converge.dev/reconcile': 'off' });
    await look(world);
    expect(diffsOf(world)).toMatchObject([
      {
        action: 'none',
        objects: [
          {
            change: 'misannotated',
            message: expect.stringContaining('is "off", and leaves nothing alone: expected disabled'),
          },
        ],
      },
    ]);
    expect(await look(world)).toBe('unchanged');
    paint(world, 'blue');
    await look(world);
    expect(colorOf(world)).toBe('red');
    expect(diffsOf(world)).toHaveLength(2);
  });

  it('of an end leaves it alone without one, and is told before anything differs', async () => {
    const world = await installed();
    disable(world, 'tomorrow');
    await look(world);
    expect(diffsOf(world)[0]?.objects[0]?.message).toContain(
      'so that it is left alone without an end: expected a time',
    );
    paint(world, 'blue');
    await look(world, 48 * hour);
    expect(colorOf(world)).toBe('blue');
  });
});

describe('an object that Git leaves alone', () => {
  const alone = (data: Readonly<Record<string, string>>) =>
    configMap('colors', data, { annotations: { 'converge.dev/reconcile': 'disabled' } });

  it('is not applied, not even the annotation, and is no drift by itself', async () => {
    const world = await installed();
    world.git.add({ [files]: list(alone({ color: 'red' }), deployment('web')) });
    world.wait(60);
    expect((await world.run({ cause: 'commit' })).outcome).toBe('converged');
    expect(diffsOf(world)).toEqual([]);
    expect(world.cluster.find(title)?.metadata.annotations).not.toHaveProperty('converge.dev/reconcile');
    paint(world, 'blue');
    await look(world);
    await look(world, 6 * 60);
    expect(colorOf(world)).toBe('blue');
    expect(diffsOf(world)[0]?.objects[0]?.message).toMatch(
      /^color differs; left alone by .* \(in Git\), without an end$/,
    );
    world.git.add({ [files]: list(configMap('colors'), deployment('web')) });
    world.wait(60);
    expect((await world.run({ cause: 'commit' })).outcome).toBe('converged');
    expect(colorOf(world)).toBe('red');
  });

  it('is not made, and is told to be missing', async () => {
    const world = await installed([deployment('web')]);
    world.git.add({ [files]: list(alone({ color: 'red' }), deployment('web')) });
    world.wait(60);
    expect((await world.run({ cause: 'commit' })).outcome).toBe('diverged');
    expect(await look(world, 6 * 60)).toBe('diverged');
    expect(world.cluster.find(title)).toBeUndefined();
    expect(diffsOf(world).map(({ summary }) => summary)).toEqual([
      expect.stringContaining('is missing; left alone by'),
    ]);
  });
});
