import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import { resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectIdOf, objectKey } from '../../../objects/object-id.ts';
import type { PlannedAction } from '../../../plan/plan.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { inParallel } from '../../common/parallel.ts';

/**
 * What the cluster already holds of the objects that are new to the inventory, by key: their metadata at least, and all
 * of those with fields that are ignored. A forced apply would take them from their owner without a word, so they are
 * read first, by one LIST for each kind and namespace.
 */
export async function readPresent({
  cluster,
  api,
  actions,
}: {
  cluster: Cluster;
  api: ClusterApi;
  actions: readonly PlannedAction[];
}): Promise<ReadonlyMap<string, KubernetesObject>> {
  const created = actions.flatMap((action) =>
    action.action === 'create' || action.action === 'recreate' ? [action.desired] : [],
  );
  const present = await inParallel(queriesFor({ created, api }), async ({ resource, namespace, wanted }) => {
    const [only, ...others] = wanted;
    if (only === undefined || others.length > 0)
      return await cluster.list({ resource, namespace, content: 'metadata' });
    const found = await cluster.get({ resource, namespace, name: only.id.name });
    return found === undefined ? [] : [found];
  });
  const keys = new Set(created.map(({ key }) => key));
  const found = present.flat().map((object) => [objectKey(objectIdOf(object)), object] as const);
  return new Map(found.filter(([key]) => keys.has(key)));
}

interface Query {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly wanted: readonly DesiredObject[];
}

/** A kind that is not served yet has no objects. */
function queriesFor({ created, api }: { created: readonly DesiredObject[]; api: ClusterApi }): Query[] {
  const queries = new Map<string, Query>();
  for (const desired of created) {
    const { group, kind, namespace } = desired.id;
    const resource = resourceOf({ api, object: desired.object });
    const key = `${group}/${kind}/${namespace ?? ''}${desired.ignored === undefined ? '' : `/${desired.id.name}`}`;
    if (resource !== undefined)
      queries.set(key, { resource, namespace, wanted: [...(queries.get(key)?.wanted ?? []), desired] });
  }
  return [...queries.values()];
}
