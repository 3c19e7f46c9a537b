import { isOver, waitsUntil, type Rollout } from '../../../memory/rollout.ts';
import { isUndiscoverable, reachableResourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { Hook } from '../../../desired/hook.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind } from '../../../objects/object-id.ts';
import { deletionRefusal } from '../../../ownership/deletion-guard.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import { whyLingering } from '../../../plan/lingering.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { GuardedPrune } from '../../../plan/prune-guards.ts';
import { awaitGone, deleteObject } from '../write/delete-object.ts';
import { inParallel } from '../../common/parallel.ts';
import { mayBeHidden } from '../observe/unserved-kinds.ts';
import type { DesiredState } from '../render/desired-state.ts';
import { readAgain } from '../write/read-again.ts';
import { releaseObjects } from '../write/release-objects.ts';
import { deleteSeed } from './delete-state.ts';
import { ownSets, type Target } from '../run/target.ts';
import { tellReleased } from '../tell/tell-released.ts';
import { deletionOf, failedObjects, leftOver, waitFor, type TornDown } from './leave.ts';

/** The objects of its hooks, and its seed. What hooks applied over what was there before is not theirs to delete. */
export async function deleteLeftovers(target: Target, { releases }: DesiredState): Promise<TornDown | undefined> {
  const { applySet } = target;
  const failed: GuardedPrune[] = [];
  const precious: GuardedPrune[] = [];
  const kept: ObservedObject[] = [];
  const leaving: Leaving[] = [];
  const now = target.run.ports.now();
  for (const { desired } of releases.flatMap((made) => made.hooks).filter((hook) => !isDefinition(hook))) {
    const { id, key } = desired;
    const found = await findLeftover(target, desired);
    if (found === 'gone') continue;
    if (found === 'hidden') {
      const reason = 'could not be deleted: no version of its kind is served';
      failed.push({ observed: { key, id, object: desired.object }, reason });
      continue;
    }
    const { live, resource } = found;
    const observed = { key, id, object: live };
    const asked = { applySets: ownSets(target), purpose: 'leftover', desired: desired.object } as const;
    const result = await deleteObject(target, { resource, id, live, ...asked });
    // What is somebody else's, and is being deleted, is not waited for.
    if (result.outcome === 'leaving' && deletionRefusal({ ...asked, object: live, now }) === undefined)
      leaving.push({ observed, resource, uid: result.uid });
    if (result.outcome === 'rejected' || result.outcome === 'changed')
      failed.push({ observed, reason: `could not be deleted: ${result.message}` });
    if (result.outcome !== 'refused' || ['not-made', 'foreign', 'state'].includes(result.refusal.why)) continue;
    kept.push(observed);
    if (!['kept', 'suspended'].includes(result.refusal.why))
      precious.push({ observed, reason: result.refusal.message });
  }
  tellReleased({ ...target, environment: undefined, guarded: precious });
  const unreleased = failuresOf(await releaseObjects(target, kept));
  const left = [...failed, ...failedObjects(unreleased, kept)];
  if (left.length > 0) return leftOver(target, { reason: 'Failed', objects: left });
  const rollout = deletionOf(target);
  const lingering = await awaitLeaving(target, { leaving, rollout });
  const [slow] = lingering;
  if (slow !== undefined)
    return isOver({ rollout, now: target.run.ports.now() })
      ? leftOver(target, { reason: 'Unhealthy', objects: lingering, rollout })
      : await waitFor(target, { waited: slow, rollout });
  await deleteSeed(target, { of: applySet });
  return undefined;
}

/** What a hook left and is being deleted. */
interface Leaving {
  readonly observed: ObservedObject;
  readonly resource: ApiResource;
  readonly uid: string;
}

/** Waits for what is being deleted, and resolves with what is still there. */
async function awaitLeaving(
  target: Target,
  { leaving, rollout }: { leaving: readonly Leaving[]; rollout: Rollout },
): Promise<GuardedPrune[]> {
  const until = waitsUntil({ rollout, waitUntil: target.run.waitUntil() });
  const still = await inParallel(leaving, async ({ observed, resource, uid }): Promise<GuardedPrune[]> => {
    const live = await awaitGone(target, { resource, id: observed.id, uid, until });
    return live === undefined ? [] : [{ observed: { ...observed, object: live }, reason: whyLingering(live) }];
  });
  return still.flat();
}

/**
 * A hook's object as it is now, in whatever version; `hidden`: where its kind is served in none, and it may be there
 * all the same.
 */
async function findLeftover(
  { cluster, api }: Pick<Target, 'cluster' | 'api'>,
  desired: DesiredObject,
): Promise<{ resource: ApiResource; live: KubernetesObject } | 'gone' | 'hidden'> {
  const { id, object } = desired;
  const resource = reachableResourceOf({ api, object });
  const found =
    resource === undefined
      ? 'unserved'
      : await readAgain(cluster, { resource, namespace: id.namespace, name: id.name });
  if (found === 'unserved')
    return isUndiscoverable({ desired, api }) || (await mayBeHidden(cluster, { id, api: await cluster.api() }))
      ? 'hidden'
      : 'gone';
  return found.live === undefined ? 'gone' : { resource: found.place.resource, live: found.live };
}

/** Definitions are never deleted, as with Helm. */
function isDefinition({ desired }: Hook): boolean {
  return groupKind(desired.id) === 'CustomResourceDefinition.apiextensions.k8s.io';
}
