import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, createDeflate, deflate as deflateCallback, deflateSync } from 'node:zlib';
import type { Clone } from './clone.ts';
import {
  entryHeader,
  objectHeader,
  objectId,
  packHeader,
  packIndex,
  type ObjectType,
  type PackedObject,
} from './pack.ts';

const deflate = promisify(deflateCallback);

/** Smaller content is deflated sooner than handed to another thread. */
const smallContent = 16 * 1024;
/** Deflated bytes that are written to a pack at once. */
const chunkBytes = 1024 * 1024;

/** A stream's `bytes` must be what it yields. */
export type BlobContent = Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> };

/** Deflated bytes that wait in memory before they go to disk together. */
const waitingBytes = 4 * 1024 * 1024;

/** An object that was written here: its deflated bytes, or where they are. */
interface Draft {
  readonly type: ObjectType;
  /** When inflated. */
  readonly bytes: number;
  at: Uint8Array | { readonly file: string; readonly start: number; readonly end: number };
}

/** A pack in the clone that a push sends as it is. */
export interface WrittenPack {
  readonly bytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/** A pack without objects, for a push of what the host holds already. */
export const emptyPack: WrittenPack = (() => {
  const header = packHeader(0);
  const whole = Buffer.concat([header, createHash('sha1').update(header).digest()]);
  return { bytes: whole.length, read: () => Readable.from([whole]) };
})();

/**
 * Objects on their way into the repository, on disk and deflated: first in a file beside the clone, then those of one commit
 * in one pack, which both the clone and the push read. No bytes stay in both places: on Google Cloud, disk is memory.
 */
export interface Objects {
  has(id: string): boolean;
  write(object: { type: ObjectType; content: Uint8Array; id?: string }): Promise<string>;
  writeBlob(content: BlobContent): Promise<string>;
  /** Puts these objects into a pack of the clone. They must have been written here. */
  pack(ids: Iterable<string>): Promise<WrittenPack>;
}

export function createObjects(clone: Clone): Objects {
  const drafts = new Map<string, Draft>();
  let folder: string | undefined;
  let waiting: Draft[] = [];
  let waitingLength = 0;
  /** The file that small objects share until the next pack, and how long it is. */
  let [shared, written] = [randomUUID(), 0];
  /** How many drafts lie in a file. */
  const left = new Map<string, number>();
  let flushing: Promise<void> = Promise.resolve();

  /** A new clone begins without drafts. */
  async function draftFolder(): Promise<string> {
    const current = await clone.draftFolder();
    if (folder !== current) {
      drafts.clear();
      left.clear();
      [folder, waiting, waitingLength, shared, written] = [current, [], 0, randomUUID(), 0];
    }
    return current;
  }

  /** Puts what waits behind what lies in the file that small objects share. */
  async function flush(): Promise<void> {
    const file = path.join(await draftFolder(), shared);
    const batch = waiting.flatMap((draft) => (draft.at instanceof Uint8Array ? [{ draft, deflated: draft.at }] : []));
    [waiting, waitingLength] = [[], 0];
    if (batch.length === 0) return;
    await appendFile(file, Buffer.concat(batch.map(({ deflated }) => deflated)));
    for (const { draft, deflated } of batch) {
      draft.at = { file, start: written, end: written + deflated.length };
      written += deflated.length;
    }
    left.set(file, (left.get(file) ?? 0) + batch.length);
  }

  async function leave(file: string): Promise<void> {
    const others = (left.get(file) ?? 0) - 1;
    if (others > 0) left.set(file, others);
    else if (left.delete(file)) await rm(file, { force: true });
  }

  async function write({
    type,
    content,
    id = objectId({ type, content }),
  }: {
    type: ObjectType;
    content: Uint8Array;
    id?: string;
  }): Promise<string> {
    await draftFolder();
    if (drafts.has(id)) return id;
    const at = content.length < smallContent ? deflateSync(content) : await deflate(content);
    const draft = { type, bytes: content.length, at };
    drafts.set(id, draft);
    waiting.push(draft);
    waitingLength += at.length;
    if (waitingLength >= waitingBytes) flushing = flushing.then(flush, flush);
    await flushing;
    return id;
  }

  /** A file of its own for each, so that none is ever whole in memory. */
  async function writeStream({ bytes, chunks }: { bytes: number; chunks: AsyncIterable<Uint8Array> }): Promise<string> {
    const file = path.join(await draftFolder(), randomUUID());
    const hash = createHash('sha1').update(objectHeader({ type: 'blob', bytes }));
    let read = 0;
    let deflated = 0;
    try {
      await pipeline(
        chunks,
        async function* (source: AsyncIterable<Uint8Array>) {
          for await (const chunk of source) {
            read += chunk.length;
            hash.update(chunk);
            yield chunk;
          }
        },
        createDeflate(),
        async function* (source: AsyncIterable<Uint8Array>) {
          for await (const chunk of source) {
            deflated += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(file, { flags: 'wx' }),
      );
      if (read !== bytes)
        throw new TypeError(`a stream of ${read} bytes, not the ${bytes} bytes it was announced with`);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
    const id = hash.digest('hex');
    if (drafts.has(id)) await rm(file);
    else {
      drafts.set(id, { type: 'blob', bytes, at: { file, start: 0, end: deflated } });
      left.set(file, 1);
    }
    return id;
  }

  async function* deflatedOf({ at }: Draft): AsyncGenerator<Uint8Array> {
    if (at instanceof Uint8Array) yield at;
    else yield* createReadStream(at.file, { start: at.start, end: at.end - 1 });
  }

  return {
    has: (id) => drafts.has(id),
    write,
    async writeBlob(content) {
      if (content instanceof Uint8Array) return write({ type: 'blob', content });
      if (content.bytes >= chunkBytes) return writeStream(content);
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.chunks) chunks.push(chunk);
      const whole = Buffer.concat(chunks);
      if (whole.length !== content.bytes)
        throw new TypeError(`a stream of ${whole.length} bytes, not the ${content.bytes} bytes it was announced with`);
      return write({ type: 'blob', content: whole });
    },

    async pack(ids) {
      // What is written from now on shares another file, so that this one goes with the last of its objects.
      flushing = flushing.then(() => {
        [shared, written] = [randomUUID(), 0];
      });
      await flushing;
      const wanted = [...new Set(ids)].map((id) => {
        const draft = drafts.get(id);
        if (draft === undefined) throw new TypeError(`${id} was not written here`);
        return { id, draft };
      });
      const packs = await clone.packFolder();
      const unfinished = path.join(packs, `unfinished-${randomUUID()}`);
      const hash = createHash('sha1');
      const packed: PackedObject[] = [];
      const moved: { readonly draft: Draft; readonly start: number; readonly end: number }[] = [];
      let [offset, parts]: [number, Uint8Array[]] = [0, []];
      let gathered = 0;
      const handle = await open(unfinished, 'wx');
      const drain = async (): Promise<void> => {
        const chunk = Buffer.concat(parts);
        [parts, gathered] = [[], 0];
        hash.update(chunk);
        await handle.write(chunk);
      };
      try {
        const add = async (part: Uint8Array): Promise<void> => {
          parts.push(part);
          offset += part.length;
          gathered += part.length;
          if (gathered >= chunkBytes) await drain();
        };
        await add(packHeader(wanted.length));
        for (const { id, draft } of wanted) {
          const begin = offset;
          const header = entryHeader(draft);
          let crc = crc32(header);
          await add(header);
          const start = offset;
          for await (const part of deflatedOf(draft)) {
            crc = crc32(part, crc);
            await add(part);
          }
          packed.push({ id, crc, offset: begin });
          moved.push({ draft, start, end: offset });
        }
        await drain();
        const packHash = hash.digest();
        await handle.write(packHash);
        const file = path.join(packs, `pack-${packHash.toString('hex')}`);
        // git and isomorphic-git look for the index: the pack is there before.
        await rename(unfinished, `${file}.pack`);
        await writeFile(`${file}.idx`, packIndex({ objects: packed, packHash }));
        for (const { draft, start, end } of moved) {
          const { at } = draft;
          draft.at = { file: `${file}.pack`, start, end };
          if (!(at instanceof Uint8Array)) await leave(at.file);
        }
        const bytes = offset + packHash.length;
        clone.hasGrown({ packs: 1, bytes });
        return { bytes, read: () => createReadStream(`${file}.pack`) };
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      } finally {
        await handle.close();
      }
    },
  };
}
