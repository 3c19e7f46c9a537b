import { describe, expect, it } from 'vitest';
import type { Cause } from '../../../../shared/events/alert.ts';
import { status } from '../../../../shared/pipeline/status.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { copyMessage, type Upload } from '../../../../shared/source/commit-message.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
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

  it('stands for one state of the inputs where it is not known: what failed is told once', async () => {
    const world = installed();
    await world.run();
    for (const broken of ['{', '{{']) {
      world.git.add({ [files]: broken });
      for (let commits = 0; commits < 3; commits++) {
        world.git.add({ 'README.md': `${commits} after ${broken}` });
        world.wait(60);
        await shallowRun(world);
      }
    }
    expect(causesOf(world).slice(1)).toMatchObject([{ cause: null }, { cause: null }]);
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

const upload = (name: string, build: string): Upload => ({
  ...{ bucket: 'family-master', name, generation: '1763683200123456' },
  metadata: {
    'converge-build': `https://ci.example.com/${build}`,
    'converge-author': `${build} <${build}@example.com>`,
  },
});
const deployed = (image: string) => list(deployment('web', { image }));

describe('the cause of an upload', () => {
  it('names its artifact, build and author, and none of an upload that went elsewhere beside it', async () => {
    const world = installed();
    await world.run();
    world.wait(60);
    const uploads = [upload('manifests/other/all.json', 'other'), upload(files, 'shop')];
    const changes = { [files]: changed, 'manifests/other/all.json': '[]' };
    const { id } = world.git.add(changes, { message: copyMessage(uploads) });
    await world.run();
    const cause = {
      ...{ commit: id, subject: 'Copy 2 artifacts', author: 'shop <shop@example.com>', restores: null },
      ...{ artifact: `gs://family-master/${files}#1763683200123456`, build: 'https://ci.example.com/shop' },
    };
    expect(causesOf(world).at(-1)).toMatchObject({ cause });
    expect(await causeOf(world)).toEqual(cause);
    const { environments } = await status({ repositories: ['master'], interval: 300_000 }, world.ports);
    expect(environments).toMatchObject([{ cause }]);
  });
});

describe('the cause of what was rolled back', () => {
  /** An upload that is healthy, one that is not, and what others commit around them. */
  async function rolledBack(): Promise<{ world: World; good: string; bad: string }> {
    const world = createWorld();
    world.cluster.statuses.set('Deployment acme/web', (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
    world.git.add(shop([], ['rollback: { onFailure: revert }', 'timeout: 20s']));
    const { id: good } = world.git.add(
      { [files]: deployed('shop:1') },
      { message: copyMessage([upload(files, 'good')]) },
    );
    world.git.add({ 'README.md': 'nothing of it' });
    await world.run();
    world.wait(60);
    const { id: bad } = world.git.add(
      { [files]: deployed('shop:bad') },
      { message: copyMessage([upload(files, 'bad')]) },
    );
    await world.run();
    world.wait(60);
    return { world, good, bad };
  }
  const restored = (good: string) => ({
    ...{ author: 'good <good@example.com>', build: 'https://ci.example.com/good' },
    ...{ artifact: `gs://family-master/${files}#1763683200123456` },
    restores: { commit: good, subject: `Copy ${files}` },
  });

  it('is the revert, with what it brought back, whether the history of that is here or not', async () => {
    for (const isHere of [true, false]) {
      const { world, good, bad } = await rolledBack();
      expect(causesOf(world).at(-1)).toMatchObject({ cause: { commit: bad, build: 'https://ci.example.com/bad' } });
      if (isHere) await world.run();
      else await shallowRun(world);
      const head = await world.git.head();
      const cause = { ...restored(good), commit: head, subject: `Revert "Copy ${files}"` };
      expect(await causeOf(world)).toEqual(cause);
      expect(causesOf(world).at(-1)).toMatchObject({ incident: expect.any(String), cause });
    }
  });

  it('is found again where the memory is lost, and of a revert of the revert', async () => {
    const { world, good, bad } = await rolledBack();
    await world.run();
    await world.forget('shop');
    await world.run();
    expect(await causeOf(world)).toMatchObject(restored(good));
    const head = (await world.git.head()) ?? '';
    const message = `Revert "Revert"\n\nThis reverts commit ${head}.\n`;
    const { id } = world.git.add({ [files]: deployed('shop:bad') }, { message });
    world.wait(60);
    await world.run();
    const again = { commit: bad, subject: `Copy ${files}` };
    expect(await causeOf(world)).toMatchObject({ commit: id, build: 'https://ci.example.com/bad', restores: again });
  });

  it('is what the commit itself was, where it says that it is a revert and is none', async () => {
    const { world } = await rolledBack();
    await world.run();
    const message = `Revert\n\nThis reverts commit ${(await world.git.head()) ?? ''}.\n`;
    const { id } = world.git.add({ [files]: deployed('shop:3') }, { message });
    await world.run();
    const author = 'Somebody <somebody@example.com>';
    expect(await causeOf(world)).toMatchObject({ commit: id, author, artifact: null, build: null, restores: null });
  });
});
