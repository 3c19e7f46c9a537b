import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TreeEntry } from '../../pipeline/ports.ts';
import { pathBytes } from '../../source/path-bytes.ts';
import type { Clone } from './clone.ts';
import { gitRefused } from './errors.ts';
import type { Reading } from './reading.ts';
import { isUnsafeName } from './tree-entries.ts';

/** Trees kept on disk; a run may still read one while others arrive. */
const keptCheckouts = 8;
/** Files of one folder that are written side by side. */
const filesAtOnce = 16;

/** A tree that is on disk. */
interface Checkout {
  readonly treeId: string;
  readonly folder: string;
}

/** A folder of one, in the bytes that Git has for it: Node would change a name that is not UTF-8. */
interface Place {
  readonly treeId: string;
  readonly folder: Buffer;
}

function inFolder(folder: Buffer, name: string): Buffer {
  return Buffer.concat([folder, Buffer.from(path.sep), pathBytes(name)]);
}

/** Brings a tree to disk and returns its folder, which is kept as one of the ones used last. */
export function createCheckouts({ clone, reading, url }: { clone: Clone; reading: Reading; url: string }): (treeId: string) => Promise<string> {
  /** The one used last at the end. */
  const kept: Checkout[] = [];

  /** Files that are the same in the checkout of before are links to those: nobody writes into a checkout. */
  async function writeFolder({ treeId, folder, before }: Place & { before: Place | undefined }): Promise<void> {
    await mkdir(folder);
    const entries = await reading.children(treeId);
    const there = new Map((before === undefined ? [] : await reading.children(before.treeId)).map((entry) => [entry.path, entry]));
    const unsafe = entries.find((entry) => isUnsafeName(entry.path));
    if (unsafe !== undefined) throw gitRefused({ subject: url, message: `its tree holds the name ${JSON.stringify(unsafe.path)}` });
    const write = async (entry: TreeEntry): Promise<void> => {
      const target = inFolder(folder, entry.path);
      const earlier = there.get(entry.path);
      const same = before !== undefined && earlier?.kind === entry.kind ? { treeId: earlier.id, folder: inFolder(before.folder, entry.path) } : undefined;
      if (entry.kind === 'folder') await writeFolder({ treeId: entry.id, folder: target, before: same });
      if (entry.kind === 'submodule') await mkdir(target);
      if (entry.kind !== 'file' && entry.kind !== 'executable') return;
      if (same?.treeId === entry.id) return await link(same.folder, target);
      await writeFile(target, await reading.blob(entry.id), { flag: 'wx' });
      if (entry.kind === 'executable') await chmod(target, 0o755);
    };
    for (let next = 0; next < entries.length; next += filesAtOnce) await Promise.all(entries.slice(next, next + filesAtOnce).map(write));
    // Links come last and files are never overwritten, so that nothing is ever written through a link.
    for (const entry of entries.filter(({ kind }) => kind === 'symlink')) {
      await symlink(Buffer.from(await reading.blob(entry.id)), inFolder(folder, entry.path));
    }
  }

  return async (treeId) => {
    const { checkouts } = await clone.folders();
    const folder = path.join(checkouts, treeId);
    const known = kept.findIndex((checkout) => checkout.treeId === treeId);
    if (known !== -1) {
      kept.push(...kept.splice(known, 1));
      return folder;
    }
    const unfinished = await mkdtemp(path.join(checkouts, 'unfinished-'));
    try {
      const last = kept.at(-1);
      const before = last === undefined ? undefined : { ...last, folder: Buffer.from(last.folder) };
      await writeFolder({ treeId, folder: Buffer.from(path.join(unfinished, 'tree')), before });
      await rename(path.join(unfinished, 'tree'), folder);
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
    kept.push({ treeId, folder });
    for (const old of kept.splice(0, kept.length - keptCheckouts)) await rm(old.folder, { recursive: true, force: true });
    return folder;
  };
}
