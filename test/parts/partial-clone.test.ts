import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createRepositories } from '../../shared/adapters/git.ts';
import { createGitHost, type GitHost } from '../../shared/adapters/git/smart-http.ts';
import { configSchema } from '../../shared/config/config.ts';
import type { Repository, TreeChange } from '../../shared/ports/git.ts';
import { startFaultyGitHost, type FaultyGitHost } from '../e2e/faulty-git-host.ts';
import { commitAndPush, converge, file, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const host = gitHostOfFile({ tests: 40 });
const now = () => new Date('2026-11-21T01:02:03Z');
let proxy: FaultyGitHost | undefined;
let counted: FaultyGitHost;
beforeEach(async () => {
  proxy ??= await startFaultyGitHost({ url: (name) => host.url.replace(host.name, name) });
  counted = proxy;
});
afterAll(async () => proxy?.stop());

const large = (bytes: number): TreeChange['content'] => randomBytes(bytes);
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

/** A repository with little that is read, and much that is not. */
async function fill({ mebibytes = 1 }: { mebibytes?: number } = {}): Promise<Repository> {
  const writer = host.open();
  const changes = [
    ...Array.from({ length: 50 }, (_one, index) => file(`environments/e${index}.yaml`, `index: ${index}\n`)),
    file('bases/claims/kustomization.yaml', 'resources: [web.yaml]\n'),
    file('bases/claims/web.yaml', 'kind: Deployment\n'),
    file('charts/shop/Chart.yaml', 'name: shop\n'),
    ...Array.from({ length: 10 }, (_one, index) => ({
      path: `large/${index}.bin`,
      content: large((mebibytes * mebibyte) / 10),
      executable: false,
    })),
  ];
  await commitAndPush({ repository: writer, changes });
  return writer;
}

/** A new instance, by way of what counts its requests. */
function open(settings: Parameters<typeof host.open>[0] = {}): Repository {
  counted.mend();
  return host.open({ ...settings, settings: { url: counted.url(host.name) } });
}

function received(): number {
  return counted.requests.reduce((sum, { answerBytes }) => sum + answerBytes, 0);
}

const fetches = (): number => counted.requests.filter(({ step }) => step === 'fetch').length;

/** Each commit changes one file, and adds one beside it. Resolves with the last. */
async function importHistory({ commits }: { commits: number }): Promise<string> {
  const person = (at: number): string => `committer Ada <ada@example.com> ${1_700_000_000 + at} +0000\ndata 1\nx\n`;
  const parts = Array.from(
    { length: commits },
    (_one, at) =>
      `commit refs/heads/main\n${person(at)}M 100644 inline a/b/c.yaml\ndata ${String(at).length}\n${at}\n` +
      `M 100644 inline a/b/${at}.bin\ndata 4\nabcd\n`,
  );
  const imported = run('git', ['--git-dir', host.path, 'fast-import', '--quiet']);
  imported.child.stdin?.end(parts.join(''));
  await imported;
  return await host.onHost('rev-parse', 'main');
}

describe('a partial clone', () => {
  it('takes the trees and the small files that are read, in one request for those that lie together', async () => {
    await fill();
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    expect((await repository.entry({ commit: head, path: 'large/3.bin' }))?.kind).toBe('file');
    const files = await repository.list({ commit: head, folder: 'environments' });
    const texts = await Promise.all(files.map(async ({ path }) => repository.readFile({ commit: head, path })));
    expect(texts.map(text)).toContain('index: 49\n');
    expect(texts.length).toBe(50);
    expect(fetches()).toBe(2);
    expect(received()).toBeLessThan(30_000);
    expect((await repository.readFile({ commit: head, path: 'large/3.bin' }))?.length).toBe(Math.floor(mebibyte / 10));
    expect(fetches()).toBe(3);
  });

  it('brings a checkout with all its files in one more request', async () => {
    await fill();
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    const { folder, absent } = await repository.checkout(head);
    expect(absent).toEqual([]);
    expect((await readdir(join(folder, 'large'))).length).toBe(10);
    expect(await readFile(join(folder, 'bases/claims/web.yaml'), 'utf8')).toBe('kind: Deployment\n');
    expect(fetches()).toBe(2);
  });

  it('pushes without the blobs that it has not, also as one moves or comes back', async () => {
    const writer = await fill();
    const before = await host.onHost('rev-parse', 'main:large/1.bin', 'main:large/2.bin');
    const [moved = '', gone = ''] = before.split('\n');
    await commitAndPush({
      repository: writer,
      changes: [{ path: 'large/2.bin', content: undefined, executable: false }],
    });
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    const parent = (await repository.history({ from: head, within: 3_600_000 })).at(-1)?.id ?? '';
    expect((await repository.entry({ commit: parent, path: 'large/2.bin' }))?.id).toBe(gone);
    await repository.entry({ commit: head, path: 'large/1.bin' });
    await commitAndPush({
      repository,
      changes: [
        { path: 'large/1.bin', content: undefined, executable: false },
        { path: 'moved.bin', content: { blob: moved }, executable: false },
        { path: 'again.bin', content: { blob: gone }, executable: false },
        file('environments/new.yaml', 'new\n'),
      ],
    });
    expect(await host.onHost('rev-parse', 'main:moved.bin', 'main:again.bin')).toBe(before);
    expect(received()).toBeLessThan(50_000);
    await run('git', ['--git-dir', host.path, 'fsck', '--strict']);
  });

  it('refuses a commit of a blob that neither it nor the host has', async () => {
    await fill();
    const repository = open();
    const parent = (await repository.fetchHead())?.id;
    const changes = [{ path: 'x', content: { blob: 'a'.repeat(40) }, executable: false }];
    await expect(repository.commit({ parent, changes, message: 'x\n' })).rejects.toMatchObject({
      code: 'GitUnavailable',
      message: expect.stringContaining('is not here'),
    });
  });

  it('walks a long history without its trees, and brings those that are read', async () => {
    await importHistory({ commits: 1500 });
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    const first = await host.onHost('rev-list', '--max-parents=0', 'main');
    expect(await repository.isAncestor({ ancestor: first, descendant: head })).toBe(true);
    const walked = fetches();
    expect(text(await repository.readFile({ commit: first, path: 'a/b/c.yaml' }))).toBe('0');
    // Its three trees, and the file.
    expect(fetches() - walked).toBe(4);
  });
});

/** Between the adapter and its host, which does `instead` what it does. */
function behind(instead: (real: GitHost) => Partial<GitHost>): Repository {
  return createRepositories({
    config: { repositories: configSchema.shape.repositories.parse({ master: { url: host.url, bucket: 'b' } }) },
    ...{ author: converge, cacheFolder: join(host.folder, 'cache'), now },
    connect: (asked) => {
      const real = createGitHost(asked);
      return { ...real, ...instead(real) };
    },
  })('master');
}

describe('a host that cannot do it all', () => {
  it.each([
    ['filters nothing', async () => host.onHost('config', 'uploadpack.allowFilter', 'false')],
    [
      'serves in version 2 what it does not in version 0',
      async () => host.onHost('config', 'uploadpack.allowAnySHA1InWant', 'false'),
    ],
  ])('is read all the same: %s', async (_case, configure) => {
    await fill();
    await configure();
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    expect(text(await repository.readFile({ commit: head, path: 'environments/e7.yaml' }))).toBe('index: 7\n');
    expect((await repository.readFile({ commit: head, path: 'large/3.bin' }))?.length).toBe(Math.floor(mebibyte / 10));
    expect((await repository.checkout(head)).absent).toEqual([]);
  });

  it('is read as a whole where it filters, and serves nothing by its id', async () => {
    await fill();
    let asked = 0;
    const repository = behind((real) => ({
      fetchPack: async (wanted) => {
        if (wanted.depth !== undefined) return await real.fetchPack(wanted);
        asked += 1;
        return { refused: 'upload-pack: not our ref' };
      },
    }));
    const head = (await repository.fetchHead())?.id ?? '';
    expect(text(await repository.readFile({ commit: head, path: 'environments/e7.yaml' }))).toBe('index: 7\n');
    expect((await repository.readFile({ commit: head, path: 'large/3.bin' }))?.length).toBe(Math.floor(mebibyte / 10));
    expect(asked).toBe(1);
  });

  it('is read at every commit where it filters, and serves what refs are at and nothing else', async () => {
    const head = await importHistory({ commits: 200 });
    const first = await host.onHost('rev-list', '--max-parents=0', 'main');
    const middle = await host.onHost('rev-parse', 'main~5');
    const repository = behind((real) => ({
      async fetchPack(wanted) {
        const refs = new Set((await real.listRefs(['refs/'])).values());
        const refused = wanted.wants.find((id) => !refs.has(id));
        return refused === undefined ? await real.fetchPack(wanted) : { refused: `want ${refused} not valid` };
      },
    }));
    expect((await repository.fetchHead())?.id).toBe(head);
    expect(await repository.isAncestor({ ancestor: first, descendant: head })).toBe(true);
    const read = async (commit: string) => text(await repository.readFile({ commit, path: 'a/b/c.yaml' }));
    expect(await read(head)).toBe('199');
    expect(await read(middle)).toBe('194');
    expect((await repository.list({ commit: first, folder: 'a/b' })).length).toBe(2);
    expect(await read(first)).toBe('0');
    const moved = await host.onHost('commit-tree', '-p', head, '-m', 'Back', `${first}^{tree}`);
    await host.onHost('update-ref', 'refs/heads/main', moved);
    expect((await repository.fetchHead())?.id).toBe(moved);
    expect(await read(moved)).toBe('0');
  });

  it('is asked with the filter that it knows where it cannot leave out trees', async () => {
    await fill();
    const repository = behind((real) => ({
      fetchPack: async (wanted) =>
        wanted.filter === 'tree:0' ? { refused: "filter 'tree' not supported" } : await real.fetchPack(wanted),
    }));
    const head = (await repository.fetchHead())?.id ?? '';
    expect((await repository.entry({ commit: head, path: 'large/3.bin' }))?.kind).toBe('file');
  });

  it('never makes an object absent that it does not serve', async () => {
    await fill();
    const blob = await host.onHost('rev-parse', 'main:environments/e7.yaml');
    const repository = behind((real) => ({
      fetchPack: async (wanted) =>
        wanted.depth === undefined || wanted.filter === undefined
          ? { refused: `upload-pack: not our ref ${blob}` }
          : await real.fetchPack(wanted),
    }));
    const head = (await repository.fetchHead())?.id ?? '';
    await expect(repository.readFile({ commit: head, path: 'environments/e7.yaml' })).rejects.toMatchObject({
      code: 'GitUnavailable',
      disposition: 'retry',
    });
  });

  it('is refused in words where it sends more than the memory allows', async () => {
    await fill({ mebibytes: 2 });
    await host.onHost('config', 'uploadpack.allowFilter', 'false');
    const { fetchHead } = createRepositories({
      config: { repositories: configSchema.shape.repositories.parse({ master: { url: host.url, bucket: 'b' } }) },
      ...{ author: converge, cacheFolder: join(host.folder, 'cache'), now },
      connect: (asked) => createGitHost({ ...asked, mostBytes: mebibyte }),
    })('master');
    await expect(fetchHead()).rejects.toMatchObject({
      code: 'RepositoryTooLarge',
      disposition: 'refuse',
      message: expect.stringContaining('more than the 1 MiB'),
      remedy: expect.stringContaining('uploadpack.allowFilter'),
    });
  });
});

const measuredSchema = z.object({
  environments: z.number(),
  memoryMiB: z.number(),
  temporaryMiB: z.number(),
  seconds: z.number(),
});

it('opens a tree of 60 MiB that does not compress within the memory of fanOut and status', async () => {
  await fill({ mebibytes: 60 });
  const { stdout } = await run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    // As the builder of the functions sets it for 512 MiB.
    '--max-old-space-size=448',
    join(import.meta.dirname, 'open-repository.ts'),
    host.url,
    'large/1.bin,charts/shop',
  ]);
  const measured = measuredSchema.parse(JSON.parse(stdout));
  expect(measured.environments).toBe(50);
  expect(measured.memoryMiB + measured.temporaryMiB).toBeLessThan(256);
});
