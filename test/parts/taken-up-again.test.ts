import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../cli/context.ts';
import { retryUpload } from '../../cli/retry-upload.ts';
import { upload } from '../../cli/upload.ts';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { unpackArchive } from '../../shared/adapters/archive.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { connectStorage, createBuckets, createStateStore } from '../../shared/adapters/storage.ts';
import { createUploads } from '../../shared/adapters/uploads.ts';
import { configSchema, parseConfig } from '../../shared/config/config.ts';
import { copyArtifact } from '../../shared/pipeline/copy-artifact.ts';
import { copyUnseen } from '../../shared/pipeline/copy-artifact/copy-unseen.ts';
import { readLedger } from '../../shared/pipeline/copy-artifact/ledger.ts';
import type { CopyPorts, CopySettings } from '../../shared/pipeline/copy-artifact/run.ts';
import type { Uploads } from '../../shared/ports/storage.ts';
import { emptyLedger, encodeLedger, ledgerPath } from '../../shared/source/ledger.ts';
import { converge, gitHostOfFile } from './git-host-of-file.ts';

const host = gitHostOfFile({ tests: 10 });
const name = 'config/acme.yaml';
const text = 'replicas: 2\n';
const build = 'https://ci.example.com/7';
let service: StorageService;
let storage: Storage;
let bucket: string;
let generation: string;

beforeAll(async () => {
  const program = await ensureProgram('storage');
  service = await startStorage({ program, folder: host.folder, pubsubHost: '127.0.0.1:9' });
  storage = connectStorage({ project: 'local', storage: { endpoint: service.url } });
  await storage.createBucket('family-state');
});
afterAll(async () => service.stop());

/** An upload that the version before refused, for a secret that it could not read for a moment. */
beforeEach(async () => {
  bucket = `family-${host.name}`;
  await storage.createBucket(bucket);
  const file = storage.bucket(bucket).file(name);
  await file.save(text, { resumable: false, metadata: { metadata: { 'converge-build': build } } });
  generation = String((await file.getMetadata())[0].generation);
  const ledger = encodeLedger({ ...emptyLedger, refused: new Map([[name, generation]]) });
  const path = ledgerPath({ repositoryClass: host.name });
  await storage.bucket('family-state').file(path).save(JSON.stringify(ledger), { resumable: false });
});

function ports(): CopyPorts {
  const repositories = configSchema.shape.repositories.parse({ [host.name]: { url: host.url, bucket } });
  const now = () => new Date();
  return {
    now,
    sleep: async (milliseconds) => sleep(milliseconds),
    log: () => {},
    buckets: createBuckets(storage),
    state: createStateStore({ storage, bucket: 'family-state' }),
    repository: createRepositories({
      config: { repositories },
      author: converge,
      cacheFolder: join(host.folder, host.name),
      now,
    }),
    topics: { publish: async () => {} },
    unpack: unpackArchive,
  };
}

const settings = (): CopySettings => ({
  ...{ repositoryClass: host.name, conflicts: 'artifact-wins', holder: 'test' },
  limits: configSchema.shape.limits.parse({}),
  times: { leaseSeconds: 1, quiet: 100, poll: 30, writePause: 30, longestWritePause: 100 },
});

async function event(of: string): Promise<unknown> {
  return await copyArtifact({ bucket, name, generation: of }, ports(), settings());
}

/** What the command works on; each write is followed by its event. */
async function context(): Promise<Context> {
  const folder = await mkdtemp(join(host.folder, 'people-'));
  await writeFile(join(folder, 'acme.yaml'), text);
  const writes = createUploads(storage);
  const uploads: Uploads = {
    ...writes,
    async write(object) {
      const written = await writes.write(object);
      if (written !== 'conflict') await event(written.generation);
      return written;
    },
  };
  const unopened = () => {
    throw new Error('is not to be opened');
  };
  return {
    config: parseConfig({
      file: 'converge.yaml',
      text: `project: local
state: { bucket: family-state }
repositories: { ${host.name}: { url: '${host.url}', bucket: ${bucket} } }
clusters: {}
`,
    }),
    ...{ statusUrl: undefined, pubsub: undefined, environment: {}, folder, progress: () => {} },
    ports: { now: () => new Date(), sleep: async (milliseconds) => sleep(milliseconds) },
    open: {
      uploads: async () => uploads,
      buckets: async () => createBuckets(storage),
      state: async () => createStateStore({ storage, bucket: 'family-state' }),
      ...{ repository: unopened, topics: unopened, deadLetters: unopened, renderer: unopened },
    },
  };
}

const follow = { timeout: 60_000 };

describe('an upload that was refused by mistake', () => {
  it('is left alone by the check, which would tell it again each time', async () => {
    const later = { ...ports(), now: () => new Date(Date.now() + 10 * 60_000) };
    expect(await copyUnseen([{ bucket, settings: settings() }], later)).toEqual([]);
  });

  it.each([
    [
      'converge retry-upload by its name',
      async () => retryUpload(await context(), name, { class: host.name, ...follow }),
    ],
    [
      'converge retry-upload as its refusal calls it',
      async () => retryUpload(await context(), `gs://${bucket}/${name}#${generation}`, follow),
    ],
    [
      'converge retry-upload by its gs:// name',
      async () => retryUpload(await context(), `gs://${bucket}/${name}`, follow),
    ],
    [
      'converge upload by the same build',
      async () => upload(await context(), ['acme.yaml'], { class: host.name, as: name, build, ...follow }),
    ],
    [
      'converge upload by another build',
      async () => upload(await context(), ['acme.yaml'], { class: host.name, as: name, build: `${build}1`, ...follow }),
    ],
    ['its own event that comes again', async () => ({ exit: 0, event: await event(generation) })],
    [
      'any client that writes the same again',
      async () => {
        const file = storage.bucket(bucket).file(name);
        await file.save(text, { resumable: false, metadata: { metadata: { 'converge-build': build } } });
        await event(String((await file.getMetadata())[0].generation));
        return { exit: 0 };
      },
    ],
  ])('is copied once more by %s', async (_how, again) => {
    expect(await again()).toMatchObject({ exit: 0 });
    expect(await host.onHost('show', `main:${name}`)).toBe(text.trimEnd());
    expect(await host.onHost('rev-list', '--count', '--all')).toBe('1');
    const { ledger } = await readLedger({ ports: ports(), settings: settings() });
    expect([...ledger.copied.keys()]).toEqual([name]);
    expect(ledger.refused).toEqual(new Map());
  });
});
