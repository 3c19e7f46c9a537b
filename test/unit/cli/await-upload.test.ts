import { describe, expect, it } from 'vitest';
import { awaitCommit, objectLines } from '../../../cli/await-upload.ts';
import type { Context } from '../../../cli/context.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { ObjectDiff } from '../../../shared/drift/object-diff.ts';
import { diffSchema } from '../../../shared/events/alert.ts';
import type { UploadRefused } from '../../../shared/events/upload-alert.ts';
import { emptyLedger, encodeLedger, ledgerPath, type Ledger } from '../../../shared/source/ledger.ts';
import { clockAt, commitId, stateInMemory } from '../pipeline/ports.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: 'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}',
});
const artifact = { bucket: 'family-master', name: 'config/acme.yaml', generation: '7' };
const repositoryClass = 'master';

const copy = { ...artifact, commit: commitId('c'), at: '2026-11-21T02:00:01.000Z', content: null };
const copied: Ledger = { ...emptyLedger, copied: new Map([[artifact.name, copy]]) };
const refused: Ledger = { ...emptyLedger, refused: new Map([[artifact.name, artifact.generation]]) };
const told: UploadRefused = {
  ...{ repository: 'master', artifact: 'gs://family-master/config/acme.yaml#7', incident: 'i', since: 'then' },
  ...{ reason: 'WouldOverwrite', message: 'would overwrite 9f2c', remedy: 'commit it', author: null, build: null },
};

/** A state bucket whose ledger may not be read for so many reads: Cloud Storage's answer where it is not there, too. */
async function waitWhile(
  code: 'StorageRefused' | 'BadConfiguration',
  { reads, ledger = copied }: { reads: number; ledger?: Ledger },
): Promise<string> {
  const clock = clockAt('2026-11-21T02:00:00Z');
  const state = stateInMemory(clock.now);
  await state.write({ path: ledgerPath({ repositoryClass }), value: encodeLedger(ledger), ifGeneration: 'any' });
  let left = reads;
  const refused = new ConvergeError({
    code,
    subject: 'gs://s/ledger/master.json',
    message: 'answered 403',
    disposition: 'refuse',
  });
  const unopened = () => {
    throw new Error('is not to be opened');
  };
  const context: Context = {
    config,
    statusUrl: undefined,
    pubsub: undefined,
    ports: { now: clock.now, sleep: async (milliseconds) => clock.forward(milliseconds / 1000) },
    open: {
      uploads: unopened,
      buckets: unopened,
      state: async () => ({
        ...state,
        read: async (path) => {
          if (left-- > 0) throw refused;
          return state.read(path);
        },
      }),
      repository: unopened,
      topics: unopened,
      deadLetters: unopened,
      renderer: unopened,
    },
    environment: {},
    folder: '/',
    progress: () => undefined,
  };
  return awaitCommit(context, { repositoryClass, artifact, deadline: clock.now().getTime() + 10_000 });
}

describe('waiting for the commit of an upload', () => {
  it('takes a ledger that may not be read for one that is not there yet', async () => {
    expect(await waitWhile('StorageRefused', { reads: 3 })).toBe(commitId('c'));
  });

  it('says what is missing where it stays so', async () => {
    await expect(waitWhile('StorageRefused', { reads: Number.POSITIVE_INFINITY })).rejects.toMatchObject({
      subject: 'gs://family-master/config/acme.yaml#7',
      problem: 'its ledger is not there, or may not be read',
      remedy: expect.stringContaining('rights: follow'),
      exit: 1,
    });
  });

  it('ends with the reason where it was refused, and says where that is where nobody kept it', async () => {
    const ledger = { ...refused, told: new Map([[artifact.name, told]]) };
    await expect(waitWhile('StorageRefused', { reads: 0, ledger })).rejects.toMatchObject({
      ...{ subject: told.artifact, problem: 'was refused (WouldOverwrite): would overwrite 9f2c' },
      ...{ remedy: 'commit it', exit: 1 },
    });
    await expect(waitWhile('StorageRefused', { reads: 0, ledger: refused })).rejects.toMatchObject({
      ...{ problem: 'was refused', remedy: expect.stringContaining('converge dead-letters'), exit: 1 },
    });
  });

  it('waits for nothing else that is refused', async () => {
    await expect(waitWhile('BadConfiguration', { reads: 1 })).rejects.toMatchObject({ code: 'BadConfiguration' });
  });
});

describe('the fields of a diff', () => {
  const linesOf = (change: ObjectDiff['change'], ...fields: ObjectDiff['fields']) =>
    objectLines(
      diffSchema.parse({
        ...{ environment: 'shop', repository: 'master', cluster: 'c', revision: 'r', reason: 'Drifted', incident: 'i' },
        ...{ since: 'then', occurrence: 1, action: 'none', summary: 's', omitted: 0 },
        objects: [{ apiVersion: 'v1', kind: 'Secret', namespace: 'a', name: 'b', change, message: 'said', fields }],
      }),
    ).map(({ text }) => text);
  const object = (change: string) => `  ${change} Secret a/b: said`;

  it('are shown with both values', () => {
    expect(linesOf('modified', { path: '/image', desired: 'shop:1', observed: 'shop:2' })).toEqual([
      object('modified'),
      '    /image: "shop:2" instead of "shop:1"',
    ]);
  });

  it('make no line of equal values: what was taken over is said once, and what is hidden differs', () => {
    expect(linesOf('taken-over', { path: '/image', desired: 'shop:1', observed: 'shop:1' })).toEqual([
      object('taken-over'),
    ]);
    expect(linesOf('modified', { path: '/data/key', desired: '***', observed: '***' })).toEqual([
      object('modified'),
      '    /data/key differs',
    ]);
  });
});
