import type { DesiredObject } from '../../shared/desired/desired.ts';
import { divergenceOf, wholeObjectDiff } from '../../shared/drift/divergence.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { objectIdOf, objectKey } from '../../shared/objects/object-id.ts';
import type { AttemptedRevision } from '../../shared/memory/memory.ts';
import type { ObservedObject, PlannedAction, RememberedObjects } from '../../shared/plan/plan.ts';
import { planChanges } from '../../shared/plan/plan.ts';
import type { Verified } from '../../shared/pipeline/reconcile/judge/verify-plan.ts';
import { keys, type Key, type Observed, type Seen } from './requests.ts';

/**
 * Revision r wants X to say r mod 2, and Y to be there where that is 0. So the first commit updates X and deletes Y,
 * and the next takes both back.
 */
export const wanted = (revision: number): Readonly<Record<Key, number>> => ({
  x: revision % 2,
  y: 1 - (revision % 2),
});
/** What somebody else makes of X. */
export const edited = 2;

export const startedAt = '2026-01-01T00:00:00.000Z';
export const revisionNamed = (revision: number): string => `main@sha1:r${revision}`;

export function attemptAt(revision: number): AttemptedRevision {
  const inputs = { app: String(revision % 2) };
  return { commit: String(revision).padStart(40, '0'), revision: revisionNamed(revision), at: startedAt, inputs };
}

export function objectOf(key: Key, { value, version, foreign }: Seen): KubernetesObject {
  const manager = foreign ? 'kubectl' : 'converge';
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...{ name: key, namespace: 'acme', uid: version, resourceVersion: version },
      managedFields: [
        {
          ...{ manager, operation: foreign ? 'Update' : 'Apply', apiVersion: 'v1' },
          ...{ fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:value': {} } } },
        },
      ],
    },
    data: { value: String(value) },
  };
}

const identity = (key: Key): KubernetesObject => objectOf(key, { value: 0, version: '', foreign: false });
export const objectKeys: Readonly<Record<Key, string>> = {
  x: objectKey(objectIdOf(identity('x'))),
  y: objectKey(objectIdOf(identity('y'))),
};
export function keyNamed(name: string): Key | undefined {
  return keys.find((key) => objectKeys[key] === name || key === name);
}

export function desiredAt(revision: number): DesiredObject[] {
  const want = wanted(revision);
  return keys.flatMap((key) => {
    if (key === 'y' && want.y === 0) return [];
    const object = objectOf(key, { value: want[key], version: '', foreign: false });
    return [{ key: objectKeys[key], id: objectIdOf(object), object, hash: `${key} ${want[key]}`, source: 'app.yaml' }];
  });
}

export function inventoryOf(observed: Observed): Map<string, ObservedObject> {
  return new Map(
    keys.flatMap((key) => {
      const seen = observed[key];
      if (seen === null) return [];
      const object = objectOf(key, seen);
      return [[objectKeys[key], { key: objectKeys[key], id: objectIdOf(object), object }] as const];
    }),
  );
}

/**
 * The plan, with what the dry runs find: what agrees after all is kept, and what differs though no commit changed it is
 * drift.
 */
export function judge({
  revision,
  objects,
  remembered,
}: {
  revision: number;
  objects: ReadonlyMap<string, ObservedObject>;
  remembered: RememberedObjects;
}): Verified {
  const plan = planChanges({ desired: desiredAt(revision), observed: objects, remembered });
  const findings = plan.map((action) => judgeOne(action, remembered));
  return {
    actions: findings.map(({ action }) => action),
    drift: findings.flatMap(({ drift }) => drift ?? []),
    renewed: {},
    notices: [],
  };
}

function judgeOne(
  action: PlannedAction,
  remembered: RememberedObjects,
): { action: PlannedAction; drift?: Verified['drift'] } {
  const whole = (
    { key, id, object }: Pick<ObservedObject, 'key' | 'id' | 'object'>,
    change: 'missing' | 'unexpected',
  ): Verified['drift'] => [
    { key, diff: wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message: change }) },
  ];
  switch (action.action) {
    case 'recreate':
      return { action, drift: whole(action.desired, 'missing') };
    case 'prune': {
      const isUnexpected = Object.keys(remembered).length > 0 && remembered[action.observed.key] === undefined;
      return isUnexpected ? { action, drift: whole(action.observed, 'unexpected') } : { action };
    }
    case 'verify':
      return verify(action, remembered);
    case 'create':
    case 'configure':
    case 'keep':
    case 'leave':
      return { action };
  }
}

function verify(
  { desired, observed }: Extract<PlannedAction, { action: 'configure' | 'verify' }>,
  remembered: RememberedObjects,
): { action: PlannedAction; drift?: Verified['drift'] } {
  if (JSON.stringify(observed.object['data']) === JSON.stringify(desired.object['data']))
    return { action: { action: 'keep', desired, observed } };
  const action = { action: 'configure' as const, desired, observed };
  if (remembered[desired.key]?.desired !== desired.hash) return { action };
  const manager = observed.object.metadata.managedFields?.[0]?.manager;
  const field = { path: '/data/value', ...(manager === 'kubectl' ? { manager } : {}) };
  const { id } = desired;
  const diff = wholeObjectDiff({ id, apiVersion: 'v1', change: 'missing', message: 'differs' });
  return { action, drift: [{ key: desired.key, diff: { ...diff, change: 'modified', fields: [field] } }] };
}

export function driftDivergence(revision: number, drift: Verified['drift']): ReturnType<typeof divergenceOf> {
  const objects = drift.map(({ diff }) => diff);
  return divergenceOf({ reason: 'Drifted', revision: revisionNamed(revision), objects });
}
