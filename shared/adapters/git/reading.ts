import type { TreeEntry } from '../../ports/git.ts';
import type { Clone } from './clone.ts';
import { gitUnavailable, unreadable } from './errors.ts';
import { createKept, type Kept } from './kept.ts';
import { readRaw } from './raw-object.ts';
import { parseTree, type TreeItem } from './tree-entries.ts';

/** Entries of trees, and bytes of small files, kept in memory: every look at an environment reads the same few. */
const keptEntries = 100_000;
const keptBytes = 8 * 1024 * 1024;
const smallFile = 64 * 1024;

/** Trees and blobs of the clone by their ids. */
export interface Reading {
  /** Of a tree in its own order. Throws `UnreadableObject` (refuse) for what is no tree. */
  children(treeId: string): Promise<readonly TreeItem[]>;
  /** The entry at a path below a tree (`''` is the tree itself), or undefined where nothing is there. */
  entryAt(at: { tree: string; path: string }): Promise<TreeEntry | undefined>;
  blob(id: string): Promise<Uint8Array>;
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
    trees: createKept({ limit: keptEntries, weigh: (entries) => entries.length + 1 }),
    files: createKept({ limit: keptBytes, weigh: (content) => content.length }),
  };
  return {
    children: async (treeId) => readChildren(known, treeId),
    entryAt: async (at) => entryAt(known, at),
    blob: async (id) => blobOf(known, id),
    hasBlob: async (id) => (await readBlob(known, id)) !== undefined,
    keepTree: (id, entries) => known.trees.keep(id, entries),
    keepBlob: (id, content) => keepBlob(known, id, content),
    filesBelow: async (at) => filesBelow(known, at),
  };
}

/** The clone, and what of it is in memory. */
interface Known {
  readonly clone: Clone;
  readonly url: string;
  readonly trees: Kept<readonly TreeItem[]>;
  readonly files: Kept<Uint8Array>;
}

async function readChildren(known: Known, treeId: string): Promise<readonly TreeItem[]> {
  const { clone, url, trees } = known;
  const kept = trees.find(treeId);
  if (kept !== undefined) return kept;
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
  const files: TreeEntry[] = [];
  for (const child of await readChildren(known, tree)) {
    const at = folder === '' ? child.path : `${folder}/${child.path}`;
    if (child.kind === 'folder') files.push(...(await filesBelow(known, { tree: child.id, folder: at })));
    else files.push({ path: at, kind: child.kind, id: child.id });
  }
  return files;
}

async function blobOf(known: Known, id: string): Promise<Uint8Array> {
  const content = known.files.find(id) ?? (await readBlob(known, id));
  if (content === undefined) throw missing(known, 'blob', id);
  return content;
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
