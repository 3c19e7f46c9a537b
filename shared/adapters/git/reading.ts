import * as fs from 'node:fs';
import * as git from 'isomorphic-git';
import type { TreeEntry } from '../../pipeline/ports.ts';
import type { Clone } from './clone.ts';
import { createKept } from './kept.ts';
import { kindOfMode } from './tree-entries.ts';

/** Entries of trees, and bytes of small files, kept in memory: every look at an environment reads the same few. */
const keptEntries = 100_000;
const keptBytes = 8 * 1024 * 1024;
const smallFile = 64 * 1024;

/** Trees and blobs of the clone by their ids. */
export interface Reading {
  children(treeId: string): Promise<readonly TreeEntry[]>;
  /** The entry at a path below a tree (`''` is the tree itself), or undefined where nothing is there. */
  entryAt(at: { tree: string; path: string }): Promise<TreeEntry | undefined>;
  blob(id: string): Promise<Uint8Array>;
  hasBlob(id: string): Promise<boolean>;
  /** Told of what was written here, so that it need not be read. */
  keepTree(id: string, entries: readonly TreeEntry[]): void;
  keepBlob(id: string, content: Uint8Array): void;
  /** All files below a tree, with `folder` before their paths. */
  filesBelow(at: { tree: string; folder: string }): Promise<TreeEntry[]>;
}

export function createReading(clone: Clone): Reading {
  const trees = createKept<readonly TreeEntry[]>({ limit: keptEntries, weigh: (entries) => entries.length + 1 });
  const files = createKept<Uint8Array>({ limit: keptBytes, weigh: (content) => content.length });

  async function children(treeId: string): Promise<readonly TreeEntry[]> {
    const known = trees.find(treeId);
    if (known !== undefined) return known;
    const { gitdir } = await clone.folders();
    const { tree } = await git.readTree({ fs, gitdir, cache: clone.cache(), oid: treeId });
    const entries = tree.map((entry) => ({ path: entry.path, kind: kindOfMode(entry.mode), id: entry.oid }));
    trees.keep(treeId, entries);
    return entries;
  }

  function keepBlob(id: string, content: Uint8Array): void {
    if (content.length <= smallFile && files.find(id) === undefined) files.keep(id, content);
  }

  async function readBlob(id: string): Promise<Uint8Array> {
    const { gitdir } = await clone.folders();
    const { blob: content } = await git.readBlob({ fs, gitdir, cache: clone.cache(), oid: id });
    keepBlob(id, content);
    return content;
  }

  async function filesBelow({ tree, folder }: { tree: string; folder: string }): Promise<TreeEntry[]> {
    const files: TreeEntry[] = [];
    for (const child of await children(tree)) {
      const at = folder === '' ? child.path : `${folder}/${child.path}`;
      if (child.kind === 'folder') files.push(...(await filesBelow({ tree: child.id, folder: at })));
      else files.push({ ...child, path: at });
    }
    return files;
  }

  return {
    children,
    filesBelow,
    async entryAt({ tree, path: wanted }) {
      let found: TreeEntry | undefined = { path: '', kind: 'folder', id: tree };
      for (const part of wanted === '' ? [] : wanted.split('/')) {
        if (found?.kind !== 'folder') return undefined;
        found = (await children(found.id)).find((child) => child.path === part);
      }
      return found === undefined ? undefined : { ...found, path: wanted };
    },
    blob: async (id) => files.find(id) ?? readBlob(id),
    hasBlob: (id) =>
      readBlob(id).then(
        () => true,
        (error: unknown) => {
          if (error instanceof git.Errors.NotFoundError) return false;
          throw error;
        },
      ),
    keepTree: (id, entries) => trees.keep(id, entries),
    keepBlob,
  };
}
