import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createRepositories } from '../../shared/adapters/git.ts';
import type { TreeChange } from '../../shared/ports/git.ts';
import { commitAndPush, converge, file, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const now = () => new Date('2026-11-21T01:02:03Z');
const host = gitHostOfFile({ tests: 40 });
const { onHost, open } = host;

const deletion = (path: string): TreeChange => ({ path, content: undefined, executable: false });

/** Native git in a work tree, as somebody else. */
function gitIn(workTree: string): (...parameters: string[]) => Promise<{ stdout: string }> {
  return (...parameters) =>
    run('git', ['-C', workTree, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...parameters]);
}

/** A push by somebody else. */
async function nativePush(script: (workTree: string) => Promise<void>, message = 'By hand'): Promise<string> {
  const workTree = await mkdtemp(join(host.folder, 'work-'));
  const git = gitIn(workTree);
  await run('git', ['clone', '--quiet', host.url, workTree]);
  await script(workTree);
  await git('add', '--all');
  await git('commit', '--quiet', '--allow-empty', '--message', message);
  await git('push', '--quiet', 'origin', 'HEAD:main');
  return (await git('rev-parse', 'HEAD')).stdout.trim();
}

describe('an empty repository', () => {
  it('has no head and takes a first commit', async () => {
    const repository = open();
    expect(await repository.head()).toBeUndefined();
    expect(await repository.fetchHead()).toBeUndefined();
    const commit = await commitAndPush({ repository, changes: [file('a/b.yaml', 'one\n')], message: 'First\n' });
    expect(await repository.head()).toBe(commit.id);
    expect(await onHost('show', 'main:a/b.yaml')).toBe('one');
    expect(await onHost('log', '--format=%an <%ae> %ct %s', 'main')).toBe(
      'Converge <converge@example.com> 1795222923 First',
    );
    await onHost('fsck', '--strict');
  });

  it('refuses the first commit where somebody else pushed one before', async () => {
    const [ours, theirs] = [open(), open()];
    const first = await ours.commit({ parent: undefined, changes: [file('a', '1')], message: 'Ours\n' });
    const other = await commitAndPush({ repository: theirs, changes: [file('b', '2')] });
    expect(first !== 'unchanged' && (await ours.push(first))).toBe('moved');
    expect(await onHost('rev-parse', 'main')).toBe(other.id);
  });
});

it('rewrites only what changed, and replaces a folder as a whole', async () => {
  const repository = open();
  await commitAndPush({
    repository,
    changes: [
      file('shop/old.yaml', 'old'),
      file('shop/deep/older.yaml', 'old'),
      file('keep/me.yaml', 'kept'),
      { ...file('run.sh', 'x'), executable: true },
    ],
  });
  await commitAndPush({
    repository,
    changes: [deletion('shop'), file('shop/new.yaml', 'new'), file('z/y/x.yaml', 'deep')],
  });
  expect((await onHost('ls-tree', '-r', '--format=%(objectmode) %(path)', 'main')).split('\n')).toEqual([
    '100644 keep/me.yaml',
    '100755 run.sh',
    '100644 shop/new.yaml',
    '100644 z/y/x.yaml',
  ]);
  await onHost('fsck', '--strict');
});

it('keeps on disk what a pack holds, and not a second time beside it; what comes again is taken from there', async () => {
  const cacheFolder = await mkdtemp(join(host.folder, 'cache-'));
  const repository = open({ cacheFolder });
  const large = randomBytes(6_000_000);
  const small = Array.from({ length: 300 }, () => randomBytes(20_000));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield large.subarray(0, 1_000_000);
    yield large.subarray(1_000_000);
  }
  const largeId = await repository.writeBlob({ bytes: large.length, chunks: chunks() });
  const smallIds = await Promise.all(small.map(async (one) => repository.writeBlob(one)));
  const unused = await repository.writeBlob(randomBytes(2_000_000));
  const changes = [largeId, ...smallIds].map((blob, index) => ({
    path: `${index % 7}/${index}`,
    content: { blob },
    executable: false,
  }));
  await commitAndPush({ repository, changes });
  const bytesBelow = async (part: string): Promise<number> => {
    const [clone = ''] = await readdir(cacheFolder);
    const files = await readdir(join(cacheFolder, clone, 'git-0', part));
    return (
      await Promise.all(files.map(async (one) => (await stat(join(cacheFolder, clone, 'git-0', part, one))).size))
    ).reduce((sum, size) => sum + size, 0);
  };
  expect(await bytesBelow('drafts')).toBeLessThan(6_500_000);
  expect(await bytesBelow('objects/pack')).toBeGreaterThan(12_000_000);
  expect(await onHost('cat-file', '-s', `main:0/0`)).toBe('6000000');

  const again = { again: largeId, unused, small: smallIds[7] ?? '' };
  await commitAndPush({
    repository,
    changes: Object.entries(again).map(([path, blob]) => ({ path, content: { blob }, executable: false })),
  });
  expect(await onHost('rev-parse', 'main:again', 'main:unused', 'main:small')).toBe(Object.values(again).join('\n'));
  await run('git', ['--git-dir', host.path, 'fsck', '--strict']);
});

it('finds nothing changed where the tree stays the same', async () => {
  const repository = open();
  const { id } = await commitAndPush({ repository, changes: [file('shop/a.yaml', 'a')] });
  const same = [deletion('shop'), file('shop/a.yaml', 'a')];
  expect(await repository.commit({ parent: id, changes: same, message: 'Again\n' })).toBe('unchanged');
  expect(await repository.commit({ parent: id, changes: [deletion('absent')], message: 'Again\n' })).toBe('unchanged');
});

it('drops a folder with its last file', async () => {
  const repository = open();
  await commitAndPush({ repository, changes: [file('a/b/c.yaml', 'c'), file('d.yaml', 'd')] });
  const { id } = await commitAndPush({ repository, changes: [deletion('a/b/c.yaml')] });
  expect(await repository.list({ commit: id, folder: '' })).toEqual([
    expect.objectContaining({ path: 'd.yaml', kind: 'file' }),
  ]);
});

describe('reading a fetched commit', () => {
  it('gives entries, folders and files, and undefined only for what is not there', async () => {
    const writer = open();
    await commitAndPush({
      repository: writer,
      changes: [file('environments/acme.yaml', 'acme'), file('README.md', 'read me')],
    });
    const repository = open();
    const commit = (await repository.fetchHead())?.id ?? '';
    expect(await repository.entry({ commit, path: '' })).toMatchObject({ path: '', kind: 'folder' });
    const path = 'environments/acme.yaml';
    expect(await repository.entry({ commit, path })).toMatchObject({ path, kind: 'file' });
    expect(await repository.entry({ commit, path: 'README.md/below' })).toBeUndefined();
    expect((await repository.list({ commit, folder: 'environments' })).map((entry) => entry.path)).toEqual([path]);
    expect(await repository.list({ commit, folder: 'nowhere' })).toEqual([]);
    expect(Buffer.from((await repository.readFile({ commit, path: 'README.md' })) ?? []).toString()).toBe('read me');
    expect(await repository.readFile({ commit, path: 'environments' })).toBeUndefined();
    await expect(repository.readFile({ commit: 'f'.repeat(40), path: 'README.md' })).rejects.toMatchObject({
      code: 'GitUnavailable',
    });
  });

  it('checks out files, modes and links, once for each tree', async () => {
    await commitAndPush({ repository: open(), changes: [{ ...file('bin/run', 'run'), executable: true }] });
    await nativePush(async (workTree) => {
      await symlink('../../outside', join(workTree, 'link'));
      await writeFile(join(workTree, 'plain'), 'plain');
    });
    const repository = open();
    const commit = (await repository.fetchHead())?.id ?? '';
    const [checkout, other] = await Promise.all([repository.checkout(commit), repository.checkout(commit)]);
    const root = checkout.folder;
    expect(checkout.absent).toEqual([]);
    expect(other.folder).toBe(root);
    expect(await readFile(join(root, 'plain'), 'utf8')).toBe('plain');
    expect((await stat(join(root, 'bin/run'))).mode & 0o111).not.toBe(0);
    expect((await lstat(join(root, 'link'))).isSymbolicLink()).toBe(true);
    expect(await readlink(join(root, 'link'))).toBe('../../outside');
  });

  it('links what did not change since the last checkout, and nothing else', async () => {
    const repository = open();
    const before = await commitAndPush({
      repository,
      changes: [
        file('same/deep/a', 'a'),
        file('same/deep/b', 'b'),
        file('edited/c', 'c'),
        file('edited/d', 'd'),
        file('mode', 'm'),
        file('becomes', 'file'),
        file('goes', 'g'),
      ],
    });
    const { folder: first } = await repository.checkout(before.id);
    const after = await commitAndPush({
      repository,
      changes: [
        file('edited/c', 'changed'),
        { ...file('mode', 'm'), executable: true },
        { ...file('becomes', ''), content: undefined },
        file('becomes/a/folder', 'f'),
        { ...file('goes', ''), content: undefined },
      ],
    });
    const { folder: second } = await repository.checkout(after.id);
    const inode = async (folder: string, name: string) => (await stat(join(folder, name))).ino;
    for (const name of ['same/deep/a', 'same/deep/b', 'edited/d'])
      expect(await inode(second, name)).toBe(await inode(first, name));
    for (const name of ['edited/c', 'mode']) expect(await inode(second, name)).not.toBe(await inode(first, name));
    expect(await readFile(join(second, 'edited/c'), 'utf8')).toBe('changed');
    expect(await readFile(join(first, 'edited/c'), 'utf8')).toBe('c');
    expect((await stat(join(second, 'mode'))).mode & 0o111).not.toBe(0);
    expect((await stat(join(first, 'mode'))).mode & 0o111).toBe(0);
    expect(await readFile(join(second, 'becomes/a/folder'), 'utf8')).toBe('f');
    await expect(stat(join(second, 'goes'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is brought only what a commit changed, by a host that does not filter', async () => {
    await onHost('config', 'uploadpack.allowFilter', 'false');
    const writer = open();
    await commitAndPush({
      repository: writer,
      changes: [file('large', randomBytes(100_000).toString('hex')), file('small', '0')],
    });
    const cacheFolder = await mkdtemp(join(host.folder, 'cache-'));
    const packed = async (): Promise<number> => {
      const files = await readdir(cacheFolder, { recursive: true, withFileTypes: true });
      const sizes = await Promise.all(
        files
          .filter((entry) => entry.name.endsWith('.pack'))
          .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    const reader = open({ cacheFolder });
    await reader.fetchHead();
    const first = await packed();
    expect(first).toBeGreaterThan(100_000);
    for (const text of ['1', '2', '3']) {
      const { id } = await commitAndPush({ repository: writer, changes: [file('small', text)] });
      expect((await reader.fetchHead())?.id).toBe(id);
      expect(Buffer.from((await reader.readFile({ commit: id, path: 'small' })) ?? []).toString()).toBe(text);
      expect((await reader.readFile({ commit: id, path: 'large' }))?.length).toBe(200_000);
    }
    expect((await packed()) - first).toBeLessThan(10_000);
  });

  it('keeps the checkouts used last', async () => {
    const repository = open();
    const folders: string[] = [];
    for (let index = 0; index < 10; index++) {
      const { id } = await commitAndPush({ repository, changes: [file('n', String(index))] });
      folders.push((await repository.checkout(id)).folder);
    }
    await expect(stat(folders[0] ?? '')).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await stat(folders[9] ?? '')).isDirectory()).toBe(true);
  });
});

describe('history', () => {
  it('reaches back as far as it is asked to, on a shallow clone', async () => {
    await nativePush(async (workTree) => {
      const git = gitIn(workTree);
      for (let index = 1; index < 40; index++)
        await git('commit', '--quiet', '--allow-empty', '--message', `Commit ${index}`);
    });
    const commits = (await onHost('rev-list', '--reverse', 'main')).split('\n');
    const [first = '', last = ''] = [commits[0], commits[39]];

    const repository = open();
    await repository.fetchHead();
    expect(await repository.isAncestor({ ancestor: last, descendant: last })).toBe(true);
    expect(await repository.isAncestor({ ancestor: commits[30] ?? '', descendant: last })).toBe(true);
    expect(await repository.isAncestor({ ancestor: first, descendant: last })).toBe(true);
    expect(await repository.isAncestor({ ancestor: last, descendant: first })).toBe(false);
    expect(await repository.isAncestor({ ancestor: 'f'.repeat(40), descendant: last })).toBe(false);
    const all = await repository.history({ from: last, since: new Date(0) });
    expect(all.map(({ id }) => id)).toEqual(commits.toReversed());
    expect(await repository.history({ from: last, since: new Date(Date.now() + 3_600_000) })).toEqual([]);
  });

  it('does not end at a commit, or a few, whose dates are odd, and brings none behind the range', async () => {
    const pushAt = async (message: string, date: string): Promise<string> => {
      const workTree = await mkdtemp(join(host.folder, 'work-'));
      const git = gitIn(workTree);
      await run('git', ['clone', '--quiet', host.url, workTree]);
      const ada = ['-C', workTree, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
      await run('git', [...ada, 'commit', '--quiet', '--allow-empty', '--message', message], {
        env: { ...process.env, GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date },
      });
      await git('push', '--quiet', 'origin', 'HEAD:main');
      return (await git('rev-parse', 'HEAD')).stdout.trim();
    };
    const older = await pushAt('Older', '2026-11-01T00:00:00Z');
    const first = await pushAt('First', '2026-11-21T00:00:00Z');
    const odd: string[] = [];
    for (const year of ['2001', '1999', '2003']) odd.unshift(await pushAt('Odd', `${year}-01-01T00:00:00Z`));
    const repository = open();
    const head = (await repository.fetchHead())?.id ?? '';
    expect(head).toBe(odd[0]);
    const ids = async (since: string) =>
      (await repository.history({ from: head, since: new Date(since) })).map(({ id }) => id);
    expect(await ids('2026-11-20T00:00:00Z')).toEqual([...odd, first]);
    expect(await ids('2026-10-20T00:00:00Z')).toEqual([...odd, first, older]);
    expect(await ids('2027-01-01T00:00:00Z')).toEqual([]);
  });

  it('follows both sides of a merge', async () => {
    await commitAndPush({ repository: open(), changes: [file('a', '1')] });
    const side = await mkdtemp(join(host.folder, 'work-'));
    const git = gitIn(side);
    await run('git', ['clone', '--quiet', host.url, side]);
    await git('checkout', '--quiet', '-b', 'side');
    await git('commit', '--quiet', '--allow-empty', '--message', 'On the side');
    await git('checkout', '--quiet', 'main');
    await git('merge', '--quiet', '--no-ff', '--message', 'Merge', 'side');
    await git('push', '--quiet', 'origin', 'main');
    const repository = open();
    const merge = (await repository.fetchHead())?.id ?? '';
    const messages = (await repository.history({ from: merge, since: new Date(0) })).map(({ message }) =>
      message.trim(),
    );
    expect(messages.sort()).toEqual(['Change', 'Merge', 'On the side']);
  });
});

describe('a push', () => {
  it('reports a branch that somebody else moved, and goes through on top of it', async () => {
    const repository = open();
    const { id } = await commitAndPush({ repository, changes: [file('a', '1')] });
    const mine = await repository.commit({ parent: id, changes: [file('a', '2')], message: 'Mine\n' });
    const theirs = await nativePush((workTree) => writeFile(join(workTree, 'b'), 'theirs'));
    expect(mine !== 'unchanged' && (await repository.push(mine))).toBe('moved');
    expect(await repository.head()).toBe(theirs);
    await commitAndPush({ repository, changes: [file('a', '2')] });
    expect(await onHost('show', 'main:b')).toBe('theirs');
    expect(await onHost('show', 'main:a')).toBe('2');
  });

  it('does not bring back commits that a reset removed from the branch', async () => {
    const repository = open();
    const first = await commitAndPush({ repository, changes: [file('a', '1')] });
    const second = await commitAndPush({ repository, changes: [file('a', '2')] });
    const third = await repository.commit({ parent: second.id, changes: [file('a', '3')], message: 'Third\n' });
    await onHost('update-ref', 'refs/heads/main', first.id);
    expect(third !== 'unchanged' && (await repository.push(third))).toBe('moved');
    expect(await onHost('rev-parse', 'main')).toBe(first.id);
    expect((await repository.fetchHead())?.id).toBe(first.id);
  });

  it('lets one of many at once through, and loses none', async () => {
    await commitAndPush({ repository: open(), changes: [file('a', '0')] });
    const results = await Promise.all(
      Array.from({ length: 4 }, async (_one, index) => {
        const repository = open();
        const parent = (await repository.fetchHead())?.id;
        const commit = await repository.commit({ parent, changes: [file(`f${index}`, 'x')], message: 'Race\n' });
        return commit === 'unchanged' ? commit : repository.push(commit);
      }),
    );
    const pushed = results.filter((result) => result === 'pushed').length;
    expect(results.every((result) => result === 'pushed' || result === 'moved')).toBe(true);
    expect(pushed).toBeGreaterThan(0);
    expect(await onHost('rev-list', '--count', 'main')).toBe(String(1 + pushed));
  });

  it("is refused with the words of the host's hook", async () => {
    await writeFile(join(host.path, 'hooks', 'pre-receive'), '#!/bin/sh\necho "only on weekdays" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const repository = open();
    const commit = await repository.commit({ parent: undefined, changes: [file('a', '1')], message: 'First\n' });
    if (commit === 'unchanged') throw new Error('unexpected');
    await expect(repository.push(commit)).rejects.toMatchObject({
      code: 'GitRefused',
      disposition: 'refuse',
      problem: expect.stringMatching(/pre-receive hook declined.*only on weekdays/),
    });
    expect(await repository.head()).toBeUndefined();
  });
});

it('needs no default branch: HEAD of the repository may point nowhere', async () => {
  const { id } = await commitAndPush({ repository: open(), changes: [file('a', '1')] });
  await onHost('symbolic-ref', 'HEAD', 'refs/heads/trunk');
  expect((await open().fetchHead())?.id).toBe(id);
});

it('takes a branch that is not there for no empty one where there are others, and names them', async () => {
  await commitAndPush({ repository: open(), changes: [file('a', '1')] });
  await onHost('branch', 'trunk', 'main');
  const repository = open({ settings: { branch: 'preview' } });
  const missing = {
    code: 'BranchMissing',
    disposition: 'refuse',
    message: `${host.url}: the branch preview does not exist; it has: main, trunk (set repositories.master.branch, or push preview)`,
  };
  await expect(repository.head()).rejects.toMatchObject(missing);
  await expect(repository.fetchHead()).rejects.toMatchObject(missing);
  await onHost('branch', 'preview', 'main');
  expect((await repository.fetchHead())?.id).toBe(await onHost('rev-parse', 'main'));
});

it('is founded by a first commit where the repository has refs and no branch', async () => {
  const workTree = await mkdtemp(join(host.folder, 'work-'));
  const git = gitIn(workTree);
  await run('git', ['clone', '--quiet', host.url, workTree]);
  await git('commit', '--quiet', '--allow-empty', '--message', 'Elsewhere');
  await git('tag', '--annotate', '--message', 'v1', 'v1');
  await git('push', '--quiet', 'origin', 'v1', 'HEAD:refs/converge/acme', 'HEAD:refs/notes/converge');
  const repository = open();
  expect(await repository.head()).toBeUndefined();
  expect(await repository.fetchHead()).toBeUndefined();
  const commit = await commitAndPush({ repository, changes: [file('a', '1')] });
  expect(await onHost('rev-list', '--parents', 'main')).toBe(commit.id);
});

it('refuses a class that is not configured', () => {
  const repositories = createRepositories({
    config: { repositories: {} },
    author: converge,
    cacheFolder: host.folder,
    now,
  });
  expect(() => repositories('staging')).toThrow(
    expect.objectContaining({ code: 'UnknownRepository', disposition: 'refuse' }),
  );
});

describe('a Git host in trouble', () => {
  /** Passes requests on to the real host, except for those that `answer` takes. */
  async function between(
    answer: (
      path: string,
      count: number,
      headers: NodeJS.Dict<string | string[]>,
    ) => number | 'reset' | 'pass' | 'lose',
  ): Promise<Server & { url: string }> {
    let count = 0;
    const target = new URL(host.url);
    const server = createServer((incoming, outgoing) => {
      const verdict = answer(incoming.url ?? '', count++, incoming.headers);
      if (verdict === 'reset') return void incoming.socket.destroy();
      if (typeof verdict === 'number')
        return void outgoing.writeHead(verdict, { 'www-authenticate': 'Basic' }).end('its words');
      const { url: path, method, headers } = incoming;
      const forward = httpRequest({ host: target.hostname, port: target.port, path, method, headers }, (real) => {
        if (verdict === 'lose') return void real.on('end', () => incoming.socket.destroy()).resume();
        outgoing.writeHead(real.statusCode ?? 500, real.headers);
        real.pipe(outgoing);
      });
      incoming.pipe(forward);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return Object.assign(server, { url: `http://127.0.0.1:${address.port}${target.pathname}` });
  }

  it.each([
    [500, 'GitUnavailable', 'retry'],
    [503, 'GitUnavailable', 'retry'],
    [429, 'GitUnavailable', 'retry'],
    [401, 'GitRefused', 'refuse'],
    [403, 'GitRefused', 'refuse'],
    [404, 'GitRefused', 'refuse'],
  ])('answering %i is %s (%s)', async (status, code, disposition) => {
    const proxy = await between(() => status);
    try {
      await expect(open({ settings: { url: proxy.url } }).head()).rejects.toMatchObject({ code, disposition });
      await expect(open({ settings: { url: proxy.url } }).fetchHead()).rejects.toMatchObject({ code, disposition });
    } finally {
      proxy.close();
    }
  });

  it('is asked once by all who ask together, and anew by those who ask while it is being asked', async () => {
    await commitAndPush({ repository: open(), changes: [file('a', '1')] });
    let requests = 0;
    let onRequest = (): void => {};
    const proxy = await between(() => {
      requests += 1;
      onRequest();
      return 'pass';
    });
    try {
      const repository = open({ settings: { url: proxy.url } });
      const askedBy = async (work: () => Promise<unknown>): Promise<number> => {
        const before = requests;
        await work();
        return requests - before;
      };
      await repository.fetchHead();
      const one = await askedBy(() => repository.fetchHead());
      expect(await askedBy(() => Promise.all(Array.from({ length: 8 }, () => repository.fetchHead())))).toBe(one);
      const late: Promise<unknown>[] = [];
      onRequest = () => {
        onRequest = () => {};
        late.push(repository.fetchHead(), repository.fetchHead());
      };
      const asked = await askedBy(async () => {
        await repository.fetchHead();
        await Promise.all(late);
      });
      expect(asked).toBe(2 * one);
    } finally {
      proxy.close();
    }
  });

  it('that is not there is unavailable', async () => {
    const proxy = await between(() => 'pass');
    await new Promise((resolve) => proxy.close(resolve));
    await expect(open({ settings: { url: proxy.url } }).fetchHead()).rejects.toMatchObject({
      code: 'GitUnavailable',
      disposition: 'retry',
    });
  });

  it('that closes a connection once is asked again; one that keeps closing is unavailable', async () => {
    const once = await between((_path, count) => (count === 0 ? 'reset' : 'pass'));
    const always = await between(() => 'reset');
    try {
      expect(await open({ settings: { url: once.url } }).fetchHead()).toBeUndefined();
      await expect(open({ settings: { url: always.url } }).fetchHead()).rejects.toMatchObject({
        code: 'GitUnavailable',
        disposition: 'retry',
      });
    } finally {
      once.close();
      always.close();
    }
  });

  it('that takes a push and loses the answer has taken it', async () => {
    let lost = false;
    const proxy = await between((path) => {
      if (lost || !path.endsWith('/git-receive-pack')) return 'pass';
      lost = true;
      return 'lose';
    });
    try {
      const commit = await commitAndPush({
        repository: open({ settings: { url: proxy.url } }),
        changes: [file('a', '1')],
      });
      expect(lost).toBe(true);
      expect(await onHost('rev-parse', 'main')).toBe(commit.id);
    } finally {
      proxy.close();
    }
  });

  it.each([
    ['ada:pass:word', 'ada:pass:word'],
    ['a-token', 'x-access-token:a-token'],
  ])('that asks for credentials gets those of the file %j', async (secret, sent) => {
    const credentials = join(host.folder, `credentials-${host.name}`);
    await writeFile(credentials, `${secret}\n`);
    const expected = `Basic ${Buffer.from(sent).toString('base64')}`;
    const proxy = await between((_path, _count, headers) => (headers.authorization === expected ? 'pass' : 401));
    try {
      await commitAndPush({
        repository: open({ settings: { url: proxy.url, credentials: { file: credentials } } }),
        changes: [file('a', '1')],
      });
      await writeFile(credentials, 'wrong');
      await expect(
        open({ settings: { url: proxy.url, credentials: { file: credentials } } }).head(),
      ).rejects.toMatchObject({ code: 'GitRefused' });
    } finally {
      proxy.close();
    }
  });
});
