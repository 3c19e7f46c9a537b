import { describe, expect, it } from 'vitest';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { configMap, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

/** The ports of an instance whose clock is ahead of everybody else's. */
function ahead(world: World, minutes: number): ReconcilePorts {
  return { ...world.ports, now: () => new Date(world.ports.now().getTime() + minutes * 60_000) };
}

async function converged(options: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], [...options]));
  await world.run();
  world.wait(60);
  return world;
}

describe('an instance whose clock is 45 minutes off', () => {
  it.each([45, -45])(
    'puts off the next try of what failed for no longer than any other (%d minutes)',
    async (minutes) => {
      const world = await converged();
      const call = 'apply ConfigMap acme/colors';
      world.cluster.refusals.set(call, { status: 403, message: 'exceeded quota' });
      world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) });
      for (let failure = 1; failure <= 2; failure++) {
        expect(await world.run({}, ahead(world, minutes))).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
        world.wait(10);
      }
      world.cluster.refusals.clear();
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'diverged' });
      world.wait(60);
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'converged' });
    },
  );

  it('pauses a fight for ten minutes', async () => {
    const world = await converged();
    for (let heal = 1; heal <= 4; heal++) {
      world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
      await world.run({ cause: 'schedule' }, ahead(world, 45));
      world.wait(30);
    }
    const { heals } = await world.memoryOf('shop');
    const [until = ''] = Object.values(heals ?? {}).flatMap(({ pausedUntil }) => pausedUntil ?? []);
    expect(new Date(until).getTime() - world.ports.now().getTime()).toBeLessThanOrEqual(600_000);
  });

  it('tells the time by the clock of Storage', async () => {
    const world = await converged(['selfHeal: false', 'diffAfter: 0s']);
    world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
    await world.run({ cause: 'schedule' }, ahead(world, 45));
    const { incident } = await world.memoryOf('shop');
    expect(Math.abs(new Date(incident?.since ?? '').getTime() - world.ports.now().getTime())).toBeLessThan(10_000);
  });
});
