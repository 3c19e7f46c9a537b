import type { ApplySet } from '../inventory/applyset.ts';
import { holdsState, ownerOf, type Owner } from '../inventory/membership.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { stateMessage } from './deletion-guard.ts';
import { livingOwner } from './living-owner.ts';

/** Whose an object is, where it is not ours. */
export interface ForeignOwner {
  /** The id of the set that it is labelled for; empty where somebody took the label off. */
  readonly set: string;
  /** For people: `environment master/acme`, or the set's id where the object names no environment. */
  readonly title: string;
  /** The environment of the same repository that the object names, or undefined. */
  readonly environment: string | undefined;
  /**
   * Whether it names an environment at all, of whatever repository: what only bears a label may have been given that by
   * anybody.
   */
  readonly isNamed: boolean;
  readonly as: Owner['as'];
}

export function foreignOwnerOf({
  observed,
  applySet,
}: {
  observed: KubernetesObject;
  applySet: Pick<ApplySet, 'id' | 'environment'>;
}): ForeignOwner | undefined {
  const owner = ownerOf({ object: observed, applySets: [applySet] });
  if (owner === undefined) return undefined;
  const [repository] = applySet.environment.split('/');
  const [ofRepository, environment] = owner.environment?.split('/') ?? [];
  return {
    set: owner.set,
    title: owner.title,
    environment: ofRepository === repository ? environment : undefined,
    isNamed: owner.environment !== undefined,
    as: owner.as,
  };
}

/**
 * What the owner of an object says of it at this revision: it is not asked (`other`: of another repository or cluster),
 * `wants` it, does not want it (`free`), is `suspended` or `frozen`
 * and keeps what it owns, or cannot be asked (`unknown`).
 */
export type OwnersVerdict =
  | { readonly answer: 'other' | 'wants' | 'free' | 'suspended' }
  | { readonly answer: 'frozen'; /** ISO 8601. */ readonly until: string }
  | { readonly answer: 'unknown'; readonly reason: string };

/**
 * Why an object of another set must not be applied, or undefined where it is handed over. A forced apply would take it
 * without a word. An owner that does not parse or render has not said that it does not want it.
 */
export function ownersRefusal({ owner, said }: { owner: ForeignOwner; said: OwnersVerdict }): string | undefined {
  if (owner.as === 'state') return `${stateMessage(owner.title)}, and is never applied over; leave it out`;
  switch (said.answer) {
    case 'free':
      return undefined;
    case 'suspended':
      return (
        `is owned by ${owner.title}, which is suspended and keeps what it owns; ` +
        'remove spec.suspend and spec.suspendUntil there, or its file'
      );
    case 'frozen':
      return `is owned by ${owner.title}, which is frozen until ${said.until} and keeps what it owns`;
    case 'unknown':
      return `is owned by ${owner.title}, and whether that still wants it cannot be told: ${said.reason}`;
    case 'other':
    case 'wants':
      return `is owned by ${owner.title}; remove it there first`;
  }
}

/**
 * Why an object of no set must not be applied: what a living release of another tool reconciles is adopted only where
 * the environment says so.
 */
export function refusalOf({
  observed,
  desired,
  adopt,
}: {
  observed: KubernetesObject;
  desired: KubernetesObject;
  adopt: boolean;
}): string | undefined {
  if (holdsState(observed)) return `${stateMessage(undefined)}, and is never applied over; leave it out`;
  const owner = adopt ? undefined : livingOwner({ observed, desired });
  return owner === undefined
    ? undefined
    : `is reconciled by ${owner}; remove it there first, or set spec.adopt: true to take it over`;
}

/**
 * Why a hook must neither be applied over an object nor make room for itself there, or undefined. It says nothing of
 * what it would delete.
 */
export function hookRefusal({
  observed,
  desired,
  applySets,
  adopt,
}: {
  observed: KubernetesObject;
  desired: KubernetesObject;
  applySets: readonly Pick<ApplySet, 'id' | 'environment'>[];
  adopt: boolean;
}): string | undefined {
  const owner = ownerOf({ object: observed, applySets });
  if (owner?.as === 'state') return `${stateMessage(owner.title)}, and no hook takes its place; leave it out`;
  return owner === undefined ? refusalOf({ observed, desired, adopt }) : `is owned by ${owner.title}`;
}
