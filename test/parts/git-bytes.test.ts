import { execFileSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Commit, Repository, TreeChange } from '../../shared/ports/git.ts';
import { changedPaths } from '../../shared/pipeline/rollback/changed-paths.ts';
import { revertOnBranch } from '../../shared/pipeline/rollback/revert-on-branch.ts';
import { pathFromBytes } from '../../shared/source/path-bytes.ts';
import { file, gitHostOfFile } from './git-host-of-file.ts';

/*
 * Repositories as other programs leave them: made with git's plumbing on the host's disk, read and written by us over
 * HTTP, and looked at with git again.
 */

const host = gitHostOfFile({ tests: 60 });
const { open } = host;

function onHost(parameters: string[], input: string | Buffer = ''): Buffer {
  return execFileSync('git', ['--git-dir', host.path, ...parameters], { input, maxBuffer: 64 * 1024 * 1024 });
}
const said = (...parameters: string[]): string => onHost(parameters).toString('latin1').trim();

const blob = (text: string): string => onHost(['hash-object', '-w', '--stdin'], text).toString().trim();
const object = (type: string, content: Buffer): string =>
  onHost(['hash-object', '-w', '-t', type, '--literally', '--stdin'], content).toString().trim();
/** Names in Latin-1, exactly in that order. */
const tree = (...entries: [mode: string, name: string, id: string][]): string =>
  object(
    'tree',
    Buffer.concat(
      entries.map(([mode, entry, id]) =>
        Buffer.concat([Buffer.from(`${mode} ${entry}\0`, 'latin1'), Buffer.from(id, 'hex')]),
      ),
    ),
  );
const ada = 'Ada <ada@example.com> 1795222900 +0000';

function commitOf({
  treeId,
  parents = [],
  author = ada,
  committer = ada,
  more = '',
  message = 'm\n',
}: {
  treeId: string;
  parents?: readonly string[];
  author?: string;
  committer?: string;
  more?: string;
  message?: string;
}): string {
  const head = [
    `tree ${treeId}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${author}`,
    `committer ${committer}`,
  ].join('\n');
  return object('commit', Buffer.from(`${head}\n${more}\n${message}`, 'latin1'));
}
const pointAt = (commit: string): void => void onHost(['update-ref', 'refs/heads/main', commit]);

async function change(repository: Repository, changes: readonly TreeChange[]): Promise<Commit> {
  const parent = (await repository.fetchHead())?.id;
  const commit = await repository.commit({ parent, changes, message: 'Change\n' });
  if (commit === 'unchanged') throw new Error('the test meant to change something');
  expect(await repository.push(commit)).toBe('pushed');
  return commit;
}

describe('names that are not UTF-8', () => {
  /** `config/` with two that isomorphic-git takes for one, and a folder; a link and odd modes. */
  function found(): string {
    const [one, two] = [blob('one\n'), blob('two\n')];
    const inner = tree(['100644', 'deep\xe9.txt', one]);
    const config = tree(
      ['100664', 'a.yaml', one],
      ['120000', 'l\xefnk', one],
      ['40000', 'p\xe4th', inner],
      ['100644', 'x\xfcn.txt', one],
      ['100755', 'x\xfdn.txt', two],
    );
    return commitOf({ treeId: tree(['100644', 'README', one], ['40000', 'config', config]) });
  }

  it('stay as they are where something is added, replaced and deleted beside them', async () => {
    const first = found();
    pointAt(first);
    const repository = open();
    await change(repository, [file('config/new.yaml', 'n: 1\n')]);
    expect(said('diff-tree', '-r', first, 'main').split('\n')).toEqual([
      expect.stringMatching(/ A\tconfig\/new.yaml$/),
    ]);
    await change(repository, [file('config/a.yaml', 'a: 2\n'), file('config/p/x.yaml', 'x: 1\n')]);
    await change(repository, [
      { path: 'config/new.yaml', content: undefined, executable: false },
      { path: 'config/p', content: undefined, executable: false },
    ]);
    expect(said('diff-tree', '-r', first, 'main').split('\n')).toEqual([expect.stringMatching(/ M\tconfig\/a.yaml$/)]);
    await change(repository, [file('config/a.yaml', 'one\n')]);
    expect(said('rev-parse', 'main^{tree}')).toBe(said('rev-parse', `${first}^{tree}`));
    // Git itself finds all in order but for the mode of somebody else, which --strict alone minds.
    onHost(['fsck', '--no-dangling']);
  });

  it('are listed, read and checked out each as itself', async () => {
    pointAt(found());
    const repository = open();
    const head = (await repository.fetchHead()) ?? { id: '' };
    const [x, y] = ['config/x\xfcn.txt', 'config/x\xfdn.txt'].map((path) => pathFromBytes(Buffer.from(path, 'latin1')));
    expect((await repository.list({ commit: head.id, folder: 'config' })).map(({ path }) => path)).toEqual(
      expect.arrayContaining([x, y]),
    );
    expect(await repository.readFile({ commit: head.id, path: x ?? '' })).toEqual(Buffer.from('one\n'));
    expect(await repository.readFile({ commit: head.id, path: y ?? '' })).toEqual(Buffer.from('two\n'));
    expect(await repository.entry({ commit: head.id, path: 'config/x\ufffdn.txt' })).toBeUndefined();
    expect((await repository.files({ commit: head.id, folder: '' })).length).toBe(6);
    const checkout = await repository.checkout(head.id);
    const written = await readdir(Buffer.from(join(checkout.folder, 'config')), { encoding: 'buffer' });
    expect(written.map((one) => one.toString('latin1')).toSorted()).toEqual([
      'a.yaml',
      'l\xefnk',
      'p\xe4th',
      'x\xfcn.txt',
      'x\xfdn.txt',
    ]);
  });

  it('go back by a rollback, and leave the tree that was', async () => {
    const first = found();
    const [one, two] = [blob('one\n'), blob('changed\n')];
    const config = tree(
      ['100664', 'a.yaml', two],
      ['100644', 'x\xfcn.txt', two],
      ['100755', 'x\xfdn.txt', blob('two\n')],
      ['100644', 'y\xfe', one],
    );
    const second = commitOf({ treeId: tree(['100644', 'README', one], ['40000', 'config', config]), parents: [first] });
    pointAt(second);
    const repository = open();
    const head = await repository.fetchHead();
    const [to] =
      head === undefined
        ? []
        : (await repository.history({ from: head.id, since: new Date(0) })).filter(({ id }) => id === first);
    if (to === undefined || head === undefined) throw new Error('no history');
    const changed = await changedPaths({ repository, paths: [''], to: to.id, from: head.id, head: head.id });
    const expected = [
      'config/a.yaml',
      'config/l\xefnk',
      'config/p\xe4th/deep\xe9.txt',
      'config/x\xfcn.txt',
      'config/y\xfe',
    ].map((path) => pathFromBytes(Buffer.from(path, 'latin1')));
    expect(
      changed
        .filter(({ to: before, from }) => before?.kind !== 'folder' && from?.kind !== 'folder')
        .map(({ path }) => path),
    ).toEqual(expected);
    const done = await revertOnBranch(
      {
        ...{
          repository,
          to,
          from: head.id,
          paths: ['config/a.yaml', ...expected.filter((path) => !path.startsWith('config/l'))],
          dryRun: false,
        },
        readers: async () => [],
        accepts: () => false,
        says: { environment: undefined, what: 'master', reason: undefined, incident: undefined, by: 'Ada' },
      },
      { sleep: async () => {} },
    );
    expect(done.outcome).toBe('reverted');
    // The link is what only git brings back.
    expect(said('diff-tree', '-r', first, 'main').split('\n')).toEqual([expect.stringMatching(/ D\t"?config\/l/)]);
  });

  it('sort as git mktree sorts them', async () => {
    const id = blob('one\n');
    const entries = ['a', 'a-b', 'ab', 'B', 'x\xfc', '\xf0\x9f\x98\x80', '\xef\xbf\xbf', '\xff', 'a.b', 'z'];
    const repository = open();
    const commit = await change(repository, [
      file('a/in', 'one\n'),
      ...entries.slice(1).map((entry) => file(pathFromBytes(Buffer.from(entry, 'latin1')), 'one\n')),
    ]);
    const inner = onHost(['mktree'], `100644 blob ${id}\tin\n`).toString().trim();
    const input = entries
      .map((entry) => (entry === 'a' ? `040000 tree ${inner}\ta\0` : `100644 blob ${id}\t${entry}\0`))
      .join('');
    expect(onHost(['mktree', '-z'], Buffer.from(input, 'latin1')).toString().trim()).toBe(commit.tree);
    onHost(['fsck', '--strict']);
  });
});

it('keeps a tree that no git add writes: wrong order, wide modes, names twice', async () => {
  const one = blob('one\n');
  const odd = tree(
    ['100644', 'z', one],
    ['100640', 'b', one],
    ['100644', 'b', one],
    ['040000', 'a', tree(['100644', 'in', one])],
  );
  pointAt(commitOf({ treeId: tree(['040000', 'odd', odd], ['100644', 'root', one]) }));
  await change(open(), [file('odd/q', 'q\n'), file('new', 'n\n')]);
  expect(
    said('ls-tree', 'main:odd')
      .split('\n')
      .map((line) => line.replace(/ \S+\t/, ' ')),
  ).toEqual(['100644 blob q', '100644 blob z', '100644 blob b', '100644 blob b', '040000 tree a']);
  expect(onHost(['cat-file', 'tree', 'main:odd']).toString('latin1')).toContain('100640 b');
  expect(onHost(['cat-file', 'tree', 'main']).toString('latin1')).toContain('040000 odd');
});

describe('a commit that is odd', () => {
  const good = 'A <a@x> 1700000000 +0000';
  const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n';
  const odd: [what: string, facts: { author?: string; committer?: string; more?: string; message?: string }][] = [
    [
      'a name in Latin-1',
      {
        author: 'J\xfcrgen <j@x> 1700000000 +0200',
        committer: 'J\xfcrgen <j@x> 1700000000 +0200',
        more: 'encoding ISO-8859-1\n',
        message: 'Gr\xf6\xdfe\n',
      },
    ],
    ['no name', { author: good, committer: '<a@x> 1700000000 +0000' }],
    ['an empty name', { author: ' <a@x> 1700000000 +0000', committer: ' <a@x> 1700000000 +0000' }],
    ['a zone of six digits', { author: 'A <a@x> 1700000000 +051800', committer: 'A <a@x> 1700000000 +051800' }],
    ['a zone of three digits', { author: 'A <a@x> 1700000000 -700', committer: 'A <a@x> 1700000000 -700' }],
    ['a date far ahead', { author: 'A <a@x> 99999999999 +0000', committer: 'A <a@x> 99999999999 +0000' }],
    ['a date that no calendar has', { committer: 'A <a@x> 18446744073709551615 +0000' }],
    ['a negative date', { author: 'A <a@x> -100 +0000', committer: 'A <a@x> -100 +0000' }],
    ['headers of others', { more: `${signature}X-Unknown: yes\ngpgsig-sha256 x\n` }],
    ['no space before the address', { author: 'A<a@x> 1700000000 +0000', committer: 'A<a@x> 1700000000 +0000' }],
    [
      'an address in an address',
      { author: 'Gregor Hartmann<gh <Gregor Hartmann<gh@openoffice.org>> 1282910542 +0200' },
    ],
    ['no zone', { author: 'A <a@x> 1700000000', committer: 'A <a@x> 1700000000' }],
    ['several authors', { author: `${good}\nauthor ${good}` }],
    ['lines that end as on Windows', { author: `${good}\r`, committer: `${good}\r`, message: 'm\r\n\r\nmore\r\n' }],
    ['no message', { message: '' }],
    ['a message of 3 MB', { message: `m\n\n${'a line\n'.repeat(430_000)}` }],
  ];

  it.each(odd)('is read, and built upon: %s', async (_what, facts) => {
    const root = commitOf({ treeId: tree(['100644', 'a', blob('1\n')]) });
    const middle = commitOf({ treeId: tree(['100644', 'a', blob('2\n')]), parents: [root], ...facts });
    pointAt(middle);
    const repository = open();
    const head = await repository.fetchHead();
    expect(head).toMatchObject({ id: middle, tree: said('rev-parse', `${middle}^{tree}`), parents: [root] });
    expect(await repository.readFile({ commit: middle, path: 'a' })).toEqual(Buffer.from('2\n'));
    expect(await repository.isAncestor({ ancestor: root, descendant: middle })).toBe(true);
    // Whatever it says of its time, it hides none of what is behind it.
    expect((await repository.history({ from: middle, within: 1e15 })).map(({ id }) => id)).toEqual([middle, root]);
    expect(Buffer.from(await repository.rawCommit(middle))).toEqual(onHost(['cat-file', 'commit', middle]));
    const commit = await change(repository, [file('b', '3\n')]);
    expect(commit.parents).toEqual([middle]);
    const other = open();
    await other.fetchHead();
    expect(await other.isAncestor({ ancestor: root, descendant: commit.id })).toBe(true);
  });

  it('has the time and the message that git shows', async () => {
    const root = tree(['100644', 'a', blob('1\n')]);
    for (const [what, facts] of odd) {
      const commit = commitOf({ treeId: root, ...facts });
      pointAt(commit);
      const head = await open().fetchHead();
      const [seconds = ''] = said('log', '-1', '--format=%ct', commit).split('\n');
      // Git shows a negative time as one of the far future, as none what it has no calendar for, and no time without a
      // zone.
      const shown = /negative|no calendar/.test(what) ? 0 : what === 'no zone' ? 1_700_000_000 : Number(seconds);
      expect([what, (head?.committedAt.getTime() ?? 0) / 1000]).toEqual([what, shown]);
      expect([what, head?.message.trim()]).toEqual([
        what,
        onHost(['log', '-1', '--format=%B', '--encoding=UTF-8', commit]).toString('utf8').trim(),
      ]);
    }
  });

  it('is read with 3,000 parents', async () => {
    const treeId = tree(['100644', 'a', blob('1\n')]);
    const input = Array.from(
      { length: 3_000 },
      (_one, index) =>
        `commit refs/heads/p${index}\ncommitter ${ada.replace('1795222900', String(1_700_000_000 + index))}\ndata 2\nm\n\n`,
    ).join('');
    onHost(['fast-import', '--quiet', '--force'], input);
    const parents = said('for-each-ref', '--format=%(objectname)', 'refs/heads/').split('\n');
    const head = commitOf({ treeId, parents });
    pointAt(head);
    const repository = open();
    expect((await repository.fetchHead())?.parents).toHaveLength(3_000);
    expect(await repository.history({ from: head, since: new Date(0) })).toHaveLength(3_001);
  });

  it('is the one that a tag of a tag points to', async () => {
    const head = commitOf({ treeId: tree(['100644', 'a', blob('1\n')]) });
    pointAt(head);
    const inner = object('tag', Buffer.from(`object ${head}\ntype commit\ntag v1\ntagger J\xfc <> x\n\nm\n`, 'latin1'));
    const outer = object('tag', Buffer.from(`object ${inner}\ntype tag\ntag v2\n\n`));
    onHost(['update-ref', 'refs/notes/converge', outer]);
    const repository = open();
    expect(await repository.fetchRef('refs/notes/converge')).toMatchObject({ id: head });
  });

  it('is named where git cannot read it either', async () => {
    const root = commitOf({ treeId: tree(['100644', 'a', blob('1\n')]) });
    const people = `author ${ada}\ncommitter ${ada}\n\nm\n`;
    const heads = [
      `tree ${said('rev-parse', `${root}^{tree}`)}\nparent nonsense\n${people}`,
      `tree ${'1'.repeat(40)}\n${people}`,
      `tree ${object('tree', Buffer.from('nonsense'))}\n${people}`,
      people,
    ];
    for (const text of heads) {
      const broken = object('commit', Buffer.from(text));
      await writeFile(join(host.path, 'refs', 'heads', 'main'), `${broken}\n`);
      await expect(open().fetchHead()).rejects.toMatchObject({
        code: 'UnreadableObject',
        disposition: 'refuse',
        message: expect.stringContaining(broken),
      });
    }
  });
});
