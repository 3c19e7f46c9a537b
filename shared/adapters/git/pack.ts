import { createHash } from 'node:crypto';

/** Packs as https://git-scm.com/docs/gitformat-pack lays them out. */
export const objectTypes = { commit: 1, tree: 2, blob: 3, tag: 4 } as const;
export type ObjectType = keyof typeof objectTypes;

/** The id of an object of that many bytes is the hash of this and of the bytes. */
export function objectHeader({ type, bytes }: { type: ObjectType; bytes: number }): Buffer {
  return Buffer.from(`${type} ${bytes}\0`);
}

export function objectId({ type, content }: { type: ObjectType; content: Uint8Array }): string {
  return createHash('sha1').update(objectHeader({ type, bytes: content.length })).update(content).digest('hex');
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

const typesByNumber: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const offsetDelta = 6;
const namedDelta = 7;

/** What stands at an offset of a pack; `size` when inflated. A delta's base is so many bytes before it, or named. Throws `RangeError`. */
export function entryAt(pack: Buffer, offset: number): { type: ObjectType | undefined; size: number; dataAt: number; base: number | string | undefined } {
  let at = offset;
  const next = (): number => pack.readUInt8(at++);
  let byte = next();
  const number = (byte >> 4) & 7;
  let size = byte & 15;
  for (let factor = 16; byte & 128; factor *= 128) size += ((byte = next()) & 127) * factor;
  const type = typesByNumber[number];
  if (type !== undefined) return { type, size, dataAt: at, base: undefined };
  if (number === namedDelta) return { type: undefined, size, dataAt: at + 20, base: pack.toString('hex', at, at + 20) };
  if (number !== offsetDelta) throw new RangeError(`an entry of the type ${number}`);
  byte = next();
  let back = byte & 127;
  while (byte & 128) back = (back + 1) * 128 + ((byte = next()) & 127);
  return { type: undefined, size, dataAt: at, base: back };
}

/** The content that a delta makes of its base: pieces copied from there, and pieces of its own. Throws `RangeError`. */
export function applyDelta({ base, delta }: { base: Buffer; delta: Buffer }): Buffer {
  let at = 0;
  const next = (): number => delta.readUInt8(at++);
  const length = (): number => {
    let [value, factor, byte] = [0, 1, 128];
    for (; byte & 128; factor *= 128) value += ((byte = next()) & 127) * factor;
    return value;
  };
  if (length() !== base.length) throw new RangeError('a delta of another base');
  const made = Buffer.alloc(length());
  let filled = 0;
  while (at < delta.length) {
    const operation = next();
    let [source, from, bytes] = [delta, at, operation];
    if (operation & 128) {
      [source, from, bytes] = [base, 0, 0];
      for (let bit = 0; bit < 4; bit++) if (operation & (1 << bit)) from += next() * 256 ** bit;
      for (let bit = 0; bit < 3; bit++) if (operation & (16 << bit)) bytes += next() * 256 ** bit;
      bytes ||= 65_536;
    } else at += bytes;
    if (bytes === 0 || from + bytes > source.length || filled + bytes > made.length) throw new RangeError('a delta that does not fit');
    source.copy(made, filled, from, from + bytes);
    filled += bytes;
  }
  if (filled !== made.length) throw new RangeError('a delta that ends early');
  return made;
}
