import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createDeflate, deflate as deflateCallback, deflateSync } from 'node:zlib';
import type { Clone } from './clone.ts';
import { objectHeader, objectId, type ObjectType } from './pack.ts';

const deflate = promisify(deflateCallback);

/** Smaller content is deflated sooner than handed to another thread. */
const smallContent = 16 * 1024;
/** Deflated bytes that wait in memory before they go to disk together. */
const waitingBytes = 4 * 1024 * 1024;

/** An object that was written here: its deflated bytes, or where they are. */
export interface Draft {
  readonly type: ObjectType;
  /** When inflated. */
  readonly bytes: number;
  at: Uint8Array | { readonly file: string; readonly start: number; readonly end: number };
}

/** The objects that were written here, by their ids. */
export interface Drafts {
  readonly clone: Clone;
  readonly byId: Map<string, Draft>;
  /** How many drafts lie in a file. */
  readonly left: Map<string, number>;
  folder: string | undefined;
  waiting: Draft[];
  waitingLength: number;
  /** The file that small objects share until the next pack, and how long it is. */
  shared: string;
  written: number;
  flushing: Promise<void>;
}

export function openDrafts(clone: Clone): Drafts {
  return {
    ...{ clone, byId: new Map(), left: new Map(), folder: undefined, waiting: [], waitingLength: 0 },
    ...{ shared: randomUUID(), written: 0, flushing: Promise.resolve() },
  };
}

/** A new clone begins without drafts. */
async function draftFolder(drafts: Drafts): Promise<string> {
  const folder = await drafts.clone.draftFolder();
  if (drafts.folder !== folder) {
    drafts.byId.clear();
    drafts.left.clear();
    drafts.folder = folder;
    drafts.waiting = [];
    drafts.waitingLength = 0;
    drafts.shared = randomUUID();
    drafts.written = 0;
  }
  return folder;
}

/** Puts what waits behind what lies in the file that small objects share. */
async function flush(drafts: Drafts): Promise<void> {
  const file = path.join(await draftFolder(drafts), drafts.shared);
  const batch = drafts.waiting.flatMap((draft) =>
    draft.at instanceof Uint8Array ? [{ draft, deflated: draft.at }] : [],
  );
  drafts.waiting = [];
  drafts.waitingLength = 0;
  if (batch.length === 0) return;
  await appendFile(file, Buffer.concat(batch.map(({ deflated }) => deflated)));
  for (const { draft, deflated } of batch) {
    draft.at = { file, start: drafts.written, end: drafts.written + deflated.length };
    drafts.written += deflated.length;
  }
  drafts.left.set(file, (drafts.left.get(file) ?? 0) + batch.length);
}

/** What is written from now on shares another file, so that the one of before goes with the last of its objects. */
export async function shareAnotherFile(drafts: Drafts): Promise<void> {
  drafts.flushing = drafts.flushing.then(() => {
    drafts.shared = randomUUID();
    drafts.written = 0;
  });
  await drafts.flushing;
}

/** Says where the bytes of a draft are from now on. A file that nothing is left in goes. */
export async function moveDraft(
  { left }: Drafts,
  { draft, to }: { draft: Draft; to: Exclude<Draft['at'], Uint8Array> },
): Promise<void> {
  const { at } = draft;
  draft.at = to;
  if (at instanceof Uint8Array) return;
  const others = (left.get(at.file) ?? 0) - 1;
  if (others > 0) left.set(at.file, others);
  else if (left.delete(at.file)) await rm(at.file, { force: true });
}

export async function writeDraft(
  drafts: Drafts,
  { type, content, id = objectId({ type, content }) }: { type: ObjectType; content: Uint8Array; id?: string },
): Promise<string> {
  await draftFolder(drafts);
  if (drafts.byId.has(id)) return id;
  const at = content.length < smallContent ? deflateSync(content) : await deflate(content);
  const draft = { type, bytes: content.length, at };
  drafts.byId.set(id, draft);
  drafts.waiting.push(draft);
  drafts.waitingLength += at.length;
  if (drafts.waitingLength >= waitingBytes) {
    const flushAll = async (): Promise<void> => flush(drafts);
    drafts.flushing = drafts.flushing.then(flushAll, flushAll);
  }
  await drafts.flushing;
  return id;
}

/** A file of its own for each, so that none is ever whole in memory. */
export async function writeStream(
  drafts: Drafts,
  { bytes, chunks }: { bytes: number; chunks: AsyncIterable<Uint8Array> },
): Promise<string> {
  const file = path.join(await draftFolder(drafts), randomUUID());
  const hash = createHash('sha1').update(objectHeader({ type: 'blob', bytes }));
  const read = { bytes: 0 };
  const deflated = { bytes: 0 };
  try {
    await pipeline(
      chunks,
      (source: AsyncIterable<Uint8Array>) => counting(source, read, (chunk) => hash.update(chunk)),
      createDeflate(),
      (source: AsyncIterable<Uint8Array>) => counting(source, deflated),
      createWriteStream(file, { flags: 'wx' }),
    );
    if (read.bytes !== bytes)
      throw new TypeError(`a stream of ${read.bytes} bytes, not the ${bytes} bytes it was announced with`);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  const id = hash.digest('hex');
  if (drafts.byId.has(id)) await rm(file);
  else {
    drafts.byId.set(id, { type: 'blob', bytes, at: { file, start: 0, end: deflated.bytes } });
    drafts.left.set(file, 1);
  }
  return id;
}

async function* counting(
  source: AsyncIterable<Uint8Array>,
  counted: { bytes: number },
  look?: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    counted.bytes += chunk.length;
    look?.(chunk);
    yield chunk;
  }
}

export async function* deflatedOf({ at }: Draft): AsyncGenerator<Uint8Array> {
  if (at instanceof Uint8Array) yield at;
  else yield* createReadStream(at.file, { start: at.start, end: at.end - 1 });
}
