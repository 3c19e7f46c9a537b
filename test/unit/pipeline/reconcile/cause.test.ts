import { describe, expect, it } from 'vitest';
import type { Cause } from '../../../../shared/events/alert.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { configMap, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const files = 'manifests/shop/all.json';
const changed = list(configMap('colors', { color: 'blue' }));

function installed(): World {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  return world;
}

/** The causes of all that was told, in order. */
const causesOf = ({ published }: World): unknown[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' || topic === 'converged' ? [data] : []));
const causeOf = async (world: World): Promise<Cause | null | undefined> => (await world.memoryOf('shop')).cause?.found;

/** A look by an instance that has the head of the branch only, which is where its clone begins. */
async function shallowRun(world: World): Promise<void> {
  const head = await world.git.head();
  const git: Repository = {
    ...world.git,
    findCommit: async (id) => (id === head ? world.git.findCommit(id) : undefined),
  };
  await world.run({ cause: 'commit' }, { ...world.ports, repository: () => git });
}

describe('the cause', () => {
  it('is the last commit that changed an input, beside the revision that was looked at', async () => {
    const world = installed();
    const { id: first } = world.git.add({ 'README.md': 'nothing of it' });
    await world.run();
    world.wait(60);
    const { id } = world.git.add({ [files]: changed });
    const { id: head } = world.git.add({ 'README.md': 'nothing of it either' });
    await world.run();
    const cause = { commit: id, subject: 'Change', author: 'Somebody <somebody@example.com>', artifact: null };
    expect(causesOf(world)).toMatchObject([
      { revision: `main@sha1:${first}`, cause: { commit: world.git.commits[0] } },
      { revision: `main@sha1:${head}`, cause },
    ]);
  });

  it('stays what it is while a failure is tried again at other commits, and is told once', async () => {
    const world = installed();
    await world.run();
    world.wait(60);
    const { id } = world.git.add({ [files]: '{' });
    await world.run();
    world.wait(60);
    world.git.add({ 'README.md': 'nothing of it' });
    await world.run();
    expect(causesOf(world).slice(1)).toMatchObject([{ cause: { commit: id } }]);
    expect(await causeOf(world)).toMatchObject({ commit: id });
  });

  it('is found again where the memory is lost', async () => {
    const world = installed();
    await world.run();
    const before = await causeOf(world);
    world.wait(60);
    world.git.add({ 'README.md': 'nothing of it' });
    await world.forget('shop');
    await world.run();
    expect(await causeOf(world)).toEqual(before);
  });

  it('is known of a commit beside the one attempted last, of which nothing else is here', async () => {
    const world = installed();
    await world.run();
    world.wait(60);
    const { id } = world.git.add({ [files]: changed });
    await shallowRun(world);
    expect(await causeOf(world)).toMatchObject({ commit: id });
  });

  it('is not known where the history that is here does not tell', async () => {
    const world = installed();
    await world.run();
    world.wait(60);
    world.git.add({ [files]: changed });
    world.git.add({ 'README.md': 'nothing of it' });
    await shallowRun(world);
    expect(await causeOf(world)).toBeNull();
    expect(causesOf(world).slice(1)).toMatchObject([{ cause: null }]);
  });

  it('is not looked for behind 200 commits or 60 days', async () => {
    const world = installed();
    for (let commits = 0; commits < 201; commits++) world.git.add({ 'README.md': `${commits}` });
    await world.run();
    expect(await causeOf(world)).toBeNull();
    const old = installed();
    old.wait(61 * 86_400);
    old.git.add({ 'README.md': 'nothing of it' });
    await old.run();
    expect(await causeOf(old)).toBeNull();
  });

  it('is nothing to write, nor to look for, at a look that finds nothing to do', async () => {
    const world = installed();
    await world.run();
    await world.remember('shop', { cause: undefined });
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect((await world.memoryOf('shop')).cause).toBeUndefined();
  });

  it('of the end of an environment is the commit that took its file away', async () => {
    const world = installed();
    await world.run();
    world.wait(60);
    const { id } = world.git.add({ 'environments/shop.yaml': null });
    world.git.add({ 'README.md': 'nothing of it' });
    await world.run();
    expect(causesOf(world).at(-1)).toMatchObject({ cause: { commit: id } });
  });
});
