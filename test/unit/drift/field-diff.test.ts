import { describe, expect, it } from 'vitest';
import { diffFields } from '../../../shared/drift/field-diff.ts';
import { pointer } from '../../../shared/fields/field-path.ts';
import { maskFields } from '../../../shared/drift/masking.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { recorded } from './recorded.ts';

/** The difference as a run sees it: observed, against the dry run of our apply. */
function diffOf(name: string) {
  const { dryRun, observed } = recorded(name);
  return diffFields({ desired: dryRun, observed });
}

/** The time that the recording holds for a manager. */
function timeOf(name: string, manager: string): string | undefined {
  return recorded(name).observed.metadata.managedFields?.find((entry) => entry.manager === manager)?.time;
}

describe('the difference to what our apply would make of an object, by a real API server', () => {
  it.each([
    'deployment-rolled-out',
    'deployment-annotated-by-kubectl',
    'deployment-scaled-by-kubectl',
    'deployment-restarted-by-kubectl',
    'deployment-managed-fields-cleared',
    'config-map-key-taken-over-with-the-same-value',
  ])('is none: %s', (name) => {
    expect(diffOf(name)).toEqual([]);
  });

  it('names an item of a keyed list by its keys, and who changed it by when', () => {
    expect(diffOf('deployment-image-set-by-kubectl')).toEqual([
      {
        path: '/spec/template/spec/containers[name=web]/image',
        desired: 'shop:1.4.2',
        observed: 'shop:debug',
        manager: 'kubectl-set',
        changedBefore: timeOf('deployment-image-set-by-kubectl', 'kubectl-set'),
      },
    ]);
  });

  it('names no manager for a removed field: nobody is recorded', () => {
    expect(diffOf('deployment-label-removed')).toEqual([{ path: '/metadata/labels/tier', desired: 'front' }]);
  });

  it('is the list where only its order differs', () => {
    const [field, ...others] = diffOf('deployment-init-containers-swapped');
    expect(others).toEqual([]);
    expect(field).toMatchObject({
      path: '/spec/template/spec/initContainers',
      desired: [{ name: 'migrate' }, { name: 'warm' }],
      observed: [{ name: 'warm' }, { name: 'migrate' }],
    });
    expect(field).not.toHaveProperty('manager');
  });

  it('names the one who wrote a field last', () => {
    expect(diffOf('config-map-annotation-changed-by-two')).toEqual([
      {
        path: '/metadata/annotations/example.com~1owner',
        desired: 'shop',
        observed: 'somebody',
        manager: 'somebody',
        changedBefore: timeOf('config-map-annotation-changed-by-two', 'somebody'),
      },
    ]);
  });

  it('tells no value of a Secret once it is masked', () => {
    const name = 'secret-overwritten-by-kubectl';
    expect(maskFields({ id: { group: '', kind: 'Secret' }, fields: diffOf(name) })).toEqual([
      {
        path: '/data/password',
        desired: '***',
        observed: '***',
        manager: 'kubectl-patch',
        changedBefore: timeOf(name, 'kubectl-patch'),
      },
    ]);
  });

  // What kubectl adds to a list of ours changes no field we own, and a dry run keeps it.
  it('names an item that kubectl added to a list of ours', () => {
    const paths = diffOf('deployment-env-added-by-kubectl').map((field) => field.path);
    expect(paths).toContain('/spec/template/spec/containers[name=web]/env[name=DEBUG]');
  });
});

describe('the difference between the answer of our apply and the object later', () => {
  it('names an added field, the manager that added it and the time', () => {
    const name = 'deployment-env-added-by-kubectl';
    const { applied, observed } = recorded(name);
    expect(diffFields({ desired: applied, observed })).toContainEqual({
      path: '/spec/template/spec/containers[name=web]/env[name=DEBUG]',
      observed: { name: 'DEBUG', value: '1' },
      manager: 'kubectl-set',
      changedBefore: timeOf(name, 'kubectl-set'),
    });
  });

  it('tells two ports of one number apart by their protocol', () => {
    expect(diffOf('service-port-changed-by-kubectl')).toEqual([
      expect.objectContaining({
        path: '/spec/ports[port=53,protocol=TCP]/targetPort',
        observed: 5353,
        manager: 'kubectl-patch',
      }),
    ]);
  });

  it('is none where a webhook adds or rewrites in the dry run what Git does not specify', () => {
    const { dryRun, observed } = recorded('deployment-rolled-out');
    const labels = { ...dryRun.metadata.labels, event: 'from-a-webhook' };
    const spec = { ...(dryRun['spec'] as object), revisionHistoryLimit: 3 };
    expect(diffFields({ desired: { ...dryRun, metadata: { ...dryRun.metadata, labels }, spec }, observed })).toEqual(
      [],
    );
  });
});

describe('a field difference', () => {
  function object(spec: unknown, entries: readonly ManagedFieldsEntry[] = []): KubernetesObject {
    return { apiVersion: 'example.com/v1', kind: 'Tariff', metadata: { name: 'basic', managedFields: entries }, spec };
  }
  const entry = (manager: string, fieldsV1: JsonObject, rest: ManagedFieldsEntry = {}): ManagedFieldsEntry => ({
    ...{ manager, operation: 'Update', apiVersion: 'example.com/v1', time: '2026-11-21T01:00:00Z' },
    ...rest,
    fieldsV1,
  });

  it('does not come of what the API server keeps for itself, nor of the status', () => {
    const desired = { ...object({ a: 1 }), status: { phase: 'Pending' } };
    const observed = {
      ...object({ a: 1 }, [entry('other', { 'f:spec': { 'f:a': {} } })]),
      status: { phase: 'Ready' },
    };
    const metadata = {
      ...observed.metadata,
      uid: 'u',
      resourceVersion: '7',
      generation: 2,
      creationTimestamp: '2026-11-21T01:00:00Z',
    };
    expect(diffFields({ desired, observed: { ...observed, metadata } })).toEqual([]);
  });

  it('comes sorted by path', () => {
    const fields = diffFields({
      desired: object({ b: 1, a: { z: 1, y: 1 } }),
      observed: object({ b: 2, a: { z: 2, y: 2 } }),
    });
    expect(fields.map((field) => field.path)).toEqual(['/spec/a/y', '/spec/a/z', '/spec/b']);
  });

  it('has one side only where the other has nothing', () => {
    expect(diffFields({ desired: object({ a: 1 }), observed: object({ b: 2 }) })).toEqual([
      { path: '/spec/a', desired: 1 },
      { path: '/spec/b', observed: 2 },
    ]);
  });

  it('is the whole list where nobody says how its items are told apart', () => {
    expect(diffFields({ desired: object({ args: ['a'] }), observed: object({ args: ['a', 'b'] }) })).toEqual([
      { path: '/spec/args', desired: ['a'], observed: ['a', 'b'] },
    ]);
  });

  it('tells a large number by its digits', () => {
    const [desired, observed] = ['9007199254740993', '9007199254740992'].map((id) => object(parseJson(`{"id":${id}}`)));
    if (desired === undefined || observed === undefined) throw new Error('two objects were made');
    expect(diffFields({ desired, observed })).toEqual([
      { path: '/spec/id', desired: '9007199254740993', observed: 9007199254740992 },
    ]);
  });

  it('does not name us, nor who wrote only the status', () => {
    const managers = [
      entry('converge', { 'f:spec': { 'f:a': {} } }, { operation: 'Apply' }),
      entry('kube-controller-manager', { 'f:spec': { 'f:a': {} } }, { subresource: 'status' }),
    ];
    const fields = diffFields({ desired: object({ a: 1 }), observed: object({ a: 2 }, managers) });
    expect(fields).toEqual([{ path: '/spec/a', desired: 1, observed: 2 }]);
  });

  it('names the later one of two managers that wrote it', () => {
    const fields: JsonObject = { 'f:spec': { 'f:a': {} } };
    const managers = [
      entry('first', fields, { time: '2026-11-21T01:00:00Z' }),
      entry('last', fields, { time: '2026-11-21T01:00:02Z' }),
      entry('second', fields, { time: '2026-11-21T01:00:01Z' }),
    ];
    for (const entries of [managers, managers.toReversed()]) {
      const [field] = diffFields({ desired: object({ a: 1 }), observed: object({ a: 2 }, entries) });
      expect(field).toMatchObject({ manager: 'last', changedBefore: '2026-11-21T01:00:02Z' });
    }
  });

  it('names the manager of a field as a whole for what is below it', () => {
    const managers = [entry('other', { 'f:spec': { 'f:a': {} } })];
    const [field] = diffFields({ desired: object({ a: { b: 1 } }), observed: object({ a: { b: 2 } }, managers) });
    expect(field).toMatchObject({ path: '/spec/a/b', manager: 'other' });
  });

  it('names a manager without a time where none is recorded', () => {
    const managers = [{ manager: 'other', operation: 'Update' as const, fieldsV1: { 'f:spec': { 'f:a': {} } } }];
    expect(diffFields({ desired: object({ a: 1 }), observed: object({ a: 2 }, managers) })).toEqual([
      { path: '/spec/a', desired: 1, observed: 2, manager: 'other' },
    ]);
  });

  // `.` alone is what stays of a manager that once made the map and lost every field in it: it owns no field below.
  it('does not name a manager that owns only the map around the field', () => {
    const managers = [entry('kubectl-annotate', { 'f:spec': { 'f:notes': { '.': {} } } })];
    const [field] = diffFields({
      desired: object({ notes: { a: '1', b: '2' } }),
      observed: object({ notes: { a: '1' } }, managers),
    });
    expect(field).toEqual({ path: '/spec/notes/b', desired: '2' });
  });
});

describe('a path', () => {
  it('is a JSON pointer, with items selected by their keys', () => {
    expect(
      pointer([
        { step: 'field', name: 'metadata' },
        { step: 'field', name: 'a/b~c' },
        { step: 'item', keys: { port: 53, protocol: 'UDP' } },
        { step: 'member', value: 'x' },
        { step: 'index', index: 0 },
      ]),
    ).toBe('/metadata/a~1b~0c[port=53,protocol=UDP][="x"]/0');
  });
});
