import { describe, expect, it } from 'vitest';
import { awaitCommit } from '../../../cli/await-upload.ts';
import type { Context } from '../../../cli/context.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { emptyLedger, encodeLedger, ledgerPath } from '../../../shared/source/ledger.ts';
import { clockAt, commitId, stateInMemory } from '../pipeline/ports.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: 'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}',
});
const artifact = { bucket: 'family-master', name: 'config/acme.yaml', generation: '7' };
const repositoryClass = 'master';

/** A state bucket whose ledger may not be read for so many reads: Cloud Storage's answer where it is not there, too. */
async function waitWhile(
  code: 'StorageRefused' | 'BadConfiguration',
  { reads, became = 'copied' }: { reads: number; became?: 'copied' | 'refused' | 'nothing' },
): Promise<string> {
  const clock = clockAt('2026-11-21T02:00:00Z');
  const state = stateInMemory(clock.now);
  const copy = { ...artifact, commit: commitId('c'), at: '2026-11-21T02:00:01.000Z', content: null };
  const ledger = {
    ...emptyLedger,
    ...(became === 'copied' && { copied: new Map([[artifact.name, copy]]) }),
    ...(became === 'refused' && { refused: new Map([[artifact.name, artifact.generation]]) }),
  };
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

  it.each([
    ['refused', 'was refused'],
    ['nothing', 'was not committed in time'],
  ] as const)('names the command that says why where it became %s', async (became, problem) => {
    await expect(waitWhile('StorageRefused', { reads: 0, became })).rejects.toMatchObject({
      problem,
      remedy: expect.stringContaining('converge dead-letters'),
      exit: 1,
    });
  });

  it('waits for nothing else that is refused', async () => {
    await expect(waitWhile('BadConfiguration', { reads: 1 })).rejects.toMatchObject({ code: 'BadConfiguration' });
  });
});
