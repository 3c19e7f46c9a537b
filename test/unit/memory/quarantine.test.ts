import { describe, expect, it } from 'vitest';
import {
  asksForRollback,
  isUnderWay,
  judgeRollback,
  reviewQuarantine,
  type Quarantine,
} from '../../../shared/memory/quarantine.ts';

const good = { 'charts/shop': 'a', 'config/acme.yaml': null };
const bad = { 'charts/shop': 'b', 'config/acme.yaml': null };
const quarantine: Quarantine = {
  ...{ revision: `main@sha1:${'b'.repeat(40)}`, inputs: bad, restored: good, reason: 'Deployment acme/web: crashes' },
  ...{ at: '2026-11-21T01:00:00.000Z', revert: 'c'.repeat(40) },
};
const environment = {
  ...{ rollback: { onFailure: 'revert' as const }, selfHeal: true, suspend: false },
  ...{ suspendUntil: undefined, suspendReason: undefined },
};
const converged = { revision: 'main@sha1:a', inputs: good };
const now = new Date('2026-11-21T02:00:00Z');
const judge = (facts: Partial<Parameters<typeof judgeRollback>[0]>) =>
  judgeRollback({ environment, failed: { inputs: bad }, converged, quarantine: undefined, now, ...facts });

describe('a rollback', () => {
  it('is due where a revision failed, another one converged before, and the environment asks for it', () => {
    expect(judge({})).toEqual({ verdict: 'due' });
    expect(judge({ failed: { inputs: { ...bad, 'charts/shop': 'd' } }, quarantine })).toEqual({ verdict: 'due' });
  });

  it.each<[string, Partial<Parameters<typeof judgeRollback>[0]>, string]>([
    ['nobody asks for it', { environment: { ...environment, rollback: { onFailure: 'none' } } }, ''],
    ['the environment is suspended', { environment: { ...environment, suspend: true } }, ''],
    [
      'the environment only detects',
      { environment: { ...environment, selfHeal: false } },
      'not rolled back: selfHeal is false',
    ],
    ['nothing converged before', { converged: undefined }, 'not rolled back: nothing converged before it'],
    ['it is what converged before', { failed: { inputs: good } }, ''],
    [
      'it is the rollback that fails',
      { failed: { inputs: good }, quarantine },
      `this is the rollback of main@sha1:${'b'.repeat(12)}; nothing further is rolled back`,
    ],
    ['it was done once', { quarantine }, 'not rolled back again: it was rolled back once'],
    [
      'a person brought it back',
      { quarantine: { ...quarantine, lifted: 'd'.repeat(40) } },
      'not rolled back again: it was rolled back once, and brought back',
    ],
    [
      'the Git host refused it',
      { quarantine: { ...quarantine, revert: null, refused: 'protected branch' } },
      'not rolled back: protected branch',
    ],
  ])('is not due where %s', (_what, facts, note) => {
    expect(judge(facts)).toEqual({ verdict: 'not due', note });
  });

  it('is under way until there is a commit, or a refusal', () => {
    expect(isUnderWay(undefined)).toBe(false);
    expect(isUnderWay({ ...quarantine, revert: null })).toBe(true);
    expect(isUnderWay({ ...quarantine, revert: null, refused: 'protected branch' })).toBe(false);
    expect(isUnderWay(quarantine)).toBe(false);
  });
});

describe('a quarantine', () => {
  it('stands as long as the inputs are those that were restored, and ends with any others', () => {
    expect(reviewQuarantine({ quarantine, current: good })).toBe('stands');
    expect(reviewQuarantine({ quarantine, current: { ...good, 'config/acme.yaml': 'x' } })).toBe('moved on');
    expect(reviewQuarantine({ quarantine, current: { ...bad, 'charts/shop': 'd' } })).toBe('moved on');
  });

  it('sees that the inputs were brought back', () => {
    expect(reviewQuarantine({ quarantine, current: bad })).toBe('brought back');
  });
});

describe('another environment that is made of the same', () => {
  const asks = (facts: Partial<Parameters<typeof asksForRollback>[0]>) =>
    asksForRollback({ environment, converged, current: bad, now, ...facts });

  it('asks for the rollback, too, where its file says so and it has not converged with what is rolled back', () => {
    expect(asks({})).toBe(true);
    expect(asks({ converged: undefined })).toBe(true);
    expect(asks({ current: good })).toBe(false);
  });

  it('does not where its file says otherwise, where it only detects, and while it is suspended', () => {
    expect(asks({ environment: { ...environment, rollback: { onFailure: 'none' } } })).toBe(false);
    expect(asks({ environment: { ...environment, selfHeal: false } })).toBe(false);
    expect(asks({ environment: { ...environment, suspend: true } })).toBe(false);
  });
});
