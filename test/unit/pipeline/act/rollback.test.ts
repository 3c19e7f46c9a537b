import { describe, expect, it } from 'vitest';
import type { ActionScope } from '../../../../shared/access/judge-action.ts';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { parseEnvironmentFile } from '../../../../shared/environment/environment-file.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import type { Refusal } from '../../../../shared/pipeline/act/refusals.ts';
import { rollback, type RollbackRequest, type RollbackResult } from '../../../../shared/pipeline/act/rollback.ts';
import { suspend } from '../../../../shared/pipeline/act/suspend.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { configMap, list, shop } from '../reconcile/runs/files.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';

const paths = statePaths({ repository: 'master', environment: 'shop' });
const colored = (color: string) => ({ 'manifests/shop/all.json': list(configMap('colors', { color })) });
const byMemory = 'it converged before the current one (as Converge recorded)';
const byNote = 'it converged before the current one (as noted in Git)';

/** The repository, with the notes that runs wrote to it. @param options.writesBack whether they did */
function withNotes({ git }: World, { writesBack }: { writesBack: boolean }): Repository {
  const tip = { id: 'notes', tree: 'notes', parents: [], message: 'Notes', committedAt: new Date(0) };
  return {
    ...git,
    fetchRef: async () => (writesBack && git.notes.size > 0 ? tip : undefined),
    async readFile(at) {
      if (at.commit !== tip.id) return await git.readFile(at);
      const text = git.notes.get(at.path);
      return text === undefined ? undefined : Buffer.from(text);
    },
  };
}

async function roll(
  world: World,
  {
    writesBack = true,
    refusal,
    ...request
  }: Partial<RollbackRequest> & { writesBack?: boolean; refusal?: Refusal | undefined } = {},
): Promise<RollbackResult> {
  const repository = withNotes(world, { writesBack });
  return await rollback(
    { target: 'shop', by: 'Olivia Ops', ...request },
    { ...world.ports, repository: () => repository },
    { repositories: ['master'], refusal },
  );
}

/** A world that converged at one commit for each of these, and the ids of the commits. */
async function convergedAt(...colors: string[]): Promise<{ world: World; commits: string[] }> {
  const world = createWorld();
  const commits: string[] = [];
  for (const color of colors) {
    commits.push(world.git.add({ ...shop([]), ...colored(color) }).id);
    await look(world);
  }
  return { world, commits };
}

async function look(world: World): Promise<void> {
  await world.run();
  world.wait(60);
}

const colorAt = (world: World, commit: string | null): string =>
  /"color":"(\w+)"/.exec(JSON.stringify(world.git.treeOf(commit ?? '')).replaceAll('\\', ''))?.[1] ?? '';

describe('a rollback of an environment that lost its memory', () => {
  it.each([
    ['and was not looked at since', async () => {}],
    ['and was looked at since', async (world: World) => (await look(world), await look(world))],
  ])('goes back to what the notes in Git say, %s', async (_when, meanwhile) => {
    const { world, commits } = await convergedAt('red', 'green', 'blue');
    await world.forget('shop');
    await meanwhile(world);
    const planned = await roll(world, { dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', to: `main@sha1:${commits[1]}`, because: byNote });
    expect(colorAt(world, (await roll(world)).commit)).toBe('green');
  });

  it('goes back to what converged last where the last commit did not', async () => {
    const { world, commits } = await convergedAt('red', 'green');
    await world.forget('shop');
    world.git.add(colored('black'));
    expect(await roll(world)).toMatchObject({ to: `main@sha1:${commits[1]}`, because: byNote });
  });

  it.each([
    ['and was not looked at since', async () => {}],
    ['and was looked at since', look],
    ['and has a spoilt one', async (world: World) => world.spoil(paths.memory, '{')],
  ])('says what it cannot know where Git does not tell, %s', async (_when, meanwhile) => {
    const { world, commits } = await convergedAt('red', 'green');
    await world.forget('shop');
    await meanwhile(world);
    for (const dryRun of [true, false])
      await expect(roll(world, { dryRun, writesBack: false })).rejects.toMatchObject({
        code: 'RollbackRefused',
        disposition: 'refuse',
        problem: `what converged before main@sha1:${commits[1]} is not known: neither its memory nor a note in Git tells`,
        remedy: 'name the revision with --to',
      });
    expect(await roll(world, { to: commits[0], writesBack: false })).toMatchObject({ outcome: 'reverted' });
  });

  it('takes no revision for what converged before that holds the same', async () => {
    const { world, commits } = await convergedAt('red', 'green');
    const { attempted } = await world.memoryOf('shop');
    if (attempted === undefined) throw new Error('nothing was attempted');
    // As after a look that was refused before it knew all its inputs.
    await world.remember('shop', { attempted: { ...attempted, inputs: {} } });
    expect(await roll(world, { dryRun: true })).toMatchObject({
      outcome: 'planned',
      to: `main@sha1:${commits[0]}`,
      because: byMemory,
    });
  });
});

describe('a rollback that is said twice', () => {
  it('is refused with the commit that it would undo, and does what a revision says that is named', async () => {
    const { world, commits } = await convergedAt('red', 'green');
    const back = await roll(world);
    expect(back).toMatchObject({ to: `main@sha1:${commits[0]}`, subject: 'Change', because: byMemory });
    // Nobody looked yet: the branch has it as it was.
    expect(await roll(world)).toMatchObject({ outcome: 'nothing' });
    await look(world);
    for (const dryRun of [true, false])
      await expect(roll(world, { dryRun })).rejects.toMatchObject({
        code: 'RollbackRefused',
        problem: `would bring back main@sha1:${commits[1]?.slice(0, 12)}, which ${back.commit?.slice(0, 12)} rolled back (Revert "Change")`,
        remedy: `name a revision with --to; --to ${commits[1]} brings that back all the same`,
      });
    const forth = await roll(world, { to: commits[1] });
    expect(forth).toMatchObject({ outcome: 'reverted', reverts: [back.commit] });
    expect(colorAt(world, forth.commit)).toBe('green');
  });

  it('is refused where the memory was lost in between', async () => {
    const { world } = await convergedAt('red', 'green');
    await roll(world);
    await look(world);
    await world.forget('shop');
    await look(world);
    await expect(roll(world)).rejects.toMatchObject({ code: 'RollbackRefused' });
  });

  it('goes back to what was rolled back to, where something else came after', async () => {
    const { world } = await convergedAt('red', 'green');
    await roll(world);
    await look(world);
    world.git.add(colored('black'));
    await look(world);
    expect(colorAt(world, (await roll(world)).commit)).toBe('red');
  });

  it('is refused of a repository, too', async () => {
    const { world, commits } = await convergedAt('red', 'green');
    expect(colorAt(world, (await roll(world, { target: 'master' })).commit)).toBe('red');
    await expect(roll(world, { target: 'master' })).rejects.toMatchObject({ code: 'RollbackRefused' });
    expect(await roll(world, { target: 'master', to: commits[1] })).toMatchObject({ outcome: 'reverted' });
  });
});

describe('a rollback of what other environments are made of, too', () => {
  it('is for whoever may roll those back as well', async () => {
    const { world, commits } = await convergedAt('red', 'green');
    const other = (world.git.treeOf(commits[1] ?? '')['environments/shop.yaml'] ?? '').replace(
      'name: shop',
      'name: twin',
    );
    world.git.add({ 'environments/twin.yaml': other });
    await look(world);
    const ofTheirs = ({ environment }: ActionScope): ConvergeError | undefined =>
      environment === 'shop'
        ? undefined
        : new ConvergeError({ code: 'NotAllowed', subject: 'eve', message: 'may not', disposition: 'refuse' });
    const ask = { to: commits[0], includeShared: true, dryRun: true };
    await expect(roll(world, { ...ask, refusal: ofTheirs })).rejects.toMatchObject({ code: 'NotAllowed' });
    await expect(roll(world, { ...ask, includeShared: false, refusal: ofTheirs })).rejects.toMatchObject({
      code: 'RollbackConflict',
    });
    for (const refusal of [() => undefined, undefined])
      expect(await roll(world, { ...ask, refusal })).toMatchObject({
        outcome: 'planned',
        paths: ['manifests/shop/all.json'],
      });
  });
});

describe('a rollback of an environment that somebody suspended', () => {
  const told = { for: '5h', reason: 'repaired by hand' };
  const suspends = async ({ ports }: World): Promise<unknown> =>
    suspend({ action: 'suspend', environment: 'master/shop', dryRun: false, ...told }, 'Olivia Ops', ports);
  const fileAt = (world: World, commit: string | null): string =>
    world.git.treeOf(commit ?? '')['environments/shop.yaml'] ?? '';

  it.each<[string, (world: World) => Promise<unknown>, string | undefined, string]>([
    ['and that was not looked at since', async () => {}, undefined, 'red'],
    ['and that was looked at since', look, undefined, 'red'],
    ['to a revision that somebody names', look, 'first', 'red'],
    [
      'and that somebody committed to since',
      async (world) => (world.git.add(colored('black')), await look(world)),
      undefined,
      'green',
    ],
  ])('goes back and stays suspended: one %s', async (_which, meanwhile, to, color) => {
    const { world, commits } = await convergedAt('red', 'green');
    await suspends(world);
    await meanwhile(world);
    const before = fileAt(world, (await world.git.head()) ?? '');
    expect(before).toContain('suspendReason: repaired by hand');
    const done = await roll(world, { to: to && commits[0] });
    expect(done).toMatchObject({ outcome: 'reverted', paths: ['manifests/shop/all.json'] });
    expect(done.reverts).toHaveLength(1);
    expect(colorAt(world, done.commit)).toBe(color);
    expect(fileAt(world, done.commit)).toBe(before);
  });

  it('is refused the second time, and before it was looked at finds nothing to do', async () => {
    const { world } = await convergedAt('red', 'green');
    await suspends(world);
    await look(world);
    expect(colorAt(world, (await roll(world)).commit)).toBe('red');
    expect(await roll(world)).toMatchObject({ outcome: 'nothing' });
    await look(world);
    await expect(roll(world)).rejects.toMatchObject({ code: 'RollbackRefused' });
  });

  it('has what its file said beside that again, and is not suspended as it was then', async () => {
    const { world } = await convergedAt('red');
    const file = shop([]);
    const then = world.git.add({
      'environments/shop.yaml': `${file['environments/shop.yaml']}  suspend: true # then\n`,
    });
    const now = world.git.add({ ...shop([], ['timeout: 9m']), ...colored('green') });
    await look(world);
    const done = await roll(world, { to: then.id });
    expect(done.reverts).toEqual([now.id]);
    expect(fileAt(world, done.commit)).toBe(file['environments/shop.yaml']);
    await suspends(world);
    const again = await roll(world, { to: now.id });
    const { suspendReason, timeout } = parseEnvironmentFile({
      file: 'environments/shop.yaml',
      text: fileAt(world, again.commit),
    });
    expect({ suspendReason, timeout }).toEqual({ suspendReason: told.reason, timeout: 9 * 60_000 });
  });
});
