import { ConvergeError } from '../../../base/errors.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind } from '../../../objects/object-id.ts';
import { liveReferences, referrerKinds } from '../../../plan/live-references.ts';
import { isReferable } from '../../../objects/referable.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { inParallel } from '../../common/parallel.ts';

/** By the key of what is referred to, the title of what refers to it; or why that could not be read. */
export type References = { readonly referred: ReadonlyMap<string, string> } | { readonly unread: string };

/**
 * What live Pods, and what makes them, refer to in the namespaces of these objects. Nothing is read where none of them
 * can be referred to. What may not be read is a reason; anything else is thrown.
 *
 * @param workloads StatefulSets as this run has observed them
 */
export async function readReferences(
  cluster: Pick<Cluster, 'list'>,
  {
    objects,
    api,
    workloads,
  }: { objects: readonly ObservedObject[]; api: ClusterApi; workloads: readonly KubernetesObject[] },
): Promise<References> {
  const namespaces = [...new Set(objects.flatMap(({ id }) => (isReferable(id) ? (id.namespace ?? []) : [])))].sort();
  const queries = referrerKinds.flatMap((kind) => {
    const resource = api.resources.find((served) => groupKind(served) === kind);
    return resource === undefined ? [] : namespaces.map((namespace) => ({ resource, namespace }));
  });
  try {
    const lists = await inParallel(queries, async (query) => cluster.list({ ...query, content: 'whole' }));
    return { referred: liveReferences({ referrers: lists.flat(), workloads }) };
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return { unread: error.message };
  }
}
