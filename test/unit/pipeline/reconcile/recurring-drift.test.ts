import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { configSchema } from '../../../../shared/config/config.ts';
import { reconcile } from '../../../../shared/pipeline/reconcile.ts';
import { configMap, shop } from './runs/files.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

const paint = ({ cluster }: World, color: string): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color } }));

const storyOf = ({ published }: World): readonly string[] =>
  published.flatMap(({ topic, event: { data } }) => {
    if (topic === 'diff') return [`${diffSchema.parse(data).reason} ${diffSchema.parse(data).since}`];
    if (topic !== 'converged') return [];
    const { incident, since } = convergedSchema.parse(data);
    return incident === null ? [] : [`the end ${since}`];
  });

const limits = configSchema.shape.limits.parse({});
const run = async (world: World, event: string, ports = { ...world.ports, topics: world.topics }): Promise<unknown> =>
  reconcile({ repository: 'master', environment: 'shop', cause: 'schedule' }, ports, {
    limits,
    event,
    writeback: true,
  });

/** Drifts, is healed and told; hours later drifts again. */
async function driftedTwice(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  await world.run();
  world.wait(60);
  paint(world, 'green');
  await world.run({ cause: 'schedule' });
  expect(storyOf(world)).toHaveLength(2);
  world.wait(6 * 3600);
  paint(world, 'blue');
  return world;
}

describe('drift that comes back', () => {
  it('is told though a look wrote the memory while its run healed, and that run died', async () => {
    const world = await driftedTwice();
    let writes = 0;
    const { ports } = mortalPorts(world.ports, {
      diesBefore: 3,
      async freezes(effect) {
        // What a look says that overlapped the claim: nothing about this incident.
        if (effect === 2) {
          writes += 1;
          await world.remember('shop', { cause: { found: null, inputs: {} } });
        }
      },
    });
    await expect(world.run({ cause: 'schedule' }, ports)).rejects.toThrow(Killed);
    expect(writes).toBe(1);
    world.wait(60);
    await world.run({ cause: 'schedule' });
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect(JSON.stringify(world.cluster.find('ConfigMap acme/colors'))).toContain('"color":"red"');
    expect(storyOf(world)).toHaveLength(4);
  });

  it('is told where it drifts for the first time, though a look wrote the memory while its run healed', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    world.wait(60);
    paint(world, 'blue');
    const { ports } = mortalPorts(world.ports, {
      async freezes(effect) {
        if (effect === 2) await world.remember('shop', { cause: { found: null, inputs: {} } });
      },
    });
    await world.run({ cause: 'schedule' }, ports);
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect(storyOf(world)).toHaveLength(2);
  });

  it('is told though a look wrote the memory while its run healed', async () => {
    const world = await driftedTwice();
    const { ports } = mortalPorts(world.ports, {
      async freezes(effect) {
        if (effect === 2) await world.remember('shop', { cause: { found: null, inputs: {} } });
      },
    });
    await world.run({ cause: 'schedule' }, ports);
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect(JSON.stringify(world.cluster.find('ConfigMap acme/colors'))).toContain('"color":"red"');
    expect(storyOf(world)).toHaveLength(4);
  });

  it.each([false, true])(
    'is told where it was found before, and is healed after a while (a look writes meanwhile: %s)',
    async (writes) => {
      const world = createWorld();
      world.git.add(shop([configMap('colors')], ['healAfter: 2m', 'diffAfter: 1h']));
      await world.run();
      world.wait(60);
      paint(world, 'blue');
      await world.run({ cause: 'schedule' });
      expect(storyOf(world)).toHaveLength(0);
      world.wait(180);
      const { ports } = mortalPorts(world.ports, {
        async freezes(effect) {
          if (effect === 2 && writes) await world.remember('shop', { cause: { found: null, inputs: {} } });
        },
      });
      await world.run({ cause: 'schedule' }, ports);
      world.wait(60);
      await world.run({ cause: 'schedule' });
      expect(JSON.stringify(world.cluster.find('ConfigMap acme/colors'))).toContain('"color":"red"');
      expect(storyOf(world)).toHaveLength(2);
    },
  );

  it.each(['before it heals', 'while it heals'])(
    'is told though the verdict of a look that had begun before lands %s',
    async (when) => {
      const world = createWorld();
      world.git.add(shop([configMap('colors')]));
      await world.run();
      world.wait(60);
      paint(world, 'green');
      await run(world, 'first');
      expect(storyOf(world)).toHaveLength(2);
      world.wait(6 * 3600);
      // A look finds it suspended: that takes no lease. It stands still between its last read and its write.
      world.git.add(shop([configMap('colors')], ['suspend: true']));
      const [asleep, awake] = [0, 1].map(() => Promise.withResolvers<void>());
      const verdict = mortalPorts(
        { ...world.ports, topics: world.topics },
        {
          async freezes(effect) {
            if (effect !== 1) return;
            asleep?.resolve();
            await awake?.promise;
          },
        },
      );
      const says = run(world, 'verdict', verdict.ports);
      await Promise.race([asleep?.promise, says]);
      world.git.add(shop([configMap('colors')]));
      paint(world, 'blue');
      if (when !== 'while it heals') {
        awake?.resolve();
        await says;
      }
      const heal = mortalPorts(
        { ...world.ports, topics: world.topics },
        {
          async freezes(effect) {
            if (effect !== 2) return;
            awake?.resolve();
            await says;
          },
        },
      );
      await run(world, 'heals', heal.ports);
      for (let minute = 0; minute < 5; minute++) {
        world.wait(60);
        await run(world, `look ${minute}`);
      }
      expect(JSON.stringify(world.cluster.find('ConfigMap acme/colors'))).toContain('"color":"red"');
      expect(storyOf(world)).toHaveLength(4);
    },
  );
});
