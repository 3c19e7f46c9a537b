import { describe, expect, it } from 'vitest';
import { fileWords, policyOf, policyWords } from '../../../shared/environment/policy.ts';

describe('a policy', () => {
  it('counts the paths of all ignore rules', () => {
    const ignore = [
      { target: { kind: 'Deployment' }, paths: ['/spec/replicas', '/spec/paused'], fields: [] },
      { target: { name: 'web' }, paths: ['/data'], fields: [] },
    ];
    expect(policyOf({ suspend: false, selfHeal: true, prune: true, ignore })).toEqual({
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

  it('says by what it is frozen beside what its file says', () => {
    const frozen = {
      ...{ until: '2026-12-27T00:00:00.000Z', window: 'year-end', reason: 'inventory' },
      waits: `main@sha1:${'9f2c6a1b3d4e'.padEnd(40, '0')}`,
    };
    const policy = policyOf({ suspend: false, selfHeal: false, prune: true, ignore: [] }, frozen);
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
