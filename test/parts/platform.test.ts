import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { functionSizes, heapMiB } from '../../functions/sizes.ts';
import { partEnvironment } from '../../local/environment.ts';
import type { Functions } from '../../local/functions.ts';
import { asOnPlatform, type Instances, type MemoryLimit } from '../../local/platform.ts';
import { eventually } from '../eventually.ts';

const answerSchema = z.object({ pid: z.int(), heapMiB: z.int(), files: z.array(z.string()) });

let folder: string;
const told: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-platform-'));
});
beforeEach(() => told.splice(0));
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (memory: MemoryLimit, instances?: Instances): Promise<Functions> =>
  asOnPlatform(
    memory,
    instances,
  )({
    source: join(import.meta.dirname, 'hungry-functions.ts'),
    environment: partEnvironment({ home: folder, variables: { TMPDIR: join(folder, memory), NODE_ENV: 'production' } }),
    logFile: join(folder, `${memory}.log`),
    onTooMuchMemory: (message) => told.push(message),
  });

describe('functions that are held to the memory that they have', () => {
  let functions: Functions;
  beforeAll(async () => {
    functions = await start('enforced');
  });
  afterAll(() => functions.stop());

  const ask = async (name: string): Promise<z.infer<typeof answerSchema>> =>
    answerSchema.parse(await (await fetch(functions.url(name))).json());

  test("have a process and a temporary folder each, and the heap that Google's builder gives them", async () => {
    const [alerts, jobs] = await Promise.all([ask('deliverAlert'), ask('reconcile')]);
    expect(alerts.pid).not.toBe(jobs.pid);
    // V8 adds its young generation to what the option says.
    expect(jobs.heapMiB - alerts.heapMiB).toBe(heapMiB('reconcile') - heapMiB('deliverAlert'));
    expect((await fetch(functions.url('noSuchFunction'))).status).toBe(404);
  });

  test.each(['memory', 'files', 'process'])('are killed for too much of %s, and begin anew', async (what) => {
    const before = await ask('deliverAlert');
    const answer = await fetch(
      `${functions.url('deliverAlert')}/${what}?mebibytes=${functionSizes.deliverAlert.memoryMiB}`,
    );
    expect(answer.status).toBe(503);
    expect(told).toEqual([expect.stringMatching(/^deliverAlert takes .* of the 256 MiB that it has, and is killed$/)]);
    const after = await ask('deliverAlert');
    expect(after.pid).not.toBe(before.pid);
    expect(after.files).toEqual([]);
  });

  test('are suspended and go on', async () => {
    await functions.suspend();
    const asked = ask('reconcile');
    expect(functions.pids()).toHaveLength(2);
    await functions.resume();
    expect(await asked).toMatchObject({ files: [] });
  });
});

test('as many instances as are deployed take one call each of a function that takes no more: an innocent one lives on', async () => {
  const functions = await start('enforced', 'as-deployed');
  const first = Promise.allSettled([fetch(`${functions.url('reconcile')}/memory?mebibytes=1`)]);
  try {
    await eventually('the first call is taken', async () => functions.pids().length === 1);
    const killed = await fetch(`${functions.url('reconcile')}/memory?mebibytes=${functionSizes.reconcile.memoryMiB}`);
    expect(killed.status).toBe(503);
    expect(told).toEqual([expect.stringMatching(/^reconcile takes .* of the 2048 MiB that it has, and is killed$/)]);
    expect(functions.pids()).toHaveLength(2);
    const alerts = await Promise.all(Array.from({ length: 10 }, () => fetch(functions.url('deliverAlert'))));
    const pids = await Promise.all(alerts.map(async (answer) => answerSchema.parse(await answer.json()).pid));
    expect(new Set(pids).size).toBe(1);
    // It is at it still.
    expect(await Promise.race([first, Promise.resolve('no answer')])).toBe('no answer');
  } finally {
    await functions.stop();
    await first;
  }
});

test('a call for which there may be no further instance is answered as on Google Cloud', async () => {
  const functions = await start('enforced', 'as-deployed');
  const { concurrency, maxInstances } = functionSizes.checkDrift;
  const held = Promise.allSettled(
    Array.from({ length: concurrency * maxInstances }, () =>
      fetch(`${functions.url('checkDrift')}/memory?mebibytes=1`),
    ),
  );
  try {
    await eventually('both instances are at work', async () => functions.pids().length === 1 + maxInstances);
    const answer = await fetch(functions.url('checkDrift'));
    expect([answer.status, await answer.text()]).toEqual([429, 'no instance of checkDrift is free\n']);
  } finally {
    await functions.stop();
    await held;
  }
});

test('functions whose memory is only looked at live on, and it is said once', async () => {
  const functions = await start('told');
  try {
    const hungry = fetch(`${functions.url('deliverAlert')}/files?mebibytes=${functionSizes.deliverAlert.memoryMiB}`);
    await eventually('it is said', async () => told.length > 0);
    await fetch(`${functions.url('deliverAlert')}/release`);
    expect((await hungry).status).toBe(200);
    expect(told).toEqual([
      expect.stringMatching(
        /^deliverAlert takes \d+ MiB and \d+ MiB of files of the 256 MiB that it has: Google Cloud/,
      ),
    ]);
  } finally {
    await functions.stop();
  }
});
