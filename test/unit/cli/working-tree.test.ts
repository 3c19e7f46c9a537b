import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readWorkingTree } from '../../../cli/working-tree.ts';
import { writeFiles } from '../../write-files.ts';

const run = promisify(execFile);

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-working-tree-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A clone of a repository with one commit. */
async function clone(): Promise<{ folder: string; git: (...parameters: string[]) => Promise<string> }> {
  const folder = await emptyFolder();
  const git = async (...parameters: string[]): Promise<string> => {
    const person = ['-c', 'user.name=O', '-c', 'user.email=o@example.com'];
    return (await run('git', ['-C', folder, ...person, ...parameters])).stdout.trim();
  };
  const origin = await emptyFolder();
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', origin]);
  await run('git', ['clone', '--quiet', origin, folder]);
  await git('checkout', '--quiet', '-B', 'main');
  await writeFiles(folder, { 'environments/a.yaml': 'a', 'b/c': 'c', d: 'd', '.gitignore': 'ignored\n' });
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'One');
  await git('push', '--quiet', 'origin', 'main');
  return { folder, git };
}

const textOf = (file: { content: string } | { path: string }) =>
  'content' in file ? Buffer.from(file.content, 'base64').toString() : undefined;

describe('the working tree of a checkout', () => {
  it('is its difference to the newest commit that others have, as Git would commit it, and nothing of Git changes', async () => {
    const { folder, git } = await clone();
    const base = await git('rev-parse', 'HEAD');
    await writeFiles(folder, { committed: '1' });
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'Not pushed');
    await writeFiles(folder, { 'b/c': 'changed', new: 'n', ignored: 'i', staged: 's', run: '#!' });
    await git('add', 'staged');
    await rm(join(folder, 'd'));
    await chmod(join(folder, 'run'), 0o755);
    await symlink('b/c', join(folder, 'link'));
    const before = [await git('status', '--porcelain'), await git('count-objects'), await git('ls-files', '--stage')];
    const found = await readWorkingTree(folder);
    expect(found.base).toBe(base);
    expect(found.files.map((file) => [file.path, file.is, textOf(file)])).toEqual([
      ['b/c', 'file', 'changed'],
      ['committed', 'file', '1'],
      ['d', 'deleted', undefined],
      ['link', 'link', 'b/c'],
      ['new', 'file', 'n'],
      ['run', 'executable', '#!'],
      ['staged', 'file', 's'],
    ]);
    expect([await git('status', '--porcelain'), await git('count-objects'), await git('ls-files', '--stage')]).toEqual(
      before,
    );
  });

  it.each([
    ['its configuration', '.git/config', '[broken\n', /cannot be read as Git would: fatal: bad config line 1/],
    [
      'what others have',
      '.git/refs/remotes/origin/lost',
      `${'1'.repeat(40)}\n`,
      /cannot be read as Git would: fatal: bad object/,
    ],
  ])('is refused, and none of its files read, where Git cannot read %s', async (_what, path, content, message) => {
    const { folder } = await clone();
    await writeFiles(folder, { ignored: 'a secret', [path]: content });
    await expect(readWorkingTree(folder)).rejects.toThrow(message);
  });

  it('is nothing where all is as it was committed and pushed', async () => {
    const { folder, git } = await clone();
    expect(await readWorkingTree(folder)).toEqual({ base: await git('rev-parse', 'HEAD'), files: [] });
  });

  it('is refused where it is too much, where no remote branch has any of it, and below its root', async () => {
    const { folder, git } = await clone();
    await expect(readWorkingTree(join(folder, 'b'))).rejects.toMatchObject({
      problem: expect.stringMatching(/not the root of its checkout/),
    });
    await writeFiles(folder, { large: 'x'.repeat(5_000_000) });
    await expect(readWorkingTree(folder)).rejects.toMatchObject({
      problem: expect.stringMatching(/5000000 bytes or more, and 4194304/),
    });
    await writeFiles(folder, {
      large: '',
      ...Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`n/${at}`, ''])),
    });
    await expect(readWorkingTree(folder)).rejects.toMatchObject({
      problem: expect.stringMatching(/1002 files or more, and 1000 are taken/),
    });
    await git('remote', 'remove', 'origin');
    await expect(readWorkingTree(folder)).rejects.toMatchObject({
      problem: expect.stringMatching(/no commit that a remote branch has/),
    });
  });
});

describe('the files of a folder that is no checkout', () => {
  it('are all of them', async () => {
    const folder = await emptyFolder();
    await writeFiles(folder, { 'environments/a.yaml': 'a', x: 'x' });
    await symlink('x', join(folder, 'y'));
    expect(await readWorkingTree(folder)).toMatchObject({
      base: null,
      files: [
        { path: 'environments/a.yaml', is: 'file' },
        { path: 'x', is: 'file', content: 'eA==' },
        { path: 'y', is: 'link', content: 'eA==' },
      ],
    });
  });

  it('are refused where it declares no environment, or is none', async () => {
    await expect(readWorkingTree(await emptyFolder())).rejects.toMatchObject({
      problem: expect.stringMatching(/holds no folder environments/),
    });
    await expect(readWorkingTree('/nowhere')).rejects.toMatchObject({ subject: '/nowhere' });
  });
});
