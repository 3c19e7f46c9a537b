import { describe, expect, it } from 'vitest';
import { findEnvironment } from '../../../shared/pipeline/common/find-environment.ts';
import { history } from '../../../shared/pipeline/history.ts';
import { trace } from '../../../shared/pipeline/trace.ts';
import { configMap, list, shop } from './reconcile/runs/files.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const day = 86_400_000;
const files = 'manifests/shop/all.json';
const colors = (color: string) => ({ [files]: list(configMap('colors', { color })) });

/** A branch that has converged, and the commit that it is at. */
async function installed(): Promise<{ world: World; first: string }> {
  const world = createWorld();
  const { id: first } = world.git.add(shop([configMap('colors')]), { message: 'Begin' });
  await world.run();
  world.wait(60);
  return { world, first };
}

function commit(world: World, message: string, changes: Parameters<World['git']['add']>[0], merges?: string[]): string {
  const { id } = world.git.add(changes, { message, ...(merges && { merges }) });
  world.wait(60);
  return id;
}

/** As the command reads it, where nobody wrote notes. */
const portsOf = ({ ports, git }: World): World['ports'] => ({
  ...ports,
  repository: () => ({ ...git, fetchRef: async () => undefined }),
});

async function linesOf(world: World): Promise<string[]> {
  const ports = portsOf(world);
  const found = await findEnvironment({ name: 'shop', repositories: ['master'], milliseconds: day }, ports);
  const { entries } = await history(found, { milliseconds: day, entries: 20 }, ports);
  return entries.map(({ subject, state }) => `${subject}: ${state}`);
}

async function tracedTo(world: World): Promise<(string | undefined)[]> {
  const request = { kind: 'ConfigMap', name: 'colors', namespace: undefined, environment: 'shop' };
  const traces = await trace({ ...request, repositories: ['master'], milliseconds: day }, portsOf(world));
  return traces.flatMap(({ inputs }) =>
    inputs.filter(({ path }) => path.startsWith('manifests')).map(({ lastChange }) => lastChange?.subject),
  );
}

const causeOf = async (world: World): Promise<string | undefined> =>
  (await world.memoryOf('shop')).cause?.found?.subject;

describe('a merge', () => {
  it('that changes nothing of its own is not the cause: what it brought is', async () => {
    const { world, first } = await installed();
    const side = commit(world, 'Paint it blue', colors('blue'));
    world.git.reset(first);
    commit(world, 'Read me', { 'README.md': 'nothing of it' });
    commit(world, 'Merge paint', colors('blue'), [side]);
    await world.run();
    expect(await causeOf(world)).toBe('Paint it blue');
    expect(await linesOf(world)).toEqual(['Paint it blue: Converged', 'Begin: Converged']);
    expect(await tracedTo(world)).toEqual(['Paint it blue']);
  });

  it('that brings a failure has that marked, and its revert too', async () => {
    const { world, first } = await installed();
    const side = commit(world, 'Break it', { [files]: '{' });
    world.git.reset(first);
    commit(world, 'Read me', { 'README.md': 'nothing of it' });
    const merge = commit(world, 'Merge broken', { [files]: '{' }, [side]);
    await world.run();
    expect(await linesOf(world)).toEqual(['Break it: Failed', 'Begin: Converged']);
    const words = `Revert "Merge broken"\n\nThis reverts commit ${merge}, reversing\nchanges made to ${first}.\n`;
    world.git.add({ [files]: world.git.treeOf(first)[files] ?? null }, { message: words });
    await world.run();
    expect(await linesOf(world)).toEqual([
      'Revert "Merge broken": Converged',
      'Break it: RolledBack',
      'Begin: Converged',
    ]);
  });

  it('that drops what its other side changed does not list that: nobody ever ran it', async () => {
    const { world, first } = await installed();
    world.git.reset(first);
    const main = commit(world, 'Paint it green', colors('green'));
    await world.run();
    world.git.reset(first);
    const side = commit(world, 'Paint it blue', colors('blue'));
    world.git.reset(main);
    commit(world, 'Merge, keep ours', {}, [side]);
    await world.run();
    expect(await linesOf(world)).toEqual(['Paint it green: Converged', 'Begin: Converged']);
    expect(await tracedTo(world)).toEqual(['Paint it green']);
  });

  it('of the branch into another one, that it was then put to, is no commit of the environment', async () => {
    const { world, first } = await installed();
    const main = commit(world, 'Paint it green', colors('green'));
    await world.run();
    world.git.reset(first);
    commit(world, 'Read me', { 'README.md': 'nothing of it' });
    commit(world, 'Merge main', colors('green'), [main]);
    await world.run();
    expect(await linesOf(world)).toEqual(['Paint it green: Converged', 'Begin: Converged']);
    await world.forget('shop');
    await world.run();
    expect(await causeOf(world)).toBe('Paint it green');
  });

  it('of three, of which each changed something, is the cause itself', async () => {
    const { world, first } = await installed();
    const sides = [];
    for (const side of ['one', 'two']) {
      world.git.reset(first);
      sides.push(commit(world, `Add ${side}`, { [`manifests/shop/${side}.json`]: list(configMap(side)) }));
    }
    world.git.reset(first);
    commit(world, 'Read me', { 'README.md': 'nothing of it' });
    const both = Object.fromEntries(
      ['one', 'two'].map((side) => [`manifests/shop/${side}.json`, list(configMap(side))]),
    );
    commit(world, 'Merge both', both, sides);
    await world.run();
    expect(await causeOf(world)).toBe('Merge both');
    expect((await linesOf(world))[0]).toBe('Merge both: Converged');
  });

  it('whose own change is what runs is what an object is traced to', async () => {
    const { world, first } = await installed();
    const side = commit(world, 'Paint it blue', colors('blue'));
    world.git.reset(first);
    commit(world, 'Paint it green', colors('green'));
    commit(world, 'Merge, and settle for violet', colors('violet'), [side]);
    await world.run();
    expect(await causeOf(world)).toBe('Merge, and settle for violet');
    expect(await tracedTo(world)).toEqual(['Merge, and settle for violet']);
  });

  it.each([
    ['is not here', 0],
    ['is of long ago', 61],
  ])('is the cause itself where what it brought %s', async (_why, days) => {
    const { world, first } = await installed();
    const side = commit(world, 'Paint it blue', colors('blue'));
    world.git.reset(first);
    world.wait(days * 86_400);
    commit(world, 'Read me', { 'README.md': 'nothing of it' });
    const merge = commit(world, 'Merge paint', colors('blue'), [side]);
    commit(world, 'Read me again', { 'README.md': 'nor of this' });
    const findCommit: World['git']['findCommit'] = async (id) =>
      days === 0 && id === side ? undefined : world.git.findCommit(id);
    await world.run({ cause: 'commit' }, { ...world.ports, repository: () => ({ ...world.git, findCommit }) });
    expect((await world.memoryOf('shop')).cause?.found?.commit).toBe(merge);
  });
});

describe('a clock that was wrong', () => {
  it.each([
    ['the head', 'of 2099', new Date('2099-01-01T00:00:00Z')],
    ['a commit of others', 'of 1970', new Date(0)],
  ])('of %s, %s, hides no cause', async (_whose, _when, at) => {
    const { world } = await installed();
    commit(world, 'Paint it blue', colors('blue'));
    world.git.add({ 'README.md': 'nothing of it' }, { at });
    if (at.getTime() === 0) commit(world, 'Read me', { 'README.md': 'nor of this' });
    await world.run();
    expect(await causeOf(world)).toBe('Paint it blue');
  });

  it('of a parent that is newer than what came of it leaves no commit out', async () => {
    const { world, first } = await installed();
    const { id } = world.git.add(colors('blue'), { message: 'Paint it blue', at: new Date('2099-01-01T00:00:00Z') });
    const { id: other } = world.git.add({ 'README.md': 'nothing of it' });
    world.git.reset(id);
    commit(world, 'Say it', { 'NOTES.md': 'nothing of it' }, [other]);
    await world.run();
    expect(await linesOf(world)).toEqual(['Paint it blue: Converged', 'Begin: Converged']);
    expect(first).toBe(world.git.commits[0]);
  });
});

describe('a revert', () => {
  it('that left this environment alone took nothing of it back', async () => {
    const { world } = await installed();
    const id = commit(world, 'Paint it blue', { ...colors('blue'), 'manifests/other/all.json': '[]' });
    await world.run();
    const message = `Revert of the other one\n\nThis reverts commit ${id}.\n`;
    world.git.add({ 'manifests/other/all.json': null }, { message });
    await world.run();
    expect(await linesOf(world)).toEqual(['Paint it blue: Converged', 'Begin: Converged']);
  });

  it('names nobody who only stood there when it was right', async () => {
    const { world } = await installed();
    world.wait(61 * 86_400);
    const { id: innocent } = world.git.add({ 'README.md': 'nothing of it' }, { message: 'Read me' });
    const id = commit(world, 'Paint it blue', colors('blue'));
    await world.forget('shop');
    await world.run();
    const before = world.git.treeOf(innocent)[files] ?? null;
    world.git.add({ [files]: before }, { message: `Revert\n\nThis reverts commit ${id}.\n` });
    await world.run();
    expect((await world.memoryOf('shop')).cause?.found).toMatchObject({ subject: 'Revert', restores: null });
  });

  it('of what never ran has come to its end where nothing is left to do', async () => {
    const { world, first } = await installed();
    const id = commit(world, 'Break it', { [files]: '{' });
    await world.run();
    const before = world.git.treeOf(first)[files] ?? null;
    commit(world, 'Revert "Break it"', { [files]: before });
    await world.run();
    expect((await linesOf(world))[0]).toBe('Revert "Break it": Converged');
    expect(id).not.toBe(first);
  });
});
