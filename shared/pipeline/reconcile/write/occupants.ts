import { ConvergeError } from '../../../base/errors.ts';
import { hookOfLabel, idLabel, partOfLabel } from '../../../inventory/applyset.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../../../objects/object-id.ts';
import { occupancyOf, type AskedDeletion, type Refusal } from '../../../ownership/deletion-guard.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { inParallel } from '../../common/parallel.ts';

/** How often a kind that could not be listed is looked for: its definition may just be going, and the API server says so late. */
const looks = 5;
const firstPause = 50;

interface Inspector {
  readonly run: { readonly ports: Pick<Ports, 'sleep'> };
  readonly cluster: Pick<Cluster, 'api' | 'list'>;
  readonly api: ClusterApi;
}

/**
 * Why a Namespace that may be deleted otherwise stays: an environment lives in it, or that cannot be told. Undefined for every
 * other object. Everything that the cluster serves is asked for: an inventory reaches into namespaces beside its parent's.
 */
export async function occupancyOfNamespace(
  inspector: Inspector,
  { object, applySets }: Pick<AskedDeletion, 'object' | 'applySets'>,
): Promise<Refusal | undefined> {
  if (groupKind(objectIdOf(object)) !== 'Namespace') return undefined;
  const { api } = inspector;
  const namespace = object.metadata.name ?? '';
  const unknown = (reason: string): Refusal => ({
    why: 'unknown',
    message: `stays, since it cannot be told whether an environment lives in it: ${reason}`,
  });
  if (api.unreadable.length > 0) return unknown(`${api.unreadable.join(', ')} cannot be discovered`);
  try {
    const marks = [partOfLabel, hookOfLabel, idLabel];
    // Seeds carry no label.
    const asked = onePerKind(api.resources).flatMap((resource) =>
      (groupKind(resource) === 'Secret' ? [undefined] : marks).map((labelSelector) => ({ resource, labelSelector })),
    );
    const found = await inParallel(asked, async ({ resource, labelSelector }) =>
      listIn(inspector, { resource, namespace, labelSelector }),
    );
    return occupancyOf({ objects: found.flat(), applySets });
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return unknown(error.message);
    throw error;
  }
}

/** What of a kind carries a mark, or all of it. Of a kind that the cluster serves no longer there is nothing. */
async function listIn(
  { run, cluster }: Inspector,
  {
    resource,
    namespace,
    labelSelector,
  }: { resource: ApiResource; namespace: string; labelSelector: string | undefined },
): Promise<readonly KubernetesObject[]> {
  for (let look = 1; ; look++) {
    try {
      return await cluster.list({
        resource,
        namespace,
        content: 'metadata',
        ...(labelSelector === undefined ? {} : { labelSelector }),
      });
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
      const { resources, unreadable } = await cluster.api({ refresh: true });
      if (unreadable.length === 0 && !resources.some((served) => groupKind(served) === groupKind(resource))) return [];
      if (look === looks) throw error;
      await run.ports.sleep(firstPause * 2 ** look);
    }
  }
}

/** Each namespaced kind in one of its versions: the objects of all are the same. */
function onePerKind(resources: readonly ApiResource[]): ApiResource[] {
  const kinds = new Map<string, ApiResource>();
  for (const resource of resources)
    if (resource.namespaced && resource.listable !== false && !kinds.has(groupKind(resource)))
      kinds.set(groupKind(resource), resource);
  return [...kinds.values()];
}
