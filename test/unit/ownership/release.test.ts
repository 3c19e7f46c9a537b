import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { releaseOf } from '../../../shared/ownership/release.ts';
import { managedFieldsToWrite } from '../../../shared/ownership/take-over.ts';

const part = 'applyset.kubernetes.io/part-of';
const environment = 'converge.dev/environment';
const entry = (
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: ManagedFieldsEntry['fieldsV1'],
): ManagedFieldsEntry => ({
  ...{ manager, operation, apiVersion: 'v1', fieldsType: 'FieldsV1', time: '2026-11-21T01:02:03Z' },
  ...(fieldsV1 === undefined ? {} : { fieldsV1 }),
});
const applied = entry('converge', 'Apply', {
  'f:metadata': { 'f:labels': { [`f:${part}`]: {}, 'f:team': {} }, 'f:annotations': { [`f:${environment}`]: {} } },
  'f:data': { 'f:a': {} },
});
const metadata = {
  name: 'a',
  labels: { [part]: 'mine', team: 'claims' },
  annotations: { [environment]: 'master/acme' },
};

describe('an object that is released', () => {
  it('loses our marks, and its fields keep their values under another manager', () => {
    const release = releaseOf({ metadata: { ...metadata, managedFields: [applied] } });
    expect(release.without).toEqual({ labels: [part], annotations: [environment] });
    expect(release.managedFields).toEqual([
      {
        ...entry('converge-released', 'Update', {
          'f:metadata': { 'f:labels': { 'f:team': {} } },
          'f:data': { 'f:a': {} },
        }),
      },
    ]);
  });

  it('has one entry for what was given up before and now, and leaves those of others alone', () => {
    const others = [
      entry('kubectl-edit', 'Update', { 'f:data': { 'f:b': {} } }),
      { ...entry('converge', 'Update', {}), subresource: 'scale' },
    ];
    const { managedFields } = releaseOf({
      metadata: {
        ...metadata,
        managedFields: [applied, entry('converge-released', 'Update', { 'f:spec': { 'f:replicas': {} } }), ...others],
      },
    });
    expect(managedFields.slice(0, 2)).toEqual(others);
    expect(managedFields.slice(2)).toMatchObject([
      { manager: 'converge-released', fieldsV1: { 'f:data': { 'f:a': {} }, 'f:spec': { 'f:replicas': {} } } },
    ]);
  });

  it('keeps nothing of a fence', () => {
    const fence = entry('converge-fence', 'Apply', {
      'f:metadata': { 'f:annotations': { 'f:converge.dev/fence': {} } },
    });
    const { managedFields, without } = releaseOf({
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, 'converge.dev/fence': '1' },
        managedFields: [applied, fence],
      },
    });
    expect(without.annotations).toEqual([environment, 'converge.dev/fence']);
    expect(managedFields).toEqual(releaseOf({ metadata: { ...metadata, managedFields: [applied] } }).managedFields);
  });

  it('is adopted with all of its fields, so that those that Git dropped meanwhile go', () => {
    const { managedFields } = releaseOf({ metadata: { ...metadata, managedFields: [applied] } });
    const desired: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: {} };
    expect(managedFieldsToWrite({ desired, observed: { metadata: { name: 'a', managedFields } } })).toMatchObject([
      { manager: 'converge-released', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:team': {} } } } },
      { manager: 'converge', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ]);
  });
});
