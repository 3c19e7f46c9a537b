import { describe, expect, it } from 'vitest';
import { history, type HistoryEntry } from '../../../shared/pipeline/history.ts';
import { copyMessage } from '../../../shared/source/commit-message.ts';
import { configMap, deployment, list, shop } from './reconcile/runs/files.ts';
import { readied, unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const more = { 'manifests/shop/all.json': list(configMap('colors'), configMap('more')) };
const day = 86_400_000;

async function entriesIn(world: World): Promise<readonly HistoryEntry[]> {
  const of = { environment: 'shop', repository: 'master', memory: await world.memoryOf('shop'), isRemembered: true };
  const repository = { ...world.git, fetchRef: async () => undefined };
  const ports = { repository: () => repository };
  return (await history(of, { milliseconds: day, entries: 20 }, ports)).entries;
}

/** The commits of the history and what became of them, newest first. */
async function statesIn(world: World): Promise<string[][]> {
  const entries = await entriesIn(world);
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

  it('names the commit that it is made of where something is open that was found at one of others', async () => {
    const { world, first } = await converged();
    world.git.add({ 'README.md': 'of others' });
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' });
    world.cluster.remove('ConfigMap acme/colors');
    await look(world);
    expect((await statesIn(world)).map(([commit, state]) => [commit, state])).toEqual([[first, 'Failed']]);
  });

  it('marks what failed, at whatever commit of others it was seen, also once another one mended it', async () => {
    const world = createWorld();
    const { id: first } = world.git.add(shop([configMap('colors')]));
    world.git.add({ 'README.md': 'of others' });
    await look(world);
    const { id: second } = world.git.add({ 'manifests/shop/all.json': '{' });
    world.git.add({ 'README.md': 'of others, too' });
    await look(world);
    world.git.add({ 'README.md': 'of others, again' });
    await look(world);
    expect(await entriesIn(world)).toMatchObject([
      { commit: second, state: 'Failed', failure: { reason: 'Failed', endedAt: null }, converged: [] },
      { commit: first, state: 'Converged', failure: null, converged: [{ environment: 'shop' }] },
    ]);
    const { id: overtaken } = world.git.add({ 'manifests/shop/all.json': '{{' });
    const { id: third } = world.git.add(more);
    expect((await entriesIn(world)).map(({ state }) => state)).toEqual(['Pending', 'Pending', 'Failed', 'Converged']);
    await look(world);
    expect(await entriesIn(world)).toMatchObject([
      { commit: third, state: 'Converged', failure: null },
      { commit: overtaken, state: 'Overtaken', failure: null },
      { commit: second, state: 'Failed', failure: { reason: 'Failed', endedAt: expect.any(String) } },
      { commit: first, state: 'Converged' },
    ]);
  });

  it('marks what was rolled back, and says who made what came back', async () => {
    const world = createWorld();
    world.cluster.statuses.set('Deployment acme/web', (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
    const web = (image: string) => ({ 'manifests/shop/all.json': list(deployment('web', { image })) });
    const said = (build: string) => ({
      metadata: { 'converge-build': build, 'converge-author': `${build}@example.com` },
    });
    const upload = (build: string) => ({
      message: copyMessage([
        { bucket: 'family-master', name: 'manifests/shop/all.json', generation: '1', ...said(build) },
      ]),
    });
    const { id: pushed } = world.git.add(shop([], ['rollback: { onFailure: revert }', 'timeout: 20s']));
    const { id: good } = world.git.add(web('shop:1'), upload('good'));
    await look(world);
    const { id: bad } = world.git.add(web('shop:bad'), upload('bad'));
    await look(world);
    const revert = await world.git.head();
    expect(await entriesIn(world)).toMatchObject([
      { commit: revert, state: 'Pending' },
      { commit: bad, state: 'RolledBack', rolledBackBy: revert, failure: { reason: 'Unhealthy', endedAt: null } },
      { commit: good, state: 'Converged' },
      { commit: pushed, state: 'Overtaken' },
    ]);
    await look(world);
    expect(await entriesIn(world)).toMatchObject([
      {
        ...{ commit: revert, state: 'Converged', restores: { commit: good }, builds: ['good'] },
        ...{ author: 'good@example.com', artifacts: ['gs://family-master/manifests/shop/all.json#1'] },
      },
      {
        commit: bad,
        state: 'RolledBack',
        failure: { reason: 'Unhealthy', endedAt: expect.any(String) },
        builds: ['bad'],
      },
      { commit: good, state: 'Converged', rolledBackBy: null, restores: null, builds: ['good'] },
      { commit: pushed, author: 'Somebody <somebody@example.com>', builds: [], uploadedBy: [] },
    ]);
  });
});
