import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as git from 'isomorphic-git';
import { gitUnavailable } from './errors.ts';
import { objectsIn } from './pack.ts';
import type { GitHost } from './smart-http.ts';

/**
 * A clone is given up for a new one where it took this much since it was begun: every pack is looked through at each
 * read, and kept in memory.
 */
export const largest = { packs: 400, bytes: 512 * 1024 * 1024 };
/** Tips that the host is told of, so that it sends nothing of what is here. */
const toldTips = 16;

export interface Folders {
  readonly gitdir: string;
  /** Trees on disk, one folder each. */
  readonly checkouts: string;
}

/** A bare shallow clone without refs, made on first use: the objects that were fetched and written. */
export interface Clone {
  folders(): Promise<Folders>;
  /** Packs and their indexes, so that a warm clone reads each only once. */
  cache(): object;
  packFolder(): Promise<string>;
  /** For objects that are in no pack yet. It goes with the clone. */
  draftFolder(): Promise<string>;
  /** Brings that many commits behind a commit of the host here; or says, in its words, why it does not serve them. */
  fetchTo(want: { commit: string; depth: number }): Promise<'fetched' | { readonly refused: string }>;
  /** Told of what is whole here: the commit, its tree, and what history of it there is. */
  hasTip(commit: string): void;
  hasGrown(by: { packs: number; bytes: number }): void;
  /** Begins a new clone where this one has become large, and says whether it did: no commit is here then. */
  renewIfLarge(): Promise<boolean>;
}

export function createClone({
  name,
  cacheFolder,
  host,
  limits = largest,
}: {
  name: string;
  cacheFolder: string;
  host: GitHost;
  limits?: { packs: number; bytes: number };
}): Clone {
  const state: State = {
    ...{ name, cacheFolder, host, limits },
    ...{ cache: {}, grown: { packs: 0, bytes: 0 }, shallow: new Set(), tips: [], generation: 0, opening: undefined },
  };
  return {
    folders: async () => foldersOf(state),
    cache: () => state.cache,
    packFolder: async () => path.join((await foldersOf(state)).gitdir, 'objects', 'pack'),
    draftFolder: async () => path.join((await foldersOf(state)).gitdir, 'drafts'),
    hasTip: (commit) => hasTip(state, commit),
    hasGrown: (by) => hasGrown(state, by),
    fetchTo: async (want) => fetchTo(state, want),
    renewIfLarge: async () => renewIfLarge(state),
  };
}

interface State {
  readonly name: string;
  readonly cacheFolder: string;
  readonly host: GitHost;
  readonly limits: { readonly packs: number; readonly bytes: number };
  cache: object;
  grown: { readonly packs: number; readonly bytes: number };
  /** Where history ends here. */
  shallow: Set<string>;
  tips: readonly string[];
  generation: number;
  opening: Promise<Opened> | undefined;
}

interface Opened extends Folders {
  readonly folder: string;
}

function foldersOf(state: State): Promise<Opened> {
  state.opening ??= open(state).catch((error: unknown) => {
    state.opening = undefined;
    throw error;
  });
  return state.opening;
}

async function open(state: State): Promise<Opened> {
  const { name, cacheFolder } = state;
  await mkdir(cacheFolder, { recursive: true });
  const folder = await mkdtemp(path.join(cacheFolder, `${name}-`));
  const checkouts = path.join(folder, 'trees');
  await mkdir(checkouts);
  return { folder, checkouts, gitdir: await initialize(folder, state) };
}

async function initialize(folder: string, { generation }: State): Promise<string> {
  const gitdir = path.join(folder, `git-${generation}`);
  await git.init({ fs, gitdir, bare: true });
  await Promise.all([
    mkdir(path.join(gitdir, 'drafts')),
    mkdir(path.join(gitdir, 'objects', 'pack'), { recursive: true }),
  ]);
  return gitdir;
}

function hasTip(state: State, commit: string): void {
  state.tips = [commit, ...state.tips.filter((tip) => tip !== commit)].slice(0, toldTips);
}

function hasGrown(state: State, { packs, bytes }: { packs: number; bytes: number }): void {
  state.grown = { packs: state.grown.packs + packs, bytes: state.grown.bytes + bytes };
}

async function fetchTo(
  state: State,
  { commit, depth }: { commit: string; depth: number },
): Promise<'fetched' | { readonly refused: string }> {
  const { gitdir } = await foldersOf(state);
  const { host, tips, shallow } = state;
  const fetched = await host.fetchPack({ want: commit, haves: tips, shallow: [...shallow], depth });
  if ('refused' in fetched) return fetched;
  if (objectsIn(fetched.pack) > 0) await keepPack(state, { gitdir, pack: fetched.pack });
  for (const id of fetched.shallow) shallow.add(id);
  for (const id of fetched.unshallow) shallow.delete(id);
  // The first pack is what a clone cannot do without.
  if (tips.length > 0) hasGrown(state, { packs: 1, bytes: fetched.pack.length });
  hasTip(state, commit);
  return 'fetched';
}

async function keepPack({ name, cache }: State, { gitdir, pack }: { gitdir: string; pack: Buffer }): Promise<void> {
  const filepath = path.join('objects', 'pack', `pack-${createHash('sha1').update(pack).digest('hex')}.pack`);
  await writeFile(path.join(gitdir, filepath), pack);
  await git.indexPack({ fs, dir: gitdir, gitdir, cache, filepath }).catch(async (error: unknown) => {
    await rm(path.join(gitdir, filepath), { force: true });
    throw gitUnavailable({
      subject: name,
      message: 'the pack that the Git host sent cannot be read',
      cause: error,
    });
  });
}

async function renewIfLarge(state: State): Promise<boolean> {
  const { grown, limits } = state;
  if (grown.packs <= limits.packs && grown.bytes <= limits.bytes) return false;
  const { folder, checkouts, gitdir: old } = await foldersOf(state);
  state.generation += 1;
  const gitdir = await initialize(folder, state);
  state.opening = Promise.resolve({ folder, checkouts, gitdir });
  state.cache = {};
  state.grown = { packs: 0, bytes: 0 };
  state.shallow = new Set();
  state.tips = [];
  await rm(old, { recursive: true, force: true });
  return true;
}
