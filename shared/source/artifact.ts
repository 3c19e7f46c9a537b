import { ConvergeError } from '../base/errors.ts';

/** One generation of an uploaded object. */
export interface ArtifactId {
  readonly bucket: string;
  readonly name: string;
  /** Decimal digits. */
  readonly generation: string;
}

/** What an object name means for the repository: one file, or a group of files that replaces a folder as a whole. */
export type Destination =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'group'; readonly path: string };

/**
 * How an archive is packed, by the ending of its name. Each format is read by its entry of `adapters/archive.ts`, which
 * tsc misses where there is none.
 */
const archiveEndings = { '.tgz': 'tar.gz', '.tar.gz': 'tar.gz' } as const;
export type ArchiveFormat = (typeof archiveEndings)[keyof typeof archiveEndings];

/** The format of an archive of that name, or undefined: the name of a file that is copied as it is. */
export function archiveFormatOf(name: string): ArchiveFormat | undefined {
  return Object.entries(archiveEndings).find(([ending]) => name.endsWith(ending))?.[1];
}

/** A name without the ending of an archive: the folder that the archive replaces. Any other name stays as it is. */
export function withoutArchiveEnding(name: string): string {
  const ending = Object.keys(archiveEndings).find((candidate) => name.endsWith(candidate));
  return ending === undefined ? name : name.slice(0, -ending.length);
}

/** The names of all archives that replace that folder. */
export function archiveNamesOf(folder: string): readonly string[] {
  return Object.keys(archiveEndings).map((ending) => `${folder}${ending}`);
}

/**
 * Where an uploaded object goes: `charts/shop/values.yaml` to the same path, `charts/shop.tgz` to the folder
 * `charts/shop`. Throws `UnsafePath` (refuse) for a name that is no safe path.
 */
export function destinationOf(artifact: ArtifactId): Destination {
  const subject = artifactUri(artifact);
  const kind = archiveFormatOf(artifact.name) === undefined ? 'file' : 'group';
  return { kind, path: safePath({ path: withoutArchiveEnding(artifact.name), subject }) };
}

/** Its path; undefined for what no upload can be: the trailer of a commit, which somebody wrote by hand. */
export function pathOfArtifact(artifact: ArtifactId): string | undefined {
  try {
    return destinationOf(artifact).path;
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'UnsafePath') return undefined;
    throw error;
  }
}

/**
 * Objects that tools make for themselves, and take away again: the parts of parallel composite uploads (the names are
 * those of gcloud's property `storage/parallel_composite_upload_component_prefix` and of gsutil's
 * `PARALLEL_UPLOAD_TEMP_NAMESPACE`), and empty objects that stand for folders (the console's `folder/`, Hadoop's
 * `folder_$folder$`).
 */
export function isOfTools({ name, bytes }: { name: string; bytes: number }): boolean {
  if (/^\/?(gcloud|gsutil)\/tmp\/parallel_composite_uploads\//.test(name)) return true;
  return bytes === 0 && (name.endsWith('/') || name.endsWith('_$folder$'));
}

/** `gs://bucket/name#generation`. */
export function artifactUri({ bucket, name, generation }: ArtifactId): string {
  return `gs://${bucket}/${name}#${generation}`;
}

/** The artifact that a `gs://bucket/name#generation` names (the name may hold `#`), or undefined for any other text. */
export function parseArtifactUri(uri: string): ArtifactId | undefined {
  const [, bucket, name, generation] = /^gs:\/\/([^/]+)\/(.+)#(\d+)$/.exec(uri) ?? [];
  return bucket === undefined || name === undefined || generation === undefined || !isGeneration(generation)
    ? undefined
    : { bucket, name, generation };
}

const largestGeneration = 2n ** 63n - 1n;

/** Whether Storage can have given it: 64 bits, https://docs.cloud.google.com/storage/docs/json_api/v1/objects#resource */
export function isGeneration(text: string): boolean {
  return /^\d{1,19}$/.test(text) && BigInt(text) <= largestGeneration;
}

/** Generations grow with every overwrite, and are beyond what a double holds. */
export function isSameOrNewer({ generation, than }: { generation: string; than: string }): boolean {
  return BigInt(generation) >= BigInt(than);
}

/**
 * The path itself, when every clone of the repository can hold it inside its folder.
 *
 * @param path `/` between its parts
 * @param subject what the path came from, for the error
 * Throws `UnsafePath` (refuse).
 */
export function safePath({ path, subject }: { path: string; subject: string }): string {
  const problem =
    problemOfLength(path) ??
    (path.startsWith('/')
      ? 'is absolute'
      : path
          .split('/')
          .map(problemOfPart)
          .find((found) => found !== undefined));
  if (problem === undefined) return path;
  throw new ConvergeError({
    code: 'UnsafePath',
    subject,
    message: `the path ${quoted(path)} ${problem}`,
    remedy: 'upload it under a plain relative path',
    disposition: 'refuse',
  });
}

/**
 * Disks hold no longer ones (PATH_MAX counts the folder of the clone, too), and each folder of a path is a tree of its
 * own in Git.
 */
const longestPath = 1000;
const deepestPath = 100;
const longestTold = 200;

/** A name as it is told: strangers choose it. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > longestTold ? `${name.slice(0, longestTold)}…` : name);
}

function problemOfLength(path: string): string | undefined {
  if (path.length > longestPath || new TextEncoder().encode(path).length > longestPath)
    return `is longer than ${longestPath} bytes`;
  return path.split('/').length > deepestPath ? `has more than ${deepestPath} parts` : undefined;
}

/**
 * Characters that show nothing; HFS+ drops some of them from names, so that `.g\u200cit` is `.git` on such a disk
 * (CVE-2014-9390).
 */
const ignorable = /\p{Default_Ignorable_Code_Point}/gu;
/**
 * Spellings of `.git` that Windows resolves to it: the short name, dots or spaces behind it, a stream (CVE-2019-1352).
 */
const gitFolder = /^(\.git|git~\d+)[. ]*(:.*)?$/;
const gitModules = /^(\.gitmodules|gitmod~\d+|gi7eba~\d+)[. ]*(:.*)?$/;

function problemOfPart(part: string): string | undefined {
  if (part === '') return 'has an empty part';
  if (part === '.' || part === '..') return `has a part ${part}`;
  if (part.includes('\\')) return 'holds a backslash';
  if (hasControlCharacter(part)) return 'holds a control character';
  if (!part.isWellFormed()) return 'is not valid Unicode';
  const seen = asDisksSee(part.replace(ignorable, ''));
  if (gitFolder.test(seen)) return 'reaches into .git';
  // A host that checks what it is pushed refuses the whole commit for a bad one.
  if (gitModules.test(seen)) return 'names submodules';
  if (/^[a-z]:/i.test(part)) return 'begins with the letter of a drive';
  if (/[. ]$/.test(part)) return 'has a part that ends in a dot or a space';
  return new TextEncoder().encode(part).length > 255 ? 'has a part longer than 255 bytes' : undefined;
}

/**
 * The name as the most tolerant of disks compares it: neither case nor Unicode form counts, and look-alikes of full
 * width or with another i are the letter. Two names that are equal here may be one file in somebody's clone.
 */
export function asDisksSee(name: string): string {
  return name.normalize('NFKC').toLowerCase().replaceAll('\u0131', 'i').replaceAll('i\u0307', 'i');
}

function hasControlCharacter(part: string): boolean {
  return [...part].some((character) => character < ' ' || character === '\u007f');
}
