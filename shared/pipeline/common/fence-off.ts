import { fencedOff, fenceAnnotation } from '../../objects/fenced.ts';
import { fenceManager } from '../../objects/field-manager.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { maskText } from '../../drift/masking.ts';
import type { Cluster } from '../../ports/kubernetes.ts';

export type FencedOff =
  /** Of no request that was sent before anything comes of it any more. */
  | { readonly outcome: 'fenced'; readonly object: KubernetesObject }
  /** Another version is there than was read, or nothing: look again, a request that was under way may have come. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'refused'; readonly message: string };

/**
 * Gives an object as it was read another version, so that a write of an earlier run that is still under way, and names
 * the version that this one read, too, is refused when it comes. Nothing but the annotation `converge.dev/fence`
 * changes, which no field manager of Git's fields owns: it is neither drift nor dropped by an apply, and may stay.
 *
 * @param by what no other claim writes, such as its nonce: the same value would change nothing
 */
export async function fenceOff(
  { cluster }: { readonly cluster: Pick<Cluster, 'apply'> },
  { resource, live, by }: { resource: ApiResource; live: KubernetesObject; by: string },
): Promise<FencedOff> {
  if (live.metadata.annotations?.[fenceAnnotation] === by) return { outcome: 'fenced', object: live };
  const object = fencedOff({ live, by });
  const result = await cluster.apply({ resource, object, dryRun: false, manager: fenceManager });
  if (result.outcome === 'applied') return { outcome: 'fenced', object: result.object };
  if (result.status === 409 || result.status === 404) return { outcome: 'changed' };
  return { outcome: 'refused', message: maskText({ text: result.message, objects: [live] }) };
}
