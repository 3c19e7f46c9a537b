import { groupKind, type ObjectId } from '../../../objects/object-id.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { ApplySet } from '../../../inventory/applyset.ts';
import type { Change } from '../../../plan/change-set.ts';
import { isReferable } from '../../../objects/referable.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { guardMassPrune, type GuardedPrune } from '../../../plan/prune-guards.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { DesiredState } from '../render/desired-state.ts';
import { deleteInOrder, type Deleted } from './delete-in-order.ts';
import type { Pruned } from './prune-stale.ts';
import { readReferences, type References } from './read-references.ts';
import type { Target } from '../run/target.ts';

/** What goes only when the revision has shown that it works, and what the guard of many counts beside it. */
export interface Deferred {
  readonly objects: readonly ObservedObject[];
  /** What is being deleted already. */
  readonly going: readonly ObservedObject[];
  /** What the first prune counted. */
  readonly counted: readonly ObservedObject[];
  readonly applySets: readonly ApplySet[];
}

/**
 * Whether an object is pruned last: what pods may refer to, which a rollback needs where the revision fails; and the
 * Namespaces that it may be in.
 */
export function goesLast(id: ObjectId): boolean {
  return isReferable(id) || groupKind(id) === 'Namespace';
}

/**
 * What is not to be pruned now: what is referred to, and the Namespaces that it is in; or, where that could not be
 * read, all that may be.
 */
export function stillInUse({ objects, references }: { objects: readonly ObservedObject[]; references: References }): {
  inUse: readonly ObservedObject[];
  unread: readonly GuardedPrune[];
} {
  const kept = objects.filter(
    ({ id, key }) => isReferable(id) && ('unread' in references || references.referred.has(key)),
  );
  const namespaces = new Set(kept.map(({ id }) => id.namespace));
  const around = objects.filter(({ id }) => groupKind(id) === 'Namespace' && namespaces.has(id.name));
  if ('referred' in references) return { inUse: [...kept, ...around], unread: [] };
  return {
    inUse: [],
    unread: [...kept, ...around].map((observed) => ({
      observed,
      reason: `is not pruned, as what refers to it cannot be read: ${references.unread}`,
    })),
  };
}

/** How many objects there are before a prune, those of this revision among them. */
export function inventorySizeOf({
  desired,
  observed,
}: {
  desired: Pick<DesiredState, 'objects'>;
  observed: Pick<ObservedState, 'objects'>;
}): number {
  return new Set([...observed.objects.keys(), ...desired.objects.map(({ key }) => key)]).size;
}

/**
 * The end of a prune, once all is healthy and the hooks are through: deletes what was deferred and nothing live refers
 * to any more. The rest is `pending`, and told to nobody.
 *
 * @param workloads as they are known to be now
 * @param inventorySize how many objects there are, those of this revision among them
 */
export async function pruneLast(
  target: Target,
  {
    pruned,
    api,
    workloads,
    inventorySize,
    until,
  }: { pruned: Pruned; api: ClusterApi; workloads: readonly KubernetesObject[]; inventorySize: number; until: number },
): Promise<Pruned> {
  const { deferred } = pruned;
  // Its stage is not through: what was applied before it stays.
  if (deferred === undefined || pruned.lingering.length > 0) return pruned;
  const references = await readReferences(target.cluster, { objects: deferred.objects, api, workloads });
  const { inUse, unread } = stillInUse({ objects: deferred.objects, references });
  const free = deferred.objects.filter(
    (object) => !inUse.includes(object) && !unread.some(({ observed }) => observed === object),
  );
  const others = deferred.counted.filter((object) => !deferred.objects.includes(object));
  const mass = guardMassPrune({ allowed: [...others, ...free], inventorySize });
  const doomed = free.filter((object) => mass.allowed.includes(object));
  if (doomed.length > 0) await target.others.assertNewest();
  const { applySets, going } = deferred;
  const deleted = await deleteInOrder(target, { doomed, applySets, going, api, until });
  const guarded = [...unread, ...mass.guarded.filter(({ observed }) => free.includes(observed))];
  return lastPrunedOf({ pruned, deferred, references, inUse, doomed, guarded, deleted });
}

function lastPrunedOf({
  pruned,
  deferred: { objects, going },
  references,
  inUse,
  doomed,
  guarded,
  deleted: { changes, lingering, ...deleted },
}: {
  pruned: Pruned;
  deferred: Deferred;
  references: References;
  inUse: readonly ObservedObject[];
  doomed: readonly ObservedObject[];
  guarded: readonly GuardedPrune[];
  deleted: Deleted;
}): Pruned {
  const told = [...guarded, ...deleted.guarded];
  const skipped = changes.flatMap((change) =>
    change.did === 'skipped' ? [...doomed, ...going].filter(({ id }) => id === change.id) : [],
  );
  const again = [
    ...inUse,
    ...skipped,
    ...told.map(({ observed }) => observed),
    ...lingering.map(({ observed }) => observed),
  ];
  const reached = new Set(
    [...doomed.filter(({ id }) => changes.some((change) => change.id === id)), ...again].map(({ key }) => key),
  );
  // Where a stage lingers, nothing of the next was tried.
  const untried = [...doomed, ...going.filter(() => lingering.length > 0)].filter(({ key }) => !reached.has(key));
  const left: Change[] = [...inUse, ...untried].map(({ id, key }) => ({
    id,
    did: 'skipped',
    message: referredBy(references, key),
  }));
  const before = pruned.pending.filter((key) => ![...objects, ...going].some((object) => object.key === key));
  return {
    ...pruned,
    changes: [...pruned.changes, ...changes, ...left],
    guarded: [...pruned.guarded, ...told],
    lingering,
    pending: [...new Set([...before, ...[...again, ...untried].map(({ key }) => key)])].sort(),
  };
}

function referredBy(references: References, key: string): string {
  const by = 'referred' in references ? references.referred.get(key) : undefined;
  return by === undefined ? 'waits for what goes before it' : `${by} still refers to it`;
}
