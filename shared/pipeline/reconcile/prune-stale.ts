import { applyStageOf, applyStages } from '../../objects/apply-order.ts';
import { resourceOf } from '../../objects/desired.ts';
import { maskText } from '../../objects/masking.ts';
import type { Change } from '../../plan/change-set.ts';
import { guardPrunes, type GuardedPrune } from '../../plan/prune-guards.ts';
import type { PlannedAction } from '../../plan/plan.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { inParallel } from './parallel.ts';
import type { Target } from './target.ts';

export interface Pruned {
  readonly changes: readonly Change[];
  readonly guarded: readonly GuardedPrune[];
}

/**
 * Deletes what the inventory holds and the revision no longer specifies, in the reverse order of apply, each object as it
 * was observed: one that changed or was made anew since then is left to the next run.
 */
export async function pruneStale(
  { run, environment, applySet, cluster }: Target,
  { actions, inventorySize, api }: { actions: readonly PlannedAction[]; inventorySize: number; api: ClusterApi },
): Promise<Pruned> {
  const stale = actions.flatMap((action) => (action.action === 'prune' ? [action.observed] : []));
  if (!environment.prune) {
    return { changes: stale.map(({ id }) => ({ id, did: 'skipped', message: 'spec.prune is false' })), guarded: [] };
  }
  const { allowed, guarded, kept } = guardPrunes({ stale, inventorySize, applySetId: applySet.id });
  const changes: Change[] = kept.map(({ id }) => ({ id, did: 'skipped', message: 'its annotations keep it' }));
  for (const stage of applyStages.toReversed()) {
    await inParallel(
      allowed.filter(({ id }) => applyStageOf(id) === stage),
      async ({ id, object }) => {
        await run.lease.assertHeld();
        const resource = resourceOf({ api, object });
        const { uid, resourceVersion } = object.metadata;
        if (resource === undefined || uid === undefined || resourceVersion === undefined) return;
        const result = await cluster.delete({ resource, namespace: id.namespace, name: id.name, uid, resourceVersion });
        switch (result.outcome) {
          case 'deleted':
          case 'absent':
            changes.push({ id, did: 'pruned' });
            break;
          case 'changed':
            changes.push({ id, did: 'skipped', message: 'changed since it was read; the next run looks again' });
            break;
          case 'rejected':
            changes.push({ id, did: 'failed', message: maskText({ text: `could not be pruned: ${result.message}`, objects: [object] }) });
        }
      },
    );
  }
  return { changes, guarded };
}
