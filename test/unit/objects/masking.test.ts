import { describe, expect, it } from 'vitest';
import { mask, maskFields } from '../../../shared/objects/masking.ts';

const fields = [
  { path: '/data/password', desired: 'b2xk', observed: 'c3RvbGVu', manager: 'kubectl-patch', changedBefore: '2026-11-21T01:01:58Z' },
  { path: '/data/added', observed: { deep: ['c3RvbGVu'] } },
  { path: '/data/removed', desired: 'b2xk' },
  { path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration', observed: '{"data":{"password":"b2xk"}}' },
];

describe('the fields of a Secret', () => {
  const masked = maskFields({ id: { group: '', kind: 'Secret' }, fields });

  it('hold no value', () => {
    expect(JSON.stringify(masked)).not.toMatch(/b2xk|c3RvbGVu/);
    expect(masked[0]).toEqual({ ...fields[0], desired: mask, observed: mask });
  });

  it('still tell on which side a value is', () => {
    expect(masked[1]).toEqual({ path: '/data/added', observed: mask });
    expect(masked[2]).toEqual({ path: '/data/removed', desired: mask });
  });
});

describe('the fields of any other kind', () => {
  it.each([
    { group: '', kind: 'ConfigMap' },
    { group: 'example.com', kind: 'Secret' },
  ])('are told: $kind of $group', (id) => {
    expect(maskFields({ id, fields })).toEqual(fields);
  });
});
