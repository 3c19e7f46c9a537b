import { createServer, request, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { connectStorage, createStateStore } from '../../shared/adapters/storage.ts';
import { emptyMemory, type Memory } from '../../shared/memory/memory.ts';
import { memoryMetadata } from '../../shared/memory/memory-metadata.ts';
import { statePaths } from '../../shared/memory/state-paths.ts';
import { checkDrift } from '../../shared/pipeline/check-drift.ts';
import { recordLooks } from '../../shared/pipeline/common/record-looks.ts';
import { fanOut } from '../../shared/pipeline/fan-out.ts';
import { status } from '../../shared/pipeline/status.ts';
import type { StateStore } from '../../shared/ports/storage.ts';
import {
  clockAt,
  commitId,
  environmentText,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
} from '../unit/pipeline/ports.ts';

const bucket = 'family-state';
const names = Array.from({ length: 1000 }, (_one, index) => `environment-${String(index).padStart(4, '0')}`);
const clock = clockAt('2026-11-21T01:00:00Z');
const files = Object.fromEntries(names.map((name) => [`environments/${name}.yaml`, environmentText(name)]));
const repository = repositoryWith({ files });

let folder: string;
let service: StorageService;
let proxy: Server;
let storage: Storage;
/** Writes past the proxy; the functions ask through it. */
let direct: StateStore;
let state: StateStore;
/** What Storage was asked since it was emptied. */
const asked: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-memories-'));
  service = await startStorage({ program: await ensureProgram('storage'), folder, pubsubHost: '127.0.0.1:9' });
  storage = connectStorage({ project: 'local', storage: { endpoint: service.url } });
  await storage.createBucket(bucket);
  direct = createStateStore({ storage, bucket });
  proxy = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { url, method, headers } = incoming;
    const forward = request(new URL(url ?? '/', service.url), { method: method ?? 'GET', headers }, (real) => {
      outgoing.writeHead(real.statusCode ?? 500, real.headers);
      real.pipe(outgoing);
    });
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const endpoint = `http://127.0.0.1:${address.port}`;
  state = createStateStore({ storage: connectStorage({ project: 'local', storage: { endpoint } }), bucket });
  for (let next = 0; next < names.length; next += 50)
    await Promise.all(names.slice(next, next + 50).map(async (name) => write(name, await settled(name))));
});
afterAll(async () => {
  await new Promise((resolve) => proxy.close(resolve));
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked.length = 0;
});

/** A memory that has converged with the inputs that the repository has. */
async function settled(name: string): Promise<Memory> {
  const path = `environments/${name}.yaml`;
  const id = (await repository.entry({ commit: commitId('a'), path }))?.id ?? null;
  const at = { commit: commitId('a'), revision: `main@sha1:${commitId('a')}`, at: '2026-11-21T00:00:00.000Z' };
  const attempted = { ...at, inputs: { [path]: id } };
  return {
    ...emptyMemory(clock.now()),
    ...{ attempted, converged: { ...attempted, renderKey: '00ff' }, health: 'Healthy' },
  };
}

async function write(name: string, memory: Memory): Promise<void> {
  const paths = statePaths({ repository: 'master', environment: name });
  await direct.write({ path: paths.memory, value: memory, ifGeneration: 'any', metadata: memoryMetadata(memory) });
  await direct.write({ path: paths.lease, value: { holder: null, event: 'a', seconds: 90 }, ifGeneration: 'any' });
}

const ports = () => ({
  ...{ now: clock.now, state, log: recordingLog(), topics: recordingTopics() },
  repository: repositories(repository),
});

async function statesOf(): Promise<Map<string, string>> {
  const { environments, unreadable } = await status({ repositories: ['master'], interval: 24 * 3_600_000 }, ports());
  expect(unreadable).toEqual([]);
  return new Map(environments.map(({ name, state: shown }) => [name, shown]));
}

async function requests(work: () => Promise<unknown>): Promise<number> {
  asked.length = 0;
  await work();
  return asked.length;
}

const first = 'environment-0000';
const converged = new Map(names.map((name) => [name, 'Converged']));
const change = { repository: 'master', url: '', branch: 'main', commit: commitId('a'), previous: null, artifacts: [] };

describe('1,000 environments', () => {
  it('are told by two requests, where nothing changed since the instance read them', async () => {
    expect(await statesOf()).toEqual(converged);
    expect(asked).toHaveLength(1002);
    expect(await requests(statesOf)).toBe(2);
    expect(asked.map((line) => line.split('?')[0])).toEqual(Array(2).fill(`GET /storage/v1/b/${bucket}/o`));
  });

  it('are compared with a commit by two, and checked by two', async () => {
    expect(await requests(async () => fanOut(change, ports()))).toBe(2);
    const { due, untouched, removed } = await fanOut(change, ports());
    expect([due, untouched.length, removed]).toEqual([[], 1000, []]);
    const check = async () => checkDrift({ repositories: ['master'], tick: 'now' }, ports());
    expect((await check()).checked).toHaveLength(1000);
    expect(await requests(check)).toBe(2);
  });

  it.each<{ what: string; changes: (name: string) => Promise<void>; shown: string; reads: number }>([
    {
      what: 'diverged',
      changes: async (name) => {
        const memory = await settled(name);
        const { revision } = memory.converged ?? { revision: '' };
        const incident = { id: 'a', since: memory.since, occurrence: 1, reason: 'Drifted', summary: 'image' } as const;
        await write(name, { ...memory, incident: { ...incident, revision, told: true } });
      },
      shown: 'Diverged',
      reads: 1,
    },
    {
      what: 'converged again',
      changes: async (name) => write(name, await settled(name)),
      shown: 'Converged',
      reads: 1,
    },
    {
      what: 'was spoilt',
      changes: async (name) => {
        const { memory } = statePaths({ repository: 'master', environment: name });
        await storage.bucket(bucket).file(memory).save('{', { resumable: false });
      },
      shown: 'Unknown',
      reads: 1,
    },
    { what: 'is spoilt still', changes: async () => {}, shown: 'Unknown', reads: 1 },
    {
      what: 'lost its memory',
      changes: async (name) => {
        const { memory } = statePaths({ repository: 'master', environment: name });
        await storage.bucket(bucket).file(memory).delete();
      },
      shown: 'Unknown',
      reads: 0,
    },
    { what: 'came back', changes: async (name) => write(name, await settled(name)), shown: 'Converged', reads: 1 },
  ])('are told by as many reads as changed, and truly: one $what', async ({ changes, shown, reads }) => {
    await statesOf();
    await changes(first);
    asked.length = 0;
    expect(await statesOf()).toEqual(new Map([...converged, [first, shown]]));
    expect(asked).toHaveLength(2 + reads);
  });

  it('are told with when they were looked at, by a read of each instance that looked since, and one for the time', async () => {
    await statesOf();
    const looks = recordLooks({ instance: 'one', state: direct, now: () => new Date(), log: recordingLog() });
    await looks.looked({ repository: 'master', environment: first, at: new Date(), outcome: 'checked' });
    const checked = async () =>
      (await status({ repositories: ['master'], interval: 24 * 3_600_000 }, ports())).environments.filter(
        ({ checkedAt }) => checkedAt !== null,
      );
    expect(await requests(checked)).toBe(3);
    expect((await checked()).map(({ name }) => name)).toEqual([first]);
    // The answer to any read tells what time it is.
    expect(await requests(checked)).toBe(3);
  });
});
