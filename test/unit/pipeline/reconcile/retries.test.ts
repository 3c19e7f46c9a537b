import { expect, it } from 'vitest';
import { configMap, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const failing: readonly { what: string; world: () => World; tries: string }[] = [
  {
    what: 'is refused by the API server',
    world: () => {
      const world = createWorld();
      world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 422, message: 'is invalid' });
      world.git.add(shop([configMap('colors')]));
      return world;
    },
    tries: 'apply ConfigMap acme/colors',
  },
  {
    what: 'does not render',
    world: () => {
      const world = createWorld();
      world.git.add({ ...shop([]), 'manifests/shop/all.json': '{' });
      return world;
    },
    tries: '',
  },
];

it.each(failing)('a commit whose message comes again tries what $what, and lengthens no pause', async (scene) => {
  const world = scene.world();
  const commit = async () => world.run({ cause: 'commit' }, world.ports, 'commit-1');
  const retry = async () => (await world.memoryOf('shop')).retry;
  const tries = (): number => world.cluster.writes.filter((call) => call.startsWith(scene.tries)).length;
  await commit();
  const first = await retry();
  expect(first).toMatchObject({ count: 1 });
  await commit();
  expect(await retry()).toEqual(first);
  world.wait(60);
  await world.run({ cause: 'schedule' });
  const resting = await retry();
  expect(resting).toMatchObject({ count: 2 });
  world.wait(10);
  const before = tries();
  await commit();
  expect(await retry()).toEqual(resting);
  if (scene.tries !== '') expect(tries()).toBeGreaterThan(before);
  await world.run({ cause: 'request' });
  expect(await retry()).toMatchObject({ count: 3 });
});
