import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { deflatedOf, moveDraft, shareAnotherFile, type Draft, type Drafts } from './drafts.ts';
import { entryHeader, packHeader, packIndex, type PackedObject } from './pack.ts';

/** Deflated bytes that are written to a pack at once. */
const chunkBytes = 1024 * 1024;

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

/** A draft in a pack, and where its deflated bytes are in it. */
interface PackedDraft extends PackedObject {
  readonly draft: Draft;
  readonly start: number;
  readonly end: number;
}

/** Puts drafts into a pack of the clone, where they are from then on. */
export async function packDrafts(drafts: Drafts, ids: Iterable<string>): Promise<WrittenPack> {
  const { clone } = drafts;
  await shareAnotherFile(drafts);
  const wanted = [...new Set(ids)].map((id) => {
    const draft = drafts.byId.get(id);
    if (draft === undefined) throw new TypeError(`${id} was not written here`);
    return { id, draft };
  });
  const packs = await clone.packFolder();
  const unfinished = path.join(packs, `unfinished-${randomUUID()}`);
  const handle = await open(unfinished, 'wx');
  try {
    const { packed, packHash, bytes } = await writePack(handle, wanted);
    const name = path.join(packs, `pack-${packHash.toString('hex')}`);
    const file = `${name}.pack`;
    // git and isomorphic-git look for the index: the pack is there before.
    await rename(unfinished, file);
    await writeFile(`${name}.idx`, packIndex({ objects: packed, packHash }));
    for (const { draft, start, end } of packed) await moveDraft(drafts, { draft, to: { file, start, end } });
    clone.hasPack({ ids: packed.map(({ id }) => id), bytes });
    return { bytes, read: () => createReadStream(file) };
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function writePack(
  handle: FileHandle,
  wanted: readonly { readonly id: string; readonly draft: Draft }[],
): Promise<{ packed: readonly PackedDraft[]; packHash: Buffer; bytes: number }> {
  const chunks = openChunks(handle);
  const packed: PackedDraft[] = [];
  await chunks.add(packHeader(wanted.length));
  for (const { id, draft } of wanted) {
    const offset = chunks.offset();
    const header = entryHeader(draft);
    let crc = crc32(header);
    await chunks.add(header);
    const start = chunks.offset();
    for await (const part of deflatedOf(draft)) {
      crc = crc32(part, crc);
      await chunks.add(part);
    }
    packed.push({ id, crc, offset, draft, start, end: chunks.offset() });
  }
  const packHash = await chunks.end();
  return { packed, packHash, bytes: chunks.offset() + packHash.length };
}

/** Writes a file in large chunks, and at its end the hash of all before it. */
function openChunks(handle: FileHandle): {
  add(part: Uint8Array): Promise<void>;
  offset(): number;
  end(): Promise<Buffer>;
} {
  const hash = createHash('sha1');
  let parts: Uint8Array[] = [];
  let [offset, gathered] = [0, 0];
  async function drain(): Promise<void> {
    const chunk = Buffer.concat(parts);
    [parts, gathered] = [[], 0];
    hash.update(chunk);
    await handle.write(chunk);
  }
  return {
    offset: () => offset,
    async add(part) {
      parts.push(part);
      offset += part.length;
      gathered += part.length;
      if (gathered >= chunkBytes) await drain();
    },
    async end() {
      await drain();
      const digest = hash.digest();
      await handle.write(digest);
      return digest;
    },
  };
}
