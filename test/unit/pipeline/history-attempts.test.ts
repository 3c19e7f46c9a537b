import { describe, expect, it } from 'vitest';
import { history } from '../../../shared/pipeline/history.ts';
import { configMap, list, shop } from './reconcile/runs/files.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const more = { 'manifests/shop/all.json': list(configMap('colors'), configMap('more')) };
const day = 86_400_000;

/** The commits of the history and what became of them, newest first. */
async function statesIn(world: World): Promise<string[][]> {
  const of = { environment: 'shop', repository: 'master', memory: await world.memoryOf('shop'), isRemembered: true };
  const repository = { ...world.git, fetchRef: async () => undefined };
  const ports = { repository: () => repository };
  const { entries } = await history(of, { milliseconds: day, entries: 20 }, ports);
  return entries.map(({ commit, state, attemptedAt }) => [commit, state, attemptedAt === null ? 'never' : 'tried']);
}

async function look(world: World): Promise<void> {
  await world.run();
  world.wait(60);
}

/** A world that converged at one commit, and the id of that. */
async function converged(): Promise<{ world: World; first: string }> {
  const world = createWorld();
  const { id: first } = world.git.add(shop([configMap('colors')]));
  await look(world);
  return { world, first };
}

describe('the history of an environment', () => {
  it.each([
    ['that lost its memory', async (world: World) => world.forget('shop')],
    ['that remembers all', async () => {}],
  ])('%s names no commit of others as attempted', async (_what, damage) => {
    const { world, first } = await converged();
    const { id: second } = world.git.add(more);
    world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
    await look(world);
    const { id: foreign } = world.git.add({ 'README.md': 'of others' });
    await damage(world);
    world.cluster.refusals.clear();
    world.cluster.refusals.set('apply ConfigMap acme/more', { status: 500, message: 'not now' });
    await look(world).catch(() => {});
    const states = await statesIn(world);
    expect(states.filter(([commit, state]) => commit === foreign && state === 'Attempted')).toEqual([]);
    expect(states.find(([commit]) => commit === second)).toEqual([
      second,
      expect.stringMatching('Attempted|Failed'),
      'tried',
    ]);
    expect(states.at(-1)?.[0]).toBe(first);
  });

  it('names a commit of others where what is open was found there', async () => {
    const { world, first } = await converged();
    const { id: foreign } = world.git.add({ 'README.md': 'of others' });
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' });
    world.cluster.remove('ConfigMap acme/colors');
    await look(world);
    expect((await statesIn(world)).map(([commit, state]) => [commit, state])).toEqual([
      [foreign, 'Failed'],
      [first, 'Converged'],
    ]);
  });
});
