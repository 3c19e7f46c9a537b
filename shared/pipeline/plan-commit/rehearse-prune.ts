import { isMap } from '../../objects/exact-json.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, objectIdOf, objectTitle } from '../../objects/object-id.ts';
import { failuresOf, type Change } from '../../plan/change-set.ts';
import type { ObservedObject, PlannedAction } from '../../plan/plan.ts';
import type { Cluster } from '../../ports/kubernetes.ts';
import type { ObservedState } from '../reconcile/observe/observed-state.ts';
import type { DesiredState } from '../reconcile/render/desired-state.ts';
import type { Target } from '../reconcile/run/target.ts';
import { latest, workloadsOf } from '../reconcile/write/latest-objects.ts';
import { inventorySizeOf, pruneLast } from '../reconcile/write/prune-last.ts';
import { pruneStale, type Pruned } from '../reconcile/write/prune-stale.ts';
import type { RehearsedApply } from './rehearse-apply.ts';

/** What becomes of one object that Git no longer specifies. */
export type PruneEnd = { readonly observed: ObservedObject } & (
  | { readonly end: 'pruned'; readonly message: string }
  | { readonly end: 'released'; readonly message: string }
  /** `isGuarded`: it keeps the environment from converging. */
  | { readonly end: 'left'; readonly message: string; readonly isGuarded: boolean }
  | { readonly end: 'rejected'; readonly message: string }
);

export interface RehearsedPrune {
  readonly ends: readonly PruneEnd[];
  /** Whether the hooks after it are not reached. */
  readonly isFailing: boolean;
}

/**
 * Prunes what is stale, behind the guards of a run, as `bringAbout` does: nothing where something fails, and what pods refer to
 * last, by what they will refer to once the revision has rolled out.
 *
 * @param target.cluster rehearses
 */
export async function rehearsePrune(
  target: Target,
  {
    actions,
    desired,
    observed,
    apply: { done, groundwork },
    isFailing,
  }: {
    actions: readonly PlannedAction[];
    desired: Pick<DesiredState, 'objects'>;
    observed: ObservedState;
    apply: RehearsedApply;
    /** Whether something that comes before it fails. */
    isFailing: boolean;
  },
): Promise<RehearsedPrune> {
  const stale = actions.flatMap((action) => (action.action === 'prune' ? [action.observed] : []));
  if (isFailing) {
    const message = 'is not pruned while something of the revision fails';
    return { ends: stale.map((observed) => ({ observed, end: 'left', isGuarded: true, message })), isFailing };
  }
  const known = { observed, applied: { observed: done.answers } };
  // Nothing is waited for: what is being deleted already is told as such.
  const request = { api: groundwork.api, workloads: workloadsOf(known), until: 0 };
  const pruned = await pruneStale(target, { ...request, actions, observed });
  const isPruneFailing = failuresOf(pruned.changes).length > 0;
  const rolledOut = { ...target, cluster: afterRollout(target.cluster, [...latest(known).values()]) };
  const last = isPruneFailing
    ? pruned
    : await pruneLast(rolledOut, { ...request, pruned, inventorySize: inventorySizeOf({ desired, observed }) });
  return { ends: stale.map((one) => endOf(one, { pruned: last, first: pruned })), isFailing: isPruneFailing };
}

function endOf(observed: ObservedObject, { pruned, first }: { pruned: Pruned; first: Pruned }): PruneEnd {
  const isOf = (one: { observed: ObservedObject }) => one.observed.key === observed.key;
  const held = [...pruned.guarded, ...pruned.lingering].find(isOf);
  const change = pruned.changes.findLast(({ id }) => id === observed.id);
  if (change?.did === 'failed') return { observed, end: 'rejected', message: change.message };
  if (change?.did === 'released')
    return { observed, end: 'released', message: pruned.released?.find(isOf)?.reason ?? 'is given up' };
  if (change?.did === 'pruned') return { observed, end: 'pruned', message: whenPruned(observed, first) };
  if (held !== undefined) return { observed, end: 'left', isGuarded: true, message: held.reason };
  return { observed, end: 'left', isGuarded: false, message: saidOf(change) ?? 'is looked at again by the next run' };
}

function whenPruned(observed: ObservedObject, { deferred }: Pruned): string {
  return deferred?.objects.some(({ key }) => key === observed.key) === true
    ? 'goes last, once all is healthy and nothing refers to it'
    : '';
}

function saidOf(change: Change | undefined): string | undefined {
  return change !== undefined && 'message' in change ? change.message : undefined;
}

/** What the workloads of Kubernetes' own kinds make, and a roll-out replaces. */
const made = ['Pod', 'ReplicaSet.apps', 'ControllerRevision.apps'];

/**
 * A cluster once its roll-outs are through: in the place of what the environment's workloads have made there are Pods of
 * their templates as they will be.
 *
 * @param objects of the environment, as they will be
 */
function afterRollout(cluster: Cluster, objects: readonly KubernetesObject[]): Cluster {
  const own = new Set(objects.flatMap(({ kind, metadata: { uid } }) => (kind === 'Job' ? [] : (uid ?? []))));
  const isMadeBy = (object: KubernetesObject, owners: ReadonlySet<string>) =>
    (object.metadata.ownerReferences ?? []).some(({ uid }) => owners.has(uid));
  return {
    ...cluster,
    async list(query) {
      const found = await cluster.list(query);
      const kind = groupKind(query.resource);
      if (!made.includes(kind)) return found;
      const left = found.filter((object) => !isMadeBy(object, own));
      if (kind !== 'Pod') return left;
      const { resources } = await cluster.api();
      const resource = resources.find((served) => groupKind(served) === 'ReplicaSet.apps');
      const sets =
        resource === undefined ? [] : await cluster.list({ resource, namespace: query.namespace, content: 'metadata' });
      const replicaSets = new Set(sets.flatMap((set) => (isMadeBy(set, own) ? (set.metadata.uid ?? []) : [])));
      return [...left.filter((pod) => !isMadeBy(pod, replicaSets)), ...podsOf(objects, query.namespace)];
    },
  };
}

/** A Pod of each workload that runs some; a Job that ends is as it is now. */
function podsOf(objects: readonly KubernetesObject[], namespace: string | undefined): KubernetesObject[] {
  return objects.flatMap((object): KubernetesObject[] => {
    const { kind, spec, metadata } = object;
    if (kind === 'Job') return [];
    if (metadata.namespace !== namespace || !isMap(spec) || !isMap(spec['template']) || spec['replicas'] === 0)
      return [];
    const name = objectTitle(objectIdOf(object));
    return [
      {
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, ...(namespace === undefined ? {} : { namespace }) } },
        ...{ spec: spec['template']['spec'], status: { phase: 'Running' } },
      },
    ];
  });
}
