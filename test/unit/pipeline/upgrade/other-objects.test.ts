import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quarantineSchema } from '../../../../shared/memory/quarantine.ts';
import { claimLease, findLease, isFree } from '../../../../shared/pipeline/copy-artifact/intake-lease.ts';
import { branchHeadSchema } from '../../../../shared/source/branch-head.ts';
import { decodeLedger, encodeLedger } from '../../../../shared/source/ledger.ts';
import { clockAt, commitId, recordingLog, stateInMemory } from '../ports.ts';
import { versionBefore, type VersionBefore } from './version-before.ts';

/*
 * What is kept of no environment: each version reads what the other wrote. The version before runs from its own commit,
 * where the history is there; what it writes stands here, too.
 */
let before: VersionBefore | undefined;
beforeAll(async () => {
  before = await versionBefore();
});
afterAll(() => before?.remove());

async function formerFunction(file: string, name: string): Promise<((...given: unknown[]) => unknown) | undefined> {
  if (before === undefined) return undefined;
  const found = (await before.load(file))[name];
  if (typeof found !== 'function') throw new Error(`the version before exports no ${name}`);
  return (...given) => {
    const result: unknown = Reflect.apply(found, undefined, given);
    return result;
  };
}

const commit = commitId('a');
const ledger = {
  version: 1,
  copied: [{ name: 'config/a.txt', generation: '17', commit, at: '2026-11-21T01:00:00.000Z', content: null }],
  refused: [{ name: 'charts/b.tgz', generation: '4' }],
};
const head = { commit, environments: ['shop', 'store'] };
const quarantine = {
  ...{ revision: `main@sha1:${commit}`, inputs: { 'manifests/shop': commit }, reason: 'Unhealthy', revert: commit },
  ...{ at: '2026-11-21T01:00:00.000Z', restored: { 'manifests/shop': null } },
};

describe('a ledger', () => {
  it('of the version before is read whole', async () => {
    const [decode, encode] = [
      await formerFunction('source/ledger.ts', 'decodeLedger'),
      await formerFunction('source/ledger.ts', 'encodeLedger'),
    ];
    if (decode !== undefined) expect(encode?.(decode(ledger))).toEqual(ledger);
    const read = decodeLedger(ledger);
    expect(read === undefined ? undefined : encodeLedger(read)).toEqual(ledger);
  });

  it('is read by the version before, which forgets when it was begun', async () => {
    const decode = await formerFunction('source/ledger.ts', 'decodeLedger');
    if (decode === undefined) return;
    const read = decodeLedger({ ...ledger, begunAt: '2026-11-21T01:00:00.000Z' });
    expect(read?.begunAt).toBe('2026-11-21T01:00:00.000Z');
    const { begunAt: _begunAt, ...known } = { ...read };
    expect(decode(read === undefined ? undefined : encodeLedger(read))).toEqual(known);
  });
});

it('a head of a branch and a quarantine are what they were', async () => {
  expect(branchHeadSchema.parse(head)).toEqual(head);
  expect(quarantineSchema.parse(quarantine)).toEqual(quarantine);
  const readHead = await formerFunction('source/branch-head.ts', 'readBranchHead');
  if (readHead !== undefined) expect(readHead(head)).toEqual(head);
  const former = (await before?.load('memory/quarantine.ts'))?.['quarantineSchema'];
  if (former instanceof Object && 'parse' in former && typeof former.parse === 'function')
    expect(former.parse(quarantine)).toEqual(quarantine);
});

describe('the lease of a bucket', () => {
  const path = 'intake/master/lease.json';
  const lease = { path, holder: 'one', event: '', seconds: 10 };

  it('that one version holds is taken for the other, until it is over', async () => {
    const former = await formerFunction('pipeline/common/lease.ts', 'acquireLease');
    if (former === undefined) return;
    const isFormerTaken = (value: unknown): boolean => value instanceof Object && 'takenFor' in value;
    const clock = clockAt('2026-11-21T01:00:00Z');
    const ports = { state: stateInMemory(clock.now), log: recordingLog(), now: clock.now };
    const find = async () => findLease(lease, ports);
    expect(isFormerTaken(await former(lease, ports))).toBe(false);
    expect(isFree(await find(), undefined)).toBe(false);
    clock.forward(11);
    const found = await find();
    expect(isFree(found, undefined)).toBe(true);
    expect(await claimLease({ ...lease, instance: 'two', found }, ports)).not.toBe('taken');
    expect(isFormerTaken(await former({ ...lease, holder: 'three' }, ports))).toBe(true);
    clock.forward(11);
    expect(isFormerTaken(await former({ ...lease, holder: 'three' }, ports))).toBe(false);
  });
});
