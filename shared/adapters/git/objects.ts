import type { Clone } from './clone.ts';
import { openDrafts, writeDraft, writeStream, type Drafts } from './drafts.ts';
import type { ObjectType } from './pack.ts';
import { packDrafts, type WrittenPack } from './pack-drafts.ts';

/** A shorter stream is taken into memory. */
const longStream = 1024 * 1024;

/** A stream's `bytes` must be what it yields. */
export type BlobContent = Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> };

/**
 * Objects on their way into the repository, on disk and deflated: first in a file beside the clone, then those of one
 * commit in one pack, which both the clone and the push read. No bytes stay in both places: on Google Cloud, disk is
 * memory.
 */
export interface Objects {
  has(id: string): boolean;
  write(object: { type: ObjectType; content: Uint8Array; id?: string }): Promise<string>;
  writeBlob(content: BlobContent): Promise<string>;
  /** Puts these objects into a pack of the clone. They must have been written here. */
  pack(ids: Iterable<string>): Promise<WrittenPack>;
}

export function createObjects(clone: Clone): Objects {
  const drafts = openDrafts(clone);
  return {
    has: (id) => drafts.byId.has(id),
    write: async (object) => writeDraft(drafts, object),
    writeBlob: async (content) => writeBlob(drafts, content),
    pack: async (ids) => packDrafts(drafts, ids),
  };
}

async function writeBlob(drafts: Drafts, content: BlobContent): Promise<string> {
  if (content instanceof Uint8Array) return await writeDraft(drafts, { type: 'blob', content });
  if (content.bytes >= longStream) return await writeStream(drafts, content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.chunks) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  if (whole.length !== content.bytes)
    throw new TypeError(`a stream of ${whole.length} bytes, not the ${content.bytes} bytes it was announced with`);
  return await writeDraft(drafts, { type: 'blob', content: whole });
}
