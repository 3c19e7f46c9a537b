import { expect, it } from 'vitest';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { createWorld } from './world/world.ts';

it('makes what a roll-out pruned anew in silence, where its commit is taken back before it is healthy', async () => {
  const world = createWorld();
  const [colors, web, old] = [configMap('colors'), deployment('web'), deployment('old')];
  world.git.add(shop([colors, web, old]));
  await world.run();
  world.wait(60);

  world.git.add({ 'manifests/shop/all.json': list(colors, deployment('web', { image: 'shop:slow' })) });
  world.cluster.statuses.set('Deployment acme/web', (object) =>
    JSON.stringify(object).includes('shop:slow') ? unready(object) : readied(object),
  );
  expect(await world.run()).toMatchObject({ outcome: 'waiting' });
  expect(world.cluster.find('Deployment acme/old')).toBeUndefined();

  const since = world.published.length;
  world.git.add({ 'manifests/shop/all.json': list(colors, web, old) });
  expect(await world.run()).toMatchObject({ outcome: 'converged' });
  expect(world.cluster.find('Deployment acme/old')).toBeDefined();
  expect(world.published.slice(since).filter(({ topic }) => topic === 'diff')).toEqual([]);
});
