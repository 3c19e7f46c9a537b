import { alsoDeclaring, isSameInventory, parentSays } from '../../../inventory/applyset.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../../../objects/object-id.ts';
import { ConvergeError } from '../../../base/errors.ts';
import type { ApplyResult, Cluster } from '../../../ports/kubernetes.ts';
import { parentResource } from '../observe/observed-state.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Lease } from '../run/lease.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';

/** What of a run and its cluster a write of Converge's own objects takes. */
export interface OwnWriter {
  readonly run: { readonly lease: Pick<Lease, 'assertHeld'>; readonly ports: Pick<Ports, 'sleep'> };
  readonly cluster: Pick<Cluster, 'name' | 'get' | 'apply'>;
}

/**
 * Writes the inventory's parent where it says something else, and resolves with it as it then is. Only over what was
 * read, or where nothing was: a run that lost its lease must not take away the kinds that a newer one declared, nor
 * make the parent of a removed environment anew. Where it changed meanwhile, the lease is looked at again; what it
 * declares by then stays declared.
 *
 * Throws `ClusterRefused` (refuse), and `ClusterUnavailable` (retry) where it never stands still, or something else is
 * in its place by now: the next look judges that.
 */
export async function writeParent({
  run,
  cluster,
  observed,
  desired,
}: OwnWriter & { observed: KubernetesObject | undefined; desired: KubernetesObject }): Promise<KubernetesObject> {
  const { namespace, name = '' } = desired.metadata;
  // What goes on from a previous name is no parent that is there.
  let live = observed?.metadata.uid === undefined ? undefined : observed;
  let wanted = desired;
  for (let look = 1; ; look++) {
    if (live !== undefined && parentSays({ observed: live, desired: wanted })) return live;
    await run.lease.assertHeld(look === 1 ? undefined : 'now');
    const object = fenced({ object: wanted, live });
    const result = await cluster.apply({ resource: parentResource, object, dryRun: false });
    if (result.outcome === 'applied') return result.object;
    if (result.status !== 409) throw refusedOwn({ cluster, object: desired, result });
    if (look === conflictLooks) throw changing({ cluster, object: desired, message: result.message });
    await run.ports.sleep(conflictPause(look));
    live = await cluster.get({ resource: parentResource, namespace, name });
    if (live === undefined) continue;
    if (!isSameInventory(live, desired))
      throw changing({ cluster, object: desired, message: 'something else is in its place since it was read' });
    wanted = alsoDeclaring({ desired, parent: live });
  }
}

/**
 * Makes an object of Converge's own, which Git does not name, where nothing is. One that somebody made meanwhile stays
 * as it is. Throws `ClusterRefused` (refuse).
 */
export async function makeOwn({
  cluster,
  resource,
  object,
}: Pick<OwnWriter, 'cluster'> & { resource: ApiResource; object: KubernetesObject }): Promise<void> {
  const result = await cluster.apply({ resource, object: fenced({ object, live: undefined }), dryRun: false });
  if (result.outcome === 'rejected' && result.status !== 409) throw refusedOwn({ cluster, object, result });
}

interface OwnObject {
  readonly cluster: Pick<Cluster, 'name'>;
  readonly object: KubernetesObject;
}

function refusedOwn({
  cluster,
  object,
  result: { status, message },
}: OwnObject & { result: Extract<ApplyResult, { outcome: 'rejected' }> }): ConvergeError {
  return new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `the API server answered ${status}: ${message}`,
    disposition: 'refuse',
  });
}

function changing({ cluster, object, message }: OwnObject & { message: string }): ConvergeError {
  return new ConvergeError({
    code: 'ClusterUnavailable',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `could not be written: ${message}`,
    disposition: 'retry',
  });
}
