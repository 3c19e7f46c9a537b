import { parentSays } from '../../../inventory/applyset.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../../../objects/object-id.ts';
import { ConvergeError } from '../../../base/errors.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { parentResource } from '../observe/observed-state.ts';

/** Writes the inventory's parent where it says something else. Throws `ClusterRefused` (refuse). */
export async function writeParent({
  cluster,
  observed,
  desired,
}: {
  cluster: Cluster;
  observed: KubernetesObject | undefined;
  desired: KubernetesObject;
}): Promise<void> {
  if (parentSays({ observed, desired })) return;
  await applyOwn({ cluster, resource: parentResource, object: desired });
}

/** Applies an object of Converge's own, which Git does not name. Throws `ClusterRefused` (refuse). */
export async function applyOwn({
  cluster,
  resource,
  object,
}: {
  cluster: Cluster;
  resource: ApiResource;
  object: KubernetesObject;
}): Promise<void> {
  const result = await cluster.apply({ resource, object, dryRun: false });
  if (result.outcome === 'applied') return;
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `the API server answered ${result.status}: ${result.message}`,
    disposition: 'refuse',
  });
}
