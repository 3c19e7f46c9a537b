import { describe, expect, it } from 'vitest';
import { applySetOf } from '../../../shared/inventory/applyset.ts';
import {
  appliedItsLabel,
  holdsState,
  hookStandingOf,
  isMember,
  standingOf,
  type Standing,
} from '../../../shared/inventory/membership.ts';
import type {
  KubernetesObject,
  ManagedFieldsEntry,
  ObjectMetadata,
} from '../../../shared/objects/kubernetes-object.ts';

const ours = applySetOf({ repository: 'master', environment: 'shop', namespace: 'shop' });
const other = applySetOf({ repository: 'master', environment: 'globex', namespace: 'globex' });
const entry: ManagedFieldsEntry = {
  manager: 'converge',
  operation: 'Apply',
  apiVersion: 'v1',
  fieldsV1: {
    'f:metadata': {
      'f:annotations': { 'f:converge.dev/environment': {} },
      'f:labels': { 'f:applyset.kubernetes.io/part-of': {} },
    },
  },
};
const copying: ManagedFieldsEntry = {
  ...entry,
  manager: 'kube-controller-manager',
  operation: 'Update',
  fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:applyset.kubernetes.io/part-of': {} } } },
};

/** A member as this version applies it. */
const full: ObjectMetadata = {
  name: 'web',
  namespace: 'shop',
  labels: { 'applyset.kubernetes.io/part-of': ours.id },
  annotations: { 'converge.dev/environment': 'master/shop', 'converge.dev/object': '/Service/shop/web' },
  managedFields: [entry],
};
const service = (metadata: ObjectMetadata): KubernetesObject => ({ apiVersion: 'v1', kind: 'Service', metadata });
const standing = (metadata: ObjectMetadata): Standing => standingOf({ object: service(metadata), applySets: [ours] });
const annotated = (environment: string, more: Record<string, string> = {}) => ({
  annotations: { 'converge.dev/environment': environment, ...more },
});

describe('what belongs to a set', () => {
  it('has label, both annotations and our entry that applied the label', () => {
    expect(standing(full)).toEqual({ standing: 'member' });
    expect(isMember({ object: service(full), applySets: [other, ours] })).toBe(true);
  });

  it('need not name itself: the version before did not make it so', () => {
    expect(standing({ ...full, ...annotated('master/shop') })).toEqual({ standing: 'member' });
  });

  it('stays with it whoever its controller is: claims of a StatefulSet, KEDA, Cluster API', () => {
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: '1', controller: true }];
    expect(standing({ ...full, ownerReferences })).toEqual({ standing: 'member' });
  });

  it.each<[string, ObjectMetadata, Standing]>([
    ['no label', { ...full, labels: {} }, { standing: 'unmarked' }],
    [
      'another label, though it names us',
      { ...full, labels: { 'applyset.kubernetes.io/part-of': other.id } },
      { standing: 'unmarked' },
    ],
    [
      'no annotation',
      { ...full, annotations: {} },
      { standing: 'unproven', missing: 'annotation', madeBy: 'converge' },
    ],
    [
      'the name of another object',
      { ...full, name: 'web2' },
      { standing: 'unproven', missing: 'copied', madeBy: 'converge' },
    ],
    [
      'the name of another namespace',
      { ...full, namespace: 'restored' },
      { standing: 'unproven', missing: 'copied', madeBy: 'converge' },
    ],
    [
      'no managedFields',
      { ...full, managedFields: [] },
      { standing: 'unproven', missing: 'apply-entry', madeBy: undefined },
    ],
    [
      'an entry of an update',
      { ...full, managedFields: [{ ...entry, operation: 'Update' }] },
      { standing: 'unproven', missing: 'apply-entry', madeBy: 'converge' },
    ],
    [
      'an entry of another manager',
      { ...full, managedFields: [{ ...entry, manager: 'kubectl' }] },
      { standing: 'unproven', missing: 'apply-entry', madeBy: 'kubectl' },
    ],
    [
      'an entry for a subresource',
      { ...full, managedFields: [{ ...entry, subresource: 'status' }] },
      { standing: 'unproven', missing: 'apply-entry', madeBy: undefined },
    ],
    [
      'an entry without the label',
      { ...full, managedFields: [{ ...entry, fieldsV1: { 'f:metadata': { 'f:labels': { 'f:app': {} } } } }, copying] },
      { standing: 'unproven', missing: 'label-owner', madeBy: 'kube-controller-manager' },
    ],
    [
      'an entry of nothing',
      { ...full, managedFields: [{ ...entry, fieldsV1: {} }] },
      { standing: 'unproven', missing: 'label-owner', madeBy: 'converge' },
    ],
  ])('does not with %s', (_what, metadata, expected) => {
    expect(standing(metadata)).toEqual(expected);
  });

  it('is not what a controller copied the label to, and says whose that is', () => {
    const slice: KubernetesObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'web-x7',
        namespace: 'shop',
        labels: full.labels ?? {},
        managedFields: [copying],
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: '1', controller: true }],
      },
    };
    expect(standingOf({ object: slice, applySets: [ours] })).toEqual({
      standing: 'unproven',
      missing: 'annotation',
      madeBy: 'kube-controller-manager, for Service shop/web',
    });
    // As the mirroring controller and External Secrets do, with the annotations.
    const all = { ...slice, metadata: { ...slice.metadata, annotations: full.annotations ?? {} } };
    expect(standingOf({ object: all, applySets: [ours] })).toMatchObject({ standing: 'unproven', missing: 'copied' });
  });
});

describe('what belongs to somebody else', () => {
  const foreign = (metadata: ObjectMetadata) => {
    const found = standing(metadata);
    return found.standing === 'foreign' ? [found.owner.title, found.owner.as] : found.standing;
  };
  const applied = { name: 'web', namespace: 'shop', managedFields: [entry] };

  it('is of another class, though it has our label: both sets have one name and one namespace', () => {
    expect(foreign({ ...full, ...annotated('staging/shop', { 'converge.dev/object': '/Service/shop/web' }) })).toEqual([
      'environment staging/shop',
      'member',
    ]);
    expect(foreign({ ...full, ...annotated('staging/shop') })).toEqual(['environment staging/shop', 'member']);
  });

  it('is still so where a restore lost who applied it', () => {
    expect(foreign({ ...full, ...annotated('staging/shop'), managedFields: [] })).toEqual([
      'environment staging/shop',
      'member',
    ]);
  });

  it('is not where somebody wrote over our annotation', () => {
    const left = { ...entry, fieldsV1: { 'f:metadata': { 'f:labels': { 'f:applyset.kubernetes.io/part-of': {} } } } };
    expect(standing({ ...full, ...annotated('staging/shop'), managedFields: [left] })).toMatchObject({
      standing: 'unproven',
      missing: 'annotation',
    });
  });

  it('is what bears the label that another environment applied, where somebody wrote our name over its own', () => {
    const left = { ...entry, fieldsV1: { 'f:metadata': { 'f:labels': { 'f:applyset.kubernetes.io/part-of': {} } } } };
    const labels = { 'applyset.kubernetes.io/part-of': other.id };
    expect(foreign({ ...full, labels, managedFields: [left] })).toEqual([`the ApplySet ${other.id}`, 'member']);
    const hook = { ...entry, fieldsV1: { 'f:metadata': { 'f:labels': { 'f:converge.dev/hook-of': {} } } } };
    expect(foreign({ ...full, labels: { 'converge.dev/hook-of': other.id }, managedFields: [hook] })).toEqual([
      `the ApplySet ${other.id}`,
      'hook',
    ]);
    // What copied that label is nobody's.
    expect(foreign({ ...full, labels, managedFields: [copying] })).toBe('unmarked');
  });

  it('bears our label by our manager or by a person: only the one was applied by an environment of our name', () => {
    const ofPerson = {
      ...entry,
      fieldsV1: { 'f:metadata': { 'f:annotations': { 'f:converge.dev/environment': {} } } },
    };
    expect(
      [entry, ofPerson].map((one) =>
        appliedItsLabel(service({ ...full, ...annotated('staging/shop'), managedFields: [one] })),
      ),
    ).toEqual([true, false]);
  });

  it.each<[string, ObjectMetadata, boolean]>([
    ['by its id', { labels: { 'applyset.kubernetes.io/id': other.id } }, true],
    [
      'without its id, by the tool that it names',
      { annotations: { 'applyset.kubernetes.io/tooling': 'converge/v1' } },
      true,
    ],
    ['without both, by its name', annotated('master/globex'), true],
    [
      'but not a member that has such a name',
      { ...annotated('master/globex', { 'converge.dev/object': '/ConfigMap/globex/converge-globex' }) },
      false,
    ],
    ['nor what names another environment', annotated('master/shop'), false],
  ])('is a parent, %s', (_what, metadata, holds) => {
    expect(
      holdsState({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'converge-globex', namespace: 'globex', ...metadata },
      }),
    ).toBe(holds);
  });

  it('is what another environment applied, with its label or without', () => {
    expect(
      foreign({ ...applied, labels: { 'applyset.kubernetes.io/part-of': other.id }, ...annotated('master/globex') }),
    ).toEqual(['environment master/globex', 'member']);
    expect(foreign({ ...applied, ...annotated('master/globex') })).toEqual(['environment master/globex', 'member']);
  });

  it('is the object of a hook, a parent and a seed of another environment', () => {
    expect(
      foreign({ name: 'web', labels: { 'converge.dev/hook-of': other.id }, ...annotated('master/globex') }),
    ).toEqual(['environment master/globex', 'hook']);
    expect(
      foreign({ name: 'web', labels: { 'applyset.kubernetes.io/id': other.id }, ...annotated('master/globex') }),
    ).toEqual(['environment master/globex', 'state']);
    expect(foreign({ name: 'web', labels: { 'applyset.kubernetes.io/id': 'applyset-x-v1' } })).toEqual([
      'the ApplySet applyset-x-v1',
      'state',
    ]);
    const seed: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'converge-globex-seed', namespace: 'globex', ...annotated('master/globex') },
    };
    expect(standingOf({ object: seed, applySets: [ours] })).toMatchObject({
      standing: 'foreign',
      owner: { title: 'environment master/globex', as: 'state' },
    });
  });

  it('is what carries the label of a set of another tool', () => {
    expect(foreign({ name: 'web', labels: { 'applyset.kubernetes.io/part-of': 'applyset-x-v1' } })).toEqual([
      'the ApplySet applyset-x-v1',
      'member',
    ]);
  });

  it('is still so where somebody wrote another name over its own', () => {
    expect(
      foreign({ ...applied, ...annotated('master/globex', { 'converge.dev/object': '/Service/globex/web' }) }),
    ).toEqual(['environment master/globex', 'member']);
  });

  it('is not what names another object, nor what only repeats an annotation', () => {
    const whole: ManagedFieldsEntry = {
      ...entry,
      fieldsV1: {
        'f:metadata': {
          'f:annotations': { 'f:converge.dev/environment': {}, 'f:converge.dev/object': {} },
          'f:labels': { 'f:applyset.kubernetes.io/part-of': {} },
        },
      },
    };
    expect(
      foreign({
        ...applied,
        managedFields: [whole],
        ...annotated('master/globex', { 'converge.dev/object': '/Service/globex/web' }),
      }),
    ).toBe('unmarked');
    expect(
      foreign({
        ...applied,
        managedFields: [copying],
        ...annotated('master/globex', { 'converge.dev/object': '/Service/globex/web' }),
      }),
    ).toBe('unmarked');
    expect(foreign({ name: 'web', ...annotated('master/globex') })).toBe('unmarked');
  });
});

describe('the object of a hook', () => {
  const hookEntry: ManagedFieldsEntry = {
    ...entry,
    fieldsV1: {
      'f:metadata': {
        'f:annotations': { 'f:converge.dev/environment': {} },
        'f:labels': { 'f:converge.dev/hook-of': {} },
      },
    },
  };
  const job = (metadata: ObjectMetadata): Standing =>
    hookStandingOf({
      object: { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate', namespace: 'shop', ...metadata } },
      applySets: [ours],
    });

  it('is ours by the same proof', () => {
    const labels = { 'converge.dev/hook-of': ours.id };
    expect(job({ labels, ...annotated('master/shop'), managedFields: [hookEntry] })).toEqual({ standing: 'member' });
    expect(job({ labels, ...annotated('master/shop') })).toMatchObject({
      standing: 'unproven',
      missing: 'apply-entry',
    });
    expect(job({ labels, ...annotated('staging/shop'), managedFields: [hookEntry] })).toMatchObject({
      standing: 'foreign',
    });
    expect(job({})).toEqual({ standing: 'unmarked' });
  });
});
