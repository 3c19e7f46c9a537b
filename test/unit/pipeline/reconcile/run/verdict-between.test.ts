import { expect, it } from 'vitest';
import { statePaths } from '../../../../../shared/memory/state-paths.ts';
import type { StateStore } from '../../../../../shared/ports/storage.ts';
import { configMap, list, shop } from '../runs/files.ts';
import { createWorld, type World } from '../world/world.ts';

const { memory } = statePaths({ repository: 'master', environment: 'shop' });

/** `shop`, converged, with a commit that changes one of its two objects. */
async function upgraded(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors'), configMap('sizes')]));
  await world.run();
  world.wait(60);
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'green' }), configMap('sizes')) });
  return world;
}

/** A state bucket in which somebody else says something before the run's first write of the memory. */
function interrupted(world: World, says: () => Promise<void>): StateStore {
  const { state } = world.ports;
  let isOver = false;
  return {
    ...state,
    async write(asked) {
      if (asked.path === memory && !isOver) {
        isOver = true;
        await says();
      }
      return await state.write(asked);
    },
  };
}

it('tells what a run changed, though somebody said something while it acted', async () => {
  const world = await upgraded();
  const state = interrupted(world, async () => world.remember('shop', { health: 'Progressing' }));
  await world.run({}, { ...world.ports, state });
  expect(world.published.filter(({ topic }) => topic === 'converged')[1]?.event.data).toMatchObject({
    changes: { created: 0, configured: 1, unchanged: 1, pruned: 0 },
  });
});

it('goes behind no attempt that somebody made meanwhile', async () => {
  const world = await upgraded();
  const { attempted } = await world.memoryOf('shop');
  const state = interrupted(world, async () => {
    const { id } = world.git.add({ 'environments/shop.yaml': null });
    const later = { ...(attempted ?? { revision: '', inputs: {}, at: '' }), commit: id };
    await world.remember('shop', { attempted: later });
  });
  const failure = await world.run({}, { ...world.ports, state }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ outcome: 'removed' });
});
