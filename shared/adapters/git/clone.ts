import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as git from 'isomorphic-git';
import { gitUnavailable, systemCode, tooLarge } from './errors.ts';
import { indexReceived } from './index-pack.ts';
import { largestAnswer } from './memory.ts';
import { objectsIn } from './pack.ts';
import type { FetchedPack, Filter, GitHost, PackWanted } from './smart-http.ts';

/**
 * A clone is given up for a new one where it took this much since it was begun: every pack is looked through at each
 * read, and kept in memory. One upload, of at most 200 MB in a function of 1 GiB, may not do that by itself: it would be
 * written again where its push lost a race.
 */
export const largest = { packs: 400, bytes: Math.min(512 * 1024 * 1024, 2 * largestAnswer()) };
/** Bytes of an object whose deflated ones came in a pack. */
const largestObject = 4 * largestAnswer();
/** Tips that the host is told of, so that it sends nothing of what is here. */
const toldTips = 16;

/** Objects are here; or what the host says instead. */
export type Fetched = 'fetched' | { readonly refused: string };

export interface Folders {
  readonly gitdir: string;
  /** Trees on disk, one folder each. */
  readonly checkouts: string;
}

/**
 * A bare shallow clone without refs, made on first use: the objects that were fetched and written. Of what a filter
 * left out `missing.ts` brings what is read.
 */
export interface Clone {
  folders(): Promise<Folders>;
  /** Packs and their indexes, so that a warm clone reads each only once. */
  cache(): object;
  packFolder(): Promise<string>;
  /** For objects that are in no pack yet. It goes with the clone. */
  draftFolder(): Promise<string>;
  /** Brings that many commits behind a commit of the host here; or says, in its words, why it does not serve them. */
  fetchTo(want: { commit: string; depth: number; filter: Filter | undefined }): Promise<Fetched>;
  /** Brings trees and blobs of the host here by their ids. */
  fetchObjects(want: { ids: readonly string[]; filter: Filter }): Promise<Fetched>;
  /**
   * Brings all that the newest fetched commits consist of, and those behind them that many commits deep, and filters no
   * more: for a host that does, and serves what it left out by no id.
   */
  fetchWhole(want: { depth: number }): Promise<Fetched>;
  /** Whether an object is here. */
  has(id: string): boolean;
  /** Told of what the host holds: the commit, its tree, and what history of it there is. */
  hasTip(commit: string): void;
  /** Told of a pack that was written here. */
  hasPack(pack: { ids: readonly string[]; bytes: number }): void;
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
    ...{ cache: {}, grown: { packs: 0, bytes: 0 }, ids: new Set(), shallow: new Set(), tips: [] },
    ...{ filters: true, generation: 0, opening: undefined },
  };
  return {
    folders: async () => foldersOf(state),
    cache: () => state.cache,
    packFolder: async () => path.join((await foldersOf(state)).gitdir, 'objects', 'pack'),
    draftFolder: async () => path.join((await foldersOf(state)).gitdir, 'drafts'),
    fetchTo: async (want) => fetchTo(state, want),
    fetchObjects: async ({ ids, filter }) =>
      fetchPack(state, { wants: ids, haves: [], shallow: [], depth: undefined, filter }),
    fetchWhole: async ({ depth }) => fetchWhole(state, depth),
    has: (id) => state.ids.has(id),
    hasTip: (commit) => hasTip(state, commit),
    hasPack: (pack) => hasPack(state, pack),
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
  /** Of all objects that are here. */
  ids: Set<string>;
  /** Where history ends here. */
  shallow: Set<string>;
  tips: readonly string[];
  filters: boolean;
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

function hasPack(state: State, { ids, bytes }: { ids: readonly string[]; bytes: number }): void {
  for (const id of ids) state.ids.add(id);
  state.grown = { packs: state.grown.packs + 1, bytes: state.grown.bytes + bytes };
}

async function fetchTo(
  state: State,
  { commit, depth, filter }: { commit: string; depth: number; filter: Filter | undefined },
): Promise<Fetched> {
  const { tips, shallow } = state;
  const wanted = {
    ...{ wants: [commit], haves: tips, shallow: [...shallow], depth },
    filter: state.filters ? filter : undefined,
  };
  const fetched = await fetchPack(state, wanted, (ends) => {
    for (const id of ends.shallow) shallow.add(id);
    for (const id of ends.unshallow) shallow.delete(id);
  });
  if (fetched === 'fetched') hasTip(state, commit);
  return fetched;
}

async function fetchWhole(state: State, depth: number): Promise<Fetched> {
  state.filters = false;
  // Such a host serves no commit either that no ref is at.
  const advertised = new Set((await state.host.listRefs(['refs/'])).values());
  const wants = state.tips.filter((tip) => advertised.has(tip));
  if (wants.length === 0) return { refused: 'no ref is where one was when it was fetched' };
  return await fetchPack(state, { wants, haves: [], shallow: [], depth, filter: undefined });
}

async function fetchPack(
  state: State,
  wanted: PackWanted,
  onEnds: (ends: Pick<FetchedPack, 'shallow' | 'unshallow'>) => void = () => undefined,
): Promise<Fetched> {
  const { gitdir } = await foldersOf(state);
  const { host, tips } = state;
  const fetched = await host.fetchPack(wanted);
  if ('refused' in fetched) return fetched;
  const ids = objectsIn(fetched.pack) > 0 ? await keepPack(state, { gitdir, pack: fetched.pack }) : [];
  onEnds(fetched);
  // The first pack is what a clone cannot do without.
  if (tips.length > 0) hasPack(state, { ids, bytes: fetched.pack.length });
  else for (const id of ids) state.ids.add(id);
  return 'fetched';
}

/** Resolves with the ids of what is in it. */
async function keepPack(
  { name }: State,
  { gitdir, pack }: { gitdir: string; pack: Buffer },
): Promise<readonly string[]> {
  const file = path.join(gitdir, 'objects', 'pack', `pack-${createHash('sha1').update(pack).digest('hex')}`);
  try {
    const { index, ids } = indexReceived({ bytes: pack, mostBytes: largestObject });
    // git and isomorphic-git look for the index: the pack is there before.
    await writeFile(`${file}.pack`, pack);
    await writeFile(`${file}.idx`, index);
    return ids;
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge({ url: name, bytes: largestObject });
    throw gitUnavailable({
      subject: name,
      message: 'the pack that the Git host sent cannot be read',
      cause: error,
    });
  }
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
  state.ids = new Set();
  state.shallow = new Set();
  state.tips = [];
  await rm(old, { recursive: true, force: true });
  return true;
}
