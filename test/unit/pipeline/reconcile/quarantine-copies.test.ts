import { expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { quarantinePath } from '../../../../shared/memory/quarantine.ts';
import { deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { isRefused } from './world/refused-upload.ts';
import { createWorld, type World } from './world/world.ts';

const copyPath = quarantinePath({ repository: 'master', environment: 'shop' });
const web = (image: string) => ({ 'manifests/shop/all.json': list(deployment('web', { image })) });

/** Commits what fails, and lets it be rolled back. */
async function rolledBack(world: World, image: string): Promise<void> {
  world.git.add(web(image));
  await looks(world, 3);
  expect((await world.memoryOf('shop')).quarantine?.revert).toMatch(/^[0-9a-f]{40}$/);
  expect(world.state.get(copyPath)).toEqual((await world.memoryOf('shop')).quarantine);
}

async function looks(world: World, times: number): Promise<void> {
  for (let look = 0; look < times; look++) {
    world.wait(60);
    await world.run({ cause: 'schedule' });
  }
}

it.each(['other content', 'what failed, by a person'])(
  'a look that stands still at a quarantine that is over, by %s, leaves the one that began since',
  async (what) => {
    const world = createWorld();
    world.cluster.statuses.set('Deployment acme/web', (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
    world.git.add(shop([deployment('web')], ['rollback: { onFailure: revert }', 'timeout: 20s']));
    await world.run();
    await rolledBack(world, 'shop:bad-1');
    world.wait(60);
    world.git.add(web(what === 'other content' ? 'shop:2' : 'shop:bad-1'));
    const { state } = world.ports;
    let meetings = 0;
    const read: typeof state.read = async (path) => {
      if (path === copyPath && (meetings += 1) === 1) {
        await looks(world, 2);
        world.git.add(web('shop:3'));
        await looks(world, 2);
        await rolledBack(world, 'shop:bad-2');
      }
      return await state.read(path);
    };
    // What the same job would put right may never come.
    const dying = async (does: Promise<unknown>): Promise<never> => {
      await does;
      throw new Killed('the process is dead');
    };
    const ports = {
      ...world.ports,
      state: {
        ...state,
        read,
        write: async (asked: Parameters<typeof state.write>[0]) => dying(state.write(asked)),
        delete: async (asked: Parameters<typeof state.delete>[0]) => dying(state.delete(asked)),
      },
    };
    await world.run({ cause: 'schedule' }, ports).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    expect(meetings).toBeGreaterThan(0);
    expect(world.state.get(copyPath)).toEqual((await world.memoryOf('shop')).quarantine);
  },
);

/** A run that rolls back stands still before this of its effects, counted from 1, until all that is over. */
async function frozenAt(freezesBefore: number): Promise<{ world: World; effects: number }> {
  const world = createWorld();
  world.cluster.statuses.set('Deployment acme/web', (object) =>
    JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
  );
  world.git.add(shop([deployment('web')], ['rollback: { onFailure: revert }', 'timeout: 20s']));
  await world.run();
  world.wait(60);
  world.git.add(web('shop:bad'));
  const { ports, life } = mortalPorts(
    { ...world.ports, topics: world.topics },
    {
      async freezes(effect) {
        if (effect !== freezesBefore) return;
        await looks(world, 4);
        world.git.add(web('shop:3'));
        await looks(world, 2);
      },
    },
  );
  await world.run({ cause: 'schedule' }, ports).catch((error: unknown) => {
    if (!(error instanceof ConvergeError)) throw error;
  });
  return { world, effects: life.effects };
}

it('an upload is not refused for a quarantine that is over, whatever a run writes that was taken for dead', async () => {
  const { effects } = await frozenAt(Infinity);
  expect(effects).toBeGreaterThan(8);
  for (let effect = 1; effect <= effects; effect++) {
    const { world } = await frozenAt(effect);
    if (
      world.git.treeOf((await world.git.head()) ?? '')['manifests/shop/all.json'] !==
      web('shop:3')['manifests/shop/all.json']
    )
      continue;
    await looks(world, 2);
    const at = `stood still before ${effect} of ${effects}`;
    expect.soft((await world.memoryOf('shop')).quarantine, at).toBeUndefined();
    expect.soft(await isRefused(world, web('shop:bad')), at).toBe(false);
  }
});

it('an upload is refused as long as the memory says so, or nobody knows what it says', async () => {
  const { world } = await frozenAt(Infinity);
  expect(await isRefused(world, web('shop:bad'))).toBe(true);
  expect(await isRefused(world, web('shop:3'))).toBe(false);
  world.spoil('environments/master/shop/memory.json', '');
  expect(await isRefused(world, web('shop:bad'))).toBe(true);
  await world.forget('shop');
  expect(await isRefused(world, web('shop:bad'))).toBe(true);
});
