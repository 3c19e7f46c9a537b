import { expect, it } from 'vitest';
import { diffSchema } from '../../../../shared/events/alert.ts';
import { configMap, list, shop } from './runs/files.ts';
import { mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

/** A commit takes an object back, and adds one that the API server refuses: a run that brings it about died. */
async function halfway(spec: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors'), configMap('old')], [...spec]));
  await world.run();
  world.wait(60);
  world.cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors'), configMap('new')) });
  await world.run({}, mortalPorts(world.ports, { diesBefore: 2 }).ports).catch(() => {});
  world.wait(60);
  await world.run();
  return world;
}

const reasonsIn = ({ published }: World): string[] =>
  published.flatMap(({ topic, event }) => (topic === 'diff' ? [diffSchema.parse(event.data).reason] : []));

it.each([[[]], [['selfHeal: false', 'diffAfter: 0s']]])(
  'what a run that died had set out to prune is no drift, however long that takes, and goes in the end (%j)',
  async (spec) => {
    const world = await halfway(spec);
    for (let tick = 0; tick < 3; tick++) {
      world.wait(20 * 60);
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    }
    world.cluster.refusals.clear();
    world.wait(40 * 60);
    expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'converged' });
    expect(world.cluster.find('ConfigMap acme/old')).toBeUndefined();
    expect(new Set(reasonsIn(world))).toEqual(new Set(['Failed']));
  },
);

it('what a run that died had set out to change, and a later commit takes back, is no drift', async () => {
  const world = createWorld();
  world.git.add(shop([configMap('colors'), configMap('old')]));
  await world.run();
  world.wait(60);
  world.cluster.refusals.set('apply ConfigMap acme/old', { status: 403, message: 'exceeded quota' });
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors'), configMap('old', { color: 'blue' })) });
  await world.run({}, mortalPorts(world.ports, { diesBefore: 2 }).ports).catch(() => {});
  world.wait(60);
  await world.run();
  world.wait(20 * 60);
  await world.run({ cause: 'schedule' });
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors')) });
  expect(await world.run()).toMatchObject({ outcome: 'converged' });
  expect(world.cluster.find('ConfigMap acme/old')).toBeUndefined();
  expect(new Set(reasonsIn(world))).toEqual(new Set(['Failed']));
});

it('what a run that died had made, and a commit that fails takes back, is no drift', async () => {
  const world = createWorld();
  world.git.add(shop([configMap('colors'), configMap('old')]));
  await world.run({}, mortalPorts(world.ports, { diesBefore: 7 }).ports).catch(() => {});
  expect(world.cluster.find('ConfigMap acme/old')).toBeDefined();
  world.wait(300);
  world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' });
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'green' }), configMap('new')) });
  for (let tick = 0; tick < 3; tick++) {
    expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    world.wait(20 * 60);
  }
  world.cluster.refusals.clear();
  expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'converged' });
  expect(world.cluster.find('ConfigMap acme/old')).toBeUndefined();
  expect(new Set(reasonsIn(world))).toEqual(new Set(['Failed']));
});
