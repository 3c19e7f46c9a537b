import type { Change } from '../../plan/change-set.ts';
import { guardMassPrune, guardPrunes, type GuardedPrune } from '../../plan/prune-guards.ts';
import type { ObservedObject, PlannedAction } from '../../plan/plan.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { isDefinition } from '../../objects/replacement.ts';
import { deleteInOrder } from './delete-in-order.ts';
import type { ObservedState } from './observed-state.ts';
import { releaseObjects } from './release-objects.ts';
import type { Target } from './target.ts';

export interface Pruned {
  readonly changes: readonly Change[];
  readonly guarded: readonly GuardedPrune[];
  /** What was given up instead, and is told once. */
  readonly released?: readonly GuardedPrune[];
  /** What is being deleted and still there, each with what holds it. */
  readonly lingering: readonly GuardedPrune[];
  /** Keys of what is left for now, and looked at again at the next look whatever else changed. */
  readonly pending: readonly string[];
}

/**
 * Deletes what the inventory holds and the revision no longer specifies, behind its guards. Adopt before prune (rule 10):
 * what another environment of the repository wants at this revision is left, to be handed over; where one cannot be asked,
 * nothing is deleted that it may want.
 *
 * @param until how long it may wait for what it deletes, in milliseconds since 1970
 */
export async function pruneStale(
  target: Target,
  { actions, observed, api, until }: { actions: readonly PlannedAction[]; observed: ObservedState; api: ClusterApi; until: number },
): Promise<Pruned> {
  const { environment, applySet } = target;
  const stale = actions.flatMap((action) => (action.action === 'prune' ? [action.observed] : []));
  if (!environment.prune) {
    return { changes: stale.map(({ id }) => ({ id, did: 'skipped', message: 'spec.prune is false' })), guarded: [], lingering: [], pending: [] };
  }
  const applySets = [applySet, ...(observed.previousSets ?? [])];
  const single = guardPrunes({ stale, applySets });
  const askedBefore = new Set(target.run.memoryFile.memory().pending);
  // Objects of other releases may be of these kinds: such a definition is given up, for whoever wants it.
  const definitions = single.guarded.filter((one) => isDefinition(one.observed.id));
  const asked = [...single.allowed, ...definitions.map((one) => one.observed)];
  const patient = asked.every(({ key }) => !askedBefore.has(key));
  const { free, wanted, unknown, later } = await partByWishes(target, { objects: asked, patient });
  const givenUp = definitions.filter((one) => free.includes(one.observed));
  const mass = guardMassPrune({ allowed: free.filter((one) => !givenUp.some(({ observed: definition }) => definition === one)), inventorySize: observed.objects.size });
  if (mass.allowed.length > 0 || givenUp.length > 0) await target.others.assertNewest();
  const released = await giveUp(target, givenUp);
  const { changes, lingering, ...last } = await deleteInOrder(target, { doomed: mass.allowed, applySets, going: single.going, api, until });
  const kept: Change[] = single.kept.map(({ id }) => ({ id, did: 'skipped', message: 'its annotations keep it' }));
  const handedOver: Change[] = wanted.map(({ id }) => ({ id, did: 'skipped', message: 'another environment wants it' }));
  const deferred: Change[] = later.map(({ id }) => ({ id, did: 'skipped', message: 'many environments have yet to say whether they want it; the next look asks them' }));
  const guarded = [...single.guarded.filter((one) => !definitions.includes(one)), ...unknown, ...mass.guarded, ...last.guarded];
  const again = changes.flatMap((change) => (change.did === 'skipped' ? stale.filter(({ id }) => id === change.id) : []));
  return {
    changes: [...kept, ...handedOver, ...deferred, ...released, ...changes],
    guarded,
    released: givenUp,
    lingering,
    pending: [...wanted, ...later, ...again, ...[...guarded, ...lingering].map(({ observed }) => observed)].map(({ key }) => key).sort(),
  };
}

/** Releases what may not be deleted and is nobody's to look after any more. */
async function giveUp(target: Target, guarded: readonly GuardedPrune[]): Promise<Change[]> {
  if (guarded.length === 0) return [];
  const failed = await releaseObjects(target, guarded.map(({ observed }) => observed));
  return guarded.map(({ observed: { id } }) => failed.find((change) => change.id === id) ?? { id, did: 'released' });
}

export interface ByWishes {
  readonly free: readonly ObservedObject[];
  readonly wanted: readonly ObservedObject[];
  /** Nobody knows whether they are wanted. */
  readonly unknown: readonly GuardedPrune[];
  /** Those that may want them have yet to converge at this revision. */
  readonly later: readonly ObservedObject[];
}

/** Asks the other environments for each object, where there is any. */
export async function partByWishes({ others }: Pick<Target, 'others'>, { objects, patient }: { objects: readonly ObservedObject[]; patient: boolean }): Promise<ByWishes> {
  if (objects.length === 0) return { free: [], wanted: [], unknown: [], later: [] };
  const wishes = await others.wishes({ patient });
  const keys = new Set(wishes.flatMap((wish) => ('keys' in wish ? [...wish.keys] : [])));
  const [silent] = wishes.flatMap((wish) => ('reason' in wish ? [wish] : []));
  const wanted = objects.filter(({ key }) => keys.has(key));
  const rest = objects.filter(({ key }) => !keys.has(key));
  if (silent !== undefined) {
    const reason = `is not pruned, as environment ${silent.environment} may want it: ${silent.reason}`;
    return { free: [], wanted, unknown: rest.map((observed) => ({ observed, reason })), later: [] };
  }
  if (wishes.some((wish) => 'pending' in wish)) return { free: [], wanted, unknown: [], later: rest };
  return { free: rest, wanted, unknown: [], later: [] };
}
