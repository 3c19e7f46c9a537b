import { createHash } from 'node:crypto';
import { crc32, inflateSync } from 'node:zlib';
import { applyDelta } from './delta.ts';
import { packIndex, type PackedObject } from './pack.ts';

/** Bytes of objects that are kept because others may be deltas of them. */
const keptBytes = 8 * 1024 * 1024;
/** Deltas of deltas, as git itself makes no more. */
const longestChain = 4_095;
const types: readonly (string | undefined)[] = [undefined, 'commit', 'tree', 'blob', 'tag'];
const offsetDelta = 6;
const idDelta = 7;

/** An entry of a pack: an object; or a delta of the one at an offset, or with an id. */
interface Entry {
  readonly offset: number;
  /** Where its deflated bytes begin. */
  readonly start: number;
  readonly type: number;
  readonly base: number | string | undefined;
}

/** An object, and what it is. */
interface Whole {
  readonly type: string;
  readonly content: Buffer;
}

interface Pack {
  readonly bytes: Buffer;
  /** Of one inflated object. */
  readonly mostBytes: number;
  readonly entries: Map<number, Entry>;
  readonly crcs: Map<number, number>;
  readonly offsets: Map<string, number>;
  readonly objects: PackedObject[];
  /** By offsets, in the order of their use. */
  readonly kept: Map<number, Whole>;
  keptBytes: number;
}

/**
 * The index of a pack that was received, and the ids in it (https://git-scm.com/docs/gitformat-pack). One object at a
 * time is in memory, with a few that others are deltas of. Throws `RangeError`, or an error of zlib, for what is no pack
 * by itself; one with the code `ERR_BUFFER_TOO_LARGE` for an object that is larger than `mostBytes`.
 */
export function indexReceived({ bytes, mostBytes }: { bytes: Buffer; mostBytes: number }): {
  readonly index: Buffer;
  readonly ids: readonly string[];
} {
  const pack: Pack = {
    ...{ bytes, mostBytes, entries: new Map(), crcs: new Map(), offsets: new Map() },
    ...{ objects: [], kept: new Map(), keptBytes: 0 },
  };
  let waiting = readEntries(pack);
  while (waiting.length > 0) {
    const rest = waiting.filter((entry) => !resolve(pack, entry));
    if (rest.length === waiting.length) throw new RangeError('the base of a delta is not in the pack');
    waiting = rest;
  }
  return {
    index: packIndex({ objects: pack.objects, packHash: bytes.subarray(-20) }),
    ids: pack.objects.map(({ id }) => id),
  };
}

/** Reads all entries, and returns the deltas whose bases come later. */
function readEntries(pack: Pack): readonly Entry[] {
  const { bytes, entries, crcs } = pack;
  const waiting: Entry[] = [];
  let at = 12;
  for (let count = bytes.readUInt32BE(8); count > 0; count--) {
    const entry = entryAt(bytes, at);
    const { content, end } = inflate(pack, entry);
    entries.set(at, entry);
    crcs.set(at, crc32(bytes.subarray(at, end)));
    if (!resolve(pack, entry, content)) waiting.push(entry);
    at = end;
  }
  if (at !== bytes.length - 20) throw new RangeError('the pack is longer than what it holds');
  return waiting;
}

/** What stands before the deflated bytes: see `entryHeader` of pack.ts; then the base of a delta. */
function entryAt(bytes: Buffer, offset: number): Entry {
  let at = offset;
  let byte = bytes.readUInt8(at++);
  const type = (byte >> 4) & 7;
  while (byte > 127) byte = bytes.readUInt8(at++);
  if (type === offsetDelta) {
    byte = bytes.readUInt8(at++);
    let back = byte & 127;
    while (byte > 127) {
      byte = bytes.readUInt8(at++);
      back = (back + 1) * 128 + (byte & 127);
    }
    if (back === 0) throw new RangeError('a delta of itself');
    return { offset, start: at, type, base: offset - back };
  }
  if (type === idDelta) return { offset, start: at + 20, type, base: bytes.toString('hex', at, at + 20) };
  if (types[type] === undefined) throw new RangeError(`no type ${type} of an object`);
  return { offset, start: at, type, base: undefined };
}

function inflate({ bytes, mostBytes }: Pack, { start }: Entry): { content: Buffer; end: number } {
  // With `info`, zlib answers how much it read, which its types do not say.
  const inflated: unknown = inflateSync(bytes.subarray(start, -20), { info: true, maxOutputLength: mostBytes });
  if (typeof inflated !== 'object' || inflated === null || !('buffer' in inflated) || !('engine' in inflated))
    throw new TypeError('zlib gave no info');
  const { buffer, engine } = inflated;
  if (!(buffer instanceof Buffer) || typeof engine !== 'object' || engine === null || !('bytesWritten' in engine))
    throw new TypeError('zlib gave no content');
  return { content: buffer, end: start + Number(engine.bytesWritten) };
}

/**
 * Notes the id of an entry; false where its base is not known yet.
 *
 * @param content its inflated bytes, where they are here already
 */
function resolve(pack: Pack, entry: Entry, content?: Buffer): boolean {
  const { offset } = entry;
  const whole = wholeOf(pack, entry, content);
  if (whole === undefined) return false;
  const id = createHash('sha1').update(`${whole.type} ${whole.content.length}\0`).update(whole.content).digest('hex');
  pack.offsets.set(id, offset);
  pack.objects.push({ id, crc: pack.crcs.get(offset) ?? 0, offset });
  return true;
}

function wholeOf(pack: Pack, entry: Entry, content?: Buffer): Whole | undefined {
  if (typeof entry.base === 'string' && !pack.offsets.has(entry.base)) return undefined;
  const deltas: Buffer[] = [];
  let whole = pack.kept.get(entry.offset);
  for (let next = entry; whole === undefined;) {
    const inflated = next === entry && content !== undefined ? content : inflate(pack, next).content;
    if (next.base === undefined) whole = { type: types[next.type] ?? '', content: inflated };
    else {
      deltas.push(inflated);
      const at = typeof next.base === 'number' ? next.base : pack.offsets.get(next.base);
      const base = at === undefined ? undefined : pack.entries.get(at);
      if (base === undefined && typeof next.base === 'string') return undefined;
      if (base === undefined || deltas.length > longestChain) throw new RangeError('a delta of nothing');
      whole = pack.kept.get(base.offset);
      next = base;
    }
  }
  for (const delta of deltas.toReversed()) {
    const { mostBytes } = pack;
    whole = { type: whole.type, content: applyDelta({ base: whole.content, delta, mostBytes }) };
  }
  keep(pack, entry.offset, whole);
  return whole;
}

function keep(pack: Pack, offset: number, whole: Whole): void {
  const { kept } = pack;
  if (!kept.delete(offset)) pack.keptBytes += whole.content.length;
  kept.set(offset, whole);
  for (const [oldest, { content }] of kept) {
    if (pack.keptBytes <= keptBytes) break;
    kept.delete(oldest);
    pack.keptBytes -= content.length;
  }
}
