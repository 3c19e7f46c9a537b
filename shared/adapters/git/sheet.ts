import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AbsentEntry, TreeEntry } from '../../ports/git.ts';
import { pathBytes, shownPath } from '../../source/path-bytes.ts';
import type { Reading } from './reading.ts';
import { reasonOfAbsence, reasonOfLostLink, tellable } from './unwritable.ts';

/** Files of one folder that are written side by side. */
const filesAtOnce = 16;

/**
 * A tree on disk, of which only parts may be there. A folder comes with all its entries at once: a folder in it is
 * empty until it comes itself, and so is a file, unless its content came with it.
 */
export interface Sheet {
  readonly treeId: string;
  readonly folder: string;
  /** For what is not finished yet, on the same disk. */
  readonly beside: string;
  /** What of the folders that came is not on disk. */
  readonly absent: AbsentEntry[];
  /** The folders whose entries are there, by their paths in Git; empty for the root. */
  readonly listed: Set<string>;
  /** What is there with its content, and with all below it. */
  readonly whole: Set<string>;
}

/** A sheet that is being written, and one that has some files of it. */
export interface Writing {
  readonly reading: Reading;
  readonly sheet: Sheet;
  readonly before: Sheet | undefined;
}

/** A folder of the tree. */
interface Place {
  readonly treeId: string;
  /** In Git, from the root. */
  readonly path: string;
  /** The same as it is told. */
  readonly at: string;
  /** On disk, in the bytes that Git has for it: Node would change a name that is not UTF-8. */
  readonly folder: Buffer;
}

/** What a folder on its way to disk is written with. */
interface Filling {
  readonly isWhole: boolean;
  readonly listed: string[];
  readonly absent: AbsentEntry[];
}

/** Whether a path is there with its content. */
export function isWhole({ whole }: Sheet, wanted: string): boolean {
  if (whole.has('') || whole.has(wanted)) return true;
  for (let end = wanted.lastIndexOf('/'); end > 0; end = wanted.lastIndexOf('/', end - 1))
    if (whole.has(wanted.slice(0, end))) return true;
  return false;
}

function parentOf(wanted: string): string {
  return wanted.split('/').slice(0, -1).join('/');
}

/** The entries of a folder, those of the folders above it before. Nothing for what is no folder on disk. */
export async function list(writing: Writing, wanted: string): Promise<void> {
  const { sheet, reading } = writing;
  if (sheet.listed.has(wanted) || isWhole(sheet, wanted)) return;
  if (wanted !== '') await list(writing, parentOf(wanted));
  const place = await placeOf(writing, wanted);
  if (place === undefined) return;
  const links = (await reading.children(place.treeId)).filter(({ kind }) => kind === 'symlink');
  await reading.bring({ type: 'blob', ids: links.map(({ id }) => id) });
  await putInPlace(writing, place, { isWhole: false });
}

/** Brings a file, or a folder with all below it, and the folders above it. Nothing for what is not on disk. */
export async function makeWhole(writing: Writing, wanted: string): Promise<void> {
  const { sheet, reading } = writing;
  const entry = isWhole(sheet, wanted) ? undefined : await reading.entryAt({ tree: sheet.treeId, path: wanted });
  if (entry === undefined) return;
  if (wanted !== '') await list(writing, parentOf(wanted));
  if (entry.kind === 'folder') {
    const place = await placeOf(writing, wanted);
    if (place !== undefined) await fill(writing, place);
    return;
  }
  const parent = await placeOf(writing, parentOf(wanted));
  if (parent === undefined || isAbsent(writing, pathOf(parent, { ...entry, path: nameOf(wanted) }))) return;
  await fillFile(writing, parent, { ...entry, path: nameOf(wanted) });
}

/** The blobs that take `paths` to disk, with the links in the folders above them. */
export async function blobsOf({ reading, sheet }: Writing, paths: readonly string[]): Promise<ReadonlySet<string>> {
  const blobs = new Set<string>();
  const above = new Set<string>();
  for (const wanted of paths) {
    const entry = isWhole(sheet, wanted) ? undefined : await reading.entryAt({ tree: sheet.treeId, path: wanted });
    if (entry?.kind === 'folder') for (const id of await reading.blobsBelow(entry.id)) blobs.add(id);
    else if (entry !== undefined && entry.kind !== 'submodule') blobs.add(entry.id);
    for (let at = wanted; at !== ''; at = parentOf(at)) above.add(parentOf(at));
  }
  for (const at of above) {
    const folder = await reading.entryAt({ tree: sheet.treeId, path: at });
    for (const { kind, id } of folder?.kind === 'folder' ? await reading.children(folder.id) : [])
      if (kind === 'symlink') blobs.add(id);
  }
  return blobs;
}

/** Undefined where no such folder is on disk. */
async function placeOf(writing: Writing, wanted: string): Promise<Place | undefined> {
  const { sheet, reading } = writing;
  let place: Place = { treeId: sheet.treeId, path: '', at: '', folder: Buffer.from(sheet.folder) };
  for (const name of wanted === '' ? [] : wanted.split('/')) {
    const entry = (await reading.children(place.treeId)).find((child) => child.path === name);
    if (entry?.kind !== 'folder' || isAbsent(writing, pathOf(place, entry))) return undefined;
    place = below(place, entry);
  }
  return place;
}

function below(place: Place, entry: TreeEntry): Place {
  return {
    treeId: entry.id,
    path: gitPathOf(place, entry),
    at: pathOf(place, entry),
    folder: inFolder(place.folder, entry.path),
  };
}

function isAbsent({ sheet }: Writing, told: string): boolean {
  return sheet.absent.some((absent) => absent.path === told);
}

/** A folder comes as a whole in the place of the empty one: who reads beside it sees one or the other. */
async function putInPlace(writing: Writing, place: Place, { isWhole: whole }: Pick<Filling, 'isWhole'>): Promise<void> {
  const { sheet } = writing;
  const filling: Filling = { isWhole: whole, listed: [], absent: [] };
  const unfinished = await mkdtemp(path.join(sheet.beside, 'unfinished-'));
  try {
    const made = Buffer.from(path.join(unfinished, 'tree'));
    await writeFolder(writing, { ...place, folder: made }, filling);
    await rename(made, place.folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  for (const one of filling.listed) sheet.listed.add(one);
  sheet.absent.push(...filling.absent);
  if (whole) sheet.whole.add(place.path);
}

/** Files that are the same in the checkout of before are links to those: nobody writes into a checkout. */
async function writeFolder(writing: Writing, place: Place, filling: Filling): Promise<void> {
  await mkdir(place.folder);
  filling.listed.push(place.path);
  const writable = writableOf(filling, place, await writing.reading.children(place.treeId));
  const files = writable.filter(({ kind }) => kind !== 'symlink');
  for (let next = 0; next < files.length; next += filesAtOnce)
    await Promise.all(
      files
        .slice(next, next + filesAtOnce)
        .map(async (entry) =>
          orLeaveOut(filling, place, entry, async () => writeEntry(writing, place, entry, filling)),
        ),
    );
  // Links come last and files are never overwritten, so that nothing is ever written through a link.
  for (const entry of writable.filter(({ kind }) => kind === 'symlink'))
    await orLeaveOut(filling, place, entry, async () => writeLink(writing, place, entry, filling));
}

function writableOf(filling: Filling, place: Place, entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const timesNamed = new Map<string, number>();
  for (const { path: name } of entries) timesNamed.set(name, (timesNamed.get(name) ?? 0) + 1);
  return entries.filter((entry) => {
    const reason = reasonOfAbsence({ entry, folder: place.at, isTwice: (timesNamed.get(entry.path) ?? 0) > 1 });
    if (reason !== undefined) leaveOut(filling, place, { entry, reason });
    return reason === undefined;
  });
}

async function writeEntry(writing: Writing, place: Place, entry: TreeEntry, filling: Filling): Promise<void> {
  const target = inFolder(place.folder, entry.path);
  if (entry.kind !== 'folder') await writeFileOf(writing, { place, entry, target, content: filling.isWhole });
  else if (filling.isWhole) await writeFolder(writing, below(place, entry), filling);
  else await mkdir(target);
}

async function writeFileOf(
  { reading, before }: Writing,
  { place, entry, target, content }: { place: Place; entry: TreeEntry; target: Buffer; content: boolean },
): Promise<void> {
  if (content && before !== undefined && (await isLinked({ reading, before, place, entry, target }))) return;
  await writeFile(target, content ? await reading.blob(entry.id) : '', { flag: 'wx' });
  if (entry.kind === 'executable') await chmod(target, 0o755);
}

/** Whether the checkout of before has the file, and it could be linked: a file system limits the links to one. */
async function isLinked({
  reading,
  before,
  place,
  entry,
  target,
}: {
  reading: Reading;
  before: Sheet;
  place: Place;
  entry: TreeEntry;
  target: Buffer;
}): Promise<boolean> {
  const at = gitPathOf(place, entry);
  if (!isWhole(before, at)) return false;
  const earlier = await reading.entryAt({ tree: before.treeId, path: at });
  if (earlier?.id !== entry.id || earlier.kind !== entry.kind) return false;
  try {
    await link(inFolder(Buffer.from(before.folder), at), target);
    return true;
  } catch {
    return false;
  }
}

async function writeLink({ reading }: Writing, place: Place, entry: TreeEntry, filling: Filling): Promise<void> {
  const target = Buffer.from(await reading.blob(entry.id));
  const reason = reasonOfLostLink(target);
  if (reason === undefined) await symlink(target, inFolder(place.folder, entry.path));
  else leaveOut(filling, place, { entry, reason });
}

/** Brings what is not there yet of a folder and all below it. */
async function fill(writing: Writing, place: Place): Promise<void> {
  const { sheet, reading } = writing;
  if (isWhole(sheet, place.path)) return;
  if (!sheet.listed.has(place.path)) return await putInPlace(writing, place, { isWhole: true });
  for (const entry of await reading.children(place.treeId)) {
    if (isAbsent(writing, pathOf(place, entry))) continue;
    if (entry.kind === 'folder') await fill(writing, below(place, entry));
    else await fillFile(writing, place, entry);
  }
  sheet.whole.add(place.path);
}

/** The content of a file comes in the place of the empty one. Links are whole as soon as their folder is there. */
async function fillFile(writing: Writing, place: Place, entry: TreeEntry): Promise<void> {
  const { sheet } = writing;
  const at = gitPathOf(place, entry);
  if (isWhole(sheet, at) || (entry.kind !== 'file' && entry.kind !== 'executable')) return;
  const unfinished = Buffer.from(path.join(sheet.beside, `unfinished-${randomUUID()}`));
  try {
    await writeFileOf(writing, { place, entry, target: unfinished, content: true });
    await rename(unfinished, inFolder(place.folder, entry.path));
  } finally {
    await rm(unfinished, { force: true });
  }
  sheet.whole.add(at);
}

/** Whatever is decided before, the disk has the last word on what it holds. */
async function orLeaveOut(filling: Filling, place: Place, entry: TreeEntry, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const reason = whyNotHeld(error);
    if (reason === undefined) throw error;
    leaveOut(filling, place, { entry, reason });
  }
}

function leaveOut({ absent }: Filling, place: Place, { entry, reason }: { entry: TreeEntry; reason: string }): void {
  absent.push({ path: pathOf(place, entry), kind: entry.kind, reason });
}

function nameOf(wanted: string): string {
  return wanted.slice(wanted.lastIndexOf('/') + 1);
}

function gitPathOf({ path: folder }: Place, { path: name }: TreeEntry): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function pathOf({ at }: Place, { path: name }: TreeEntry): string {
  return `${at === '' ? '' : `${at}/`}${tellable(shownPath(name))}`;
}

function inFolder(folder: Buffer, name: string): Buffer {
  return Buffer.concat([folder, Buffer.from(path.sep), pathBytes(name)]);
}

/** What of a path the disk does not hold; undefined for any other failure. */
function whyNotHeld(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENAMETOOLONG') return 'has a longer path than this disk holds: give it a shorter one';
  return code === 'EILSEQ' ? 'has a name that is not UTF-8, which this disk does not hold: rename it' : undefined;
}
