import { describe, expect, it } from 'vitest';
import { mutatedFields } from '../../../shared/drift/mutated-fields.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { JsonObject, KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { recorded } from './recorded.ts';

function mutated({
  applied,
  stored,
  fields = {},
}: {
  applied: unknown;
  stored: unknown;
  fields?: JsonObject;
}): { path: string; desired?: unknown; observed?: unknown }[] {
  const object = (spec: unknown): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: { name: 'a' },
    spec,
  });
  const managedFields = [
    { manager: 'converge', operation: 'Apply' as const, apiVersion: 'v1', fieldsV1: { 'f:spec': fields } },
  ];
  return mutatedFields({
    applied: object(applied),
    stored: { ...object(stored), metadata: { name: 'a', managedFields } },
  });
}

describe('a field that was stored otherwise than it was applied', () => {
  it('is told with both values', () => {
    expect(mutated({ applied: { a: '2', b: 1 }, stored: { a: 'MUTATED', b: 1, c: 'default' } })).toEqual([
      { path: '/spec/a', desired: '2', observed: 'MUTATED' },
    ]);
  });

  it('is found in the item of the same keys', () => {
    const fields: JsonObject = { 'f:items': { 'k:{"name":"web"}': { '.': {}, 'f:image': {} } } };
    const [applied, stored] = [
      { items: [{ name: 'web', image: 'a' }] },
      {
        items: [
          { name: 'sidecar', image: 'x' },
          { name: 'web', image: 'mirror/a' },
        ],
      },
    ];
    expect(mutated({ applied, stored, fields })).toEqual([
      { path: '/spec/items[name=web]/image', desired: 'a', observed: 'mirror/a' },
    ]);
  });

  it('is found by its place where items have no keys and are as many', () => {
    expect(mutated({ applied: { args: ['a', 'b'] }, stored: { args: ['a', 'c'] } })).toEqual([
      { path: '/spec/args/1', desired: 'b', observed: 'c' },
    ]);
    expect(mutated({ applied: { args: ['a'] }, stored: { args: ['x', 'a'] } })).toEqual([]);
  });

  it.each([
    ['a quantity', '0.5', '500m'],
    ['a quantity without a unit', 2, '2'],
    ['a quantity of bytes', '1024Mi', '1Gi'],
    ['a quantity with an exponent', '1e3', '1k'],
    ['a duration', '60s', '1m0s'],
    ['a time', '2026-11-21T02:00:00+01:00', '2026-11-21T01:00:00Z'],
    ['a large number', parseJson('[9007199254740993]'), parseJson('[9007199254740993]')],
    ['an empty value that is dropped', '', undefined],
    ['a field that is dropped', 'unknown', undefined],
  ])('is none where it is only spelled otherwise: %s', (_what, applied, stored) => {
    expect(mutated({ applied: { a: applied }, stored: { a: stored } })).toEqual([]);
  });

  it.each([
    ['a quantity', '0.5', '501m'],
    ['a duration', '60s', '2m0s'],
    ['a text that looks like none', '1x', '1y'],
    ['a boolean', true, false],
  ])('is one where %s has another value', (_what, applied, stored) => {
    expect(mutated({ applied: { a: applied }, stored: { a: stored } })).toHaveLength(1);
  });

  it.each(['deployment-rolled-out', 'service-port-changed-by-kubectl', 'secret-overwritten-by-kubectl'])(
    'is none in the answer of a real API server: %s',
    (name) => {
      const { applied } = recorded(name);
      expect(mutatedFields({ applied, stored: applied })).toEqual([]);
    },
  );
});
