import type { Limits } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import { asDisksSee, quoted, safePath, type ArchiveFormat } from './artifact.ts';

/** The header of one entry of a tar archive. */
export interface ArchiveEntry {
  readonly name: string;
  /** As tar names them: `file`, `directory`, `symlink`, `link`, `character-device`, …, or `unknown`. */
  readonly type: string;
  readonly bytes: number;
  readonly mode: number;
}

/** A file of an archive, by its path inside it. */
export interface ArchivedFile {
  readonly path: string;
  /** The Git object that holds its content. */
  readonly blob: string;
  readonly executable: boolean;
}

/** What was admitted of an archive so far. */
export interface ArchiveTally {
  readonly files: number;
  readonly bytes: number;
}

export interface ArchiveLimits {
  /** Unpacked bytes of all files together. */
  readonly bytes: number;
  readonly files: number;
}

/**
 * Reads a whole archive of that format as it streams in, and gives each file away before the next ones arrive, so that
 * only a few are in memory. `store` keeps a content and returns its id. Throws `InvalidArchive` or `UnsafePath`
 * (refuse), and what `store` throws.
 */
export type UnpackArchive = (
  archive: PackedArchive & { readonly format: ArchiveFormat },
) => Promise<readonly ArchivedFile[]>;

export interface PackedArchive {
  readonly packed: AsyncIterable<Uint8Array>;
  readonly limits: ArchiveLimits;
  readonly subject: string;
  readonly store: (file: {
    readonly path: string;
    readonly bytes: number;
    readonly chunks: AsyncIterable<Uint8Array>;
  }) => Promise<string>;
}

/** What an archive of that packed size may unpack to. */
export function archiveLimits({ packedBytes, limits }: { packedBytes: number; limits: Limits }): ArchiveLimits {
  // A header packs into some ten bytes: a few hundred bytes are no archive of thousands of files.
  return {
    bytes: Math.min(limits.uploadBytes, Math.floor(packedBytes * limits.unpackRatio)),
    files: Math.min(limits.uploadFiles, 16 + Math.ceil(packedBytes / bytesOfHeader)),
  };
}

/** Bytes of an archive that a file takes at the least: its header repeats the one before in all but its name. */
const bytesOfHeader = 4;

/** Decided from the header alone, before a byte of the content is read. */
export type Admission =
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly tally: ArchiveTally }
  /** A folder: Git knows folders only by their files. */
  | { readonly kind: 'skip' };

/**
 * Whether an entry may be unpacked, and to which path inside the archive.
 * Throws `UnsafePath` or `InvalidArchive` (refuse).
 */
export function admitEntry({
  entry,
  tally,
  limits,
  subject,
}: {
  entry: ArchiveEntry;
  tally: ArchiveTally;
  limits: ArchiveLimits;
  subject: string;
}): Admission {
  const name = entry.name.replace(/^(\.\/+)+/, '');
  if (isOfMacOs(name)) return { kind: 'skip' };
  if (!Number.isSafeInteger(entry.bytes) || entry.bytes < 0) {
    throw invalidArchive({ subject, message: `${quoted(entry.name)} has no size that can be` });
  }
  if (entry.type === 'directory') {
    const folder = name.replace(/\/+$/, '');
    if (folder !== '' && folder !== '.') safePath({ path: folder, subject });
    return { kind: 'skip' };
  }
  if (entry.type !== 'file' && entry.type !== 'contiguous-file') {
    const message = `${quoted(entry.name)} is ${entry.type === 'unknown' ? 'neither a file nor a folder' : `a ${entry.type}`}`;
    throw invalidArchive({ subject, message, remedy: 'pack plain files and folders only' });
  }
  const path = safePath({ path: name, subject });
  const admitted = { files: tally.files + 1, bytes: tally.bytes + entry.bytes };
  if (admitted.files > limits.files)
    throw invalidArchive({ subject, message: `holds more than ${limits.files} files` });
  if (admitted.bytes > limits.bytes) {
    throw invalidArchive({ subject, message: `unpacks to more than the ${limits.bytes} bytes allowed for its size` });
  }
  return { kind: 'file', path, executable: (entry.mode & 0o111) !== 0, tally: admitted };
}

/**
 * What tar on macOS packs beside each file that has extended attributes, and its Finder beside all of them: AppleDouble
 * files, which are no files of the folder. https://www.rfc-editor.org/rfc/rfc1740
 */
function isOfMacOs(name: string): boolean {
  return name.split('/').some((part) => part.startsWith('._') || part === '__MACOSX');
}

/**
 * The files as they go into the target folder: a packaged Helm chart (one top folder, `Chart.yaml` in it) without its
 * top folder, anything else as it is; sorted by path. Throws `InvalidArchive` (refuse) for a path that comes twice, or
 * as file and folder, for two paths that are one on disks that do not tell case or Unicode forms apart, and for an
 * archive without a file: it would delete the folder it replaces.
 */
export function layOutArchive({
  files,
  subject,
}: {
  files: readonly ArchivedFile[];
  subject: string;
}): readonly ArchivedFile[] {
  if (files.length === 0)
    throw invalidArchive({ subject, message: 'holds no file', remedy: 'to delete a folder, commit its deletion' });
  const paths = new Set<string>();
  const seen = new Map<string, string>();
  for (const { path } of files) {
    if (paths.has(path)) throw invalidArchive({ subject, message: `holds ${quoted(path)} twice` });
    paths.add(path);
    const other = seen.get(asDisksSee(path));
    const both = `${quoted(other ?? '')} and ${quoted(path)}`;
    if (other !== undefined)
      throw invalidArchive({
        subject,
        message: `holds ${both}, which are one file on some disks`,
        remedy: 'rename one of them',
      });
    seen.set(asDisksSee(path), path);
  }
  const both = files.flatMap(({ path }) => foldersOf(path)).find((folder) => paths.has(folder));
  if (both !== undefined) throw invalidArchive({ subject, message: `holds ${quoted(both)} as a file and as a folder` });
  const top = files[0]?.path.split('/')[0] ?? '';
  const isChart = paths.has(`${top}/Chart.yaml`) && files.every(({ path }) => path.startsWith(`${top}/`));
  return files
    .map((file) => (isChart ? { ...file, path: file.path.slice(top.length + 1) } : file))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The folders above a path, outermost first: `a`, `a/b` for `a/b/c`. */
export function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/'));
}

export function invalidArchive({
  subject,
  message,
  remedy,
  cause,
}: {
  subject: string;
  message: string;
  remedy?: string;
  cause?: unknown;
}): ConvergeError {
  return new ConvergeError({
    code: 'InvalidArchive',
    subject,
    message,
    disposition: 'refuse',
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}
