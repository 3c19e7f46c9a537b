import { applyStageOf, applyStages } from '../../../objects/apply-order.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { reachableResourceOf } from '../../../desired/desired.ts';
import type { ApplySet } from '../../../inventory/applyset.ts';
import type { Change } from '../../../plan/change-set.ts';
import { whyLingering } from '../../../plan/lingering.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { GuardedPrune } from '../../../plan/prune-guards.ts';
import { deleteObject } from './delete-object.ts';
import { inParallel } from '../../common/parallel.ts';
import { readAgain } from './read-again.ts';
import type { Target } from '../run/target.ts';
import { mayBeHidden } from '../observe/unserved-kinds.ts';

const firstLook = 50;
const slowestLook = 2_000;

export interface Deleted {
  readonly changes: readonly Change[];
  /** What a guard kept when it was about to be deleted. */
  readonly guarded: readonly GuardedPrune[];
  /** What is still there, each with what holds it. */
  readonly lingering: readonly GuardedPrune[];
}

/**
 * Deletes objects in the reverse order of apply, each as it was observed: one that changed or was made anew since then is
 * left to the next run, see `delete-object.ts`. A stage begins when the objects of the one before are gone; where one lingers, nothing more is
 * deleted: the next look goes on.
 *
 * @param applySets the environment's own, and those of its previous names
 * @param going objects of the same inventory that are being deleted already
 * @param until how long it may wait for them, in milliseconds since 1970
 */
export async function deleteInOrder(
  { run, cluster }: Pick<Target, 'run' | 'cluster'>,
  {
    doomed,
    applySets,
    going,
    api,
    until,
  }: {
    doomed: readonly ObservedObject[];
    applySets: readonly ApplySet[];
    going: readonly ObservedObject[];
    api: ClusterApi;
    until: number;
  },
): Promise<Deleted> {
  const changes: Change[] = [];
  const guarded: GuardedPrune[] = [];
  const isOf = (stage: string) => (object: ObservedObject) => applyStageOf(object.id) === stage;
  for (const stage of applyStages.toReversed()) {
    const leaving = going.filter(isOf(stage)).filter(isReachable);
    await inParallel(doomed.filter(isOf(stage)), async (observed) => {
      if ((await deleteOne(observed)) === 'leaving') leaving.push(observed);
    });
    const lingering = await awaitGone(leaving);
    if (lingering.length > 0) return { changes, guarded, lingering };
  }
  return { changes, guarded, lingering: [] };

  /** What cannot be reached is not gone: it is left to the next look. */
  function isReachable({ id, object }: ObservedObject): boolean {
    if (reachableResourceOf({ api, object }) !== undefined) return true;
    changes.push({
      id,
      did: 'skipped',
      message: 'is of a kind that the cluster does not serve now; the next run looks again',
    });
    return false;
  }

  async function deleteOne(observed: ObservedObject): Promise<'leaving' | 'done'> {
    const { id, object } = observed;
    const resource = reachableResourceOf({ api, object });
    if (resource === undefined || !isReachable(observed)) return 'done';
    const result = await deleteObject(
      { run, cluster, api },
      { resource, id, live: object, applySets, purpose: 'prune' },
    );
    switch (result.outcome) {
      case 'gone':
      case 'leaving':
        changes.push({ id, did: 'pruned' });
        return result.outcome === 'leaving' ? 'leaving' : 'done';
      case 'refused':
        guarded.push({ observed, reason: result.refusal.message });
        return 'done';
      case 'changed':
        changes.push({ id, did: 'skipped', message: result.message });
        return 'done';
      case 'rejected':
        changes.push({ id, did: 'failed', message: `could not be pruned: ${result.message}` });
        return 'done';
    }
  }

  async function awaitGone(leaving: readonly ObservedObject[]): Promise<GuardedPrune[]> {
    let left = leaving;
    for (let pause = firstLook; ; pause = Math.min(pause * 1.5, slowestLook)) {
      const still = await inParallel(left, async (observed): Promise<ObservedObject[]> => {
        const resource = reachableResourceOf({ api, object: observed.object });
        const again =
          resource === undefined
            ? 'unserved'
            : await readAgain(cluster, { resource, namespace: observed.id.namespace, name: observed.id.name });
        // A definition goes when the last of its objects is gone; while it is there, nobody knows.
        if (again === 'unserved' && (await mayBeHidden(cluster, { id: observed.id, api: await cluster.api() })))
          return [observed];
        const live = again === 'unserved' ? undefined : again.live;
        return live === undefined || live.metadata.uid !== observed.object.metadata.uid
          ? []
          : [{ ...observed, object: { ...live, apiVersion: observed.object.apiVersion, kind: observed.object.kind } }];
      });
      left = still.flat();
      if (left.length === 0) return [];
      if (run.ports.now().getTime() >= until)
        return left.map((observed) => ({ observed, reason: whyLingering(observed.object) }));
      await run.ports.sleep(pause);
      await run.lease.assertHeld();
    }
  }
}
