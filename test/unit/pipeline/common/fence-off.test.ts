import { describe, expect, it } from 'vitest';
import type { ApiResource } from '../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { fenceOff } from '../../../../shared/pipeline/common/fence-off.ts';
import { configMap, shop } from '../reconcile/runs/files.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';

const title = 'ConfigMap acme/colors';
const resource: ApiResource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

/** A world that has converged, and an object of it as it was read. */
async function converged(): Promise<{ world: World; live: KubernetesObject }> {
  const world = createWorld();
  world.git.add(shop([configMap('colors', { color: 'red' })]));
  await world.run();
  world.wait(60);
  world.cluster.onWrite = () => {};
  return { world, live: find(world) };
}

function find(world: World): KubernetesObject {
  const object = world.cluster.find(title);
  if (object === undefined) throw new Error(`there is no ${title}`);
  return object;
}

describe('an object that is fenced off', () => {
  it('has another version, so that what was under way is refused', async () => {
    const { world, live } = await converged();
    const fenced = await fenceOff(world, { resource, live, by: 'one' });
    expect(fenced).toMatchObject({ outcome: 'fenced', object: { data: { color: 'red' } } });
    const { name = '', namespace, uid = '', resourceVersion = '' } = live.metadata;
    expect(find(world).metadata).toMatchObject({ uid, annotations: { 'converge.dev/fence': 'one' } });
    expect(find(world).metadata.resourceVersion).not.toBe(resourceVersion);
    const late = { resource, namespace, name, uid, resourceVersion };
    expect(await world.cluster.delete(late)).toEqual({ outcome: 'changed' });
    const apply = world.cluster.apply({ resource, object: { ...live, data: { color: 'blue' } }, dryRun: false });
    expect(await apply).toMatchObject({ outcome: 'rejected', status: 409 });
  });

  it('is as Git wants it: no look writes or tells anything', async () => {
    const { world, live } = await converged();
    await fenceOff(world, { resource, live, by: 'one' });
    const before = { writes: [...world.cluster.writes], told: [...world.published] };
    expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'unchanged' });
    await world.forget('shop');
    expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'converged' });
    expect(world.cluster.writes).toEqual(before.writes);
    expect(find(world).metadata.annotations).toHaveProperty('converge.dev/fence', 'one');
  });

  it('is fenced off by each claim anew, and once by each', async () => {
    const { world, live } = await converged();
    await fenceOff(world, { resource, live, by: 'one' });
    const first = find(world);
    expect(await fenceOff(world, { resource, live: first, by: 'one' })).toEqual({ outcome: 'fenced', object: first });
    await fenceOff(world, { resource, live: first, by: 'two' });
    expect(find(world).metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
  });

  it('is looked at again where it changed meanwhile, or went', async () => {
    const { world, live } = await converged();
    world.cluster.edit(title, 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
    expect(await fenceOff(world, { resource, live, by: 'one' })).toEqual({ outcome: 'changed' });
    world.cluster.remove(title);
    expect(await fenceOff(world, { resource, live, by: 'one' })).toEqual({ outcome: 'changed' });
    expect(world.cluster.find(title)).toBeUndefined();
  });

  it('may be refused', async () => {
    const { world, live } = await converged();
    world.cluster.refusals.set(`fence ${title}`, { status: 403, message: 'is forbidden' });
    expect(await fenceOff(world, { resource, live, by: 'one' })).toEqual({
      outcome: 'refused',
      message: 'is forbidden',
    });
  });
});
