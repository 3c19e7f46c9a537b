import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStorageFront, type StorageFront } from '../../local/fronts/storage-front.ts';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { connectStorage, createStateStore } from '../../shared/adapters/storage.ts';

const stateBucket = 'family-state';
let folder: string;
let service: StorageService;
let front: StorageFront;
/** A client that tries once. */
const onceAt = (apiEndpoint: string): Storage =>
  new Storage({ projectId: 'local', apiEndpoint, retryOptions: { autoRetry: false } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-storage-front-'));
  service = await startStorage({ program: await ensureProgram('storage'), folder, pubsubHost: '127.0.0.1:9' });
  front = createStorageFront({ target: service.url, stateBucket });
  const storage = onceAt(service.url);
  await Promise.all([stateBucket, 'family-master'].map((bucket) => storage.createBucket(bucket)));
});
afterAll(async () => {
  await front.stop();
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

it('takes one write a second of an object, from whichever client', async () => {
  const [one, other] = await Promise.all([front.open({}), front.open({})]);
  const save = (url: string, name: string): Promise<unknown> =>
    onceAt(url).bucket('family-master').file(name).save('a: 1\n', { resumable: false });
  await save(one, 'a.yaml');
  await expect(save(other, 'a.yaml')).rejects.toMatchObject({
    code: 429,
    errors: [{ domain: 'usageLimits', reason: 'rateLimitExceeded' }],
  });
  await save(other, 'b.yaml');
});

it('passes contents of any size, and uploads in parts', async () => {
  const file = onceAt(await front.open({}))
    .bucket('family-master')
    .file('large.bin');
  const content = Buffer.alloc(9 * 2 ** 20, 'converge');
  await file.save(content, { resumable: true, chunkSize: 4 * 2 ** 20 });
  const [found] = await file.download();
  expect(found.equals(content)).toBe(true);
});

it('does what is asked where the answer is lost, and the state is written once', async () => {
  const url = await front.open({ lost: { seed: 3, share: 1 } });
  const lost = onceAt(url).bucket(stateBucket).file('lost.json');
  await expect(lost.save('1', { resumable: false })).rejects.toThrow();
  const [metadata] = await onceAt(service.url).bucket(stateBucket).file('lost.json').getMetadata();
  expect(Number(metadata.size)).toBe(1);
});

it('is written through by the adapter of the state, though half of all answers are lost', async () => {
  const url = await front.open({ lost: { seed: 5, share: 0.5 } });
  const store = createStateStore({
    storage: connectStorage({ project: 'local', storage: { endpoint: url } }),
    bucket: stateBucket,
  });
  for (const number of [1, 2, 3, 4]) {
    const path = `environments/master/e${number}/memory.json`;
    const written = await store.write({ path, value: { number }, ifGeneration: 'absent' });
    expect(written).not.toBeUndefined();
    expect(await store.read(path)).toMatchObject({ value: { number } });
  }
});

it('refuses what an account has no right to, in the words of Cloud Storage', async () => {
  const files = (url: string) => onceAt(url).bucket(stateBucket);
  const reconcile = files(await front.open({ account: 'reconcile' }));
  await reconcile.file('environments/master/shop/lease.json').save('{}', { resumable: false });
  await expect(reconcile.file('ledger/master.json').save('{}', { resumable: false })).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining('does not have storage.objects.create access'),
  });
  const status = files(await front.open({ account: 'status' }));
  await expect(status.file('environments/master/shop/lease.json').delete()).rejects.toMatchObject({ code: 403 });
  expect((await status.getFiles({ prefix: 'environments/' }))[0]).toHaveLength(5);
});

it('tells only who may list that an object is not there', async () => {
  const reader = onceAt(await front.open({ account: 'status' })).bucket(stateBucket);
  await expect(reader.file('absent').getMetadata()).rejects.toMatchObject({ code: 404 });
  const stranger = onceAt(await front.open({ account: 'deliver-alert' })).bucket(stateBucket);
  await expect(stranger.file('absent').getMetadata()).rejects.toMatchObject({ code: 403 });
});

it('keeps a connection that is idle for minutes, so that the next request does not meet its end', async () => {
  const url = await front.open({ account: 'reconcile' });
  const refused = await fetch(`${url}/storage/v1/b/${stateBucket}/o/ledger%2Fmaster.json`, { method: 'DELETE' });
  expect({ status: refused.status, keepAlive: refused.headers.get('keep-alive') }).toEqual({
    status: 403,
    keepAlive: 'timeout=620',
  });
});
