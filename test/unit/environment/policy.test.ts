import { describe, expect, it } from 'vitest';
import { policyOf, policyWords } from '../../../shared/environment/policy.ts';

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

  it('names what is not', () => {
    expect(policyWords({ suspend: true, selfHeal: false, prune: false, ignored: 1 })).toEqual([
      'suspend: true',
      'selfHeal: false',
      'prune: false',
      '1 ignored path',
    ]);
  });
});
