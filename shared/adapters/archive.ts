import { Transform, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { ConvergeError } from '../base/errors.ts';
import { quoted, type ArchiveFormat } from '../source/artifact.ts';
import { limitHeaders } from './tar-headers.ts';
import {
  admitEntry,
  invalidArchive,
  type ArchiveEntry,
  type ArchivedFile,
  type ArchiveTally,
  type PackedArchive,
  type UnpackArchive,
} from '../source/archive.ts';

/** Tar's own share of the inflated stream: headers and padding for each file, and the zero blocks at its end. */
const tarBytesPerFile = 4096;
const tarBytesAtEnd = 1_048_576;
/**
 * So that the bytes of names are kept; see `nameOf`. The types of tar-stream do not know the options. Tar's oldest
 * format has no name.
 */
const asWritten: NonNullable<Parameters<typeof extract>[0]> & {
  filenameEncoding: string;
  allowUnknownFormat: boolean;
} = { filenameEncoding: 'latin1', allowUnknownFormat: true };
/** A file up to this size is stored while the next ones are read, so many at a time; a larger one as it streams in. */
const smallFile = 262_144;
const storedAtOnce = 32;

/** What reads each format. */
const formats: Readonly<Record<ArchiveFormat, (archive: PackedArchive) => Promise<readonly ArchivedFile[]>>> = {
  'tar.gz': unpackTarGz,
};

export const unpackArchive: UnpackArchive = ({ format, ...archive }) => formats[format](archive);

/** Unpacks gzip over tar file by file; what may come out of it is the domain's decision, header by header. */
async function unpackTarGz({ packed, limits, subject, store }: PackedArchive): Promise<readonly ArchivedFile[]> {
  const inflatedLimit = limits.bytes + limits.files * tarBytesPerFile + tarBytesAtEnd;
  const tar = extract(asWritten);
  let failure: unknown;
  const gunzip = createGunzip();
  const counted = { bytes: 0 };
  pipeline(
    count(packed, counted),
    gunzip,
    stopBeyond({ bytes: inflatedLimit, subject }),
    limitHeaders({ subject }),
    tar,
    (error) => {
      failure ??= error ?? undefined;
    },
  );
  const files: ArchivedFile[] = [];
  let storing: Promise<ArchivedFile>[] = [];
  let tally: ArchiveTally = { files: 0, bytes: 0 };
  const settle = async () => {
    const settled = storing;
    storing = [];
    files.push(...(await storedAll(settled)));
  };
  try {
    for await (const entry of tar) {
      const admission = admitEntry({ entry: entryOf(entry.header, subject), tally, limits, subject });
      if (admission.kind === 'skip') {
        entry.resume();
        continue;
      }
      const bytes = admission.tally.bytes - tally.bytes;
      tally = admission.tally;
      if (bytes > smallFile)
        files.push(
          await stored(store, { ...admission, bytes, chunks: bytesOf(entry, (error) => void (failure ??= error)) }),
        );
      else storing.push(handled(stored(store, { ...admission, bytes, chunks: again(await collect(entry)) })));
      if (storing.length >= storedAtOnce) await settle();
    }
    await settle();
  } catch (error) {
    await Promise.allSettled(storing);
    if (error instanceof NotStored && failure === undefined) throw error.cause;
    throw asConvergeError({ error: error instanceof ConvergeError ? error : (failure ?? error), subject });
  }
  if (failure !== undefined) throw asConvergeError({ error: failure, subject });
  // zlib takes what follows for nothing or for an error, by where it was cut into chunks.
  if (gunzip.bytesWritten !== counted.bytes)
    throw invalidArchive({ subject, message: 'has bytes behind its gzip data', remedy: 'upload it again' });
  return files;
}

async function* count(packed: AsyncIterable<Uint8Array>, counted: { bytes: number }): AsyncIterable<Uint8Array> {
  for await (const chunk of packed) {
    counted.bytes += chunk.length;
    yield chunk;
  }
}

/** What went wrong here, and not with the archive. */
class NotStored extends Error {
  constructor(cause: unknown) {
    super('not stored', { cause });
  }
}

async function stored(
  store: Parameters<UnpackArchive>[0]['store'],
  file: Parameters<typeof store>[0] & Pick<ArchivedFile, 'path' | 'executable'>,
): Promise<ArchivedFile> {
  try {
    return { path: file.path, executable: file.executable, blob: await store(file) };
  } catch (error) {
    throw new NotStored(error);
  }
}

async function storedAll(storing: readonly Promise<ArchivedFile>[]): Promise<readonly ArchivedFile[]> {
  // All have ended before one of them fails the whole: nothing goes on behind the back of the caller.
  await Promise.allSettled(storing);
  return Promise.all(storing);
}

/** A failure that is looked at later: until then it must not end the process. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * tar-stream takes a file without a known type for none, and knows no sparse files: their content is not what it seems.
 */
function entryOf({ name, type, size, mode, pax }: Header, subject: string): ArchiveEntry {
  const isSparse = Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse'));
  // Where folders have no type, their names end with a slash.
  const plain = type === 'file' && name.endsWith('/') ? 'directory' : (type ?? 'unknown');
  return {
    name: nameOf({ name, pax, subject }),
    type: isSparse ? 'sparse file' : plain,
    bytes: size ?? 0,
    mode: mode ?? 0,
  };
}

/**
 * A name is bytes in tar. What is no UTF-8 cannot be a path that everybody reads alike, and is refused: decoded all the
 * same, two names become one. PAX records are UTF-8 by their standard, and tar-stream has decoded them.
 */
function nameOf({ name, pax, subject }: Pick<Header, 'name' | 'pax'> & { subject: string }): string {
  const isDecoded = Object.hasOwn(pax ?? {}, 'path');
  try {
    const text = isDecoded
      ? name
      : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(name, 'latin1'));
    if (!text.includes('\ufffd')) return text;
  } catch {
    // Told below.
  }
  throw invalidArchive({
    subject,
    message: `holds a name that is not UTF-8: ${quoted(name)}`,
    remedy: 'rename the file, or pack it with --format=pax',
  });
}

/** tar-stream types its chunks as unknown; they are Buffers. */
async function* bytesOf(entry: AsyncIterable<unknown>, failed: (error: unknown) => void): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of entry) if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    failed(error);
    throw error;
  }
}

async function collect(entry: AsyncIterable<unknown>): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return chunks;
}

async function* again(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

/** A bomb can be all tar headers and zero blocks, whose bytes no file accounts for. */
function stopBeyond({ bytes, subject }: { bytes: number; subject: string }): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      seen += chunk.length;
      if (seen <= bytes) done(null, chunk);
      else done(invalidArchive({ subject, message: `unpacks to more than ${bytes} bytes` }));
    },
  });
}

/** An error of the bucket's stream keeps its own disposition; whatever gzip or tar says is about the archive. */
function asConvergeError({ error, subject }: { error: unknown; subject: string }): ConvergeError {
  if (error instanceof ConvergeError) return error;
  return invalidArchive({
    subject,
    message: 'is no whole gzip archive of tar format',
    remedy: 'upload it again',
    cause: error,
  });
}
