import type { ApplySet } from '../../../inventory/applyset.ts';
import type { Change } from '../../../plan/change-set.ts';
import { guardMassPrune, guardPrunes, type GuardedPrune } from '../../../plan/prune-guards.ts';
import type { ObservedObject, PlannedAction } from '../../../plan/plan.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectKey } from '../../../objects/object-id.ts';
import { isDefinition } from '../../../objects/replacement.ts';
import { deleteInOrder, type Deleted } from './delete-in-order.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { goesLast, stillInUse, type Deferred } from './prune-last.ts';
import { readReferences } from './read-references.ts';
import { releaseObjects } from './release-objects.ts';
import type { Run } from '../run/run.ts';
import type { Target } from '../run/target.ts';

export interface Pruned {
  readonly changes: readonly Change[];
  readonly guarded: readonly GuardedPrune[];
  /** What was given up instead, and is told once. */
  readonly released?: readonly GuardedPrune[];
  /** What is being deleted and still there, each with what holds it. */
  readonly lingering: readonly GuardedPrune[];
  /** Keys of what is left for now, and looked at again at the next look whatever else changed. */
  readonly pending: readonly string[];
  /** Keys of what no other environment wants at this revision. */
  readonly unwanted: readonly string[];
  /** What `pruneLast` looks at, which is among `pending` until then. */
  readonly deferred?: Deferred;
}

/**
 * Deletes what the inventory holds and the revision no longer specifies, behind its guards. Adopt before prune:
 * what another environment of the repository wants at this revision is left, to be handed over; where one cannot be
 * asked, nothing is deleted that it may want. What pods may refer to is left to `pruneLast`; what is in use now is
 * counted by no guard.
 *
 * @param workloads as they are known to be now
 * @param until how long it may wait for what it deletes, in milliseconds since 1970
 */
export async function pruneStale(
  target: Target,
  {
    actions,
    observed,
    api,
    workloads,
    until,
  }: {
    actions: readonly PlannedAction[];
    observed: ObservedState;
    api: ClusterApi;
    workloads: readonly KubernetesObject[];
    until: number;
  },
): Promise<Pruned> {
  const stale = actions.flatMap((action) => (action.action === 'prune' ? [action.observed] : []));
  if (!target.environment.prune)
    return {
      changes: skippedFor(stale, 'spec.prune is false'),
      guarded: [],
      lingering: [],
      pending: [],
      unwanted: [],
    };
  const applySets = [target.applySet, ...(observed.previousSets ?? [])];
  const chosen = await choose(target, { stale, applySets, api, workloads, inventorySize: observed.objects.size });
  if (chosen.doomed.length > 0 || chosen.givenUp.length > 0) await target.others.assertNewest();
  const released = await giveUp(target, chosen.givenUp);
  const { doomed, going } = chosen;
  const deleted = await deleteInOrder(target, { doomed, applySets, going, api, until });
  return prunedOf({ stale, chosen, applySets, released, deleted });
}

/** What becomes of each object that is stale. */
interface Chosen {
  /** Deleted now. */
  readonly doomed: readonly ObservedObject[];
  /** Being deleted already, and waited for now. */
  readonly going: readonly ObservedObject[];
  /** Definitions that are given up instead. */
  readonly givenUp: readonly GuardedPrune[];
  readonly last: Omit<Deferred, 'applySets'>;
  readonly kept: readonly ObservedObject[];
  readonly suspended: readonly GuardedPrune[];
  readonly guarded: readonly GuardedPrune[];
  readonly wishes: ByWishes;
}

async function choose(
  target: Target,
  {
    stale,
    applySets,
    api,
    workloads,
    inventorySize,
  }: {
    stale: readonly ObservedObject[];
    applySets: readonly ApplySet[];
    api: ClusterApi;
    workloads: readonly KubernetesObject[];
    inventorySize: number;
  },
): Promise<Chosen> {
  const now = target.run.ports.now();
  const { allowed, guarded, kept, suspended, going } = guardPrunes({ stale, applySets, now });
  // Objects of other releases may be of these kinds: such a definition is given up, for whoever wants it.
  const definitions = guarded.filter((one) => isDefinition(one.observed.id));
  const asked = [...allowed, ...definitions.map((one) => one.observed)];
  const wishes = await partByWishes(target, { objects: asked, patient: isPatient(target, asked) });
  const givenUp = definitions.filter((one) => wishes.free.includes(one.observed));
  const free = wishes.free.filter((one) => !givenUp.some(({ observed: definition }) => definition === one));
  const references = await readReferences(target.cluster, { objects: free, api, workloads });
  const { inUse, unread } = stillInUse({ objects: free, references });
  const counted = free.filter((one) => !inUse.includes(one) && !unread.some((told) => told.observed === one));
  const mass = guardMassPrune({ allowed: counted, inventorySize });
  return {
    doomed: mass.allowed.filter(({ id }) => !goesLast(id)),
    going: going.filter(({ id }) => !goesLast(id)),
    givenUp,
    last: {
      objects: [...mass.allowed.filter(({ id }) => goesLast(id)), ...inUse],
      going: going.filter(({ id }) => goesLast(id)),
      counted,
    },
    kept,
    suspended,
    guarded: [...guarded.filter((one) => !definitions.includes(one)), ...wishes.unknown, ...unread, ...mass.guarded],
    wishes,
  };
}

/** Whether those that have yet to converge may be waited for: not where an earlier look was put off for that. */
function isPatient({ run }: Asker, asked: readonly ObservedObject[]): boolean {
  const { pending = [], unwanted = [] } = run.memoryFile.memory();
  const askedBefore = new Set(pending.filter((key) => !unwanted.includes(key)));
  return asked.every(({ key }) => !askedBefore.has(key));
}

function prunedOf({
  stale,
  chosen: { doomed, givenUp, last, kept, suspended, wishes, ...chosen },
  applySets,
  released,
  deleted: { changes, lingering, ...deleted },
}: {
  stale: readonly ObservedObject[];
  chosen: Chosen;
  applySets: readonly ApplySet[];
  released: readonly Change[];
  deleted: Deleted;
}): Pruned {
  const { free, wanted, later } = wishes;
  const guarded = [...chosen.guarded, ...deleted.guarded];
  const told = [...guarded, ...lingering].map(({ observed }) => observed);
  const again = changes.flatMap((change) =>
    change.did === 'skipped' ? stale.filter(({ id }) => id === change.id) : [],
  );
  const reached = new Set([
    ...changes.map(({ id }) => objectKey(id)),
    ...[...deleted.guarded, ...lingering].map(({ observed }) => observed.key),
  ]);
  // Where a stage lingers, nothing of the next was tried.
  const untried = doomed.filter(({ key }) => !reached.has(key));
  const pending = [
    ...wanted,
    ...later,
    ...again,
    ...untried,
    ...last.objects,
    ...last.going,
    ...told,
    ...suspended.map(({ observed }) => observed),
  ];
  return {
    changes: [
      ...skippedFor(kept, 'its annotations keep it'),
      ...suspended.flatMap(({ observed, reason }) => skippedFor([observed], reason)),
      ...skippedFor(wanted, 'another environment wants it'),
      ...skippedFor(later, 'many environments have yet to say whether they want it; the next look asks them'),
      ...released,
      ...changes,
    ],
    guarded,
    released: givenUp,
    lingering,
    unwanted: free.map(({ key }) => key),
    ...(last.objects.length + last.going.length === 0 ? {} : { deferred: { ...last, applySets } }),
    pending: pending.map(({ key }) => key).sort(),
  };
}

function skippedFor(objects: readonly ObservedObject[], message: string): Change[] {
  return objects.map(({ id }) => ({ id, did: 'skipped', message }));
}

/** Releases what may not be deleted and is nobody's to look after any more. */
async function giveUp(target: Target, guarded: readonly GuardedPrune[]): Promise<Change[]> {
  if (guarded.length === 0) return [];
  const failed = await releaseObjects(
    target,
    guarded.map(({ observed }) => observed),
  );
  return guarded.map(({ observed: { id } }) => failed.find((change) => change.id === id) ?? { id, did: 'released' });
}

interface Asker {
  readonly run: { readonly memoryFile: Pick<Run['memoryFile'], 'memory'> };
  readonly others: Pick<Target['others'], 'wishes'>;
}

export interface ByWishes {
  readonly free: readonly ObservedObject[];
  readonly wanted: readonly ObservedObject[];
  /** Nobody knows whether they are wanted. */
  readonly unknown: readonly GuardedPrune[];
  /** Those that may want them have yet to converge at this revision. */
  readonly later: readonly ObservedObject[];
}

/**
 * Asks the other environments for each object, where there is any. One that cannot be asked holds back only what may
 * have moved to it since this environment converged last: of what was left over even then, and nobody had been asked,
 * that is not known.
 */
export async function partByWishes(
  { run, others }: Asker,
  { objects, patient }: { objects: readonly ObservedObject[]; patient: boolean },
): Promise<ByWishes> {
  if (objects.length === 0) return { free: [], wanted: [], unknown: [], later: [] };
  const wishes = await others.wishes({ patient });
  const keys = new Set(wishes.flatMap((wish) => ('keys' in wish ? [...wish.keys] : [])));
  const silent = wishes.flatMap((wish) => ('reason' in wish ? [wish] : []));
  const { objects: remembered, unwanted: known = [] } = run.memoryFile.memory();
  const holderOf = ({ key }: ObservedObject) =>
    silent.find(({ mayWantMore }) => mayWantMore !== false || (remembered[key] === undefined && !known.includes(key)));
  const wanted = objects.filter(({ key }) => keys.has(key));
  const unwanted = objects.filter(({ key }) => !keys.has(key));
  const unknown = unwanted.flatMap((observed) => {
    const holder = holderOf(observed);
    return holder === undefined
      ? []
      : [{ observed, reason: `is not pruned, as environment ${holder.environment} may want it: ${holder.reason}` }];
  });
  const rest = unwanted.filter((observed) => holderOf(observed) === undefined);
  if (wishes.some((wish) => 'pending' in wish)) return { free: [], wanted, unknown, later: rest };
  return { free: rest, wanted, unknown, later: [] };
}
