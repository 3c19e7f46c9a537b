import { applyStageOf, applyStages } from '../../objects/apply-order.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { resourceOf } from '../../objects/desired.ts';
import { maskText } from '../../objects/masking.ts';
import type { Change } from '../../plan/change-set.ts';
import { whyLingering } from '../../plan/lingering.ts';
import type { ObservedObject } from '../../plan/plan.ts';
import type { GuardedPrune } from '../../plan/prune-guards.ts';
import { inParallel } from './parallel.ts';
import type { Target } from './target.ts';

const firstLook = 50;
const slowestLook = 2_000;

export interface Deleted {
  readonly changes: readonly Change[];
  /** What is still there, each with what holds it. */
  readonly lingering: readonly GuardedPrune[];
}

/**
 * Deletes objects in the reverse order of apply, each as it was observed: one that changed or was made anew since then is
 * left to the next run. A stage begins when the objects of the one before are gone; where one lingers, nothing more is
 * deleted: the next look goes on.
 *
 * @param going objects of the same inventory that are being deleted already
 * @param until how long it may wait for them, in milliseconds since 1970
 */
export async function deleteInOrder(
  { run, cluster }: Pick<Target, 'run' | 'cluster'>,
  { doomed, going, api, until }: { doomed: readonly ObservedObject[]; going: readonly ObservedObject[]; api: ClusterApi; until: number },
): Promise<Deleted> {
  const changes: Change[] = [];
  const isOf = (stage: string) => (object: ObservedObject) => applyStageOf(object.id) === stage;
  for (const stage of applyStages.toReversed()) {
    const leaving = going.filter(isOf(stage));
    await inParallel(doomed.filter(isOf(stage)), async (observed) => {
      if ((await deleteOne(observed)) === 'leaving') leaving.push(observed);
    });
    const lingering = await awaitGone(leaving);
    if (lingering.length > 0) return { changes, lingering };
  }
  return { changes, lingering: [] };

  async function deleteOne({ id, object }: ObservedObject): Promise<'leaving' | 'done'> {
    await run.lease.assertHeld();
    const resource = resourceOf({ api, object });
    const { uid, resourceVersion } = object.metadata;
    if (resource === undefined || uid === undefined || resourceVersion === undefined) return 'done';
    const result = await cluster.delete({ resource, namespace: id.namespace, name: id.name, uid, resourceVersion });
    switch (result.outcome) {
      case 'deleted':
      case 'absent':
        changes.push({ id, did: 'pruned' });
        return result.outcome === 'deleted' && !result.gone ? 'leaving' : 'done';
      case 'changed':
        changes.push({ id, did: 'skipped', message: 'changed since it was read; the next run looks again' });
        return 'done';
      case 'rejected':
        changes.push({ id, did: 'failed', message: maskText({ text: `could not be pruned: ${result.message}`, objects: [object] }) });
        return 'done';
    }
  }

  async function awaitGone(leaving: readonly ObservedObject[]): Promise<GuardedPrune[]> {
    let left = leaving;
    for (let pause = firstLook; ; pause = Math.min(pause * 1.5, slowestLook)) {
      const still = await inParallel(left, async (observed): Promise<ObservedObject[]> => {
        const resource = resourceOf({ api, object: observed.object });
        const live = resource === undefined ? undefined : await cluster.get({ resource, namespace: observed.id.namespace, name: observed.id.name });
        return live === undefined || live.metadata.uid !== observed.object.metadata.uid ? [] : [{ ...observed, object: { ...live, apiVersion: observed.object.apiVersion, kind: observed.object.kind } }];
      });
      left = still.flat();
      if (left.length === 0) return [];
      if (run.ports.now().getTime() >= until) return left.map((observed) => ({ observed, reason: whyLingering(observed.object) }));
      await run.ports.sleep(pause);
      await run.lease.assertHeld();
    }
  }
}
