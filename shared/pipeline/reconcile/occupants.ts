import { ConvergeError } from '../../errors.ts';
import { hookOfLabel, idLabel, partOfLabel } from '../../inventory/applyset.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../../objects/object-id.ts';
import { occupancyOf, type AskedDeletion, type Refusal } from '../../ownership/deletion-guard.ts';
import { inParallel } from './parallel.ts';
import type { Target } from './target.ts';

/**
 * Why a Namespace that may be deleted otherwise stays: an environment lives in it, or that cannot be told. Undefined for every
 * other object. Everything that the cluster serves is asked for: an inventory reaches into namespaces beside its parent's.
 */
export async function occupancyOfNamespace({ cluster, api }: Pick<Target, 'cluster' | 'api'>, { object, applySets }: Pick<AskedDeletion, 'object' | 'applySets'>): Promise<Refusal | undefined> {
  if (groupKind(objectIdOf(object)) !== 'Namespace') return undefined;
  const namespace = object.metadata.name ?? '';
  const unknown = (reason: string): Refusal => ({ why: 'unknown', message: `stays, since it cannot be told whether an environment lives in it: ${reason}` });
  if (api.unreadable.length > 0) return unknown(`${api.unreadable.join(', ')} cannot be discovered`);
  try {
    const marks = [partOfLabel, hookOfLabel, idLabel];
    const asked = onePerKind(api.resources).flatMap((resource) =>
      // Seeds carry no label.
      (groupKind(resource) === 'Secret' ? [undefined] : marks).map((labelSelector) => ({ resource, namespace, content: 'metadata' as const, ...(labelSelector === undefined ? {} : { labelSelector }) })),
    );
    const found: readonly (readonly KubernetesObject[])[] = await inParallel(asked, async (query) => cluster.list(query));
    return occupancyOf({ objects: found.flat(), applySets });
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return unknown(error.message);
    throw error;
  }
}

/** Each namespaced kind in one of its versions: the objects of all are the same. */
function onePerKind(resources: readonly ApiResource[]): ApiResource[] {
  const kinds = new Map<string, ApiResource>();
  for (const resource of resources) if (resource.namespaced && resource.listable !== false && !kinds.has(groupKind(resource))) kinds.set(groupKind(resource), resource);
  return [...kinds.values()];
}
