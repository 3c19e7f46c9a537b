import { assessProgress } from '../health/run-to-end.ts';
import { environmentAnnotation, idLabel, type ApplySet } from '../inventory/applyset.ts';
import { holdsState, hookStandingOf, isMember, ownerOf } from '../inventory/membership.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, groupOf, objectIdOf, objectTitle } from '../objects/object-id.ts';
import { isPrecious, replaceAnnotation } from '../objects/replacement.ts';
import { suspensionOf, suspensionWords } from './suspended-object.ts';

export const pruneAnnotation = 'converge.dev/prune';
const keepAnnotation = 'helm.sh/resource-policy';
const helmHookAnnotation = 'helm.sh/hook';

/**
 * What for an object is to be deleted, which says what has to be proven of it. `prune`: Git no longer wants it (also at
 * a hand-over, and where its environment goes); `replace`: Git wants another in its place; `hook`: a hook's policy says
 * so; `leftover`: it is what hooks left of an environment that goes; `state`: it is what Converge kept of one that is
 * no more.
 */
export type Purpose = 'prune' | 'replace' | 'hook' | 'leftover' | 'state';

/** Why an object is not deleted; `message` follows its title. */
export interface Refusal {
  /**
   * `kept`: its own annotations say so. `suspended`: they say so for a time. `unknown`: what speaks against it could not
   * be read.
   */
  readonly why: 'state' | 'foreign' | 'kept' | 'suspended' | 'not-made' | 'precious' | 'occupied' | 'unknown';
  readonly message: string;
}

export interface AskedDeletion {
  /** As it is in the cluster. */
  readonly object: KubernetesObject;
  /** The environment's own set first, then those of its previous names. */
  readonly applySets: readonly Pick<ApplySet, 'id' | 'environment'>[];
  readonly purpose: Purpose;
  /** As Git has it now, where it does. */
  readonly desired?: KubernetesObject | undefined;
  /** Whether what Helm's earlier release left may go. */
  readonly adopt?: boolean;
  /** Who made it, where the object itself no longer tells: its fields were taken over. */
  readonly maker?: string | undefined;
  readonly now: Date;
}

/**
 * Whether an object may be deleted: undefined, or why not. Everything that deletes asks this, for each incarnation that
 * it is about to delete. What lives in a Namespace is asked beside it, see `occupancyOf`.
 */
export function deletionRefusal(asked: AskedDeletion): Refusal | undefined {
  const { object, applySets, purpose } = asked;
  const owner = ownerOf({ object, applySets });
  if (purpose === 'state') {
    if (owner !== undefined) return { why: 'foreign', message: `is what ${owner.title} keeps of itself` };
    return isOwnState(asked) ? undefined : { why: 'not-made', message: 'is not what Converge keeps of an environment' };
  }
  if (holdsState(object)) return { why: 'state', message: stateMessage(owner?.title) };
  if (owner !== undefined) return { why: 'foreign', message: `is owned by ${owner.title}` };
  return proofRefusal(asked) ?? suspendedRefusal(asked) ?? keptRefusal(asked) ?? preciousRefusal(asked);
}

/** Of an object that holds Converge's own state. @param title of its environment, where that is another one */
export function stateMessage(title: string | undefined): string {
  return `holds what ${title ?? 'this environment'} keeps of itself, its inventory or the seed of its random values`;
}

function isOwnState({ object, applySets }: AskedDeletion): boolean {
  const { labels, annotations } = object.metadata;
  return (
    holdsState(object) ||
    applySets.some(
      ({ id, environment }) => labels?.[idLabel] === id || annotations?.[environmentAnnotation] === environment,
    )
  );
}

function suspendedRefusal({ object, now }: AskedDeletion): Refusal | undefined {
  const suspension = suspensionOf({ object, in: 'cluster', now });
  return suspension && { why: 'suspended', message: `is ${suspensionWords(suspension)}` };
}

function keptRefusal({ object: { metadata }, purpose, desired }: AskedDeletion): Refusal | undefined {
  const { annotations } = metadata;
  // Helm deletes by the policies of a hook whatever its resource policy says.
  const isKept =
    annotations?.[pruneAnnotation] === 'false' || (purpose !== 'hook' && annotations?.[keepAnnotation] === 'keep');
  if (!isKept) return undefined;
  if (purpose !== 'replace') return { why: 'kept', message: 'its annotations keep it' };
  // What an environment lets be replaced is all of its objects: one that is to be kept says so by itself.
  return desired?.metadata.annotations?.[replaceAnnotation] === 'true'
    ? undefined
    : {
        why: 'kept',
        message: `is kept by its annotations, and replaced only with the annotation ${replaceAnnotation}: "true"`,
      };
}

function proofRefusal(asked: AskedDeletion): Refusal | undefined {
  const { object, applySets, purpose } = asked;
  const made = asked.maker ?? madeBy(object);
  const by = made === undefined ? '' : ` (${made} made it)`;
  switch (purpose) {
    case 'prune':
    case 'replace':
      return isMember({ object, applySets })
        ? undefined
        : { why: 'not-made', message: `was not made by this environment${by}` };
    default:
      return isOfHooks(asked) ? undefined : { why: 'not-made', message: `was not made by this release's hooks${by}` };
  }
}

/**
 * Made by our hooks; or what has ended by itself and is ours in another way, or Helm's from before the release was
 * adopted.
 */
function isOfHooks({ object, applySets, adopt = false }: AskedDeletion): boolean {
  if (hookStandingOf({ object, applySets }).standing === 'member') return true;
  return mayFollow({ object, applySets, adopt }) && assessProgress(object).state !== 'running';
}

/**
 * Whether a Job or Pod that no hook of ours made may make room once it has ended: a member, or a hook of Helm's that is
 * adopted.
 */
export function mayFollow({
  object,
  applySets,
  adopt,
}: Pick<AskedDeletion, 'object' | 'applySets'> & { adopt: boolean }): boolean {
  const { kind, apiVersion } = object;
  if (!(kind === 'Job' && groupOf(apiVersion) === 'batch') && !(kind === 'Pod' && groupOf(apiVersion) === ''))
    return false;
  return isMember({ object, applySets }) || (adopt && object.metadata.annotations?.[helmHookAnnotation] !== undefined);
}

function preciousRefusal({ object, purpose, desired }: AskedDeletion): Refusal | undefined {
  const id = objectIdOf(object);
  if (!isPrecious(id)) return undefined;
  const says = (one: KubernetesObject | undefined, annotation: string): boolean =>
    one?.metadata.annotations?.[annotation] === 'true';
  const kind = groupKind(id);
  switch (purpose) {
    case 'replace':
      return says(desired, replaceAnnotation)
        ? undefined
        : { why: 'precious', message: `${kind} is replaced only with the annotation ${replaceAnnotation}: "true"` };
    case 'hook': {
      const isAllowed = [object, desired].some((one) => says(one, pruneAnnotation) || says(one, replaceAnnotation));
      return isAllowed
        ? undefined
        : {
            why: 'precious',
            message: `${kind} is deleted for a hook only with the annotation ${pruneAnnotation}: "true"`,
          };
    }
    default:
      return says(object, pruneAnnotation)
        ? undefined
        : { why: 'precious', message: `${kind} is pruned only with the annotation ${pruneAnnotation}: "true"` };
  }
}

/** The manager that wrote an object first, as far as is recorded. */
export function madeBy({ metadata: { managedFields = [] } }: KubernetesObject): string | undefined {
  const [first] = managedFields
    .filter(({ manager, subresource }) => manager !== undefined && (subresource ?? '') === '')
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1));
  return first?.manager;
}

/**
 * Why a Namespace or a definition is not deleted though it may be: with it would go what another environment has, or
 * what this one keeps of itself.
 *
 * @param objects what is in it and carries a mark of a set or a hook, or may hold Converge's own state
 * @param how what an environment does that has one of them, for people
 */
export function occupancyOf({
  objects,
  applySets,
  how,
}: Pick<AskedDeletion, 'applySets'> & {
  objects: readonly KubernetesObject[];
  how: 'lives in it' | 'has objects of it';
}): Refusal | undefined {
  const former = applySets.slice(1).map(({ environment }) => environment);
  for (const object of objects) {
    const owner = ownerOf({ object, applySets });
    const title = objectTitle(objectIdOf(object));
    if (owner !== undefined) return { why: 'occupied', message: `${owner.title} ${how} (${title})` };
    const isFormer = former.includes(object.metadata.annotations?.[environmentAnnotation] ?? '');
    if (holdsState(object) && !isFormer)
      return { why: 'occupied', message: `${title} in it ${stateMessage(undefined)}` };
  }
  return undefined;
}
