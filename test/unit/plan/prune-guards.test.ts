import { describe, expect, it } from 'vitest';
import { applySetOf } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';
import { countChanges } from '../../../shared/plan/change-set.ts';
import { observedObjects } from '../../../shared/plan/plan.ts';
import { guardMassPrune, guardPrunes } from '../../../shared/plan/prune-guards.ts';

const ours = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
const labels = { 'applyset.kubernetes.io/part-of': ours.id };
/** The proof of a member, beside its label. */
const proof = { 'converge.dev/environment': 'master/acme' };
const managedFields = [
  {
    manager: 'converge',
    operation: 'Apply' as const,
    fieldsV1: {
      'f:metadata': {
        'f:annotations': { 'f:converge.dev/environment': {} },
        'f:labels': { 'f:applyset.kubernetes.io/part-of': {} },
      },
    },
  },
];

function object({
  kind = 'ConfigMap',
  apiVersion = 'v1',
  ...metadata
}: { kind?: string; apiVersion?: string } & ObjectMetadata): KubernetesObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'old',
      namespace: 'acme',
      labels,
      managedFields,
      ...metadata,
      annotations: { ...proof, ...metadata.annotations },
    },
  };
}

const now = new Date('2026-11-29T01:00:00Z');
function guard(objects: readonly KubernetesObject[], inventorySize = objects.length) {
  const single = guardPrunes({ stale: [...observedObjects(objects).values()], applySets: [ours], now });
  const { allowed, guarded } = guardMassPrune({ allowed: single.allowed, inventorySize });
  return {
    allowed: allowed.map(({ key }) => key),
    guarded: [...single.guarded, ...guarded].map(({ observed, reason }) => [observed.key, reason]),
    kept: single.kept.map(({ key }) => key),
    suspended: single.suspended.map(({ observed, reason }) => [observed.key, reason]),
    going: single.going.map(({ key }) => key),
  };
}
const nothing = { allowed: [], guarded: [], kept: [], suspended: [], going: [] };
const many = (count: number) => Array.from({ length: count }, (_, index) => object({ name: `old-${index}` }));

describe('a stale object', () => {
  it.each([
    [{ 'converge.dev/reconcile': 'disabled' }, 'without an end'],
    [
      { 'converge.dev/reconcile': 'disabled', 'converge.dev/reconcile-until': '2026-11-29T01:00:01Z' },
      'until 2026-11-29T01:00:01Z',
    ],
    [{ 'converge.dev/reconcile': 'disabled', 'converge.dev/prune': 'true' }, 'without an end'],
  ])('is left for now with %j', (annotations, end) => {
    const reason = `is left alone by converge.dev/reconcile: disabled (somebody), ${end}`;
    expect(guard([object({ annotations })])).toEqual({ ...nothing, suspended: [['/ConfigMap/acme/old', reason]] });
  });

  it('is pruned once that time is over', () => {
    const annotations = {
      'converge.dev/reconcile': 'disabled',
      'converge.dev/reconcile-until': '2026-11-29T01:00:00Z',
    };
    expect(guard([object({ annotations })])).toEqual({ ...nothing, allowed: ['/ConfigMap/acme/old'] });
  });

  it('is pruned where nothing speaks against it', () => {
    expect(guard([object({})])).toEqual({ ...nothing, allowed: ['/ConfigMap/acme/old'] });
  });

  it.each<{ why: string; annotations: Readonly<Record<string, string>> }>([
    { why: 'opted out', annotations: { 'converge.dev/prune': 'false' } },
    { why: 'is kept by its chart', annotations: { 'helm.sh/resource-policy': 'keep' } },
  ])('that $why is kept, without a word', ({ annotations }) => {
    expect(guard([object({ annotations })])).toEqual({ ...nothing, kept: ['/ConfigMap/acme/old'] });
  });

  it.each([
    { kind: 'Namespace', apiVersion: 'v1' },
    { kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
    { kind: 'PersistentVolume', apiVersion: 'v1' },
    { kind: 'CustomResourceDefinition', apiVersion: 'apiextensions.k8s.io/v1' },
  ])('of kind $kind is told, not pruned: more would go with it', ({ kind, apiVersion }) => {
    const { allowed, guarded } = guard([object({ kind, apiVersion })]);
    expect(allowed).toEqual([]);
    expect(guarded).toEqual([[expect.stringContaining(kind), expect.stringContaining('converge.dev/prune: "true"')]]);
  });

  it('that is precious is pruned where it opted in', () => {
    expect(
      guard([object({ kind: 'PersistentVolumeClaim', annotations: { 'converge.dev/prune': 'true' } })]),
    ).toMatchObject({
      allowed: ['/PersistentVolumeClaim/acme/old'],
      guarded: [],
    });
  });

  it('that is precious is kept, not told, where it opted out', () => {
    const { guarded, kept } = guard([object({ kind: 'Namespace', annotations: { 'converge.dev/prune': 'false' } })]);
    expect([guarded, kept]).toEqual([[], ['/Namespace/acme/old']]);
  });

  it.each<{ why: string; metadata: ObjectMetadata }>([
    { why: 'belongs to another set', metadata: { labels: { 'applyset.kubernetes.io/part-of': 'applyset-other-v1' } } },
    { why: 'belongs to no set', metadata: { labels: {} } },
    { why: 'copied the label', metadata: { managedFields: [] } },
  ])('that $why is let alone', ({ metadata }) => {
    expect(guard([object(metadata)])).toEqual(nothing);
  });
});

it('a stale object that is being deleted already is only waited for', () => {
  expect(guard([object({ deletionTimestamp: '2026-11-21T01:02:03Z' })])).toEqual({
    ...nothing,
    going: ['/ConfigMap/acme/old'],
  });
});

describe('many stale objects at once', () => {
  it('are pruned up to half of the inventory', () => {
    expect(guard(many(5), 10).allowed).toHaveLength(5);
  });

  it('are told, not pruned, beyond half of the inventory', () => {
    const { allowed, guarded } = guard(many(6), 10);
    expect(allowed).toEqual([]);
    expect(guarded).toHaveLength(6);
    expect(guarded[0]).toEqual([
      '/ConfigMap/acme/old-0',
      '6 of 10 objects would be pruned at once, more than half; remove them in two commits, or annotate them with converge.dev/prune: "true" first',
    ]);
  });

  it('are pruned whatever their share of an inventory of fewer than ten', () => {
    expect(guard(many(9), 9).allowed).toHaveLength(9);
  });

  it('go where they carry the annotation to be pruned, and are not counted', () => {
    const annotations = { 'converge.dev/prune': 'true' };
    const marked = Array.from({ length: 6 }, (_, index) => object({ name: `old-${index}`, annotations }));
    expect(guard(marked, 10)).toMatchObject({ allowed: { length: 6 }, guarded: [] });
    const others = Array.from({ length: 6 }, (_, index) => object({ name: `other-${index}` }));
    expect(guard([...marked, ...others], 12)).toMatchObject({ allowed: { length: 12 }, guarded: [] });
    expect(guard([...marked, ...others], 11)).toMatchObject({ allowed: { length: 6 }, guarded: { length: 6 } });
  });

  it('are counted without the ones that stay anyway', () => {
    const annotations = { 'converge.dev/prune': 'false' };
    const staying = ['a', 'b', 'c'].map((name) => object({ name, annotations }));
    expect(guard([...many(5), ...staying], 10)).toMatchObject({ allowed: { length: 5 }, guarded: [] });
  });
});

describe('a change set', () => {
  it('is counted by what was done', () => {
    const id = { group: '', kind: 'ConfigMap', namespace: 'acme', name: 'a' };
    const done = (['created', 'created', 'configured', 'unchanged', 'pruned'] as const).map((did) => ({ id, did }));
    const notDone = (['skipped', 'failed'] as const).map((did) => ({ id, did, message: 'why' }));
    expect(countChanges([...done, ...notDone])).toEqual({ created: 2, configured: 1, unchanged: 1, pruned: 1 });
  });
});
