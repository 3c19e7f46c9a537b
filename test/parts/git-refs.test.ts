import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { Commit, Repository } from '../../shared/ports/git.ts';
import { emptyMemory } from '../../shared/memory/memory.ts';
import { memoryMetadata } from '../../shared/memory/memory-metadata.ts';
import { statePaths } from '../../shared/memory/state-paths.ts';
import { writeBackAll } from '../../shared/pipeline/common/write-back.ts';
import { clockAt, recordingLog, stateInMemory } from '../unit/pipeline/ports.ts';
import { commitAndPush, file, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const notes = 'refs/notes/converge';
const host = gitHostOfFile({ tests: 17 });
const { onHost, open } = host;

const pushFiles = async (repository: Repository, files: Readonly<Record<string, string>>): Promise<Commit> =>
  commitAndPush({ repository, changes: Object.entries(files).map(([path, text]) => file(path, text)) });

/** On top of whatever others write meanwhile. */
async function addNote(repository: Repository, note: { commit: string; text: string }): Promise<void> {
  for (let written = 'moved'; written === 'moved';) {
    const at = (await repository.listRefs([notes])).get(notes);
    written = await repository.writeNotes({ ref: notes, at, notes: [note], refs: [] });
  }
}

it('writes a ref only where it is what was expected, and reads it with its tree', async () => {
  const repository = open();
  const [first, second] = [await pushFiles(repository, { a: '1' }), await pushFiles(repository, { a: '2' })];
  const ref = 'refs/converge/environments/acme';
  expect(await repository.readRef(ref)).toBeUndefined();
  expect(await repository.fetchRef(ref)).toBeUndefined();
  expect(await repository.writeRef({ name: ref, expected: undefined, commit: first.id })).toBe('written');
  expect(await repository.writeRef({ name: ref, expected: undefined, commit: second.id })).toBe('moved');
  expect(await repository.writeRef({ name: ref, expected: second.id, commit: second.id })).toBe('moved');
  expect(await onHost('rev-parse', ref)).toBe(first.id);
  expect(await repository.writeRef({ name: ref, expected: first.id, commit: second.id })).toBe('written');
  expect(await open().readRef(ref)).toBe(second.id);
  const reader = open();
  expect(await reader.fetchRef(ref)).toEqual({ ...second });
  expect(Buffer.from((await reader.readFile({ commit: second.id, path: 'a' })) ?? []).toString()).toBe('2');
});

it('takes a tag for the commit that it is of, an annotated one too', async () => {
  const repository = open();
  const [first] = [await pushFiles(repository, { a: '1' }), await pushFiles(repository, { a: '2' })];
  await onHost('tag', 'light', first.id);
  await onHost('-c', 'user.name=O', '-c', 'user.email=o@example.com', 'tag', '-a', 'heavy', '-m', 'One', first.id);
  await onHost('-c', 'user.name=O', '-c', 'user.email=o@example.com', 'tag', '-a', 'of-tag', '-m', 'Two', 'heavy');
  for (const name of ['light', 'heavy', 'of-tag']) {
    const reader = open();
    expect(await reader.fetchRef(`refs/tags/${name}`)).toEqual(first);
    expect(Buffer.from((await reader.readFile({ commit: first.id, path: 'a' })) ?? []).toString()).toBe('1');
  }
  const reader = open();
  await reader.fetchHead();
  expect(await reader.fetchRef('refs/tags/of-tag')).toEqual(first);
});

it('deletes a ref only where it is what was expected', async () => {
  const repository = open();
  const [first, second] = [await pushFiles(repository, { a: '1' }), await pushFiles(repository, { a: '2' })];
  const ref = 'refs/converge/acme';
  await repository.writeRef({ name: ref, expected: undefined, commit: first.id });
  expect(await open().writeRef({ name: ref, expected: second.id, commit: undefined })).toBe('moved');
  expect(await onHost('rev-parse', ref)).toBe(first.id);
  expect(await open().writeRef({ name: ref, expected: first.id, commit: undefined })).toBe('written');
  expect(await onHost('for-each-ref', 'refs/converge/')).toBe('');
  expect(await onHost('rev-parse', 'main')).toBe(second.id);
});

it('points a ref at a commit of the host that was never fetched', async () => {
  const first = await pushFiles(open(), { a: '1' });
  expect(await open().writeRef({ name: 'refs/converge/one', expected: undefined, commit: first.id })).toBe('written');
  expect(await onHost('rev-parse', 'refs/converge/one')).toBe(first.id);
});

it('adds notes that git shows, beside those of others, and none twice', async () => {
  const repository = open();
  const [first, second] = [await pushFiles(repository, { a: '1' }), await pushFiles(repository, { a: '2' })];
  await addNote(repository, { commit: first.id, text: 'converged acme' });
  await onHost('notes', '--ref=converge', 'append', '-m', 'by hand', first.id);
  await addNote(repository, { commit: first.id, text: 'converged globex\n' });
  await addNote(repository, { commit: first.id, text: 'converged acme' });
  await addNote(repository, { commit: second.id, text: 'diverged' });
  expect(await onHost('log', '-1', '--notes=converge', '--format=%N', first.id)).toBe(
    'converged acme\n\nby hand\n\nconverged globex',
  );
  expect(await onHost('log', '-1', '--notes=converge', '--format=%N', second.id)).toBe('diverged');
  await onHost('fsck', '--strict');
});

it('loses no note of many writers at once', async () => {
  const { id } = await pushFiles(open(), { a: '1' });
  const texts = Array.from({ length: 6 }, (_one, index) => `note ${index}`);
  await Promise.all(texts.map((text) => addNote(open(), { commit: id, text })));
  expect((await onHost('log', '-1', '--notes=converge', '--format=%N', id)).split('\n\n').sort()).toEqual(texts);
});

it('writes notes and refs of many environments in one push, or none of them', async () => {
  const repository = open();
  const [first, second] = [await pushFiles(repository, { a: '1' }), await pushFiles(repository, { a: '2' })];
  const push = {
    ref: notes,
    at: undefined,
    notes: [
      { commit: first.id, text: 'converged acme' },
      { commit: second.id, text: 'converged acme' },
      { commit: second.id, text: 'converged globex' },
    ],
    refs: [
      { name: 'refs/converge/acme', expected: undefined, commit: second.id },
      { name: 'refs/converge/globex', expected: first.id, commit: second.id },
    ],
  };
  expect(await repository.writeNotes(push)).toBe('moved');
  expect(await onHost('for-each-ref', 'refs/notes', 'refs/converge')).toBe('');
  await onHost('update-ref', 'refs/converge/globex', first.id);
  expect(await open().writeNotes(push)).toBe('written');
  expect(await onHost('log', '-1', '--notes=converge', '--format=%N', second.id)).toBe(
    'converged acme\n\nconverged globex',
  );
  expect(await onHost('rev-list', '--count', notes)).toBe('1');
  expect(await onHost('for-each-ref', '--format=%(objectname)', 'refs/converge')).toBe(`${second.id}\n${second.id}`);
  const refs = push.refs.map((one) => ({ ...one, expected: second.id, commit: first.id }));
  const at = (await repository.listRefs([notes])).get(notes);
  expect(await repository.writeNotes({ ...push, at, refs })).toBe('written');
  expect(await onHost('rev-list', '--count', notes)).toBe('1');
  expect(await repository.listRefs(['refs/converge/'])).toEqual(
    new Map([
      ['refs/converge/acme', first.id],
      ['refs/converge/globex', first.id],
    ]),
  );
  await onHost('fsck', '--strict');
});

it('keeps no pack of notes in the clone of the branch, and begins that of the notes anew', async () => {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'converge-notes-'));
  onTestFinished(async () => rm(cacheFolder, { recursive: true }));
  const repository = open({ cacheFolder });
  const { id } = await pushFiles(repository, { a: '1' });
  const packsOf = async (begins: RegExp) => {
    const files = await readdir(cacheFolder, { recursive: true });
    return files.filter((path) => begins.test(path) && path.endsWith('.pack')).length;
  };
  const before = await packsOf(/^master-(?!notes-)/);
  for (let index = 0; index < 140; index++) await addNote(repository, { commit: id, text: `note ${index}` });
  expect(await packsOf(/^master-(?!notes-)/)).toBe(before);
  expect(await packsOf(/^master-notes-/)).toBeLessThan(70);
  expect((await repository.entry({ commit: id, path: 'a' }))?.kind).toBe('file');
  expect((await onHost('log', '-1', '--notes=converge', '--format=%N', id)).split('\n\n')).toHaveLength(140);
}, 60_000);

it('finds a note in the folders that git spreads many notes over', async () => {
  const { id, tree } = await pushFiles(open(), { a: '1' });
  const marks = Array.from(
    { length: 600 },
    (_one, index) => `commit refs/heads/many\ncommitter A <a@b> ${1_000_000_000 + index} +0000\ndata 1\nx\n\n`,
  );
  const fast = run('git', ['--git-dir', host.path, 'fast-import', '--quiet']);
  fast.child.stdin?.end(marks.join(''));
  await fast;
  const many = (await onHost('rev-list', 'refs/heads/many')).split('\n');
  await onHost('notes', '--ref=converge', 'add', '-m', 'before', id);
  const copies = run('git', [
    '--git-dir',
    host.path,
    '-c',
    'user.name=Ada',
    '-c',
    'user.email=a@b',
    'notes',
    '--ref=converge',
    'copy',
    '--stdin',
  ]);
  copies.child.stdin?.end(many.map((one) => `${id} ${one}\n`).join(''));
  await copies;
  expect((await onHost('ls-tree', notes)).split('\n').filter((line) => line.includes(' tree ')).length).toBeGreaterThan(
    100,
  );
  await addNote(open(), { commit: id, text: 'after' });
  await addNote(open(), { commit: tree, text: 'of something new' });
  expect(await onHost('notes', '--ref=converge', 'show', id)).toBe('before\n\nafter');
  expect(await onHost('notes', '--ref=converge', 'show', tree)).toBe('of something new');
  await onHost('fsck', '--strict');
});

it('finds a commit that was fetched, with its tree, and no other', async () => {
  const first = await pushFiles(open(), { a: '1' });
  const repository = open();
  expect(await repository.findCommit(first.id)).toBeUndefined();
  await repository.fetchHead();
  const second = await pushFiles(open(), { a: '2' });
  expect(await repository.findCommit(first.id)).toEqual(first);
  expect(Buffer.from((await repository.readFile({ commit: first.id, path: 'a' })) ?? []).toString()).toBe('1');
  expect(await repository.findCommit(second.id)).toBeUndefined();
});

it('lists every file below a folder, and takes back a whole tree', async () => {
  const repository = open();
  const first = await pushFiles(repository, { 'a/b/c': '1', 'a/d': '2', e: '3' });
  const second = await pushFiles(repository, { 'a/b/c': 'changed', f: 'new' });
  const paths = async (commit: string, below: string) =>
    (await repository.files({ commit, folder: below })).map(({ path }) => path);
  expect(await paths(first.id, '')).toEqual(['a/b/c', 'a/d', 'e']);
  expect(await paths(first.id, 'a/b')).toEqual(['a/b/c']);
  expect(await paths(first.id, 'nowhere')).toEqual([]);
  const reverted = await repository.commit({ parent: second.id, changes: [], tree: first.tree, message: 'Revert\n' });
  expect(reverted).toMatchObject({ tree: first.tree, parents: [second.id] });
  expect(await repository.commit({ parent: second.id, changes: [], tree: second.tree, message: 'Nothing\n' })).toBe(
    'unchanged',
  );
  expect(reverted !== 'unchanged' && (await repository.push(reverted))).toBe('pushed');
  expect(await onHost('show', 'main:a/b/c')).toBe('1');
});

it('commits blobs that were written before, of bytes and of streams', async () => {
  const repository = open();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('in two ');
    yield Buffer.from('pieces');
  }
  const [one, two] = [
    await repository.writeBlob(Buffer.from('whole')),
    await repository.writeBlob({ bytes: 13, chunks: chunks() }),
  ];
  await expect(repository.writeBlob({ bytes: 5, chunks: chunks() })).rejects.toThrow('not the 5 bytes');
  const changes = [
    { path: 'one', content: { blob: one }, executable: false },
    { path: 'deep/two', content: { blob: two }, executable: true },
  ];
  const commit = await repository.commit({ parent: undefined, changes, message: 'Blobs\n' });
  expect(commit !== 'unchanged' && (await repository.push(commit))).toBe('pushed');
  expect(await onHost('show', 'main:one')).toBe('whole');
  expect(await onHost('show', 'main:deep/two')).toBe('in two pieces');
  await onHost('fsck', '--strict');
});

it('makes a commit to be looked at, with links, of which the host learns nothing', async () => {
  const repository = open();
  const head = await pushFiles(repository, { a: '1', 'b/c': '2' });
  const changes = [
    { path: 'l', content: Buffer.from('b/c'), executable: false, link: true },
    { path: 'x', content: Buffer.from('run'), executable: true },
    { path: 'b/c', content: undefined, executable: false },
  ] as const;
  const made = await repository.commit({ parent: head.id, changes, message: 'Look\n', use: 'look' });
  if (made === 'unchanged') throw new Error('nothing changed');
  const entries = await repository.files({ commit: made.id, folder: '' });
  expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
    ['a', 'file'],
    ['l', 'symlink'],
    ['x', 'executable'],
  ]);
  expect(await repository.readLink({ commit: made.id, path: 'l' })).toBe('b/c');
  expect((await readdir((await repository.checkout(made.id)).folder)).sort()).toEqual(['a', 'l', 'x']);
  await expect(repository.push(made)).rejects.toThrow();
  expect(await onHost('rev-parse', 'main')).toBe(head.id);
});

it('gives a commit as it was hashed', async () => {
  const repository = open();
  const { id } = await pushFiles(repository, { a: '1' });
  expect(
    Buffer.from(await repository.rawCommit(id))
      .toString()
      .trim(),
  ).toBe(await onHost('cat-file', 'commit', id));
});

it.each([
  ['is in the repository', undefined],
  ['the host has no more', 'e'.repeat(40)],
  ['is none', 'garbage'],
])('writes back what an environment converged at, though another one remembers a commit that %s', async (_how, odd) => {
  const repository = open();
  const first = await pushFiles(repository, { a: '1' });
  const clock = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(clock.now);
  for (const [environment, commit] of [
    ['shop', odd ?? first.id],
    ['store', first.id],
  ] as const) {
    const value = { ...emptyMemory(clock.now()), notes: [{ commit, text: `converged ${environment}` }] };
    const path = statePaths({ repository: 'master', environment }).memory;
    await state.write({ path, value, ifGeneration: 'any', metadata: memoryMetadata(value) });
  }
  const log = recordingLog();
  const sleep = async (milliseconds: number): Promise<void> => clock.forward(milliseconds / 1000);
  await writeBackAll('master', { now: clock.now, sleep, log, state, repository: () => repository });
  expect(await onHost('for-each-ref', '--format=%(refname)', 'refs/converge'), log.lines.join()).toContain('store');
  expect(await onHost('log', '-1', '--notes=converge', '--format=%N', first.id)).toContain('converged store');
});
