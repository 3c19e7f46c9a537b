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
import { lookUntil } from '../run/look-until.ts';
import type { Target } from '../run/target.ts';
import { mayBeHidden } from '../observe/unserved-kinds.ts';

/** What cannot be reached is not gone: it is left to the next look. */
const unserved = 'is of a kind that the cluster does not serve now; the next run looks again';

export interface Deleted {
  readonly changes: readonly Change[];
  /** What a guard kept when it was about to be deleted. */
  readonly guarded: readonly GuardedPrune[];
  /** What is still there, each with what holds it. */
  readonly lingering: readonly GuardedPrune[];
}

/**
 * Deletes objects in the reverse order of apply, each as it was observed: one that changed or was made anew since then
 * is left to the next run, see `delete-object.ts`. A stage begins when the objects of the one before are gone; where
 * one lingers, nothing more is deleted: the next look goes on.
 *
 * @param applySets the environment's own, and those of its previous names
 * @param going objects of the same inventory that are being deleted already
 * @param until how long it may wait for them, in milliseconds since 1970
 */
export async function deleteInOrder(
  target: Pick<Target, 'run' | 'cluster'>,
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
  const deleter: Deleter = { ...target, api, applySets };
  const changes: Change[] = [];
  const guarded: GuardedPrune[] = [];
  const isOf = (stage: string) => (object: ObservedObject) => applyStageOf(object.id) === stage;
  for (const stage of applyStages.toReversed()) {
    const ends = [
      ...going.filter(isOf(stage)).map((observed): DeletionEnd => {
        const { id, object } = observed;
        if (reachableResourceOf({ api, object }) !== undefined) return { leaving: observed };
        return { change: { id, did: 'skipped', message: unserved } };
      }),
      ...(await inParallel(doomed.filter(isOf(stage)), async (observed) => deleteOne(deleter, observed))),
    ];
    changes.push(...ends.flatMap(({ change }) => change ?? []));
    guarded.push(...ends.flatMap((end) => end.guarded ?? []));
    const lingering = await awaitGone(deleter, { leaving: ends.flatMap((end) => end.leaving ?? []), until });
    if (lingering.length > 0) return { changes, guarded, lingering };
  }
  return { changes, guarded, lingering: [] };
}

type Deleter = Pick<Target, 'run' | 'cluster' | 'api'> & { readonly applySets: readonly ApplySet[] };

/** What the deletion of one object came to. */
interface DeletionEnd {
  readonly change?: Change;
  readonly guarded?: GuardedPrune;
  /** Being deleted, and there for now. */
  readonly leaving?: ObservedObject;
}

async function deleteOne(deleter: Deleter, observed: ObservedObject): Promise<DeletionEnd> {
  const { api, applySets } = deleter;
  const { id, object } = observed;
  const resource = reachableResourceOf({ api, object });
  if (resource === undefined) return { change: { id, did: 'skipped', message: unserved } };
  const result = await deleteObject(deleter, { resource, id, live: object, applySets, purpose: 'prune' });
  switch (result.outcome) {
    case 'gone':
      return { change: { id, did: 'pruned' } };
    case 'leaving':
      return { change: { id, did: 'pruned' }, leaving: observed };
    case 'refused':
      if (result.refusal.why === 'suspended')
        return { change: { id, did: 'skipped', message: result.refusal.message } };
      return { guarded: { observed, reason: result.refusal.message } };
    case 'changed':
      return { change: { id, did: 'skipped', message: result.message } };
    case 'rejected':
      return { change: { id, did: 'failed', message: `could not be pruned: ${result.message}` } };
  }
}

/** Waits for those to go. Returns those that have not when the time is over, each with what holds it. */
async function awaitGone(
  deleter: Deleter,
  { leaving: all, until }: { leaving: readonly ObservedObject[]; until: number },
): Promise<GuardedPrune[]> {
  const { run } = deleter;
  let left = all;
  return await lookUntil<GuardedPrune[]>(run, async () => {
    left = (await inParallel(left, async (observed) => (await stillThere(deleter, observed)) ?? [])).flat();
    if (left.length > 0 && run.ports.now().getTime() < until) return 'again';
    return { end: left.map((observed) => ({ observed, reason: whyLingering(observed.object) })) };
  });
}

/** An object as it is now; undefined where that incarnation of it is gone. */
async function stillThere({ cluster, api }: Deleter, observed: ObservedObject): Promise<ObservedObject | undefined> {
  const { id, object } = observed;
  const resource = reachableResourceOf({ api, object });
  const again =
    resource === undefined
      ? 'unserved'
      : await readAgain(cluster, { resource, namespace: id.namespace, name: id.name });
  // A definition goes when the last of its objects is gone; while it is there, nobody knows.
  if (again === 'unserved' && (await mayBeHidden(cluster, { id, api: await cluster.api() }))) return observed;
  const live = again === 'unserved' ? undefined : again.live;
  return live === undefined || live.metadata.uid !== object.metadata.uid
    ? undefined
    : { ...observed, object: { ...live, apiVersion: object.apiVersion, kind: object.kind } };
}
