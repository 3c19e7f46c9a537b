import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { createPacks } from '../../shared/adapters/git/packs.ts';
import { configSchema } from '../../shared/config.ts';
import type { Repository, TreeChange } from '../../shared/pipeline/ports.ts';

const run = promisify(execFile);
let folder: string;
let host: GitHost;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-git-packs-'));
  host = await startGit({ folder, repositories: ['written', 'renewed', 'lost'] });
});
afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

function open({ name, cloneLimits }: { name: string; cloneLimits?: { packs: number; bytes: number } }): Repository {
  const config = { repositories: configSchema.shape.repositories.parse({ master: { url: host.url(name), bucket: 'b' } }) };
  const author = { name: 'Converge', email: 'converge@example.com' };
  const cacheFolder = join(folder, `cache-${name}`);
  return createRepositories({ config, author, cacheFolder, now: () => new Date('2026-11-21T01:02:03Z'), ...(cloneLimits === undefined ? {} : { cloneLimits }) })('master');
}

async function packsBelow(at: string): Promise<string[]> {
  return (await readdir(at, { recursive: true })).filter((file) => file.endsWith('.pack')).map((file) => join(at, file));
}

async function commitAndPush(repository: Repository, changes: readonly TreeChange[]): Promise<string> {
  const commit = await repository.commit({ parent: (await repository.fetchHead())?.id, changes, message: 'Change\n' });
  if (commit === 'unchanged') throw new Error('the test meant to change something');
  expect(await repository.push(commit)).toBe('pushed');
  return commit.id;
}

const file = (path: string, content: Uint8Array): TreeChange => ({ path, content, executable: false });

it('writes one pack for a commit, of files of every size, which git takes', async () => {
  const repository = open({ name: 'written' });
  const sizes = [0, 1, 15, 16, 2047, 2048, 70_000, 3_000_000, 20_000_000];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let part = 0; part < 300; part++) yield Buffer.alloc(10_000, part);
  }
  const streamed = await repository.writeBlob({ bytes: 3_000_000, chunks: chunks() });
  const changes = [...sizes.map((size) => file(`sizes/${size}`, randomBytes(size))), { path: 'streamed', content: { blob: streamed }, executable: false }];
  await commitAndPush(repository, changes);
  const packs = await packsBelow(join(folder, 'cache-written'));
  expect(packs.length).toBe(1);
  await run('git', ['index-pack', '--strict', '-o', join(folder, 'index.idx'), packs[0] ?? '']);
  await run('git', ['--git-dir', host.path('written'), 'fsck', '--strict', '--full']);
  const { stdout } = await run('git', ['--git-dir', host.path('written'), 'ls-tree', '-r', '--format=%(objectsize)', 'main']);
  expect(stdout.trim().split('\n').map(Number).sort((a, b) => a - b)).toEqual([...sizes, 3_000_000].sort((a, b) => a - b));
});

it('reads every object of packs that git made, deltas of both kinds, as git does', async () => {
  const repository = join(folder, 'deltas.git');
  const git = (...parameters: string[]): Promise<{ stdout: string }> => run('git', ['--git-dir', repository, ...parameters], { maxBuffer: 1 << 26 });
  await run('git', ['init', '--quiet', '--bare', repository]);
  let text = randomBytes(30_000).toString('hex');
  const commits = Array.from({ length: 40 }, (_one, index) => {
    text = `${text.slice(0, index * 1000)}change ${index}${text.slice(index * 1000 + 20)}`;
    return `commit refs/heads/main\ncommitter A <a@b> ${1_700_000_000 + index} +0000\ndata 1\nx\nM 100644 inline f\ndata ${text.length}\n${text}\nM 100644 inline g${index}\ndata 1\nx\n`;
  });
  const imported = run('git', ['--git-dir', repository, 'fast-import', '--quiet']);
  imported.child.stdin?.end(commits.join(''));
  await imported;
  const listed = (await git('cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype) %(objectsize)')).stdout.trim().split('\n');
  for (const kind of ['--delta-base-offset', '--no-delta-base-offset']) {
    const packing = run('git', ['--git-dir', repository, 'pack-objects', '--all', '--depth=30', ...(kind.startsWith('--no') ? [] : [kind]), join(folder, `made${kind}`)]);
    packing.child.stdin?.end();
    const content = await readFile(`${join(folder, `made${kind}`)}-${(await packing).stdout.trim()}.pack`);
    const at = join(folder, `${kind}.pack`);
    await writeFile(at, content);
    const packs = createPacks();
    await packs.add({ file: at, content });
    for (const line of listed) {
      const [id = '', type, size] = line.split(' ');
      const object = await packs.read(id);
      expect(`${id} ${object?.type} ${object?.content.length}`).toBe(`${id} ${type} ${size}`);
    }
    // Cut anywhere, it is refused as a whole.
    for (const length of [12, 500, content.length - 21]) {
      const cut = createPacks();
      await expect(cut.add({ file: at, content: content.subarray(0, length) })).rejects.toThrow();
      expect(listed.some((line) => cut.has(line.split(' ')[0] ?? ''))).toBe(false);
    }
  }
});

it('begins a new clone where the old one has become large, and goes on', async () => {
  const repository = open({ name: 'renewed', cloneLimits: { packs: 5, bytes: 1 << 30 } });
  for (let round = 0; round < 20; round++) {
    const id = await commitAndPush(repository, [file(`f${round}`, Buffer.from(String(round)))]);
    expect(Buffer.from((await repository.readFile({ commit: id, path: 'f0' })) ?? []).toString()).toBe('0');
    expect((await packsBelow(join(folder, 'cache-renewed'))).length).toBeLessThan(8);
  }
  const { stdout } = await run('git', ['--git-dir', host.path('renewed'), 'rev-list', '--count', 'main']);
  expect(stdout.trim()).toBe('20');
});

it('commits no blob that is nowhere', async () => {
  const commit = open({ name: 'lost' }).commit({ parent: undefined, changes: [{ path: 'a', content: { blob: 'f'.repeat(40) }, executable: false }], message: 'x' });
  await expect(commit).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
});
