import { describe, expect, it } from 'vitest';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { configMap, deployment, environment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

/** What runs write in the state bucket, by the names of the objects, and when: a name once a second at most. */
function counting(world: World): { readonly ports: ReconcilePorts; readonly writes: string[] } {
  const writes: string[] = [];
  const last = new Map<string, number>();
  const { state } = world.ports;
  const note = (path: string, what: string): void => {
    if (!path.startsWith('environments/')) return;
    const now = world.ports.now().getTime();
    expect(now - (last.get(path) ?? 0), `${path} is written twice within a second`).toBeGreaterThanOrEqual(1000);
    last.set(path, now);
    writes.push(`${path.slice(path.lastIndexOf('/') + 1).replace('.json', '')}${what}`);
  };
  return {
    writes,
    ports: {
      ...world.ports,
      state: {
        ...state,
        async write(write) {
          const written = await state.write(write);
          if (written !== 'conflict') note(write.path, '');
          return written;
        },
        async delete(object) {
          const deleted = await state.delete(object);
          if (deleted === 'deleted') note(object.path, ' deleted');
          return deleted;
        },
      },
    },
  };
}

const colors = configMap('colors');
const blue = { 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) };
const rogue = ({ cluster }: World): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));

/** A world in which `shop` has converged, and nothing was written for a while. */
async function converged(tree = shop([colors])): Promise<World> {
  const world = createWorld();
  world.git.add(tree);
  expect(await world.run()).toMatchObject({ outcome: 'converged' });
  world.wait(60);
  return world;
}

async function look(world: World, cause: 'commit' | 'schedule' = 'commit'): Promise<readonly string[]> {
  const { ports, writes } = counting(world);
  await world.run({ cause }, ports);
  world.wait(60);
  return writes;
}

describe('a run writes of the state', () => {
  it('nothing where nothing is to do, at a later commit neither', async () => {
    const world = await converged();
    expect(await look(world, 'schedule')).toEqual([]);
    world.git.add({ 'README.md': 'more' });
    expect(await look(world)).toEqual([]);
    expect(await look(world, 'schedule')).toEqual([]);
  });

  it('three objects for a change that is healthy at once', async () => {
    const world = await converged();
    world.git.add(blue);
    expect(await look(world)).toEqual(['lease', 'memory', 'lease']);
    expect(await look(world, 'schedule')).toEqual([]);
  });

  it('four for one that takes longer, in any number of runs', async () => {
    const world = await converged(shop([deployment('web')]));
    world.cluster.statuses.set('Deployment acme/web', unready);
    world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:2' })) });
    const { ports, writes } = counting(world);
    for (let run = 1; run <= 3; run++) {
      expect(await world.run({ cause: 'request' }, ports)).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(2);
    }
    world.cluster.statuses.delete('Deployment acme/web');
    world.cluster.breakDown('Deployment acme/web', readied);
    expect(await world.run({ cause: 'request' }, ports)).toMatchObject({ outcome: 'converged' });
    expect(writes).toEqual(['lease', 'memory', 'memory', 'lease']);
  });

  it('three for drift that is healed', async () => {
    const world = await converged();
    rogue(world);
    expect(await look(world, 'schedule')).toEqual(['lease', 'memory', 'lease']);
    expect(await look(world, 'schedule')).toEqual([]);
  });

  it('four for drift that is healed and takes longer', async () => {
    const world = await converged(shop([deployment('web')]));
    world.cluster.remove('Deployment acme/web');
    world.cluster.statuses.set('Deployment acme/web', unready);
    const { ports, writes } = counting(world);
    expect(await world.run({ cause: 'schedule' }, ports)).toMatchObject({ outcome: 'waiting', goesOn: true });
    world.wait(2);
    world.cluster.statuses.delete('Deployment acme/web');
    world.cluster.breakDown('Deployment acme/web', readied);
    expect(await world.run({ cause: 'request' }, ports)).toMatchObject({ outcome: 'unchanged' });
    expect(writes).toEqual(['lease', 'memory', 'memory', 'lease']);
  });

  it('two for drift that is told and left, then none', async () => {
    const world = await converged(shop([colors], ['selfHeal: false', 'diffAfter: 0s']));
    rogue(world);
    expect(await look(world, 'schedule')).toEqual(['memory', 'lease']);
    expect(await look(world, 'schedule')).toEqual([]);
  });

  it('three for a failure, and two where nothing could be applied', async () => {
    const world = await converged();
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' });
    world.git.add(blue);
    expect(await look(world)).toEqual(['lease', 'memory', 'lease']);
    world.git.add({ 'environments/shop.yaml': 'spec: {' });
    expect(await look(world)).toEqual(['memory', 'lease']);
  });

  it('one where it is suspended, then none', async () => {
    const world = await converged();
    world.git.add({
      'environments/shop.yaml': environment('shop', ['sources: [{ manifests: manifests/shop }]', 'suspend: true']),
    });
    expect(await look(world)).toEqual(['memory']);
    expect(await look(world, 'schedule')).toEqual([]);
    expect(await look(world, 'schedule')).toEqual([]);
  });

  it('two of one that is removed, and nothing stays', async () => {
    const world = await converged();
    world.git.add({ 'environments/shop.yaml': null });
    expect(await look(world)).toEqual(['lease', 'memory', 'lease deleted', 'memory deleted']);
    expect([...world.state.keys()].filter((path) => path.startsWith('environments/'))).toEqual([]);
  });

  it('one more where it ends a run that died', async () => {
    const world = await converged();
    world.git.add(blue);
    const dead = world.ports.cluster;
    const stops = async (): Promise<never> => new Promise(() => {});
    void world.run({}, { ...world.ports, cluster: async (asked) => ({ ...(await dead(asked)), apply: stops }) });
    await new Promise((resolve) => setImmediate(resolve));
    world.wait(55);
    expect(await look(world)).toEqual(['memory', 'lease', 'memory', 'lease']);
  });

  it('one more each 15 seconds that it acts', async () => {
    const world = await converged();
    world.git.add(blue);
    world.cluster.races.set('apply ConfigMap acme/colors', () => world.wait(20));
    expect(await look(world)).toEqual(['lease', 'lease', 'memory', 'lease']);
  });
});
