import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';
import { configMap, deployment, list, shop } from './reconcile/runs/files.ts';

const path = statePaths({ repository: 'master', environment: 'shop' }).memory;
const colors = configMap('colors');
const paint = (world: World): void =>
  world.cluster.edit('ConfigMap acme/colors', 'kubectl', (object) => ({ ...object, data: { color: 'blue' } }));

async function look(world: World, times: number, seconds = 60): Promise<void> {
  for (let time = 0; time < times; time++) {
    world.wait(seconds);
    await world.run({ cause: 'schedule' });
  }
}

async function converged(spec: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop([colors], ['timeout: 2m', ...spec]));
  await world.run();
  world.git.add(shop([colors, configMap('second')], ['timeout: 2m', ...spec]));
  await world.run();
  world.wait(60);
  return world;
}

/** Memories of environments, each with a way on. */
const worlds: Readonly<Record<string, () => Promise<World>>> = {
  async 'rolling out'() {
    const world = createWorld();
    world.git.add(shop([colors, deployment('web')], ['timeout: 2m']));
    world.cluster.statuses.set('Deployment acme/web', unready);
    await world.run();
    return world;
  },
  async drifted() {
    const world = await converged(['healAfter: 2m', 'diffAfter: 1m']);
    paint(world);
    await world.run({ cause: 'schedule' });
    return world;
  },
  async 'fought over'() {
    const world = await converged();
    for (let round = 0; round < 5; round++) {
      paint(world);
      await look(world, 1);
    }
    return world;
  },
  async failing() {
    const world = await converged();
    world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
    world.git.add({ 'manifests/shop/all.json': list(colors, configMap('more')) });
    await look(world, 3);
    world.cluster.refusals.clear();
    return world;
  },
};

type Path = readonly string[];
const nodes = z.record(z.string(), z.unknown());

/** What a text or a number of a value may be instead: of other texts, any may be right. */
function oddOf(leaf: unknown, turn: number): unknown {
  if (typeof leaf === 'number') return [1e300, -1e300][turn % 2];
  if (typeof leaf !== 'string') return undefined;
  if (/^\d{4}-.*Z$/.test(leaf)) return ['9999-01-01T00:00:00.000Z', 'yesterday'][turn % 2];
  return /^[0-9a-f]{40}$/.test(leaf) ? ['garbage', 'e'.repeat(40)][turn % 2] : undefined;
}

function leavesOf(value: unknown, at: Path = []): readonly { at: Path; leaf: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ at, leaf: value }];
  return Object.entries(value).flatMap(([key, child]) => leavesOf(child, [...at, key]));
}

/** Of each list one, and each kind of thing once. */
function oddlyWritten(value: unknown): readonly { at: Path; leaf: unknown }[] {
  const kinds = new Map(leavesOf(value).map((found) => [found.at.join('.').replaceAll(/\.\d+/g, ''), found]));
  return [...kinds.values()].flatMap(({ at, leaf }, turn) => {
    const odd = oddOf(leaf, turn);
    return odd === undefined ? [] : [{ at, leaf: odd }];
  });
}

function withLeaf(value: unknown, { at: [key, ...rest], leaf }: { at: Path; leaf: unknown }): unknown {
  if (key === undefined) return leaf;
  const inside = { at: rest, leaf };
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? withLeaf(item, inside) : item));
  const node = nodes.parse(value);
  return { ...node, [key]: withLeaf(node[key], inside) };
}

/** Whether drift is healed and a commit brought about, soon after one thing in the memory was changed. */
async function goesOn(world: World): Promise<boolean> {
  paint(world);
  await look(world, 3, 120);
  world.cluster.statuses.clear();
  const { id } = world.git.add(shop([colors, configMap('third')], ['timeout: 2m']));
  await look(world, 4, 180);
  const { converged: reached } = await world.memoryOf('shop');
  return (
    reached?.commit === id && JSON.stringify(world.cluster.find('ConfigMap acme/colors')).includes('"color":"red"')
  );
}

describe('a memory of which one time, id or number is odd', () => {
  it.each(Object.keys(worlds))(
    'keeps no environment that is %s from healing, nor from its next commit',
    async (name) => {
      const make = worlds[name] ?? converged;
      const memory: unknown = await (await make()).memoryOf('shop');
      const tried: string[] = [];
      const stopped: string[] = [];
      for (const odds of oddlyWritten(memory)) {
        const world = await make();
        await world.writeState(path, withLeaf(memory, odds));
        const what = `${odds.at.join('.')}: ${String(odds.leaf)}`;
        tried.push(what);
        if (!(await goesOn(world))) stopped.push(what);
      }
      expect(stopped).toEqual([]);
      expect(tried.length).toBeGreaterThan(8);
    },
  );
});
