import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';

export interface Place {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * What is there now, and where it was read; `unserved`: in no version is its kind served, which says nothing about the
 * object.
 */
export type ReadAgain = { readonly place: Place; readonly live: KubernetesObject | undefined } | 'unserved';

/**
 * Reads what was there before. The answer to a version that is served no longer looks like that to an object that is
 * gone: where nothing is found, the cluster is asked what it serves, and the object in another version where its own
 * went.
 */
export async function readAgain(cluster: Pick<Cluster, 'api' | 'get'>, place: Place): Promise<ReadAgain> {
  const live = await cluster.get(place);
  // Only what can be defined by others loses a version while a cluster runs.
  if (live !== undefined || !place.resource.group.includes('.')) return { place, live };
  const { resources } = await cluster.api({ refresh: true });
  const served = resources.filter(({ group, kind }) => group === place.resource.group && kind === place.resource.kind);
  const [resource] = served;
  if (resource === undefined) return 'unserved';
  if (served.some(({ version }) => version === place.resource.version)) return { place, live: undefined };
  const moved = { ...place, resource };
  return { place: moved, live: await cluster.get(moved) };
}
