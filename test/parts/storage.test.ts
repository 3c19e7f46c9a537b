import { createServer, request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { connectStorage, createBuckets, createDocuments, createStateStore } from '../../shared/adapters/storage.ts';
import { createUploads } from '../../shared/adapters/uploads.ts';
import type { Buckets, StateStore } from '../../shared/ports/storage.ts';
import { portOf } from '../../local/fronts/proxy.ts';

const bucket = 'family-master';
let folder: string;
let service: StorageService;
let storage: Storage;
let buckets: Buckets;
let state: StateStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-storage-'));
  // No bucket of these tests notifies anybody.
  service = await startStorage({ program: await ensureProgram('storage'), folder, pubsubHost: '127.0.0.1:9' });
  storage = connectStorage({ project: 'local', storage: { endpoint: service.url } });
  await Promise.all([storage.createBucket(bucket), storage.createBucket('family-state')]);
  buckets = createBuckets(storage);
  state = createStateStore({ storage, bucket: 'family-state' });
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

async function upload({
  name,
  text,
  metadata = {},
}: {
  name: string;
  text: string;
  metadata?: Record<string, string>;
}): Promise<void> {
  await storage.bucket(bucket).file(name).save(text, { resumable: false, metadata: { metadata } });
}

async function textOf(content: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (content === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('the documents of the state bucket', () => {
  it('are texts of their type, written over what is there', async () => {
    const documents = createDocuments({ storage, bucket: 'family-state' });
    const document = { path: 'reports/2026-11-22-weekly.html', type: 'text/html; charset=utf-8' };
    await documents.write({ ...document, text: '<p>before</p>' });
    expect(await documents.write({ ...document, text: '<p>Müller</p>' })).toBe(`gs://family-state/${document.path}`);
    const file = storage.bucket('family-state').file(document.path);
    expect((await file.download()).toString()).toBe('<p>Müller</p>');
    expect((await file.getMetadata())[0]).toMatchObject({ contentType: document.type });
    await expect(createDocuments({ storage, bucket: 'nobody' }).write({ ...document, text: '' })).rejects.toMatchObject(
      {
        ...{ code: 'StorageUnavailable', subject: `gs://nobody/${document.path}` },
      },
    );
  });
});

describe('the buckets of uploads', () => {
  it('describe the live object', async () => {
    await upload({ name: 'charts/shop/values.yaml', text: 'a: 1\n', metadata: { 'converge-commit': '9f2c' } });
    expect(await buckets.find({ bucket, name: 'charts/shop/values.yaml' })).toEqual({
      bucket,
      name: 'charts/shop/values.yaml',
      generation: expect.stringMatching(/^\d{16}$/),
      bytes: 5,
      createdAt: expect.any(Date),
      metadata: { 'converge-commit': '9f2c' },
    });
  });

  it('say how an object is packed, and read it unpacked', async () => {
    await storage
      .bucket(bucket)
      .file('packed')
      .save(gzipSync('a: 1\n'), { resumable: false, metadata: { contentEncoding: 'gzip' } });
    const live = await buckets.find({ bucket, name: 'packed' });
    expect(live).toMatchObject({ contentEncoding: 'gzip', bytes: gzipSync('a: 1\n').length });
    expect((await buckets.list(bucket)).find(({ name }) => name === 'packed')).toEqual(live);
    expect(live === undefined ? undefined : await textOf(await buckets.read(live))).toBe('a: 1\n');
  });

  it('read many objects at once without a word about too many listeners', async () => {
    const warned = vi.fn<(warning: Error) => void>();
    process.on('warning', warned);
    try {
      const names = Array.from({ length: 12 }, (_one, index) => `many/${index}`);
      const text = 'x'.repeat(300_000);
      for (const name of names) await upload({ name, text });
      const read = await Promise.all(
        names.map(async (name) => {
          const live = await buckets.find({ bucket, name });
          return live === undefined ? undefined : textOf(await buckets.read(live));
        }),
      );
      expect(read.every((one) => one === text)).toBe(true);
      // Warnings come at the next tick.
      await new Promise(setImmediate);
      expect(warned.mock.calls).toEqual([]);
    } finally {
      process.off('warning', warned);
    }
  });

  it('hold nothing under a name that was never uploaded, or was deleted', async () => {
    expect(await buckets.find({ bucket, name: 'never' })).toBeUndefined();
    expect(await buckets.read({ bucket, name: 'never', generation: '1' })).toBeUndefined();
    await upload({ name: 'once', text: 'x' });
    await storage.bucket(bucket).file('once').delete();
    expect(await buckets.find({ bucket, name: 'once' })).toBeUndefined();
  });

  it('read exactly the generation asked for', async () => {
    await upload({ name: 'twice', text: 'first' });
    const first = await buckets.find({ bucket, name: 'twice' });
    if (first === undefined) throw new Error('the upload is missing');
    expect(await textOf(await buckets.read(first))).toBe('first');
    await upload({ name: 'twice', text: 'second' });
    expect(await buckets.read(first)).toBeUndefined();
    const second = await buckets.find({ bucket, name: 'twice' });
    expect(BigInt(second?.generation ?? 0)).toBeGreaterThan(BigInt(first.generation));
    expect(await textOf(await buckets.read({ bucket, name: 'twice', generation: second?.generation ?? '' }))).toBe(
      'second',
    );
  });
});

describe('the state store', () => {
  it('reads what was written, with generation and times of the service', async () => {
    const written = await state.write({ path: 'lease/a.json', value: { holder: 'me' }, ifGeneration: 'absent' });
    const read = await state.read('lease/a.json');
    expect(read).toEqual({
      value: { holder: 'me' },
      generation: written === 'conflict' ? undefined : written.generation,
      writtenAt: expect.any(Date),
      readAt: expect.any(Date),
    });
    // Both headers count whole seconds, and nothing is told to be older than it is.
    const age = (read?.readAt.getTime() ?? 0) - (read?.writtenAt.getTime() ?? 0);
    expect(age).toBeGreaterThan(-2000);
  });

  it('has nothing where nothing was written', async () => {
    expect(await state.read('lease/never.json')).toBeUndefined();
  });

  it('keeps what is there where the precondition does not hold', async () => {
    const path = 'lease/b.json';
    const first = await state.write({ path, value: 1, ifGeneration: 'absent' });
    if (first === 'conflict') throw new Error('unexpected');
    expect(await state.write({ path, value: 2, ifGeneration: 'absent' })).toBe('conflict');
    const second = await state.write({ path, value: 3, ifGeneration: first });
    expect(second).not.toBe('conflict');
    expect(await state.write({ path, value: 4, ifGeneration: first })).toBe('conflict');
    expect(await state.write({ path: 'lease/absent.json', value: 4, ifGeneration: first })).toBe('conflict');
    expect(await state.read(path)).toMatchObject({ value: 3 });
    await state.write({ path, value: 5, ifGeneration: 'any' });
    expect(await state.read(path)).toMatchObject({ value: 5 });
  });

  it('is deleted at the generation that was read, and at no other', async () => {
    const path = 'lease/deleted.json';
    const first = await state.write({ path, value: 1, ifGeneration: 'absent' });
    if (first === 'conflict') throw new Error('unexpected');
    const second = await state.write({ path, value: 2, ifGeneration: first });
    if (second === 'conflict') throw new Error('unexpected');
    expect(await state.delete({ path, ...first })).toBe('conflict');
    expect(await state.read(path)).toMatchObject({ value: 2 });
    expect(await state.delete({ path, ...second })).toBe('deleted');
    expect(await state.read(path)).toBeUndefined();
    expect(await state.delete({ path, ...second })).toBe('deleted');
  });

  it('lists what it was written with beside its content, as of the generation that is live', async () => {
    const path = 'listed/acme/memory.json';
    await state.write({ path, value: 'a', ifGeneration: 'absent', metadata: { state: 'Converged', since: 'Größe' } });
    const [first] = await state.list('listed/');
    expect(first).toEqual({
      path,
      generation: (await state.read(path))?.generation,
      bytes: 3,
      updatedAt: expect.any(Date),
      metadata: { state: 'Converged', since: 'Größe' },
    });
    const again = await state.write({ path, value: 'longer', ifGeneration: 'any' });
    expect(await state.list('listed/')).toMatchObject([{ path, ...Object(again), bytes: 8, metadata: {} }]);
    const [second] = await state.list('listed/');
    expect(second?.updatedAt.getTime()).toBeGreaterThanOrEqual(first?.updatedAt.getTime() ?? Number.NaN);
  });

  it('lists only the files of a name in the folders of a prefix, where one is given', async () => {
    const there = [
      'a/memory.json',
      'a/lease.json',
      'a/b/memory.json',
      'memory.json',
      'b/memory.json',
      'b/amemory.json',
    ];
    for (const path of there) await state.write({ path: `named/${path}`, value: 1, ifGeneration: 'any' });
    await state.write({ path: 'names/a/memory.json', value: 1, ifGeneration: 'any' });
    const listed = await state.list('named/', 'memory.json');
    expect(listed.map(({ path }) => path)).toEqual(['named/a/memory.json', 'named/b/memory.json']);
    expect(await state.list('named/', 'none.json')).toEqual([]);
    expect(await state.list('named/')).toHaveLength(there.length);
  });

  it('lets one of many writers win', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_one, writer) =>
        state.write({ path: 'lease/race.json', value: writer, ifGeneration: 'absent' }),
      ),
    );
    expect(results.filter((result) => result !== 'conflict')).toHaveLength(1);
  });

  it.each([
    ['is empty', ''],
    ['is no JSON', '{'],
    ['is larger than 64 MiB', `"${'x'.repeat(70 * 2 ** 20)}"`],
  ])('tells of state that %s with its generation, by which it is overwritten', async (unreadable, text) => {
    const path = 'odd.json';
    await storage.bucket('family-state').file(path).save(text, { resumable: false });
    const found = await state.read(path);
    expect(found).toEqual({
      unreadable,
      generation: expect.stringMatching(/^\d+$/),
      writtenAt: expect.any(Date),
      readAt: expect.any(Date),
    });
    if (found === undefined) throw new Error('unexpected');
    expect(await state.write({ path, value: 1, ifGeneration: { generation: found.generation } })).not.toBe('conflict');
    expect(await state.read(path)).toMatchObject({ value: 1 });
  });
});

it('reads nothing of state that says itself that it is too large', async () => {
  const server = createServer((_, outgoing) => {
    const told = { 'x-goog-generation': '7', 'last-modified': new Date().toUTCString() };
    // No more than this ever comes.
    outgoing.writeHead(200, { ...told, 'content-length': 100 * 2 ** 20 }).write('"x');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${portOf(server.address())}`;
  const store = createStateStore({
    storage: connectStorage({ project: 'local', storage: { endpoint } }),
    bucket: 'family-state',
  });
  expect(await store.read('large.json')).toMatchObject({ unreadable: 'is larger than 64 MiB', generation: '7' });
});

describe('a service that answers an error', () => {
  /**
   * Answers each request with the next status of the list, the last one for good; passes on what is undefined, and half
   * of what is to be cut.
   */
  async function answering(
    statuses: readonly (number | 'cut' | undefined)[],
    hidden: readonly string[] = [],
  ): Promise<{ storage: Storage; asked: () => number; close: () => void }> {
    let count = 0;
    const server = createServer((incoming, outgoing) => {
      const status = statuses[Math.min(count++, statuses.length - 1)];
      if (status === undefined || status === 'cut') {
        const { url, method, headers } = incoming;
        const forward = request(new URL(url ?? '/', service.url), { method: method ?? 'GET', headers }, (real) => {
          const headers = Object.fromEntries(Object.entries(real.headers).filter(([name]) => !hidden.includes(name)));
          outgoing.writeHead(real.statusCode ?? 500, headers);
          if (status === undefined) real.pipe(outgoing);
          else
            real.once('data', (chunk: Buffer) => {
              outgoing.write(chunk.subarray(0, chunk.length / 2), () => outgoing.destroy());
              real.destroy();
            });
        });
        incoming.pipe(forward);
        return;
      }
      incoming.resume().on('end', () => {
        outgoing.writeHead(status, { 'content-type': 'application/json' });
        outgoing.end(JSON.stringify({ error: { code: status, message: 'no', errors: [] } }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const client = connectStorage({ project: 'local', storage: { endpoint: `http://127.0.0.1:${address.port}` } });
    // The library waits more than a second before each.
    client.retryOptions.maxRetries = 1;
    return { storage: client, asked: () => count, close: () => void server.close() };
  }

  it.each([
    [401, 'StorageRefused', 'retry'],
    [403, 'StorageRefused', 'retry'],
    [400, 'StorageUnavailable', 'retry'],
    [503, 'StorageUnavailable', 'retry'],
  ])('%i is never taken for an absent object, but for %s (%s)', async (status, code, disposition) => {
    const broken = await answering([status]);
    const store = createStateStore({ storage: broken.storage, bucket: 'b' });
    try {
      const results = await Promise.allSettled([
        store.read('x.json'),
        store.write({ path: 'x.json', value: 1, ifGeneration: 'absent' }),
        createBuckets(broken.storage).find({ bucket: 'b', name: 'x' }),
        createBuckets(broken.storage).read({ bucket: 'b', name: 'x', generation: '1' }),
      ]);
      const refused = { status: 'rejected', reason: expect.objectContaining({ code, disposition }) };
      expect(results).toEqual([refused, refused, refused, refused]);
    } finally {
      broken.close();
    }
  });

  it('what is refused is told in its own words', async () => {
    const broken = await answering([403]);
    try {
      const lost = createUploads(broken.storage).find({ bucket: 'b', name: 'x' });
      await expect(lost).rejects.toMatchObject({
        code: 'StorageRefused',
        problem: expect.stringMatching(/^Cloud Storage answered 403: ./),
      });
    } finally {
      broken.close();
    }
  });

  it.each(['absent', 'any'] as const)('429 to a write (%s) is waited out', async (ifGeneration) => {
    const busy = await answering([429, undefined]);
    try {
      const store = createStateStore({ storage: busy.storage, bucket: 'family-state' });
      const path = `busy-${ifGeneration}.json`;
      expect(await store.write({ path, value: 1, ifGeneration })).toEqual({
        generation: (await state.read(path))?.generation,
      });
      expect(busy.asked()).toBe(2);
    } finally {
      busy.close();
    }
  });

  it('once to a read of content is asked again', async () => {
    const path = 'asked-again.json';
    await state.write({ path, value: 'kept', ifGeneration: 'any' });
    const busy = await answering([503, undefined]);
    try {
      expect(await createStateStore({ storage: busy.storage, bucket: 'family-state' }).read(path)).toMatchObject({
        value: 'kept',
      });
      expect(busy.asked()).toBe(2);
    } finally {
      busy.close();
    }
  });

  it.each([[[]], [['content-length']]])(
    'and is cut is no content that nobody can read (headers that lack %j)',
    async (hidden) => {
      const path = 'cut.json';
      await state.write({ path, value: 'kept'.repeat(1000), ifGeneration: 'any' });
      const cutting = await answering(['cut', undefined], hidden);
      try {
        const store = createStateStore({ storage: cutting.storage, bucket: 'family-state' });
        expect(await store.read(path)).toMatchObject({ value: 'kept'.repeat(1000) });
        expect(cutting.asked()).toBe(2);
      } finally {
        cutting.close();
      }
    },
  );

  it.each(['x-goog-generation', 'last-modified'])(
    'whose answers with content lack %s is asked for it',
    async (header) => {
      const path = 'described.json';
      const written = await state.write({ path, value: 'kept', ifGeneration: 'any' });
      const terse = await answering([undefined], [header]);
      try {
        const store = createStateStore({ storage: terse.storage, bucket: 'family-state' });
        for (let reads = 0; reads < 2; reads++)
          expect(await store.read(path)).toMatchObject({ value: 'kept', ...(written === 'conflict' ? {} : written) });
        expect(terse.asked()).toBe(5);
        expect(await store.read('never.json')).toBeUndefined();
      } finally {
        terse.close();
      }
    },
  );

  it('is asked once for each 1,000 objects that are listed, whatever else is in their folders', async () => {
    const names = Array.from({ length: 1001 }, (_one, index) => `paged/environment-${index}`);
    const write = async (name: string) => {
      for (const file of ['memory.json', 'lease.json'])
        await state.write({ path: `${name}/${file}`, value: name, ifGeneration: 'any', metadata: { name } });
    };
    for (let next = 0; next < names.length; next += 50) await Promise.all(names.slice(next, next + 50).map(write));
    const counting = await answering([undefined]);
    try {
      const store = createStateStore({ storage: counting.storage, bucket: 'family-state' });
      const listed = await store.list('paged/', 'memory.json');
      expect(counting.asked()).toBe(2);
      expect(listed.map(({ path }) => path)).toEqual(names.map((name) => `${name}/memory.json`).toSorted());
      expect(listed.every(({ path, metadata }) => path === `${metadata['name']}/memory.json`)).toBe(true);
      const [last] = listed.slice(-1);
      if (last === undefined) throw new Error('unexpected');
      await state.delete(last);
      expect(await store.list('paged/', 'memory.json')).toEqual(listed.slice(0, -1));
      expect(counting.asked()).toBe(3);
      expect(await store.list('paged/')).toHaveLength(2001);
      expect(counting.asked()).toBe(6);
    } finally {
      counting.close();
    }
  });

  it('that is not there is unavailable', async () => {
    const gone = await answering([200]);
    gone.close();
    gone.storage.retryOptions.maxRetries = 0;
    await expect(createStateStore({ storage: gone.storage, bucket: 'b' }).read('x.json')).rejects.toMatchObject({
      code: 'StorageUnavailable',
      disposition: 'retry',
    });
  });
});
