import { EventEmitter, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApiError,
  type CreateReadStreamOptions,
  type File,
  type GetFilesOptions,
  IdempotencyStrategy,
  Storage,
} from '@google-cloud/storage';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Buckets, Documents, ListedState, StateFacts, StateObject, StateStore } from '../ports/storage.ts';
import { mayPass } from '../base/http-status.ts';
import { endMetadataRequests } from './google/metadata-server.ts';
import { backoff, inSeconds, patience, within } from './patience.ts';

/** How long Storage is waited for, and how often asked. Milliseconds. */
export interface StoragePatience {
  readonly answer: number;
  readonly wholeUpload: number;
  readonly wholeState: number;
  readonly upload: number;
  readonly tries: number;
  readonly reads: number;
  readonly firstPause: number;
}

/**
 * A client of Cloud Storage, or of the endpoint that the configuration names. Every write of Converge is idempotent (it
 * has a generation precondition, or writes the same again), so all are retried; without that setting, this library
 * switches retries off for the whole client at the first write without a precondition.
 */
export function connectStorage(config: Pick<Config, 'project' | 'storage'>): Storage {
  endMetadataRequests();
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
const listedStateSchema = objectSchema
  .extend({ name: z.string() })
  .transform(({ name, generation, size, updated, metadata }): ListedState => {
    return { path: name, generation, bytes: size, updatedAt: updated, metadata };
  });
const nextPage = z
  .custom<GetFilesOptions>((value) => typeof value === 'object')
  .nullish()
  .transform((next) => next ?? null);
const answerSchema = z.object({ headers: z.object({ date: z.coerce.date() }) });

/** The objects that CI uploads. Throws `StorageUnavailable` or `StorageRefused` (retry). */
export function createBuckets(storage: Storage, times: StoragePatience = patience.storage): Buckets {
  return {
    async find({ bucket, name }) {
      const described = await describe({ storage, bucket, name, times });
      if (described === undefined) return undefined;
      const { generation, size, createdAt, metadata } = described;
      return { bucket, name, generation, bytes: size, ...encodingOf(described), createdAt, metadata };
    },
    async list(bucket) {
      const files = await filesOf({ storage, bucket, times });
      return files.map((file) => {
        const listed = listedSchema.parse(file.metadata);
        const { name, generation, size, timeCreated, metadata } = listed;
        return { bucket, name, generation, bytes: size, ...encodingOf(listed), createdAt: timeCreated, metadata };
      });
    },
    async read({ bucket, name, generation }) {
      const subject = `gs://${bucket}/${name}#${generation}`;
      const content = patiently(streamOf(contentOf({ storage, bucket, name, generation })), {
        answer: times.answer,
        whole: times.wholeUpload,
      });
      try {
        return following({ first: await content.next(), content, subject });
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw translate({ error, subject });
      }
    },
  };
}

/** The JSON objects of the state bucket. Throws `StorageUnavailable` or `StorageRefused` (retry). */
export function createStateStore({
  storage,
  bucket: name,
  times = patience.storage,
}: {
  storage: Storage;
  bucket: string;
  times?: StoragePatience;
}): StateStore {
  const bucket: StateBucket = { storage, name, times, contentTells: true };
  return {
    read: async (path) => readState(bucket, path),
    generationOf: async (path) => (await describe({ storage, bucket: name, name: path, times }))?.generation,
    write: async (state) => writeState(bucket, state),
    list: async (prefix, file) => listStates(bucket, { prefix, file }),
    delete: async (state) => deleteState(bucket, state),
  };
}

/** Texts of the state bucket. Throws `StorageUnavailable` or `StorageRefused` (retry). */
export function createDocuments({
  storage,
  bucket,
  times = patience.storage,
}: {
  storage: Storage;
  bucket: string;
  times?: StoragePatience;
}): Documents {
  return {
    async write({ path, text, type }) {
      const name = `gs://${bucket}/${path}`;
      try {
        await asked(times, async () =>
          storage.bucket(bucket).file(path).save(text, { resumable: false, validation: 'md5', contentType: type }),
        );
      } catch (error) {
        throw translate({ error, subject: name });
      }
      return name;
    },
  };
}

interface StateBucket {
  readonly storage: Storage;
  readonly name: string;
  readonly times: StoragePatience;
  /**
   * Whether answers with content tell generation and times, too: they do, but the reference of the JSON API does not
   * promise it.
   */
  contentTells: boolean;
}

async function readState(bucket: StateBucket, path: string): Promise<StateObject | undefined> {
  const subject = `gs://${bucket.name}/${path}`;
  const { storage, name, times } = bucket;
  let failure = unavailable({ subject, message: `could not be read in ${times.reads} tries` });
  for (let attempt = 1; attempt <= times.reads; attempt++) {
    const isAlone = bucket.contentTells;
    const described = isAlone ? undefined : await describe({ storage, bucket: name, name: path, times });
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
      if (failure.code === 'StorageRefused') throw failure;
      await sleep(backoff({ firstPause: times.firstPause, attempt }));
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
    bucket.times,
  );
  if (told === undefined) bucket.contentTells = false;
  const facts =
    described === undefined
      ? told
      : { generation: described.generation, writtenAt: described.updated, readAt: described.readAt };
  return facts === undefined ? undefined : { ...parseState(content), ...facts };
}

async function writeState(
  { storage, name, times }: StateBucket,
  { path, value, ifGeneration, metadata }: Parameters<StateStore['write']>[0],
): Promise<{ generation: string } | 'conflict'> {
  const file = storage.bucket(name).file(path);
  const content = JSON.stringify(value);
  try {
    await asked(times, async () =>
      file.save(content, {
        resumable: false,
        // The other sum there is, CRC32C, is computed in JavaScript: 80 ms for the memory of 5,000 objects.
        validation: 'md5',
        contentType: 'application/json',
        ...(metadata === undefined ? {} : { metadata: { metadata: { ...metadata } } }),
        preconditionOpts: preconditionOf(ifGeneration),
      }),
    );
  } catch (error) {
    if (statusOf(error) === 412) return 'conflict';
    throw translate({ error, subject: `gs://${name}/${path}` });
  }
  return { generation: objectSchema.pick({ generation: true }).parse(file.metadata).generation };
}

/** What is asked for of each: a third of what Storage would tell. */
const listedFields = 'nextPageToken,items(name,generation,size,updated,metadata)';

async function listStates(
  { storage, name, times }: StateBucket,
  { prefix, file }: { prefix: string; file: string | undefined },
): Promise<ListedState[]> {
  const named = file === undefined ? {} : { matchGlob: `${prefix}*/${file}` };
  const items = await filesOf({ storage, bucket: name, query: { prefix, ...named, fields: listedFields }, times });
  // With `fields`, the library hands on what Storage answers, as it is.
  const states = items.map((item: unknown) => listedStateSchema.parse(item));
  return states.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function deleteState(
  { storage, name, times }: StateBucket,
  { path, generation }: Parameters<StateStore['delete']>[0],
): Promise<'deleted' | 'conflict'> {
  try {
    const file = storage.bucket(name).file(path);
    await asked(times, async () => file.delete({ ifGenerationMatch: generation, ignoreNotFound: true }));
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
  times,
}: {
  storage: Storage;
  bucket: string;
  name: string;
  times: StoragePatience;
}): Promise<Description | undefined> {
  const subject = `gs://${bucket}/${name}`;
  try {
    const [metadata, answer] = await asked(times, async () => storage.bucket(bucket).file(name).getMetadata());
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
async function download(
  file: File,
  { answer, wholeState: whole }: StoragePatience,
): Promise<{ content: StateContent; told: StateFacts | undefined }> {
  let headers: unknown;
  let bytes = 0;
  const stream = streamOf(file, { validation: false }).once('response', (response: { headers: unknown }) => {
    headers = response.headers;
    bytes = lengthHeader.safeParse(headers).data?.['content-length'] ?? 0;
  });
  const content = await readContentOf(patiently(stream, { answer, whole }), () => bytes);
  const found = contentHeaders.safeParse(headers).data;
  if (found === undefined) return { content, told: undefined };
  const { 'x-goog-generation': generation, 'last-modified': modified, date } = found;
  // `Last-Modified` leaves out what is less than a second: rounded up, so that nothing is taken for older than it is.
  return { content, told: { generation, writtenAt: new Date(modified.getTime() + 999), readAt: date } };
}

const lengthHeader = z.object({ 'content-length': z.coerce.number() });

type StateContent = { readonly text: string } | { readonly unreadable: string };

/** MiB of one state object: the memory of 5,000 objects has 2, the ledger of 100,000 uploads 25. */
const largestState = 64;

/**
 * No more of it than a state object may have: what is larger was put there by somebody else, and fills no instance.
 *
 * @param told bytes, as the answer says once it is there
 */
async function readContentOf(content: Content, told: () => number): Promise<StateContent> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (let next = await content.next(); next.done !== true; next = await content.next()) {
    bytes += next.value.length;
    chunks.push(next.value);
    if (Math.max(bytes, told()) <= largestState * 2 ** 20) continue;
    await content.end();
    return { unreadable: `is larger than ${largestState} MiB` };
  }
  return { text: Buffer.concat(chunks).toString('utf8') };
}

/** State is written whole or not at all: text that is no JSON was put there by somebody else. */
function parseState(content: StateContent): { readonly value: unknown } | { readonly unreadable: string } {
  if ('unreadable' in content) return content;
  if (content.text === '') return { unreadable: 'is empty' };
  try {
    return { value: JSON.parse(content.text) };
  } catch (error) {
    if (error instanceof SyntaxError) return { unreadable: 'is no JSON' };
    throw error;
  }
}

/**
 * A content that is waited for only while somebody asks for its next part: who reads slowly may take any time, and who
 * sends it by drops may not.
 */
interface Content {
  next(): Promise<IteratorResult<Uint8Array>>;
  end(): Promise<void>;
}

/**
 * @param most.answer milliseconds until the first part, and between two
 * @param most.whole of waiting for all of them
 */
function patiently(
  stream: ReturnType<File['createReadStream']>,
  { answer, whole }: { answer: number; whole: number },
): Content {
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  let left = whole;
  let isAnswered = false;
  stream.once('response', () => {
    isAnswered = true;
  });

  function giveUp(milliseconds: number): Error {
    const error = silent(milliseconds);
    // The library would throw, and end the process, where an answer came for a stream that is destroyed.
    if (isAnswered) stream.destroy(error);
    else stream.on('error', () => {}).once('response', () => setImmediate(() => stream.destroy()));
    return error;
  }

  return {
    async next() {
      const askedAt = performance.now();
      const milliseconds = Math.min(answer, left);
      const late = (): Error => giveUp(left < answer ? whole : answer);
      try {
        return await within({ milliseconds, work: chunks.next(), late });
      } finally {
        left -= performance.now() - askedAt;
      }
    },
    end: async () => {
      await chunks.return?.();
    },
  };
}

/** The stream asks Storage only when it is read, so whether the object is there shows with its first chunk. */
async function* following({
  first,
  content,
  subject,
}: {
  first: IteratorResult<Uint8Array>;
  content: Content;
  subject: string;
}): AsyncIterable<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await content.next()) yield next.value;
  } catch (error) {
    throw translate({ error, subject });
  } finally {
    await content.end();
  }
}

/** The most that Storage tells in one answer. */
const pageSize = 1000;

/** Every object that the query is about, page by page: a large bucket takes longer than one answer may. */
async function filesOf({
  storage,
  bucket,
  query = {},
  times,
}: {
  storage: Storage;
  bucket: string;
  query?: Pick<GetFilesOptions, 'prefix' | 'matchGlob' | 'fields'>;
  times: StoragePatience;
}): Promise<readonly File[]> {
  const files: File[] = [];
  try {
    let due: GetFilesOptions | null = { ...query, maxResults: pageSize, autoPaginate: false };
    while (due !== null) {
      const page: GetFilesOptions = due;
      const [found, next] = await asked(times, async () => storage.bucket(bucket).getFiles(page));
      files.push(...found);
      due = nextPage.parse(next);
    }
  } catch (error) {
    throw translate({
      error,
      subject: query.prefix === undefined ? `gs://${bucket}` : `gs://${bucket}/${query.prefix}`,
    });
  }
  return files;
}

/**
 * One request of the library, with its own retries. It is asked again where it was silent or failed: the library waits
 * for an answer for ever, and retries no silence.
 */
export async function asked<T>(times: StoragePatience, request: () => Promise<T>): Promise<T> {
  const { answer } = times;
  return await triedAgain({
    times,
    work: async () => within({ milliseconds: answer, work: request(), late: () => silent(answer) }),
    mayMend: (status) => status === undefined || mayPass(status),
  });
}

/**
 * Work that is tried again, after pauses that double, where what it failed with may mend.
 *
 * @param mayMend told the status that Storage answered; undefined where it answered none
 */
export async function triedAgain<T>({
  times: { tries, firstPause },
  work,
  mayMend,
}: {
  times: StoragePatience;
  work: () => Promise<T>;
  mayMend: (status: number | undefined) => boolean;
}): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= tries || !mayMend(statusOf(error))) throw error;
      await sleep(backoff({ firstPause, attempt }));
    }
  }
}

/** How long Storage was silent, as `translate` tells it. */
export function silent(milliseconds: number): Error {
  return Object.assign(new Error(`no answer in ${inSeconds(milliseconds)}`), { silentFor: milliseconds });
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
  // A grant takes minutes to hold, and a bucket that is not there may be made: the message is retried.
  if (status === 401 || status === 403) {
    return new ConvergeError({
      code: 'StorageRefused',
      subject,
      message: `Cloud Storage answered ${status}${saidBy(error)}`,
      remedy: 'grant the account that asks access to this bucket',
      disposition: 'retry',
      cause: error,
    });
  }
  return unavailable({ subject, message: failureOf(error), cause: error });
}

const mostSaid = 400;

/** What Cloud Storage says of a refusal: who lacks which right, or which policy is in the way. Empty where it says nothing. */
function saidBy(error: unknown): string {
  const said = error instanceof Error ? wordsIn(error.message).replace(/\s+/g, ' ').trim() : '';
  return said === '' ? '' : `: ${said.length > mostSaid ? `${said.slice(0, mostSaid)}…` : said}`;
}

const bodySchema = z.object({ error: z.object({ message: z.string() }) });

/** Of a download, the library hands on the body as it came. */
function wordsIn(message: string): string {
  try {
    return bodySchema.parse(JSON.parse(message)).error.message;
  } catch {
    return message;
  }
}

function failureOf(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return `Cloud Storage answered ${status}`;
  if (error instanceof Error && 'silentFor' in error && typeof error.silentFor === 'number')
    return `Cloud Storage did not answer in ${inSeconds(error.silentFor)}`;
  return "Cloud Storage can't be reached";
}

function unavailable(facts: { subject: string; message: string; cause?: unknown }): ConvergeError {
  return new ConvergeError({
    code: 'StorageUnavailable',
    remedy:
      'try again later; where it lasts, see whether the network, the proxy and storage.endpoint of the configuration lead to Cloud Storage',
    disposition: 'retry',
    ...facts,
  });
}
