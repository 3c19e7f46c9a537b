import { Transform, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { ConvergeError } from '../errors.ts';
import { admitEntry, invalidArchive, type ArchivedFile, type ArchiveTally, type UnpackArchive } from '../source/archive.ts';

/** Tar's own share of the inflated stream: headers and padding for each file, and the zero blocks at its end. */
const tarBytesPerFile = 4096;
const tarBytesAtEnd = 1_048_576;

/** Unpacks a `.tgz` in memory; what may come out of it is the domain's decision, header by header. */
export const unpackArchive: UnpackArchive = async ({ packed, limits, subject }) => {
  const inflatedLimit = limits.bytes + limits.files * tarBytesPerFile + tarBytesAtEnd;
  const tar = extract();
  let failure: unknown;
  pipeline(packed, createGunzip(), stopBeyond({ bytes: inflatedLimit, subject }), tar, (error) => {
    failure ??= error ?? undefined;
  });
  const files: ArchivedFile[] = [];
  let tally: ArchiveTally = { files: 0, bytes: 0 };
  try {
    for await (const entry of tar) {
      const { name, type, size, mode } = entry.header;
      const admission = admitEntry({ entry: { name, type: type ?? 'file', bytes: size ?? 0, mode: mode ?? 0 }, tally, limits, subject });
      if (admission.kind === 'skip') {
        entry.resume();
        continue;
      }
      tally = admission.tally;
      files.push({ path: admission.path, executable: admission.executable, content: await contentOf(entry) });
    }
  } catch (error) {
    throw asConvergeError({ error: error instanceof ConvergeError ? error : (failure ?? error), subject });
  }
  if (failure !== undefined) throw asConvergeError({ error: failure, subject });
  return files;
};

/** tar-stream types its chunks as unknown; they are Buffers. */
async function contentOf(entry: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
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
  return invalidArchive({ subject, message: 'is no whole gzip archive of tar format', remedy: 'upload it again', cause: error });
}
