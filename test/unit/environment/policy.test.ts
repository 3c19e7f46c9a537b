import { describe, expect, it } from 'vitest';
import { fileWords, policyOf, policyWords } from '../../../shared/environment/policy.ts';

const now = new Date('2026-11-29T01:00:00Z');
const resting = { suspendUntil: undefined, suspendReason: undefined };

describe('a policy', () => {
  it('counts the paths of all ignore rules', () => {
    const ignore = [
      { target: { kind: 'Deployment' }, paths: ['/spec/replicas', '/spec/paused'], fields: [] },
      { target: { name: 'web' }, paths: ['/data'], fields: [] },
    ];
    expect(policyOf({ ...resting, suspend: false, selfHeal: true, prune: true, ignore }, now)).toEqual({
      suspend: false,
      selfHeal: true,
      prune: true,
      ignored: 3,
    });
  });

  it('is worth no word where all is as it is by default, or nothing is known', () => {
    expect(policyWords({ suspend: false, selfHeal: true, prune: true, ignored: 0 })).toEqual([]);
    expect(policyWords(null)).toEqual([]);
  });

  it.each([
    ['without an end', { suspend: true }, ['suspend: true']],
    ['with a reason', { suspend: true, suspendReason: 'moves' }, ['suspend: true (moves)']],
    ['for a time', { suspendUntil: '2026-11-29T01:00:01Z' }, ['suspendUntil: 2026-11-29T01:00:01Z']],
    ['in another zone', { suspendUntil: '2026-11-29T01:30:00+00:15' }, ['suspendUntil: 2026-11-29T01:30:00+00:15']],
    [
      'for a time, whatever else it says',
      { suspend: true, suspendUntil: '2026-11-30T01:00:00Z', suspendReason: 'moves' },
      ['suspendUntil: 2026-11-30T01:00:00Z (moves)'],
    ],
    ['no more, from then on', { suspendUntil: '2026-11-29T01:00:00Z', suspendReason: 'moves' }, []],
    ['no more, whatever else it says', { suspend: true, suspendUntil: '2026-11-28T01:00:00Z' }, []],
  ])('says that it is suspended %s', (_row, said, words) => {
    const policy = policyOf({ ...resting, suspend: false, selfHeal: true, prune: true, ignore: [], ...said }, now);
    expect(policy.suspend).toBe(words.length > 0);
    expect(policyWords(policy)).toEqual(words);
  });

  it('says by what it is frozen beside what its file says', () => {
    const frozen = {
      ...{ until: '2026-12-27T00:00:00.000Z', window: 'year-end', reason: 'inventory' },
      waits: `main@sha1:${'9f2c6a1b3d4e'.padEnd(40, '0')}`,
    };
    const policy = policyOf({ ...resting, suspend: false, selfHeal: false, prune: true, ignore: [] }, now, frozen);
    expect(policyWords(policy)).toEqual([
      'selfHeal: false',
      'frozen until 2026-12-27T00:00:00.000Z by year-end (inventory); main@sha1:9f2c6a1b3d4e waits',
    ]);
    expect(fileWords(policy)).toEqual(['selfHeal: false']);
  });

  it('names what is not', () => {
    expect(policyWords({ suspend: true, selfHeal: false, prune: false, ignored: 1 })).toEqual([
      'suspend: true',
      'selfHeal: false',
      'prune: false',
      '1 ignored path',
    ]);
  });
});
