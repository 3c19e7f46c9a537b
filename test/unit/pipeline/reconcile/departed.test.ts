import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { configMap, environment, hookJob, list, release, shop } from './runs/files.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

const storyOf = ({ published }: World): readonly string[] => [
  ...new Map(
    published.flatMap(({ topic, event: { id, data } }) => {
      if (topic === 'diff')
        return [[id, `${diffSchema.parse(data).reason} ${diffSchema.parse(data).incident}`] as const];
      if (topic !== 'converged') return [];
      const { incident } = convergedSchema.parse(data);
      return [[id, incident === null ? 'converged' : `the end ${incident}`] as const];
    }),
  ).values(),
];
const record = 'environments/master/shop/memory.departed.json';
const kept = (world: World): string[] =>
  [...world.state.keys()].filter((path) => path.startsWith('environments/master/shop/'));

/** An environment that is no more, of which a request may still make an object; `late`: one has. */
async function departed({ late = false }: { late?: boolean } = {}): Promise<World> {
  const world = createWorld();
  world.git.add(release([hookJob('last', 'post-delete'), configMap('colors')], ['deletion: prune']));
  await world.run();
  world.wait(60);
  const made = ['ConfigMap acme/converge-shop', 'ConfigMap acme/colors'].flatMap(
    (title) => world.cluster.find(title) ?? [],
  );
  await world.remember('shop', { lateUntil: new Date(world.ports.now().getTime() + 900_000).toISOString() });
  world.wait(2);
  world.git.add({ 'environments/shop.yaml': null });
  expect(await world.run()).toMatchObject({ outcome: 'removed' });
  expect(kept(world)).toEqual([record]);
  if (late) for (const object of made) world.cluster.put(object, 'converge');
  world.wait(60);
  world.git.add({ 'README.md': 'of something else' });
  return world;
}

/** Whatever is left to do of it is done, and what it did since is what it had done before. */
async function comesToItsEnd(world: World, { before, at = '' }: { before: Story; at?: string }): Promise<void> {
  for (let minute = 0; minute < 20; minute++) {
    world.wait(60);
    await world.run({ cause: 'schedule' });
  }
  expect.soft(toldAndHooked(world), at).toEqual(before);
  expect.soft(world.cluster.find('ConfigMap acme/colors'), at).toBeUndefined();
  expect.soft(kept(world), at).toEqual([]);
}

interface Story {
  readonly told: readonly string[];
  readonly hooked: number;
}
const toldAndHooked = (world: World): Story => ({
  told: storyOf(world),
  hooked: world.cluster.writes.filter((call) => call.includes('Job')).length,
});

describe('an environment that is no more, of which something may come late', () => {
  it.each([
    { answers: 'cannot be reached', code: 'ClusterUnavailable', disposition: 'retry' },
    { answers: 'refuses', code: 'ClusterRefused', disposition: 'refuse' },
  ] as const)('is not remembered again where its cluster $answers at a look for it', async ({ code, disposition }) => {
    const world = await departed();
    const before = toldAndHooked(world);
    const cluster = async () => {
      throw new ConvergeError({ code, disposition, subject: 'sandbox', message: 'down' });
    };
    await world.run({ cause: 'schedule' }, { ...world.ports, cluster }).catch(() => {});
    expect.soft(kept(world)).toEqual([record]);
    await comesToItsEnd(world, { before });
  });

  it.each([403, 503])('is not remembered again where what came late cannot be deleted (%d)', async (status) => {
    const world = await departed({ late: true });
    const before = toldAndHooked(world);
    world.cluster.refusals.set('delete ConfigMap acme/colors', { status, message: 'no' });
    await world.run({ cause: 'schedule' }).catch(() => {});
    expect.soft(kept(world)).toEqual([record]);
    world.cluster.refusals.clear();
    await comesToItsEnd(world, { before });
  });

  it('is told and hooked no more where the branch moves on while it is looked for', async () => {
    const world = await departed({ late: true });
    const before = toldAndHooked(world);
    let moved = 0;
    const head = async () => {
      world.git.add({ 'README.md': `${(moved += 1)}` });
      return await world.git.head();
    };
    const moving = { ...world.ports, repository: () => ({ ...world.git, head }) };
    await world.run({ cause: 'schedule' }, moving).catch(() => {});
    expect.soft(moved).toBeGreaterThan(0);
    await comesToItsEnd(world, { before });
  });

  it('is given up a day after its time where its cluster is gone for good', async () => {
    const world = await departed();
    const cluster = async () => {
      throw new ConvergeError({
        code: 'UnknownCluster',
        disposition: 'refuse',
        subject: 'sandbox',
        message: 'is none',
      });
    };
    for (let hour = 0; hour < 26; hour++) {
      world.wait(3600);
      await world.run({ cause: 'schedule' }, { ...world.ports, cluster });
      if (hour < 23) expect.soft(kept(world), `${hour}`).toEqual([record]);
    }
    expect(kept(world)).toEqual([]);
  });

  it('is looked after until nothing comes late any more, by an instance whose clock is 45 minutes ahead, too', async () => {
    const world = await departed();
    const ahead = { ...world.ports, now: () => new Date(world.ports.now().getTime() + 45 * 60_000) };
    await world.run({ cause: 'schedule' }, ahead);
    expect(kept(world)).toEqual([record]);
  });

  it('leaves nothing where a look for it is killed anywhere', async () => {
    for (let diesBefore = 1; ; diesBefore++) {
      const world = await departed({ late: true });
      const before = toldAndHooked(world);
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      await untilKilled(async () => world.run({ cause: 'schedule' }, ports));
      await comesToItsEnd(world, { before, at: `killed before ${diesBefore}` });
      if (life.effects < diesBefore - 1) break;
    }
  });
});

describe('an incident of an environment that is renamed', () => {
  it('is closed', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    world.wait(60);
    world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
    world.git.add({ 'manifests/shop/all.json': list(configMap('colors'), configMap('more')) });
    await world.run();
    world.cluster.refusals.clear();
    world.wait(60);
    const text = environment('store', [], { previously: 'shop' });
    world.git.add({
      'environments/shop.yaml': null,
      'environments/store.yaml': text,
      'manifests/store/all.json': list(configMap('colors'), configMap('more')),
    });
    for (let minute = 0; minute < 5; minute++) {
      world.wait(60);
      await world.run({ environment: 'store', cause: 'schedule' });
      await world.run({ cause: 'schedule' });
    }
    const story = storyOf(world);
    const opened = story.flatMap((line) => (line.startsWith('Failed ') ? [line.slice(7)] : []));
    expect(opened).toHaveLength(1);
    expect(story).toContain(`the end ${opened[0]}`);
    expect(kept(world)).toEqual([]);
  });
});

describe('an environment that is removed while an incident of it is open', () => {
  it('is told to be gone once, wherever the run is killed, and whatever is committed then', async () => {
    for (let diesBefore = 1; ; diesBefore++) {
      const world = createWorld();
      world.git.add(release([hookJob('last', 'post-delete'), configMap('colors')], ['deletion: prune']));
      await world.run();
      world.wait(60);
      world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
      const more = list(hookJob('last', 'post-delete'), configMap('colors'), configMap('more'));
      world.git.add({ 'charts/shop/all.json': more });
      await world.run();
      world.wait(60);
      const before = storyOf(world).length;
      world.git.add({ 'environments/shop.yaml': null });
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      await untilKilled(async () => world.run({}, ports));
      for (let minute = 0; minute < 20; minute++) {
        world.wait(60);
        world.git.add({ 'README.md': `${minute}` });
        await world.run();
      }
      const at = `killed before ${diesBefore}`;
      expect.soft(storyOf(world).slice(before), at).toEqual([expect.stringMatching(/^the end \w+$/)]);
      expect.soft(kept(world), at).toEqual([]);
      if (life.effects < diesBefore - 1) break;
    }
  });
});

describe('an environment whose end was told before its run was killed', () => {
  it('and that the branch was put back to is left like any other when it is removed again', async () => {
    for (let diesBefore = 1; ; diesBefore++) {
      const world = createWorld();
      const declared = shop([configMap('colors')], ['deletion: prune']);
      const { id } = world.git.add(declared);
      await world.run();
      world.wait(60);
      world.git.add({ 'environments/shop.yaml': null });
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      await untilKilled(async () => world.run({}, ports));
      world.wait(60);
      world.git.reset(id);
      await world.run();
      world.wait(60);
      await world.run({ cause: 'schedule' });
      const at = `killed before ${diesBefore}`;
      expect.soft(world.cluster.find('ConfigMap acme/colors'), at).toBeDefined();
      world.git.add({ 'environments/shop.yaml': null });
      for (let minute = 0; minute < 5; minute++) {
        world.wait(60);
        await world.run({ cause: 'schedule' });
      }
      expect.soft(world.cluster.find('ConfigMap acme/colors'), at).toBeUndefined();
      expect.soft(world.cluster.find('ConfigMap acme/converge-shop'), at).toBeUndefined();
      if (life.effects < diesBefore - 1) break;
    }
  });

  it.each(['is killed', 'fails'])(
    'and that the branch was put back to is left when it is removed again before it was brought about, as its run %s',
    async (how) => {
      const owned = ['ConfigMap acme/colors', 'ConfigMap acme/converge-shop'];
      let tried = 0;
      for (let diesBefore = 1; ; diesBefore++) {
        const world = await endTold();
        if (how === 'fails') {
          const refusal = { status: 503, message: 'overloaded' };
          world.cluster.refusals.set('apply ConfigMap acme/colors', refusal);
        }
        const { ports, life } = mortalPorts(world.ports, { diesBefore });
        await untilKilled(async () => world.run({}, ports)).catch((error: unknown) => {
          if (!(error instanceof ConvergeError)) throw error;
        });
        world.wait(60);
        world.cluster.refusals.clear();
        const isThere = owned.some((title) => world.cluster.find(title) !== undefined);
        const before = toldAndHooked(world);
        world.git.add({ 'environments/shop.yaml': null });
        for (let minute = 0; minute < 20; minute++) {
          world.wait(60);
          await world.run({ cause: 'schedule' });
        }
        const at = `killed before ${diesBefore}`;
        for (const title of [...owned, 'Secret acme/converge-shop-seed'])
          expect.soft(world.cluster.find(title), at).toBeUndefined();
        expect.soft(kept(world), at).toEqual([]);
        const since = toldAndHooked(world);
        const isEnd = (line: string): boolean => line === 'converged' || line.startsWith('the end ');
        const ends = since.told.slice(before.told.length).filter(isEnd).length;
        // A run that claimed may have made something.
        expect.soft(isThere ? ends : Math.max(ends, 1), at).toBe(1);
        expect.soft(since.hooked > before.hooked, at).toBe(isThere);
        tried += 1;
        if (life.effects < diesBefore - 1) break;
      }
      expect(tried).toBeGreaterThan(3);
    },
  );
});

/** A branch that was put back to an environment whose end was told, and whose run was killed before it forgot it. */
async function endTold(): Promise<World> {
  for (let diesBefore = 1; ; diesBefore++) {
    const world = createWorld();
    const objects = [hookJob('last', 'post-delete'), configMap('colors', { color: '$random' })];
    const { id } = world.git.add(release(objects, ['deletion: prune']));
    await world.run();
    world.wait(60);
    world.git.add({ 'environments/shop.yaml': null });
    const { ports } = mortalPorts(world.ports, { diesBefore });
    await untilKilled(async () => world.run({}, ports));
    world.wait(60);
    world.git.reset(id);
    const isTold = storyOf(world).length > 1;
    if (isTold && (await world.memoryOf('shop')).endTold !== undefined) return world;
  }
}

async function untilKilled(run: () => Promise<unknown>): Promise<void> {
  await run().catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error;
  });
}
