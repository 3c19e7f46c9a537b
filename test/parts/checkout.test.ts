import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { AbsentEntry, Checkout } from '../../shared/ports/git.ts';
import { gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const host = gitHostOfFile({ tests: 20 });
const { onHost, open } = host;

interface RawEntry {
  readonly mode: '100644' | '120000' | '40000' | '160000';
  readonly name: string;
  readonly id: string;
}

/** Writes an object into the host's repository, whatever it holds: some trees no `git add` would write. */
async function write(type: 'blob' | 'tree', content: Uint8Array): Promise<string> {
  const written = run('git', ['--git-dir', host.path, 'hash-object', '-w', '-t', type, '--literally', '--stdin']);
  written.child.stdin?.end(content);
  return (await written).stdout.trim();
}

const blob = async (text: string): Promise<string> => write('blob', Buffer.from(text));
const tree = async (entries: readonly RawEntry[]): Promise<string> =>
  write(
    'tree',
    Buffer.concat(
      entries.flatMap((entry) => [Buffer.from(`${entry.mode} ${entry.name}\0`), Buffer.from(entry.id, 'hex')]),
    ),
  );
const file = async (path: string, text: string): Promise<RawEntry> => ({
  mode: '100644',
  name: path,
  id: await blob(text),
});

/** Folders in each other, from the outermost, around an entry. */
async function nested(folders: readonly string[], inmost: RawEntry): Promise<RawEntry> {
  let entry = inmost;
  for (const around of folders.toReversed()) entry = { mode: '40000', name: around, id: await tree([entry]) };
  return entry;
}

/** A commit of such a tree on the branch. */
async function commit(entries: readonly RawEntry[]): Promise<string> {
  const parent = await onHost('rev-parse', '--verify', '--quiet', 'main').catch(() => '');
  const id = await onHost(
    'commit-tree',
    ...(parent === '' ? [] : ['-p', parent]),
    '-m',
    'By hand',
    await tree(entries),
  );
  await onHost('update-ref', 'refs/heads/main', id);
  return id;
}

async function checkout(entries: readonly RawEntry[], repository = open()): Promise<Checkout> {
  await commit(entries);
  const head = await repository.fetchHead();
  return await repository.checkout(head?.id ?? '');
}

const paths = (absent: readonly AbsentEntry[]): string[] => absent.map(({ path }) => path);

describe('a checkout of a tree that holds what no disk does', () => {
  it('leaves a submodule out, and says what it is', async () => {
    const { folder: root, absent } = await checkout([
      await file('a', 'a'),
      {
        mode: '40000',
        name: 'vendor',
        id: await tree([await file('b', 'b'), { mode: '160000', name: 'lib', id: 'c'.repeat(40) }]),
      },
    ]);
    expect(absent).toEqual([
      { path: 'vendor/lib', kind: 'submodule', reason: expect.stringContaining('is a submodule') },
    ]);
    expect(await readdir(join(root, 'vendor'))).toEqual(['b']);
  });

  it.each<[string, string[], string, RegExp]>([
    ['2,000 folders deep', Array.from({ length: 2_000 }, () => 'a'), 'f', /has a path of \d+ bytes and 257 parts/],
    ['a name of 300 bytes', ['b'], 'ü'.repeat(150), /has a name of 300 bytes, more than the 255/],
    ['a folder of 300 bytes', ['b', 'x'.repeat(300)], 'f', /has a name of 300 bytes/],
    ['a path of 5,000 bytes', Array.from({ length: 20 }, () => 'y'.repeat(250)), 'f', /has a path of 3\d\d\d bytes/],
  ])('leaves out %s, and brings the rest', async (_what, folders, inmost, reason) => {
    const { folder: root, absent } = await checkout([
      await file('0', 'zero'),
      await nested(folders, await file(inmost, 'x')),
    ]);
    expect(absent).toHaveLength(1);
    expect([...folders, inmost].join('/')).toMatch(new RegExp(`^${absent[0]?.path}(/|$)`));
    expect(absent[0]?.reason).toMatch(reason);
    expect(await readFile(join(root, '0'), 'utf8')).toBe('zero');
  });

  it('leaves both out where a name is there twice, and brings it once it is there once', async () => {
    const repository = open();
    const [one, other] = [await file('a', 'one'), await file('b', 'two')];
    const twice = await checkout(
      [one, { ...other, name: 'a' }, { mode: '40000', name: 'a', id: await tree([one]) }, other],
      repository,
    );
    expect(paths(twice.absent)).toEqual(['a', 'a', 'a']);
    expect(await readdir(twice.folder)).toEqual(['b']);
    const once = await checkout([one, other], repository);
    expect(once.absent).toEqual([]);
    expect(await readFile(join(once.folder, 'a'), 'utf8')).toBe('one');
  });

  it('leaves out links that no disk holds, and brings others, wherever they lead', async () => {
    const link = async (linkName: string, target: string): Promise<RawEntry> => ({
      mode: '120000',
      name: linkName,
      id: await blob(target),
    });
    const { folder: root, absent } = await checkout([
      await link('a', ''),
      await link('b', 'x\0y'),
      await link('c', 'z'.repeat(5_000)),
      await link('d', 'nowhere'),
      await link('e', 'e'),
    ]);
    expect(absent.map(({ path, kind }) => [path, kind])).toEqual([
      ['a', 'symlink'],
      ['b', 'symlink'],
      ['c', 'symlink'],
    ]);
    expect(await readlink(join(root, 'd'))).toBe('nowhere');
    expect(await readlink(join(root, 'e'))).toBe('e');
  });

  it('has what is on disk of it linked by the next one', async () => {
    const repository = open();
    const same = await file('a', 'same');
    const odd: RawEntry = { mode: '160000', name: 'lib', id: 'c'.repeat(40) };
    const first = await checkout([same, odd], repository);
    const second = await checkout([same, await file('b', 'new'), odd], repository);
    expect(paths(second.absent)).toEqual(['lib']);
    expect((await stat(join(second.folder, 'a'))).ino).toBe((await stat(join(first.folder, 'a'))).ino);
  });

  it('leaves out names that reach elsewhere, each as one part of its path', async () => {
    const x = await file('x', 'x');
    const unsafe = ['..', '.', '.git', '.GIT', 'a\\b.yaml'].map((unsafeName): RawEntry => ({ ...x, name: unsafeName }));
    const { folder: root, absent } = await checkout([
      { mode: '40000', name: 'm', id: await tree([...unsafe, { ...x, name: 'a/b.yaml' }, x]) },
    ]);
    expect(paths(absent)).toEqual(['m/%..%', 'm/%.%', 'm/.git', 'm/.GIT', 'm/a%5Cb.yaml', 'm/a%2Fb.yaml']);
    expect(await readdir(join(root, 'm'))).toEqual(['x']);
    expect(await readdir(root)).toEqual(['m']);
  });
});
