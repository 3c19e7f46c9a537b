import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflate as inflateCallback, inflateSync } from 'node:zlib';
import { z } from 'zod';
import { applyDelta, entryAt, objectId, objectsIn, type ObjectType } from './pack.ts';

const inflate = promisify(inflateCallback);

/** Packs up to this many bytes altogether stay in memory; of others, each read takes what it needs from disk. */
const keptBytes = 64 * 1024 * 1024;
/** Longer entries are inflated in another thread. */
const smallEntry = 64 * 1024;
/** Contents that others are deltas of, kept while a pack is looked through. */
const keptBases = 32 * 1024 * 1024;

export interface ReadObject {
  readonly type: ObjectType;
  readonly content: Buffer;
}

interface PackFile {
  readonly file: string;
  readonly bytes: number;
  content: Promise<Buffer> | undefined;
}

/** Where an entry is, and what it is a delta of. */
interface Place {
  readonly pack: PackFile;
  readonly start: number;
  readonly end: number;
  readonly base: Place | string | undefined;
}

/** The objects of all packs that are here, by their ids. The index is in memory alone: a clone lives as long as its process. */
export interface Packs {
  has(id: string): boolean;
  /** Undefined for an object that is not here. */
  read(id: string): Promise<ReadObject | undefined>;
  /** A pack that lies in that file already. Throws `RangeError` for one that is not whole, and takes nothing of it. */
  add(pack: { file: string; content: Buffer }): Promise<void>;
  /** A pack of whole objects that was written here. */
  addWritten(pack: { file: string; bytes: number; objects: readonly { id: string; start: number; end: number }[] }): void;
}

export function createPacks(): Packs {
  const places = new Map<string, Place>();
  let inMemory = 0;

  function keep(file: string, bytes: number): PackFile {
    return { file, bytes, content: undefined };
  }

  async function bytesOf({ pack, start, end }: Place): Promise<Buffer> {
    if (pack.content === undefined && inMemory + pack.bytes <= keptBytes) {
      inMemory += pack.bytes;
      pack.content = readFile(pack.file);
    }
    if (pack.content !== undefined) return (await pack.content).subarray(start, end);
    const handle = await open(pack.file);
    try {
      const part = Buffer.alloc(end - start);
      await handle.read(part, 0, part.length, start);
      return part;
    } finally {
      await handle.close();
    }
  }

  async function readPlace(place: Place): Promise<ReadObject> {
    const bytes = await bytesOf(place);
    const { type, dataAt, size } = entryAt(bytes, 0);
    const deflated = bytes.subarray(dataAt);
    const content = size < smallEntry ? inflateSync(deflated) : Buffer.from(await inflate(deflated));
    if (type !== undefined) return { type, content };
    const base = typeof place.base === 'string' ? await read(place.base) : place.base === undefined ? undefined : await readPlace(place.base);
    if (base === undefined) throw new RangeError('a delta of an object that is not here');
    return { type: base.type, content: applyDelta({ base: base.content, delta: content }) };
  }

  async function read(id: string): Promise<ReadObject | undefined> {
    const place = places.get(id);
    return place === undefined ? undefined : readPlace(place);
  }

  return {
    has: (id) => places.has(id),
    read,

    async add({ file, content }) {
      const pack = keep(file, content.length);
      const found = new Map<string, Place>();
      const byStart = new Map<number, Place>();
      const bases = new Map<number, ReadObject>();
      let basesBytes = 0;
      const objectAt = async (place: Place, inflated?: Buffer): Promise<ReadObject> => {
        const known = bases.get(place.start);
        if (known !== undefined) return known;
        const { type, dataAt } = entryAt(content, place.start);
        const own = inflated ?? inflateSync(content.subarray(dataAt, place.end));
        let object: ReadObject;
        if (type !== undefined) object = { type, content: own };
        else {
          const inPack = typeof place.base === 'string' ? found.get(place.base) : place.base;
          const base = inPack === undefined ? (typeof place.base === 'string' ? await read(place.base) : undefined) : await objectAt(inPack);
          if (base === undefined) throw new RangeError('a delta of an object that is not here');
          object = { type: base.type, content: applyDelta({ base: base.content, delta: own }) };
        }
        if (basesBytes > keptBases) {
          bases.clear();
          basesBytes = 0;
        }
        basesBytes += object.content.length;
        bases.set(place.start, object);
        return object;
      };

      let waiting: Place[] = [];
      let start = 12;
      for (let left = objectsIn(content); left > 0; left--) {
        const { base, dataAt, size } = entryAt(content, start);
        const { consumed, inflated } = inflateAt({ content, dataAt, size });
        const earlier = typeof base === 'number' ? byStart.get(start - base) : base;
        if (base !== undefined && earlier === undefined) throw new RangeError('a delta of nothing');
        const place: Place = { pack, start, end: dataAt + consumed, base: earlier };
        byStart.set(start, place);
        // A delta may name a base that comes after it.
        if (typeof earlier === 'string' && !found.has(earlier) && !places.has(earlier)) waiting.push(place);
        else await settle(place, inflated);
        start = place.end;
      }
      while (waiting.length > 0) {
        const before = waiting;
        waiting = [];
        for (const place of before) {
          if (typeof place.base === 'string' && !found.has(place.base) && !places.has(place.base)) waiting.push(place);
          else await settle(place);
        }
        if (waiting.length === before.length) throw new RangeError('a delta of an object that is not here');
      }
      if (start !== content.length - 20) throw new RangeError('the pack holds more than it says');
      for (const [id, place] of found) places.set(id, place);

      async function settle(place: Place, inflated?: Buffer): Promise<void> {
        // The base of an earlier delta that waits, itself: it has to wait, too.
        if (typeof place.base === 'object' && waiting.includes(place.base)) return void waiting.push(place);
        found.set(objectId(await objectAt(place, inflated)), place);
      }
    },

    addWritten({ file, bytes, objects }) {
      const pack = keep(file, bytes);
      for (const { id, start, end } of objects) if (!places.has(id)) places.set(id, { pack, start, end, base: undefined });
    },
  };
}

/** What zlib's `info` adds, which its types leave out. */
const infoSchema = z.object({ buffer: z.instanceof(Buffer), engine: z.object({ bytesWritten: z.number() }) });

/** How many bytes an entry's deflated content takes: only inflating it tells. */
function inflateAt({ content, dataAt, size }: { content: Buffer; dataAt: number; size: number }): { consumed: number; inflated: Buffer } {
  const { buffer, engine } = infoSchema.parse(inflateSync(content.subarray(dataAt, -20), { info: true, chunkSize: Math.max(size, 64), maxOutputLength: Math.max(size, 1) }));
  if (buffer.length !== size) throw new RangeError('an object is not as long as its entry says');
  return { consumed: engine.bytesWritten, inflated: buffer };
}
