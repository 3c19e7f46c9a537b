import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { notesRef } from '../../../shared/source/convergence-note.ts';
import { findEnvironment } from '../../../shared/pipeline/common/find-environment.ts';
import { history, type History } from '../../../shared/pipeline/history.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import { configMap, list, shop } from './reconcile/runs/files.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const day = 86_400_000;
const tip = 'e'.repeat(40);

/** The repository as the command reads it, its notes too. */
function withNotes({ git }: World): Repository {
  return {
    ...git,
    fetchRef: async (name) =>
      name === notesRef ? { id: tip, tree: tip, parents: [], message: 'Notes', committedAt: new Date(0) } : undefined,
    async readFile({ commit, path }) {
      if (commit !== tip) return await git.readFile({ commit, path });
      const note = git.notes.get(path);
      return note === undefined ? undefined : Buffer.from(note);
    },
  };
}

async function historyOf(
  world: World,
  { name = 'shop', repositories = ['master'], milliseconds = day }: Partial<Parameters<typeof findEnvironment>[0]> = {},
): Promise<History> {
  const repository = withNotes(world);
  const ports = { ...world.ports, repository: () => repository };
  const found = await findEnvironment({ name, repositories, milliseconds }, ports);
  return await history(found, { milliseconds, entries: 20 }, ports);
}

const statesOf = ({ entries }: History): string[] =>
  entries.map(({ state, converged }) => `${state}, ${converged.length}`);

async function converged(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], ['deletion: prune']));
  await world.run();
  world.wait(60);
  world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) });
  await world.run();
  world.wait(60);
  return world;
}

/** It is no more, and others went on. @param facts.late something of it may still come to be */
async function removed({ late = false }: { late?: boolean } = {}): Promise<{
  world: World;
  commit: string;
  at: string;
}> {
  const world = await converged();
  if (late) await world.remember('shop', { lateUntil: new Date(world.ports.now().getTime() + 900_000).toISOString() });
  const at = world.ports.now().toISOString();
  const commit = world.git.add({ 'environments/shop.yaml': null }).id;
  expect(await world.run()).toMatchObject({ outcome: 'removed' });
  world.wait(60);
  world.git.add({ 'manifests/shop/all.json': list(configMap('other')), 'README.md': 'of something else' });
  return { world, commit, at };
}

describe('the history of an environment that was removed', () => {
  it.each([true, false])('says when, and what it was until then, while something may come late: %s', async (late) => {
    const { world, commit, at } = await removed({ late });
    expect([...world.state.keys()].some((path) => path.endsWith('memory.departed.json'))).toBe(late);
    const found = await historyOf(world);
    expect(found).toMatchObject({ environment: 'shop', repository: 'master' });
    expect(found.removed).toEqual({ state: 'Removed', commit, committedAt: at });
    expect(statesOf(found)).toEqual(['Removed, 0', 'Converged, 1', 'Converged, 1']);
    expect(found.entries[0]).toMatchObject({ commit, failure: null });
    expect(await historyOf(world, { name: 'master/shop' })).toEqual(found);
  });

  it('says that it is being removed, and what keeps it', async () => {
    const world = await converged();
    world.cluster.refusals.set('delete ConfigMap acme/colors', { status: 403, message: 'is protected' });
    const commit = world.git.add({ 'environments/shop.yaml': null }).id;
    world.git.add({ 'README.md': 'of something else' });
    expect(await world.run()).toMatchObject({ outcome: 'diverged' });
    const found = await historyOf(world);
    expect(found.removed).toMatchObject({ state: 'Removing', commit });
    expect(statesOf(found)).toEqual(['Failed, 0', 'Converged, 1', 'Converged, 1']);
    expect(found.entries[0]?.failure?.reason).toBe('Failed');
  });

  it('is of the file that came back, once it did', async () => {
    const { world } = await removed();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    const found = await historyOf(world);
    expect(found.removed).toBeNull();
    expect(statesOf(found)).toEqual([
      ...['Converged, 1', 'Overtaken, 0', 'Overtaken, 0'],
      ...['Converged, 1', 'Converged, 1'],
    ]);
  });

  it('says that it was removed by what is remembered of its end, where that is longer ago than is looked at', async () => {
    const { world } = await removed({ late: true });
    world.wait(600);
    world.git.add({ 'README.md': 'of something else, again' });
    const found = await historyOf(world, { milliseconds: 1000 });
    expect(found.removed).toEqual({ state: 'Removed', commit: null, committedAt: null });
  });

  it('is asked for by its repository where another one has one of its name', async () => {
    const { world } = await removed();
    await expect(historyOf(world, { repositories: ['develop', 'master'] })).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringContaining('in more than one repository'),
      remedy: 'say develop/shop or master/shop',
    });
  });
});

describe('the history of an environment of which nothing is remembered', () => {
  it('is what Git has of it, where a file declares it', async () => {
    const world = await converged();
    await world.forget('shop');
    const found = await historyOf(world);
    expect(found.removed).toBeNull();
    expect(statesOf(found)).toEqual(['Converged, 1', 'Converged, 1']);
  });

  it.each(['nowhere', 'develop/shop', '../shop'])('is refused where no file ever declared it: %s', async (name) => {
    const { world } = await removed();
    await expect(historyOf(world, { name })).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringContaining('no environment of that name is known'),
    });
  });

  it('tells why a repository cannot be read that may have it', async () => {
    const { world } = await removed();
    world.git.force(undefined);
    world.git.fails = new ConvergeError({
      ...{ code: 'GitUnavailable', subject: 'git', message: 'is down', disposition: 'retry' },
    });
    await expect(historyOf(world)).rejects.toMatchObject({ code: 'GitUnavailable' });
  });
});
