import { expect, it } from 'vitest';
import { limitsOf } from '../../../local/limits.ts';

it('names the limits that a pipeline holds to, and no others', () => {
  expect(limitsOf({ memory: 'told' })).toEqual([
    'one write a second of an object',
    'lost answers to writes',
    'Storage by the grants of each function and of CI',
    'GKE by the scopes of a token',
    'memory, files included: over it a line says so',
  ]);
  expect(limitsOf({ memory: 'enforced', chaos: 'none', cluster: 'kubeconfig' })).toEqual([
    'one write a second of an object',
    'Storage by the grants of each function and of CI',
    'memory, files included: over it a function is killed',
  ]);
  expect(limitsOf({ platform: 'absent', chaos: 'none', cluster: 'kubeconfig' })).toEqual([]);
});
