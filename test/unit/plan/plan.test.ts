import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../shared/drift/fingerprint.ts';
import type { DesiredObject } from '../../../shared/desired/desired.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { objectIdOf, objectKey } from '../../../shared/objects/object-id.ts';
import { actionsOfStage, observedObjects, planChanges, type RememberedObjects } from '../../../shared/plan/plan.ts';

const configMap = (name: string, data: Record<string, string> = { a: '1' }): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'acme',
    managedFields: [
      { manager: 'converge', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ],
  },
  data,
});

function desiredOf(object: KubernetesObject, hash = 'desired'): DesiredObject {
  const id = objectIdOf(object);
  return { key: objectKey(id), id, object, hash, source: 'manifests/a.yaml' };
}

const key = '/ConfigMap/acme/web';
const remembered = (desired: string, observed: string): RememberedObjects => ({
  [key]: { desired, observed, apiVersion: 'v1' },
});
const printOf = (object: KubernetesObject) => fingerprint(object) ?? 'none';
const web = configMap('web');
const there = [web];
const touched = [configMap('web', { a: '2' })];
const withoutEntry = [{ ...web, metadata: { ...web.metadata, managedFields: [] } }];

describe('what is to become of an object', () => {
  it.each([
    {
      row: 'desired, not there, remembered as desired: somebody deleted it',
      observed: [],
      memory: remembered('desired', printOf(web)),
      action: 'recreate',
    },
    {
      row: 'desired, not there, remembered otherwise',
      observed: [],
      memory: remembered('earlier', printOf(web)),
      action: 'create',
    },
    { row: 'desired, not there, not remembered: a commit added it', observed: [], memory: {}, action: 'create' },
    {
      row: 'desired as remembered, observed as remembered',
      observed: there,
      memory: remembered('desired', printOf(web)),
      action: 'keep',
    },
    {
      row: 'desired as remembered, observed otherwise',
      observed: touched,
      memory: remembered('desired', printOf(web)),
      action: 'verify',
    },
    {
      row: 'desired as remembered, our entry gone',
      observed: withoutEntry,
      memory: remembered('desired', printOf(web)),
      action: 'verify',
    },
    {
      row: 'desired otherwise than remembered: a commit changed it',
      observed: there,
      memory: remembered('earlier', printOf(web)),
      action: 'configure',
    },
    { row: 'desired and there, not remembered: the memory is lost', observed: there, memory: {}, action: 'verify' },
  ])('$row → $action', ({ observed, memory, action }) => {
    const plan = planChanges({ desired: [desiredOf(web)], observed: observedObjects(observed), remembered: memory });
    expect(plan.map((planned) => planned.action)).toEqual([action]);
  });

  it('desired, not there, remembered as desired, and short-lived: it ended, and was cleaned up → keep', () => {
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'import', namespace: 'acme' },
      spec: { ttlSecondsAfterFinished: 0 },
    };
    const memory = {
      'batch/Job/acme/import': { desired: 'desired', observed: 'any', apiVersion: 'batch/v1', shortLived: true },
    };
    const plan = (hash: string) =>
      planChanges({ desired: [desiredOf(job, hash)], observed: new Map(), remembered: memory });
    expect(plan('desired')).toMatchObject([{ action: 'keep', observed: undefined }]);
    expect(plan('changed')).toMatchObject([{ action: 'create' }]);
  });

  it.each([
    { row: 'its label gone, remembered as desired', memory: remembered('desired', printOf(web)) },
    { row: 'its label gone, its fields as remembered', memory: remembered('desired', printOf(web)) },
    { row: 'its label gone, and the memory lost', memory: {} },
  ])('desired, and there as a stray, $row → verify', ({ memory }) => {
    const plan = planChanges({
      desired: [desiredOf(web)],
      observed: new Map(),
      strays: observedObjects(there),
      remembered: memory,
    });
    expect(plan).toMatchObject([{ action: 'verify', observed: { object: web } }]);
  });

  it('not desired, in the inventory → prune, remembered or not', () => {
    for (const memory of [{}, remembered('desired', printOf(web))]) {
      const plan = planChanges({ desired: [], observed: observedObjects(there), remembered: memory });
      expect(plan.map((planned) => planned.action)).toEqual(['prune']);
    }
  });

  it('remembered alone is nothing', () => {
    expect(planChanges({ desired: [], observed: new Map(), remembered: remembered('desired', 'x') })).toEqual([]);
  });
});

describe('a plan', () => {
  const named = (apiVersion: string, kind: string, name: string): KubernetesObject => ({
    ...{ apiVersion, kind },
    metadata: { name, namespace: 'acme' },
  });
  const objects = [
    named('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'hook'),
    named('apps/v1', 'Deployment', 'b'),
    named('apps/v1', 'Deployment', 'a'),
    named('example.com/v1', 'Tariff', 'basic'),
    named('v1', 'ConfigMap', 'settings'),
    named('v1', 'Namespace', 'acme'),
  ];
  const inOrder = [
    'Namespace acme',
    'ConfigMap settings',
    'Deployment a',
    'Deployment b',
    'Tariff basic',
    'ValidatingWebhookConfiguration hook',
  ];
  const title = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;

  it('goes by stage, then by key, however its input is sorted', () => {
    for (const input of [objects, objects.toReversed()]) {
      const plan = planChanges({
        desired: input.map((object) => desiredOf(object)),
        observed: new Map(),
        remembered: {},
      });
      expect(plan.map((action) => (action.action === 'prune' ? '' : title(action.desired.object)))).toEqual(inOrder);
    }
  });

  it('prunes in reverse', () => {
    for (const input of [objects, objects.toReversed()]) {
      const plan = planChanges({ desired: [], observed: observedObjects(input), remembered: {} });
      expect(plan.map((action) => (action.action === 'prune' ? title(action.observed.object) : ''))).toEqual(
        inOrder.toReversed(),
      );
    }
  });

  it('prunes after everything is applied', () => {
    const desired = objects.slice(0, 3).map((object) => desiredOf(object));
    const plan = planChanges({ desired, observed: observedObjects(objects.slice(3)), remembered: {} });
    expect(plan.map((action) => action.action)).toEqual(['create', 'create', 'create', 'prune', 'prune', 'prune']);
  });

  it('hands out the applied actions of a stage, never a prune', () => {
    const plan = planChanges({
      desired: objects.slice(1, 3).map((object) => desiredOf(object)),
      observed: observedObjects([named('apps/v1', 'Deployment', 'old')]),
      remembered: {},
    });
    expect(actionsOfStage(plan, 'workloads').map((action) => title(action.desired.object))).toEqual([
      'Deployment a',
      'Deployment b',
    ]);
    expect(actionsOfStage(plan, 'definitions')).toEqual([]);
  });

  it('leaves its input in the order it was given', () => {
    const desired = objects.map((object) => desiredOf(object));
    planChanges({ desired, observed: new Map(), remembered: {} });
    expect(desired.map(({ object }) => object)).toEqual(objects);
  });
});

describe('an object that is left alone', () => {
  const suspensions = new Map([[key, { in: 'cluster' as const }]]);
  it.each<[string, KubernetesObject[], DesiredObject[], RememberedObjects, string[]]>([
    ['and differs is left', touched, [desiredOf(web)], remembered('desired', printOf(web)), ['leave']],
    ['and is changed by a commit is left', there, [desiredOf(web)], remembered('earlier', printOf(web)), ['leave']],
    ['and of which nothing is known is left', there, [desiredOf(web)], {}, ['leave']],
    ['and is not there is left', [], [desiredOf(web)], remembered('desired', printOf(web)), ['leave']],
    ['and was never made is left', [], [desiredOf(web)], {}, ['leave']],
    ['and is as it was is kept', there, [desiredOf(web)], remembered('desired', printOf(web)), ['keep']],
    ['and is in Git no more is up to the guards of the prune', there, [], {}, ['prune']],
  ])('%s', (_row, observed, desired, memory, actions) => {
    const plan = planChanges({ desired, observed: observedObjects(observed), remembered: memory, suspensions });
    expect(plan.map(({ action }) => action)).toEqual(actions);
  });

  it('is verified where its annotation says what cannot be, until that is told', () => {
    const annotated = { ...web, metadata: { ...web.metadata, annotations: { 'converge.dev/reconcile': 'off' } } };
    const known = { desired: 'desired', observed: printOf(web), apiVersion: 'v1' };
    const planOf = (noted?: readonly string[]) =>
      planChanges({
        desired: [desiredOf(web)],
        observed: observedObjects([annotated]),
        remembered: { [key]: { ...known, noted } },
      }).map(({ action }) => action);
    expect(planOf()).toEqual(['verify']);
    expect(planOf(['/metadata/annotations/converge.dev~1reconcile'])).toEqual(['keep']);
  });
});
