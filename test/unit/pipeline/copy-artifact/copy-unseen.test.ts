import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../shared/config/config.ts';
import { copyUnseen } from '../../../../shared/pipeline/copy-artifact/copy-unseen.ts';
import type { StoredObject } from '../../../../shared/ports/storage.ts';
import { ledgerPath } from '../../../../shared/source/ledger.ts';
import { clockAt, recordingLog, recordingTopics, repositories, repositoryWith, stateInMemory } from '../ports.ts';

const { now } = clockAt('2026-11-28T09:00:00Z');
const path = ledgerPath({ repositoryClass: 'master' });
const empty = { version: 1, copied: [], refused: [] };
const kept = { ...empty, refused: [{ name: 'x.txt', generation: '1' }] };
const stored = (name: string): StoredObject => ({
  ...{ bucket: 'b', name, generation: '1', createdAt: now(), bytes: name.endsWith('/') ? 0 : 3, metadata: {} },
});

/** What a check leaves of the ledger. */
async function ledgerAfterCheck({
  objects,
  before,
}: {
  objects: readonly StoredObject[];
  before?: string;
}): Promise<unknown> {
  const state = stateInMemory(now);
  if (before !== undefined) state.spoil(path, before);
  const unused = async (): Promise<never> => {
    throw new Error('this test needs no more of Storage');
  };
  const ports = {
    ...{ now, sleep: async () => {}, log: recordingLog(), state, topics: recordingTopics(), unpack: unused },
    buckets: { list: async () => objects, find: unused, read: unused },
    repository: repositories(repositoryWith({ files: {} })),
  };
  const settings = {
    ...{ repositoryClass: 'master', limits: configSchema.shape.limits.parse({}), holder: 'i' },
    conflicts: 'artifact-wins',
  } as const;
  await copyUnseen([{ bucket: 'b', settings }], ports);
  return state.valueAt(path);
}

describe('a check of a bucket', () => {
  it.each([
    ['there is none', {}],
    ['nobody can read it', { before: '{"half' }],
  ])(
    'in which nothing is begins its ledger where %s: nothing is in doubt of the first upload',
    async (_where, ledger) => {
      expect(await ledgerAfterCheck({ objects: [], ...ledger })).toEqual(empty);
      expect(await ledgerAfterCheck({ objects: [stored('folder/')], ...ledger })).toEqual(empty);
    },
  );

  it('that holds something begins none: that may be in Git', async () => {
    expect(await ledgerAfterCheck({ objects: [stored('x.txt')] })).toBeUndefined();
  });

  it('leaves a ledger as it is', async () => {
    expect(await ledgerAfterCheck({ objects: [], before: JSON.stringify(kept) })).toEqual(kept);
  });
});
