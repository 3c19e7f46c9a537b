import { expect, it } from 'vitest';
import { meantBy } from '../../../shared/base/nearest-name.ts';

const among = ['selfHeal', 'prune', 'dependsOn', 'gitHosts'];

it.each([
  ['prnue', 'prune'],
  ['self_heal', 'selfHeal'],
  ['git-hosts', 'gitHosts'],
  ['GITHOSTS', 'gitHosts'],
  ['depends_om', 'dependsOn'],
  ['nonsense', undefined],
  ['x'.repeat(100_000), undefined],
])('of %.20s tells what was meant, or nothing', (name, meant) => {
  expect(meantBy({ name, among })).toBe(meant);
});
