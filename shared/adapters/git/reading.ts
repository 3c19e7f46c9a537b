import type { TreeEntry } from '../../ports/git.ts';
import type { Clone } from './clone.ts';
import { gitUnavailable, isTooLarge, unreadable } from './errors.ts';
import { createKept, type Kept } from './kept.ts';
import { createMissing, type Wanted } from './missing.ts';
import { readRaw } from './raw-object.ts';
import { parseTree, type TreeItem } from './tree-entries.ts';

/** Entries of trees, and bytes of small files, kept in memory: every look at an environment reads the same few. */
const keptEntries = 100_000;
const keptBytes = 8 * 1024 * 1024;
const smallFile = 64 * 1024;

/** Trees and blobs by their ids: what is not in the clone is brought there first. */
export interface Reading {
  /** Of a tree in its own order. Throws `UnreadableObject` (refuse) for what is no tree. */
  children(treeId: string): Promise<readonly TreeItem[]>;
  /** The entry at a path below a tree (`''` is the tree itself), or undefined where nothing is there. */
  entryAt(at: { tree: string; path: string }): Promise<TreeEntry | undefined>;
  blob(id: string): Promise<Uint8Array>;
  /**
   * The bytes of a file, or undefined where there is none. A text comes with those beside it: who reads one reads the
   * others, and each would be a request.
   */
  fileAt(at: { tree: string; path: string }): Promise<Uint8Array | undefined>;
  /** Brings what is read next in one request. */
  bring(wanted: Wanted): Promise<void>;
  /** The ids of all files and links below a tree, which need not be here. */
  blobsBelow(tree: string): Promise<ReadonlySet<string>>;
  /** Whether the clone or the host has a blob. */
  hasBlob(id: string): Promise<boolean>;
  /** Told of what was written here, so that it need not be read. */
  keepTree(id: string, entries: readonly TreeItem[]): void;
  keepBlob(id: string, content: Uint8Array): void;
  /** All files below a tree, with `folder` before their paths. */
  filesBelow(at: { tree: string; folder: string }): Promise<TreeEntry[]>;
}

export function createReading({ clone, url }: { clone: Clone; url: string }): Reading {
  const known: Known = {
    clone,
    url,
    bring: createMissing({ clone, url }),
    named: createKept({ limit: keptEntries, weigh: () => 1 }),
    namedIn: clone.cache(),
    trees: createKept({ limit: keptEntries, weigh: (entries) => entries.length + 1 }),
    files: createKept({ limit: keptBytes, weigh: (content) => content.length }),
  };
  return {
    children: async (treeId) => readChildren(known, treeId),
    entryAt: async (at) => entryAt(known, at),
    blob: async (id) => blobOf(known, id),
    fileAt: async (at) => fileAt(known, at),
    bring: known.bring,
    blobsBelow: async (tree) => bringTrees(known, tree),
    hasBlob: async (id) => hasBlob(known, id),
    keepTree: (id, entries) => known.trees.keep(id, entries),
    keepBlob: (id, content) => keepBlob(known, id, content),
    filesBelow: async (at) => filesBelow(known, at),
  };
}

/** The clone, and what of it is in memory. */
interface Known {
  readonly clone: Clone;
  readonly url: string;
  readonly bring: (wanted: Wanted) => Promise<void>;
  /** Files that trees of the host name, in the clone with this cache: the host has them. */
  readonly named: Kept<true>;
  namedIn: object;
  readonly trees: Kept<readonly TreeItem[]>;
  readonly files: Kept<Uint8Array>;
}

async function readChildren(known: Known, treeId: string): Promise<readonly TreeItem[]> {
  const { clone, url, trees } = known;
  const kept = trees.find(treeId);
  if (kept !== undefined) return kept;
  await known.bring({ type: 'tree', ids: [treeId] });
  const object = await readRaw(clone, treeId);
  if (object === undefined) throw missing(known, 'tree', treeId);
  const entries = object.type === 'tree' ? parseTree(object.content) : undefined;
  if (entries === undefined)
    throw unreadable({
      url,
      type: 'tree',
      id: treeId,
      problem: object.type === 'tree' ? 'has an entry that is none' : `is a ${object.type}`,
    });
  trees.keep(treeId, entries);
  noteNamed(known, entries);
  return entries;
}

async function entryAt(
  known: Known,
  { tree, path: wanted }: { tree: string; path: string },
): Promise<TreeEntry | undefined> {
  let found: TreeEntry | undefined = { path: '', kind: 'folder', id: tree };
  for (const part of wanted === '' ? [] : wanted.split('/')) {
    if (found?.kind !== 'folder') return undefined;
    found = (await readChildren(known, found.id)).find((child) => child.path === part);
  }
  return found === undefined ? undefined : { path: wanted, kind: found.kind, id: found.id };
}

async function filesBelow(known: Known, { tree, folder }: { tree: string; folder: string }): Promise<TreeEntry[]> {
  await bringTrees(known, tree);
  return await filesOf(known, { tree, folder });
}

async function filesOf(known: Known, { tree, folder }: { tree: string; folder: string }): Promise<TreeEntry[]> {
  const files: TreeEntry[] = [];
  for (const child of await readChildren(known, tree)) {
    const at = folder === '' ? child.path : `${folder}/${child.path}`;
    if (child.kind === 'folder') files.push(...(await filesOf(known, { tree: child.id, folder: at })));
    else files.push({ path: at, kind: child.kind, id: child.id });
  }
  return files;
}

/**
 * All trees below one, in a request for each level of those that are not here. Resolves with the ids of their files and
 * links.
 */
async function bringTrees(known: Known, tree: string): Promise<ReadonlySet<string>> {
  const blobs = new Set<string>();
  const seen = new Set([tree]);
  for (let level: ReadonlySet<string> = new Set([tree]); level.size > 0;) {
    await known.bring({ type: 'tree', ids: level });
    const below = new Set<string>();
    for (const id of level)
      for (const { kind, id: child } of await readChildren(known, id)) {
        if (kind === 'folder' && !seen.has(child)) below.add(child);
        else if (kind !== 'folder' && kind !== 'submodule') blobs.add(child);
      }
    for (const id of below) seen.add(id);
    level = below;
  }
  return blobs;
}

async function fileAt(known: Known, { tree, path }: { tree: string; path: string }): Promise<Uint8Array | undefined> {
  const entry = await entryAt(known, { tree, path });
  if (entry?.kind !== 'file' && entry?.kind !== 'executable') return undefined;
  if (known.files.find(entry.id) === undefined && isText(path)) await bringBeside(known, { tree, path });
  return await blobOf(known, entry.id);
}

function isText(path: string): boolean {
  return /\.(ya?ml|json)$/i.test(path);
}

/** Where all of them are too much, the one that is read may not be. */
async function bringBeside(known: Known, { tree, path }: { tree: string; path: string }): Promise<void> {
  const folder = await entryAt(known, { tree, path: path.split('/').slice(0, -1).join('/') });
  const beside = folder?.kind === 'folder' ? await readChildren(known, folder.id) : [];
  const texts = beside.filter((one) => (one.kind === 'file' || one.kind === 'executable') && isText(one.path));
  await known.bring({ type: 'blob', ids: texts.map(({ id }) => id) }).catch((error: unknown) => {
    if (!isTooLarge(error)) throw error;
  });
}

async function blobOf(known: Known, id: string): Promise<Uint8Array> {
  const kept = known.files.find(id);
  if (kept !== undefined) return kept;
  await known.bring({ type: 'blob', ids: [id] });
  const content = await readBlob(known, id);
  if (content === undefined) throw missing(known, 'blob', id);
  return content;
}

/** One that only a commit which was not pushed names is in the clone. */
async function hasBlob(known: Known, id: string): Promise<boolean> {
  const { clone } = known;
  if (!clone.has(id)) {
    if (namedOf(known).find(id) === true) return true;
    await clone.fetchObjects({ ids: [id], filter: 'blob:none' });
  }
  return (await readBlob(known, id)) !== undefined;
}

function noteNamed(known: Known, entries: readonly TreeItem[]): void {
  const named = namedOf(known);
  for (const { kind, id } of entries)
    if ((kind === 'file' || kind === 'executable') && named.find(id) === undefined) named.keep(id, true);
}

/** A new clone has nothing of what was written into the one before. */
function namedOf(known: Known): Kept<true> {
  const cache = known.clone.cache();
  if (known.namedIn !== cache) known.named.forget();
  known.namedIn = cache;
  return known.named;
}

/** Undefined for what is no blob, or not here. */
async function readBlob(known: Known, id: string): Promise<Uint8Array | undefined> {
  const object = await readRaw(known.clone, id);
  if (object?.type !== 'blob') return undefined;
  keepBlob(known, id, object.content);
  return object.content;
}

function keepBlob({ files }: Known, id: string, content: Uint8Array): void {
  if (content.length <= smallFile && files.find(id) === undefined) files.keep(id, content);
}

function missing({ url }: Known, type: string, id: string): Error {
  return gitUnavailable({
    subject: url,
    message: `the ${type} ${id} did not come with its commit`,
    remedy: 'see what git fsck says of the repository',
  });
}
