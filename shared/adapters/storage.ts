import { EventEmitter, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type CreateReadStreamOptions, type File, IdempotencyStrategy, Storage } from '@google-cloud/storage';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Buckets, StateFacts, StateObject, StateStore } from '../ports/storage.ts';
import { patience } from './patience.ts';

const { reads: readTries, firstPause: firstPauseMilliseconds } = patience.storage;

/**
 * A client of Cloud Storage, or of the endpoint that the configuration names. Every write of Converge is idempotent (it
 * has a generation precondition, or writes the same again), so all are retried; without that setting, this library
 * switches retries off for the whole client at the first write without a precondition.
 */
export function connectStorage(config: Pick<Config, 'project' | 'storage'>): Storage {
  return new Storage({
    projectId: config.project,
    ...(config.storage === undefined ? {} : { apiEndpoint: config.storage.endpoint }),
    retryOptions: {
      autoRetry: true,
      maxRetries: patience.storage.retries,
      totalTimeout: patience.storage.totalSeconds,
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
    },
  });
}

const digits = z.union([z.string().regex(/^\d+$/), z.int().nonnegative().transform(String)]);
const objectSchema = z.object({
  generation: digits,
  size: z.coerce.number().int(),
  updated: z.coerce.date(),
  contentEncoding: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
});
const listedSchema = objectSchema.extend({ name: z.string(), timeCreated: z.coerce.date() });
const answerSchema = z.object({ headers: z.object({ date: z.coerce.date() }) });

/** The objects that CI uploads. Throws `StorageUnavailable` (retry) or `StorageRefused` (refuse). */
export function createBuckets(storage: Storage): Buckets {
  return {
    async find({ bucket, name }) {
      const described = await describe({ storage, bucket, name });
      if (described === undefined) return undefined;
      const { generation, size, createdAt, metadata } = described;
      return { bucket, name, generation, bytes: size, ...encodingOf(described), createdAt, metadata };
    },
    async list(bucket) {
      try {
        const [files] = await storage.bucket(bucket).getFiles();
        return files.map((file) => {
          const listed = listedSchema.parse(file.metadata);
          const { name, generation, size, timeCreated, metadata } = listed;
          return { bucket, name, generation, bytes: size, ...encodingOf(listed), createdAt: timeCreated, metadata };
        });
      } catch (error) {
        throw translate({ error, subject: `gs://${bucket}` });
      }
    },
    async read({ bucket, name, generation }) {
      const subject = `gs://${bucket}/${name}#${generation}`;
      const chunks = streamOf(contentOf({ storage, bucket, name, generation }))[Symbol.asyncIterator]();
      try {
        return following({ first: await chunks.next(), chunks, subject });
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw translate({ error, subject });
      }
    },
  };
}

/** The JSON objects of the state bucket. Throws `StorageUnavailable` (retry) or `StorageRefused` (refuse). */
export function createStateStore({ storage, bucket: name }: { storage: Storage; bucket: string }): StateStore {
  const bucket: StateBucket = { storage, name, contentTells: true };
  return {
    read: async (path) => readState(bucket, path),
    write: async (state) => writeState(bucket, state),
    list: async (prefix) => listStates(bucket, prefix),
    delete: async (state) => deleteState(bucket, state),
  };
}

interface StateBucket {
  readonly storage: Storage;
  readonly name: string;
  /**
   * Whether answers with content tell generation and times, too: they do, but the reference of the JSON API does not
   * promise it.
   */
  contentTells: boolean;
}

async function readState(bucket: StateBucket, path: string): Promise<StateObject | undefined> {
  const subject = `gs://${bucket.name}/${path}`;
  let failure = unavailable({ subject, message: `could not be read in ${readTries} tries` });
  for (let attempt = 0; attempt < readTries; attempt++) {
    const isAlone = bucket.contentTells;
    const described = isAlone
      ? undefined
      : await describe({ storage: bucket.storage, bucket: bucket.name, name: path });
    if (!isAlone && described === undefined) return undefined;
    try {
      const state = await readContent(bucket, { path, described });
      if (state !== undefined) return state;
    } catch (error) {
      if (statusOf(error) === 404) {
        if (isAlone) return undefined;
        // Overwritten since it was described.
        continue;
      }
      failure = translate({ error, subject });
      if (failure.disposition === 'refuse') throw failure;
      await sleep(firstPauseMilliseconds * 2 ** attempt);
    }
  }
  throw failure;
}

/** Undefined where the answer does not tell of which generation it is: from then on, it is asked for beforehand. */
async function readContent(
  bucket: StateBucket,
  { path, described }: { path: string; described: Description | undefined },
): Promise<StateObject | undefined> {
  const generation = described === undefined ? {} : { generation: described.generation };
  const { content, told } = await download(
    contentOf({ storage: bucket.storage, bucket: bucket.name, name: path, ...generation }),
  );
  if (told === undefined) bucket.contentTells = false;
  const facts =
    described === undefined
      ? told
      : { generation: described.generation, writtenAt: described.updated, readAt: described.readAt };
  return facts === undefined ? undefined : { ...parseState(content), ...facts };
}

async function writeState(
  { storage, name }: StateBucket,
  { path, value, ifGeneration }: Parameters<StateStore['write']>[0],
): Promise<{ generation: string } | 'conflict'> {
  const file = storage.bucket(name).file(path);
  try {
    await file.save(JSON.stringify(value), {
      resumable: false,
      // The other sum there is, CRC32C, is computed in JavaScript: 80 ms for the memory of 5,000 objects.
      validation: 'md5',
      contentType: 'application/json',
      preconditionOpts: preconditionOf(ifGeneration),
    });
  } catch (error) {
    if (statusOf(error) === 412) return 'conflict';
    throw translate({ error, subject: `gs://${name}/${path}` });
  }
  return { generation: objectSchema.pick({ generation: true }).parse(file.metadata).generation };
}

async function listStates({ storage, name }: StateBucket, prefix: string): Promise<string[]> {
  try {
    const [files] = await storage.bucket(name).getFiles({ prefix });
    return files.map((file) => file.name).sort();
  } catch (error) {
    throw translate({ error, subject: `gs://${name}/${prefix}` });
  }
}

async function deleteState(
  { storage, name }: StateBucket,
  { path, generation }: Parameters<StateStore['delete']>[0],
): Promise<'deleted' | 'conflict'> {
  try {
    await storage.bucket(name).file(path).delete({ ifGenerationMatch: generation, ignoreNotFound: true });
    return 'deleted';
  } catch (error) {
    if (statusOf(error) === 412) return 'conflict';
    throw translate({ error, subject: `gs://${name}/${path}` });
  }
}

function preconditionOf(ifGeneration: Parameters<StateStore['write']>[0]['ifGeneration']): {
  ifGenerationMatch?: number | string;
} {
  if (ifGeneration === 'any') return {};
  return { ifGenerationMatch: ifGeneration === 'absent' ? 0 : ifGeneration.generation };
}

interface Description {
  readonly generation: string;
  readonly size: number;
  /** When the generation was written, and when its metadata last changed. */
  readonly createdAt: Date;
  readonly updated: Date;
  readonly contentEncoding?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Storage's own clock at the answer, to the second. */
  readonly readAt: Date;
}

/** `identity`, or an empty text, is none. */
function encodingOf({ contentEncoding }: { contentEncoding?: string | undefined }): { contentEncoding?: string } {
  return contentEncoding === undefined || contentEncoding === '' || contentEncoding === 'identity'
    ? {}
    : { contentEncoding };
}

async function describe({
  storage,
  bucket,
  name,
}: {
  storage: Storage;
  bucket: string;
  name: string;
}): Promise<Description | undefined> {
  const subject = `gs://${bucket}/${name}`;
  try {
    const [metadata, answer] = await storage.bucket(bucket).file(name).getMetadata();
    const { timeCreated } = z.object({ timeCreated: z.coerce.date() }).parse(metadata);
    const { headers } = answerSchema.parse(answer);
    return { ...objectSchema.parse(metadata), createdAt: timeCreated, readAt: headers.date };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw translate({ error, subject });
  }
}

const contentHeaders = z.object({
  'x-goog-generation': digits,
  'last-modified': z.coerce.date(),
  date: z.coerce.date(),
});

/**
 * The content of an object with what Storage says of it in the same answer, where it does: both are of one generation.
 */
async function download(file: File): Promise<{ content: Content; told: StateFacts | undefined }> {
  let headers: unknown;
  const stream = streamOf(file, { validation: false }).once('response', (response: { headers: unknown }) => {
    headers = response.headers;
  });
  const content = await readContentOf(stream);
  const found = contentHeaders.safeParse(headers).data;
  if (found === undefined) return { content, told: undefined };
  const { 'x-goog-generation': generation, 'last-modified': modified, date } = found;
  // `Last-Modified` leaves out what is less than a second: rounded up, so that nothing is taken for older than it is.
  return { content, told: { generation, writtenAt: new Date(modified.getTime() + 999), readAt: date } };
}

type Content = { readonly text: string } | { readonly unreadable: string };

/** MiB of one state object: the memory of 5,000 objects has 2, the ledger of 100,000 uploads 25. */
const largestState = 64;

/** No more of it than a state object may have: what is larger was put there by somebody else, and fills no instance. */
async function readContentOf(stream: AsyncIterable<Uint8Array>): Promise<Content> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > largestState * 2 ** 20) return { unreadable: `is larger than ${largestState} MiB` };
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8') };
}

/** State is written whole or not at all: text that is no JSON was put there by somebody else. */
function parseState(content: Content): { readonly value: unknown } | { readonly unreadable: string } {
  if ('unreadable' in content) return content;
  if (content.text === '') return { unreadable: 'is empty' };
  try {
    return { value: JSON.parse(content.text) };
  } catch (error) {
    if (error instanceof SyntaxError) return { unreadable: 'is no JSON' };
    throw error;
  }
}

/** The stream asks Storage only when it is read, so whether the object is there shows with its first chunk. */
async function* following({
  first,
  chunks,
  subject,
}: {
  first: IteratorResult<Uint8Array>;
  chunks: AsyncIterator<Uint8Array>;
  subject: string;
}): AsyncIterable<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await chunks.next()) yield next.value;
  } catch (error) {
    throw translate({ error, subject });
  } finally {
    await chunks.return?.();
  }
}

/**
 * The libraries below chain three pipelines on every answer longer than a buffer: two listeners more than Node.js takes
 * for a leak.
 */
const listenersOfAnswer = 20;

function streamOf(file: File, options: CreateReadStreamOptions = {}): ReturnType<File['createReadStream']> {
  return file.createReadStream(options).once('response', (response: unknown) => {
    if (response instanceof EventEmitter) setMaxListeners(listenersOfAnswer, response);
  });
}

export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiError ? error.code : undefined;
}

/**
 * One generation of an object, or the live one, for a read of its content, without this library's own retries: their
 * second attempt leaves an unhandled rejection behind, which ends the process (teeny-request pipes the first answer
 * into a stream that retry-request has destroyed).
 */
function contentOf({
  storage,
  bucket,
  name,
  generation,
}: {
  storage: Storage;
  bucket: string;
  name: string;
  generation?: string;
}): File {
  const file = storage.bucket(bucket).file(name, generation === undefined ? {} : { generation });
  file.interceptors.push({
    request: (options) => ({ ...options, uri: 'uri' in options ? options.uri : options.url, maxRetries: 0 }),
  });
  return file;
}

export function translate({ error, subject }: { error: unknown; subject: string }): ConvergeError {
  if (error instanceof ConvergeError) return error;
  const status = statusOf(error);
  // Of what cannot pass by itself only this is refused at once: a bucket that is not there may be made while the
  // message is retried.
  if (status === 401 || status === 403) {
    return new ConvergeError({
      code: 'StorageRefused',
      subject,
      message: `Cloud Storage answered ${status}`,
      remedy: "grant the function's service account access to this bucket",
      disposition: 'refuse',
      cause: error,
    });
  }
  const message = status === undefined ? "Cloud Storage can't be reached" : `Cloud Storage answered ${status}`;
  return unavailable({ subject, message, cause: error });
}

function unavailable(facts: { subject: string; message: string; cause?: unknown }): ConvergeError {
  return new ConvergeError({ code: 'StorageUnavailable', disposition: 'retry', ...facts });
}
