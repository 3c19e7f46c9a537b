import { environmentAnnotation, partOfLabel, type ApplySet } from '../inventory/applyset.ts';
import type { KubernetesObject, ObjectMetadata } from '../objects/kubernetes-object.ts';
import { livingOwner } from './living-owner.ts';

/**
 * Why an object that is there already must not be applied, or undefined. A forced apply would take it from its owner
 * without a word (rule 10); what a living release of another tool reconciles is adopted only where the environment says so.
 */
export function refusalOf({
  observed,
  desired,
  applySet,
  adopt,
}: {
  observed: { readonly metadata: ObjectMetadata };
  desired: KubernetesObject;
  applySet: ApplySet;
  adopt: boolean;
}): string | undefined {
  const set = observed.metadata.labels?.[partOfLabel];
  if (set === applySet.id) return undefined;
  if (set !== undefined) {
    const environment = observed.metadata.annotations?.[environmentAnnotation];
    return `is owned by ${environment === undefined ? `the ApplySet ${set}` : `environment ${environment}`}; remove it there first`;
  }
  const owner = adopt ? undefined : livingOwner({ observed, desired });
  return owner === undefined ? undefined : `is reconciled by ${owner}; remove it there first, or set spec.adopt: true to take it over`;
}
