import { createHash } from 'node:crypto';

/**
 * Packs and their indexes as https://git-scm.com/docs/gitformat-pack lays them out; entries are whole objects, never
 * deltas.
 */
export const objectTypes = { commit: 1, tree: 2, blob: 3 } as const;
export type ObjectType = keyof typeof objectTypes;

/** One object of a pack that was written. */
export interface PackedObject {
  readonly id: string;
  /** CRC-32 of the whole entry. */
  readonly crc: number;
  readonly offset: number;
}

/** The id of an object of that many bytes is the hash of this and of the bytes. */
export function objectHeader({ type, bytes }: { type: ObjectType; bytes: number }): Buffer {
  return Buffer.from(`${type} ${bytes}\0`);
}

export function objectId({ type, content }: { type: ObjectType; content: Uint8Array }): string {
  return createHash('sha1')
    .update(objectHeader({ type, bytes: content.length }))
    .update(content)
    .digest('hex');
}

export function packHeader(objects: number): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects, 8);
  return header;
}

export function objectsIn(pack: Buffer): number {
  if (pack.toString('latin1', 0, 4) !== 'PACK') throw new RangeError('no pack');
  return pack.readUInt32BE(8);
}

/** What stands before the deflated bytes of an entry: its type, and its length when inflated, seven bits to a byte. */
export function entryHeader({ type, bytes }: { type: ObjectType; bytes: number }): Buffer {
  const header = [(objectTypes[type] << 4) | (bytes & 15)];
  for (let rest = Math.floor(bytes / 16); rest > 0; rest = Math.floor(rest / 128)) {
    header.push((header.pop() ?? 0) | 128, rest & 127);
  }
  return Buffer.from(header);
}

/** Version 2 of the index; the pack is smaller than 2 GiB. */
export function packIndex({ objects, packHash }: { objects: readonly PackedObject[]; packHash: Buffer }): Buffer {
  const sorted = objects.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const fanout = Buffer.alloc(1024);
  const [crcs, offsets] = [Buffer.alloc(4 * sorted.length), Buffer.alloc(4 * sorted.length)];
  const counts = Array.from({ length: 256 }, () => 0);
  sorted.forEach(({ id, crc, offset }, index) => {
    const first = Number.parseInt(id.slice(0, 2), 16);
    counts[first] = (counts[first] ?? 0) + 1;
    crcs.writeUInt32BE(crc, 4 * index);
    offsets.writeUInt32BE(offset, 4 * index);
  });
  let total = 0;
  counts.forEach((count, first) => fanout.writeUInt32BE((total += count), 4 * first));
  const ids = Buffer.from(sorted.map(({ id }) => id).join(''), 'hex');
  const index = Buffer.concat([Buffer.from('\xfftOc\0\0\0\x02', 'latin1'), fanout, ids, crcs, offsets, packHash]);
  return Buffer.concat([index, createHash('sha1').update(index).digest()]);
}
