import type { DesiredObject } from '../desired/desired.ts';
import { applyStageOf, applyStages, type ApplyStage } from '../objects/apply-order.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { isShortLived } from '../objects/short-lived.ts';
import { objectIdOf, objectKey, type ObjectId } from '../objects/object-id.ts';
import { pointer, type FieldPath } from '../fields/field-path.ts';
import { fingerprint } from '../drift/fingerprint.ts';
import { extraFields } from '../ownership/extra-fields.ts';
import { suspensionProblem, type Suspension } from '../ownership/suspended-object.ts';

/**
 * What the last run remembers of an object: the hash of what it applied, and the fingerprint of what the server made of
 * it.
 */
export interface RememberedObject {
  readonly desired: string;
  readonly observed: string;
  /** The version it was applied in: fieldsV1 paths hold in no other. */
  readonly apiVersion: string;
  /** Paths that were told as `mutated` or `co-owned`. */
  readonly noted?: readonly string[] | undefined;
  /** Its own controller removes it when it has ended. */
  readonly shortLived?: boolean | undefined;
  /** The file that it was rendered from. Absent where the version before remembered it. */
  readonly source?: string | undefined;
  /** The commit that it was applied at; absent once all of a revision has converged. */
  readonly commit?: string | undefined;
}
export type RememberedObjects = Readonly<Record<string, RememberedObject>>;

/** An object of the inventory as the cluster reports it. */
export interface ObservedObject {
  readonly key: string;
  readonly id: ObjectId;
  readonly object: KubernetesObject;
}

export function observedObjects(objects: readonly KubernetesObject[]): Map<string, ObservedObject> {
  return new Map(
    objects.map((object) => {
      const id = objectIdOf(object);
      const key = objectKey(id);
      return [key, { key, id, object }];
    }),
  );
}

/*
 * What is to become of each object, by what is desired, what is in the inventory, and what is remembered:
 *
 * | desired | observed | desired hash | fingerprint | action    |
 * | ------- | -------- | ------------ | ----------- | --------- |
 * | yes     | no       | remembered   |             | recreate  |  somebody deleted it
 * | yes     | no       | remembered   |             | keep      |  it is short-lived: it ended, and was cleaned up
 * | yes     | no       | other, none  |             | create    |  a commit added it
 * | yes     | yes      | same         | same        | keep      |  no call at all
 * | yes     | yes      | same         | other       | verify    |  drift, or a new normalisation: a dry run tells
 * | yes     | yes      | same         | same, extra | verify    |  somebody added fields beside ours
 * | yes     | yes      | other        |             | configure |  a commit changed it
 * | yes     | yes      | none         |             | verify    |  the memory is lost: a dry run tells
 * | no      | yes      |              |             | prune     |
 *
 * What is suspended (`ownership/suspended-object.ts`) is left, whatever it would be but for `keep`: a dry run tells how it
 * differs, and nothing is written. A prune of it is stopped by its guards.
 *
 * What is there of a desired object, and is no member of the inventory, is a stray: a dry run tells what it lacks.
 */
export type PlannedAction =
  | { readonly action: 'create' | 'recreate'; readonly desired: DesiredObject }
  | { readonly action: 'configure' | 'verify'; readonly desired: DesiredObject; readonly observed: ObservedObject }
  | { readonly action: 'keep'; readonly desired: DesiredObject; readonly observed: ObservedObject | undefined }
  | { readonly action: 'leave'; readonly desired: DesiredObject; readonly observed: ObservedObject | undefined }
  | { readonly action: 'prune'; readonly observed: ObservedObject };

/** Sorted by apply stage, then by key; what is pruned comes last, in reverse. */
export function planChanges({
  desired,
  observed,
  remembered,
  strays = new Map(),
  suspensions = new Map(),
}: {
  desired: readonly DesiredObject[];
  observed: ReadonlyMap<string, ObservedObject>;
  remembered: RememberedObjects;
  /** Desired objects that were applied before, and are there without the proof that they are members. */
  strays?: ReadonlyMap<string, ObservedObject>;
  /** What is left alone, by key. */
  suspensions?: ReadonlyMap<string, Suspension>;
}): PlannedAction[] {
  const wanted = new Set(desired.map((object) => object.key));
  const applied = desired.map((object) => {
    const [there, stray] = [observed.get(object.key), strays.get(object.key)];
    const planned = plan({ desired: object, observed: there, stray, remembered: remembered[object.key] });
    if (planned.action === 'keep' || !suspensions.has(object.key)) return planned;
    return { action: 'leave' as const, desired: object, observed: there ?? stray };
  });
  const stale = [...observed.values()].filter((object) => !wanted.has(object.key));
  const stage = (id: ObjectId) => applyStages.indexOf(applyStageOf(id));
  const byOrder = (a: { id: ObjectId; key: string }, b: { id: ObjectId; key: string }) =>
    stage(a.id) - stage(b.id) || (a.key < b.key ? -1 : 1);
  return [
    ...applied.sort((a, b) => byOrder(a.desired, b.desired)),
    ...stale.sort((a, b) => byOrder(b, a)).map((object) => ({ action: 'prune' as const, observed: object })),
  ];
}

export type AppliedAction = Exclude<PlannedAction, { action: 'prune' }>;

function plan({
  desired,
  observed,
  stray,
  remembered,
}: {
  desired: DesiredObject;
  observed: ObservedObject | undefined;
  stray: ObservedObject | undefined;
  remembered: RememberedObject | undefined;
}): AppliedAction {
  if (observed === undefined && stray !== undefined) return { action: 'verify', desired, observed: stray };
  if (observed === undefined) {
    if (remembered?.desired !== desired.hash) return { action: 'create', desired };
    return isShortLived(desired.object) ? { action: 'keep', desired, observed } : { action: 'recreate', desired };
  }
  if (remembered === undefined) return { action: 'verify', desired, observed };
  if (remembered.desired !== desired.hash) return { action: 'configure', desired, observed };
  return {
    action: isAsRemembered({ object: observed.object, remembered, ignored: desired.ignored }) ? 'keep' : 'verify',
    desired,
    observed,
  };
}

/** Whether an observed object is as it was when it was applied, and nobody added to it what is not known yet. */
export function isAsRemembered({
  object,
  remembered,
  ignored,
}: {
  object: KubernetesObject;
  remembered: RememberedObject;
  ignored: readonly FieldPath[] | undefined;
}): boolean {
  if (fingerprint(object) !== remembered.observed) return false;
  const problem = suspensionProblem(object);
  if (problem !== undefined && remembered.noted?.includes(problem.path) !== true) return false;
  return extraFields(object, ignored).every(
    ({ kind, path }) => kind === 'co-owned' && remembered.noted?.includes(pointer(path)) === true,
  );
}

/** The actions of one apply stage. */
export function actionsOfStage(actions: readonly PlannedAction[], stage: ApplyStage): AppliedAction[] {
  return actions.filter(
    (action): action is AppliedAction => action.action !== 'prune' && applyStageOf(action.desired.id) === stage,
  );
}
