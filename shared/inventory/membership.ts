import { ownEntry, owns, type PathStep } from '../fields/owned-fields.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectKey, objectTitle } from '../objects/object-id.ts';
import {
  environmentAnnotation,
  hookOfLabel,
  idLabel,
  objectAnnotation,
  parentName,
  partOfLabel,
  toolingAnnotation,
  type ApplySet,
} from './applyset.ts';
import { isSeedName } from './seed-secret.ts';

/** Whose an object is, where it is not ours. */
export interface Owner {
  /** The id of the set that it is labelled for; empty where it carries no such label. */
  readonly set: string;
  /** `<class>/<name>` as the object says it, or undefined where it names no environment. */
  readonly environment: string | undefined;
  /** For people: `environment master/acme`, or the set's id where the object names no environment. */
  readonly title: string;
  /**
   * What it is to its owner: a member of the set, an object of a hook, or what holds Converge's own state (parent,
   * seed).
   */
  readonly as: 'member' | 'hook' | 'state';
}

/** What an object that carries our mark lacks to be ours; `copied`: it names another object. */
export type MissingProof = 'annotation' | 'copied' | 'apply-entry' | 'label-owner';

/**
 * Whether an object belongs to a set. `unmarked`: it says nothing of us. `foreign`: it is somebody else's. `unproven`:
 * it carries our label, which controllers and people copy, without the proof; `madeBy` says who did, as far as that is
 * recorded.
 */
export type Standing =
  | { readonly standing: 'member' }
  | { readonly standing: 'unmarked' }
  | { readonly standing: 'foreign'; readonly owner: Owner }
  | { readonly standing: 'unproven'; readonly missing: MissingProof; readonly madeBy: string | undefined };

type KnownSets = readonly Pick<ApplySet, 'id' | 'environment'>[];

/**
 * Proof that an object belongs to one of the sets. Labels are copied: by the endpoints controllers, `kubectl expose`,
 * External Secrets. A member has the label, the annotation that names class and environment, the annotation that names
 * the object itself, and an entry of our field manager that applied the label. Objects that the version before applied
 * do not name themselves, and are members by the other proofs; what names another object is a copy of that.
 *
 * It decides what is pruned, released, counted and torn down, and nothing else: what Git wants is ours to heal without
 * it.
 *
 * @param applySets the environment's own set, and those of its previous names
 */
export function standingOf({ object, applySets }: { object: KubernetesObject; applySets: KnownSets }): Standing {
  return standingBy({ object, applySets, label: partOfLabel });
}

/** Whether our manager applied the label of a set, and nobody wrote it over since. */
export function appliedItsLabel(object: KubernetesObject): boolean {
  const entry = ownEntry(object);
  return entry !== undefined && hasApplied(entry, labelPath(partOfLabel));
}

export function isMember(asked: { object: KubernetesObject; applySets: KnownSets }): boolean {
  return standingOf(asked).standing === 'member';
}

/**
 * The same for the objects of hooks, which carry another label, and are no members. `member` is one that our hooks
 * made.
 */
export function hookStandingOf({ object, applySets }: { object: KubernetesObject; applySets: KnownSets }): Standing {
  return standingBy({ object, applySets, label: hookOfLabel });
}

function standingBy({
  object,
  applySets,
  label,
}: {
  object: KubernetesObject;
  applySets: KnownSets;
  label: string;
}): Standing {
  const owner = ownerOf({ object, applySets });
  if (owner !== undefined) return { standing: 'foreign', owner };
  const { labels, annotations } = object.metadata;
  const set = applySets.find(({ id }) => id === labels?.[label]);
  if (set === undefined) return { standing: 'unmarked' };
  const missing = missingProof({ object, label, hasNamed: annotations?.[environmentAnnotation] === set.environment });
  return missing === undefined
    ? { standing: 'member' }
    : { standing: 'unproven', missing, madeBy: makerOf({ object, label }) };
}

function missingProof({
  object,
  label,
  hasNamed,
}: {
  object: KubernetesObject;
  label: string;
  hasNamed: boolean;
}): MissingProof | undefined {
  if (!hasNamed) return 'annotation';
  if (isCopy(object)) return 'copied';
  const entry = ownEntry(object);
  if (entry === undefined) return 'apply-entry';
  return hasApplied(entry, labelPath(label)) ? undefined : 'label-owner';
}

/**
 * Who owns an object beside the sets that are known, or undefined: what another set or environment marked is refused by
 * its name, whatever else of the proof it has lost; what names another object is a copy, and nobody's.
 *
 * A mark that says `ours` and one that somebody wrote over it do not make an object foreign: an annotation is believed
 * against our label only where our manager applied it, or no manager of ours is left to ask. Nor does the name of ours,
 * which somebody wrote over another one, make an object ours that bears the label of another set as our manager applied
 * it.
 */
export function ownerOf({ object, applySets }: { object: KubernetesObject; applySets: KnownSets }): Owner | undefined {
  const { labels, annotations } = object.metadata;
  const environment = annotations?.[environmentAnnotation];
  const isKnown = (set: string | undefined) => applySets.some(({ id }) => id === set);
  const entry = ownEntry(object);
  // Over what we applied, somebody wrote another name: that makes no copy of it.
  const isRenamed = entry !== undefined && !hasApplied(entry, annotationPath(objectAnnotation));
  if (isCopy(object) && !isRenamed) return undefined;

  const as = roleOf(object);
  const [label, labelled] = [partOfLabel, hookOfLabel]
    .map((name) => [name, labels?.[name]] as const)
    .find(([, id]) => id !== undefined) ?? [partOfLabel, undefined];
  if (applySets.some((set) => set.environment === environment)) {
    const isWrittenOver =
      labelled !== undefined &&
      !isKnown(labelled) &&
      entry !== undefined &&
      hasApplied(entry, labelPath(label)) &&
      !hasApplied(entry, annotationPath(environmentAnnotation));
    return isWrittenOver ? describeOwner({ set: labelled, environment: undefined, as }) : undefined;
  }
  const set = labelled ?? labels?.[idLabel];
  if (environment === undefined)
    return set === undefined || isKnown(set) ? undefined : describeOwner({ set, environment, as });
  const isApplied = entry !== undefined && hasApplied(entry, annotationPath(environmentAnnotation));
  const isMarked = set !== undefined || as === 'state';
  const isOursByLabel = isKnown(set) && entry !== undefined;
  return isApplied || (isMarked && !isOursByLabel) ? describeOwner({ set: set ?? '', environment, as }) : undefined;
}

/**
 * Whether an object is what Converge keeps of an environment in the cluster, or another tool of a set: nothing but its
 * own end deletes it.
 */
export function holdsState(object: KubernetesObject): boolean {
  const {
    kind,
    metadata: { name = '', labels = {}, annotations = {} },
  } = object;
  return (
    labels[idLabel] !== undefined ||
    annotations[toolingAnnotation] !== undefined ||
    (kind === 'Secret' && isSeedName(name)) ||
    isUnlabelledParent(object)
  );
}

/**
 * A parent whose label somebody took off: it has the name of the inventory of the environment that it names, and is no
 * member.
 */
function isUnlabelledParent({ kind, metadata: { name, labels = {}, annotations = {} } }: KubernetesObject): boolean {
  const environment = annotations[environmentAnnotation]?.split('/')[1];
  const isMarked =
    annotations[objectAnnotation] !== undefined ||
    labels[partOfLabel] !== undefined ||
    labels[hookOfLabel] !== undefined;
  return kind === 'ConfigMap' && environment !== undefined && !isMarked && name === parentName(environment);
}

function roleOf(object: KubernetesObject): Owner['as'] {
  if (holdsState(object)) return 'state';
  const { labels = {} } = object.metadata;
  return labels[partOfLabel] === undefined && labels[hookOfLabel] !== undefined ? 'hook' : 'member';
}

function describeOwner({ set, environment, as }: Omit<Owner, 'title'>): Owner {
  return {
    set,
    environment,
    as,
    title: environment === undefined ? `the ApplySet ${set}` : `environment ${environment}`,
  };
}

/** It names another object than itself. */
function isCopy(object: KubernetesObject): boolean {
  const named = object.metadata.annotations?.[objectAnnotation];
  return named !== undefined && named !== objectKey(objectIdOf(object));
}

const labelPath = (label: string): readonly PathStep[] =>
  ['metadata', 'labels', label].map((name) => ({ step: 'field', name }));
const annotationPath = (annotation: string): readonly PathStep[] =>
  ['metadata', 'annotations', annotation].map((name) => ({ step: 'field', name }));

function hasApplied({ fieldsV1 }: ManagedFieldsEntry, path: readonly PathStep[]): boolean {
  return fieldsV1 !== undefined && owns(fieldsV1, path);
}

/**
 * `kube-controller-manager, for Service acme/web`: who wrote the label, else who wrote the object, and whose controller
 * that serves.
 */
function makerOf({ object, label }: { object: KubernetesObject; label: string }): string | undefined {
  const { managedFields = [], ownerReferences = [], namespace } = object.metadata;
  const writers = managedFields.filter(
    ({ subresource, manager }) => manager !== undefined && (subresource ?? '') === '',
  );
  const manager = (writers.find((entry) => hasApplied(entry, labelPath(label))) ?? writers[0])?.manager;
  const controller = ownerReferences.find((owner) => owner.controller === true);
  if (controller === undefined) return manager;
  const served = objectTitle({ kind: controller.kind, namespace, name: controller.name });
  return manager === undefined ? `the controller of ${served}` : `${manager}, for ${served}`;
}
