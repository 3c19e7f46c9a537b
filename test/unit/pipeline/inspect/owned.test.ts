import { expect, it } from 'vitest';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { withOwned } from '../../../../shared/pipeline/inspect/owned.ts';

const named = (uid: string): KubernetesObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, namespace: 'acme', uid } },
});

it('finds what objects own in the order of a tree, each once, however long the chain is and though it is a circle', () => {
  const length = 50_000;
  const byOwner = new Map(
    Array.from({ length }, (_, index) => [String(index), [named(String((index + 1) % length))]] as const),
  );
  expect(withOwned([named('0')], { byOwner })).toHaveLength(length);
  const tree = new Map([
    ['a', [named('b'), named('d')]],
    ['b', [named('c')]],
  ]);
  expect(withOwned([named('a'), named('e')], { byOwner: tree }).map(({ metadata }) => metadata.name)).toEqual([
    ...['a', 'b', 'c', 'd', 'e'],
  ]);
});
