import { expect, it } from 'vitest';
import { ledgerPath } from '../../../shared/source/ledger.ts';

it('gives each name one object below its class', () => {
  expect(ledgerPath({ repositoryClass: 'master', name: 'charts/shop.tgz' })).toBe('ledger/master/charts%2Fshop.tgz.json');
  expect(ledgerPath({ repositoryClass: 'master', name: 'charts%2Fshop.tgz' })).not.toBe('ledger/master/charts%2Fshop.tgz.json');
});

it('stays within the longest name of an object for the longest name of an object', () => {
  const paths = ['é'.repeat(512), `${'é'.repeat(511)}e`].map((name) => ledgerPath({ repositoryClass: 'master', name }));
  expect(Math.max(...paths.map((path) => path.length))).toBeLessThan(1024);
  expect(new Set(paths).size).toBe(2);
});
