import { ConvergeError } from '../../../base/errors.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import { reachableResourceOf } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { maskText } from '../../../drift/masking.ts';
import type { ObjectId } from '../../../objects/object-id.ts';
import { deletionRefusal, type AskedDeletion, type Refusal } from '../../../ownership/deletion-guard.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { occupancy } from './occupants.ts';
import { readAgain, type Place } from './read-again.ts';
import { conflictLooks, conflictPause, lookUntil } from '../run/look-until.ts';
import type { Run } from '../run/run.ts';
import { mayBeHidden } from '../observe/unserved-kinds.ts';

const notServed = 'is of a kind that the cluster does not serve now; the next run looks again';

export interface ObjectToDelete extends Omit<AskedDeletion, 'object' | 'now'> {
  readonly resource: ApiResource;
  readonly id: Pick<ObjectId, 'namespace' | 'name'>;
  /** As it was read, all of it: that incarnation is deleted, and no other. Absent: what is there now. */
  readonly live?: KubernetesObject;
}

export type Deletion =
  | { readonly outcome: 'gone' }
  /** Its finalizers, or the time it has to end in, keep it for now. */
  | { readonly outcome: 'leaving'; readonly uid: string }
  /** It must not be deleted, and was not tried. */
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  /** It is no longer what was to be deleted, or never stood still: the next run looks again. */
  | { readonly outcome: 'changed'; readonly message: string }
  /** The API server does not let it go. */
  | { readonly outcome: 'rejected'; readonly message: string };

/** What of a run and its cluster a deletion takes. */
export interface Deleter {
  readonly run: Pick<Run, 'lease'> & { readonly ports: Pick<Ports, 'now' | 'sleep'> };
  readonly cluster: Pick<Cluster, 'name' | 'api' | 'get' | 'list' | 'delete'>;
  readonly api: ClusterApi;
}

/**
 * Deletes one object: the only place where anything is deleted. The guards are asked of the very incarnation and
 * version that then goes, while the lease is held. Where somebody changes it in between, it is read and judged anew.
 */
export async function deleteObject(deleter: Deleter, asked: ObjectToDelete): Promise<Deletion> {
  const { run, cluster } = deleter;
  let place: Place = { resource: asked.resource, namespace: asked.id.namespace, name: asked.id.name };
  let live = asked.live;
  if (live === undefined) {
    const found = await readAgain(cluster, place);
    if (found === 'unserved') return { outcome: 'changed', message: notServed };
    ({ place, live } = found);
  }
  const incarnation = live?.metadata.uid;
  for (let look = 1; ; look++) {
    if (live === undefined) return { outcome: 'gone' };
    const { uid, resourceVersion, deletionTimestamp } = live.metadata;
    if (uid === undefined || resourceVersion === undefined)
      return { outcome: 'changed', message: 'has no version to be deleted by' };
    if (uid !== incarnation)
      return { outcome: 'changed', message: 'was made anew since it was read; the next run looks again' };
    if (deletionTimestamp !== undefined) return { outcome: 'leaving', uid };
    const now = run.ports.now();
    const refusal =
      deletionRefusal({ ...asked, object: live, now }) ?? (await occupancy(deleter, { ...asked, object: live }));
    if (refusal !== undefined)
      return look > 1 && isGivenAway(asked, refusal)
        ? { outcome: 'changed', message: `${refusal.message} since it was read` }
        : { outcome: 'refused', refusal };
    await run.lease.assertHeld(look === 1 ? undefined : 'now');
    const result = await cluster.delete({ ...place, uid, resourceVersion });
    switch (result.outcome) {
      case 'absent':
        return { outcome: 'gone' };
      case 'deleted':
        return result.gone ? { outcome: 'gone' } : { outcome: 'leaving', uid };
      case 'rejected':
        return { outcome: 'rejected', message: maskText({ text: result.message, objects: [live] }) };
      case 'unserved': {
        const resource = reachableResourceOf({ api: await cluster.api({ refresh: true }), object: live });
        if (resource === undefined || look === conflictLooks) return { outcome: 'changed', message: notServed };
        place = { ...place, resource };
        await run.ports.sleep(conflictPause(look));
        continue;
      }
      case 'changed':
        if (look === conflictLooks)
          return { outcome: 'changed', message: 'changed each time that it was read; the next run looks again' };
    }
    await run.ports.sleep(conflictPause(look));
    const again = await readAgain(cluster, place);
    if (again === 'unserved') return { outcome: 'changed', message: notServed };
    ({ place, live } = again);
  }
}

/** Whether it was a member when it was read, and another took it or let it go meanwhile. */
function isGivenAway({ purpose }: ObjectToDelete, { why }: Refusal): boolean {
  return purpose === 'prune' && (why === 'not-made' || why === 'foreign');
}

/**
 * Waits until an incarnation of an object is gone, and resolves with what is left of it.
 *
 * @param until how long it may wait, in milliseconds since 1970
 */
export async function awaitGone(
  { run, cluster }: Deleter,
  { resource, id, uid, until }: Pick<ObjectToDelete, 'resource' | 'id'> & { uid: string; until: number },
): Promise<KubernetesObject | undefined> {
  const { group, kind } = resource;
  return await lookUntil(run, async () => {
    const again = await readAgain(cluster, { resource, namespace: id.namespace, name: id.name });
    const isHidden =
      again === 'unserved' && (await mayBeHidden(cluster, { id: { group, kind }, api: await cluster.api() }));
    const live =
      again !== 'unserved'
        ? again.live
        : isHidden
          ? { apiVersion: `${group}/${resource.version}`, kind, metadata: { ...id, uid } }
          : undefined;
    if (live === undefined || live.metadata.uid !== uid) return { end: undefined };
    return run.ports.now().getTime() >= until ? { end: live } : 'again';
  });
}

/**
 * Deletes what Converge keeps of an environment in the cluster: the parent of its inventory, the seed of its random
 * values.
 *
 * Throws `OwnedByAnother` (refuse) where it is another environment's, `ClusterRefused` (refuse) where the API server
 * does not let it go, and `ClusterUnavailable` (retry) where it never stands still: whoever calls must not take it for
 * gone.
 *
 * @param title for people: `ConfigMap acme/converge-acme`
 */
export async function deleteState(
  deleter: Deleter,
  { title, ...asked }: Pick<ObjectToDelete, 'resource' | 'id' | 'applySets'> & { title: string },
): Promise<void> {
  const result = await deleteObject(deleter, { ...asked, purpose: 'state' });
  const subject = `cluster ${deleter.cluster.name}, ${title}`;
  switch (result.outcome) {
    case 'gone':
    case 'leaving':
      return;
    case 'refused':
      throw new ConvergeError({
        code: 'OwnedByAnother',
        subject,
        message: `${result.refusal.message}; it is not deleted`,
        remedy: 'remove it by hand, if nothing needs it',
        disposition: 'refuse',
      });
    case 'rejected':
      throw new ConvergeError({
        code: 'ClusterRefused',
        subject,
        message: `could not be deleted: ${result.message}`,
        remedy: 'give the right to delete it, or remove what holds it; the next run goes on',
        disposition: 'refuse',
      });
    case 'changed':
      throw new ConvergeError({
        code: 'ClusterUnavailable',
        subject,
        message: `could not be deleted: it ${result.message}`,
        disposition: 'retry',
      });
  }
}
