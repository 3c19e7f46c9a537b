import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AbsentEntry, Checkout, TreeEntry } from '../../ports/git.ts';
import { pathBytes, shownPath } from '../../source/path-bytes.ts';
import type { Clone } from './clone.ts';
import type { Reading } from './reading.ts';
import { reasonOfAbsence, reasonOfLostLink, tellable } from './unwritable.ts';

/** Trees kept on disk; a run may still read one while others arrive. */
const keptCheckouts = 8;
/** Files of one folder that are written side by side. */
const filesAtOnce = 16;

/** A tree that is on disk. */
interface KeptCheckout extends Checkout {
  readonly treeId: string;
}

/** A folder of a tree, and where it is written to. */
interface Folder {
  readonly treeId: string;
  /** In the bytes that Git has for it: Node would change a name that is not UTF-8. */
  readonly folder: Buffer;
  /** In the repository; empty for its root. */
  readonly at: string;
  /** The same folder in the checkout of before. */
  readonly before: { readonly treeId: string; readonly folder: Buffer } | undefined;
}

function inFolder(folder: Buffer, name: string): Buffer {
  return Buffer.concat([folder, Buffer.from(path.sep), pathBytes(name)]);
}

/**
 * Brings a tree to disk, in a folder that is kept as one of the ones used last. What a disk does not hold stops nobody
 * who does not ask for it: it is left out, and told.
 */
export function createCheckouts({
  clone,
  reading,
}: {
  clone: Clone;
  reading: Reading;
}): (treeId: string) => Promise<Checkout> {
  /** The one used last at the end. */
  const kept: KeptCheckout[] = [];
  return async (treeId) => {
    const { checkouts } = await clone.folders();
    const index = kept.findIndex((checkout) => checkout.treeId === treeId);
    const [known] = index === -1 ? [] : kept.splice(index, 1);
    if (known !== undefined) {
      kept.push(known);
      return known;
    }
    const made = await writeCheckout({ reading, checkouts, treeId, last: kept.at(-1) });
    kept.push(made);
    for (const old of kept.splice(0, kept.length - keptCheckouts))
      await rm(old.folder, { recursive: true, force: true });
    return made;
  };
}

async function writeCheckout({
  reading,
  checkouts,
  treeId,
  last,
}: {
  reading: Reading;
  checkouts: string;
  treeId: string;
  last: KeptCheckout | undefined;
}): Promise<KeptCheckout> {
  const folder = path.join(checkouts, treeId);
  const writing: Writing = { reading, absent: [] };
  const before = last === undefined ? undefined : { treeId: last.treeId, folder: Buffer.from(last.folder) };
  await reading.bringBelow(treeId);
  const unfinished = await mkdtemp(path.join(checkouts, 'unfinished-'));
  try {
    await writeFolder(writing, { treeId, folder: Buffer.from(path.join(unfinished, 'tree')), at: '', before });
    await rename(path.join(unfinished, 'tree'), folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return { treeId, folder, absent: writing.absent };
}

/** A checkout on its way to disk, and what was left out so far. */
interface Writing {
  readonly reading: Reading;
  readonly absent: AbsentEntry[];
}

/** Files that are the same in the checkout of before are links to those: nobody writes into a checkout. */
async function writeFolder(writing: Writing, folder: Folder): Promise<void> {
  const { reading } = writing;
  await mkdir(folder.folder);
  const entries = await reading.children(folder.treeId);
  const before = folder.before === undefined ? [] : await reading.children(folder.before.treeId);
  const earlier = new Map(before.map((entry) => [entry.path, entry]));
  const writable = writableOf(writing, folder, entries);
  const files = writable.filter(({ kind }) => kind !== 'symlink');
  for (let next = 0; next < files.length; next += filesAtOnce)
    await Promise.all(
      files
        .slice(next, next + filesAtOnce)
        .map(async (entry) =>
          orLeaveOut(writing, folder, entry, async () =>
            writeEntry(writing, folder, { entry, earlier: earlier.get(entry.path) }),
          ),
        ),
    );
  // Links come last and files are never overwritten, so that nothing is ever written through a link.
  for (const entry of writable.filter(({ kind }) => kind === 'symlink'))
    await orLeaveOut(writing, folder, entry, async () => writeLink(writing, folder, entry));
}

function writableOf(writing: Writing, folder: Folder, entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const timesNamed = new Map<string, number>();
  for (const { path: name } of entries) timesNamed.set(name, (timesNamed.get(name) ?? 0) + 1);
  return entries.filter((entry) => {
    const reason = reasonOfAbsence({ entry, folder: folder.at, isTwice: (timesNamed.get(entry.path) ?? 0) > 1 });
    if (reason !== undefined) leaveOut(writing, folder, { entry, reason });
    return reason === undefined;
  });
}

async function writeEntry(
  writing: Writing,
  folder: Folder,
  { entry, earlier }: { entry: TreeEntry; earlier: TreeEntry | undefined },
): Promise<void> {
  const target = inFolder(folder.folder, entry.path);
  const same =
    folder.before !== undefined && earlier?.kind === entry.kind
      ? { treeId: earlier.id, folder: inFolder(folder.before.folder, entry.path) }
      : undefined;
  if (entry.kind === 'folder')
    return await writeFolder(writing, { treeId: entry.id, folder: target, at: pathOf(folder, entry), before: same });
  if (same?.treeId === entry.id && (await isLinked({ from: same.folder, to: target }))) return;
  await writeFile(target, await writing.reading.blob(entry.id), { flag: 'wx' });
  if (entry.kind === 'executable') await chmod(target, 0o755);
}

async function writeLink(writing: Writing, folder: Folder, entry: TreeEntry): Promise<void> {
  const target = Buffer.from(await writing.reading.blob(entry.id));
  const reason = reasonOfLostLink(target);
  if (reason === undefined) await symlink(target, inFolder(folder.folder, entry.path));
  else leaveOut(writing, folder, { entry, reason });
}

/** Whatever is decided before, the disk has the last word on what it holds. */
async function orLeaveOut(
  writing: Writing,
  folder: Folder,
  entry: TreeEntry,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    const reason = whyNotHeld(error);
    if (reason === undefined) throw error;
    leaveOut(writing, folder, { entry, reason });
  }
}

function leaveOut({ absent }: Writing, folder: Folder, { entry, reason }: { entry: TreeEntry; reason: string }): void {
  absent.push({ path: pathOf(folder, entry), kind: entry.kind, reason });
}

function pathOf({ at }: Folder, { path: name }: TreeEntry): string {
  return `${at === '' ? '' : `${at}/`}${tellable(shownPath(name))}`;
}

/** False where that cannot be: the checkout of before may lack the file, and a file system limits the links to one. */
async function isLinked({ from, to }: { from: Buffer; to: Buffer }): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch {
    return false;
  }
}

/** What of a path the disk does not hold; undefined for any other failure. */
function whyNotHeld(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENAMETOOLONG') return 'has a longer path than this disk holds: give it a shorter one';
  return code === 'EILSEQ' ? 'has a name that is not UTF-8, which this disk does not hold: rename it' : undefined;
}
