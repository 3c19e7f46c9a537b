import { resourceOf } from '../../desired/desired.ts';
import { applyStages } from '../../objects/apply-order.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { namespaceResource } from '../../objects/core-resources.ts';
import { definitionsOf } from '../../objects/dependencies.ts';
import { objectKey, objectTitle } from '../../objects/object-id.ts';
import { isDefinition } from '../../objects/replacement.ts';
import { failuresOf } from '../../plan/change-set.ts';
import { actionsOfStage, type AppliedAction, type PlannedAction } from '../../plan/plan.ts';
import { readPresent } from '../reconcile/observe/read-present.ts';
import type { ObservedState } from '../reconcile/observe/observed-state.ts';
import type { Target } from '../reconcile/run/target.ts';
import { applyStage, type Done, type Groundwork } from '../reconcile/write/apply-stage.ts';
import { isNamespaceDue } from '../reconcile/write/declare-intent.ts';
import { isNeededByPods, neededAtOnce } from './needed-at-once.ts';

/** What an apply would come to. */
export interface RehearsedApply {
  readonly done: Done;
  readonly groundwork: Groundwork;
  /** By key, why nobody can tell what would come of it. */
  readonly undecided: ReadonlyMap<string, string>;
  /** Whether no hook runs, for what fails before them. */
  readonly isKeptFromHooks: boolean;
}

/** By key of a Namespace, a definition, or what a Pod has to have: why what needs it cannot be asked about yet. */
export type NotThereYet = ReadonlyMap<string, string>;

/**
 * Applies what is due, stage by stage, as `applyChanges` does, but for what cannot be asked about yet: what is in a
 * namespace, or of a kind, that these very actions make, or a Pod of what they make. Nothing waits for a definition here.
 *
 * @param target.cluster rehearses
 * @param request.areHooksDue where they are, a definition that fails keeps all else from being applied
 * @param request.refusedHook the title of one that runs before all else, and would fail
 */
export async function rehearseApply(
  target: Target,
  {
    actions,
    areHooksDue,
    refusedHook,
    notThereYet,
  }: {
    actions: readonly PlannedAction[];
    areHooksDue: boolean;
    refusedHook: string | undefined;
    notThereYet: NotThereYet;
  },
): Promise<RehearsedApply> {
  const applied = actions.filter((action) => action.action !== 'prune');
  const api = await apiFor(target, actions);
  const present = await readPresent({ cluster: target.cluster, api, actions });
  const definitions = definitionsOf(applied.map(({ desired }) => desired));
  const groundwork: Groundwork = { definitions, present, api };
  const done: Done = { changes: [], remembered: {}, notices: [], answers: new Map(), broken: new Map() };
  const undecided = new Map<string, string>();
  const [first, ...later] = applyStages;
  let keptBack: string | undefined;
  let isKeptFromHooks = false;
  for (const stage of [first, ...later]) {
    const due = actionsOfStage(actions, stage).filter(({ action }) => action !== 'keep');
    const asked: AppliedAction[] = [];
    for (const action of due) {
      const { key, id, object } = action.desired;
      const needed = neededAtOnce({ object, definitions }).filter((one) => one !== key);
      const why = needed.flatMap((one) => (done.broken.has(one) ? [] : (notThereYet.get(one) ?? [])))[0];
      if (keptBack !== undefined) done.changes.push({ id, did: 'blocked', message: keptBack });
      else if (why === undefined || needed.some((one) => done.broken.has(one))) asked.push(action);
      else undecided.set(key, why);
    }
    await applyStage(target, { due: asked, groundwork, done, api });
    if (stage !== first) continue;
    isKeptFromHooks = areHooksDue && failuresOf(done.changes).length > 0;
    if (isKeptFromHooks) keptBack = 'is not applied: what defines namespaces and kinds fails before the hooks run';
    else if (refusedHook !== undefined) keptBack = `is not applied: ${refusedHook}, which runs before, is refused`;
  }
  return { done, groundwork, undecided, isKeptFromHooks };
}

/** What the actions make, and a dry run therefore cannot know. */
export async function findNotThereYet(
  target: Target,
  { actions, observed }: { actions: readonly PlannedAction[]; observed: ObservedState },
): Promise<NotThereYet> {
  const { cluster, environment } = target;
  const found = new Map<string, string>();
  const own = environment.namespace;
  if (await isNamespaceDue({ cluster, environment, observed })) {
    const key = objectKey({ group: '', kind: 'Namespace', namespace: undefined, name: own });
    found.set(key, `namespace ${own} is not there yet, and is made before it`);
  }
  for (const planned of actions) {
    if (planned.action === 'prune' || planned.action === 'keep') continue;
    const { id, key } = planned.desired;
    const isNew = planned.action === 'create' || planned.action === 'recreate';
    if (id.group === '' && id.kind === 'Namespace' && isNew) {
      const there = await cluster.get({ resource: namespaceResource, namespace: undefined, name: id.name });
      if (there === undefined) found.set(key, `namespace ${id.name} is made by the same commit`);
    }
    if (isNew && isNeededByPods(id)) {
      const resource = resourceOf({ api: target.api, object: planned.desired.object });
      const there =
        resource === undefined ? undefined : await cluster.get({ resource, namespace: id.namespace, name: id.name });
      if (there === undefined) found.set(key, `${objectTitle(id)} is made by the same commit`);
    }
    if (isDefinition(id))
      found.set(key, `its definition, ${id.name}, is ${isNew ? 'made' : 'changed'} by the same commit`);
  }
  return found;
}

/** What the cluster serves: what an instance knows of it may be older than a kind that is to be applied. */
export async function apiFor({ cluster, api }: Target, actions: readonly PlannedAction[]): Promise<ClusterApi> {
  const isServed = actions.every(
    (action) => action.action === 'prune' || resourceOf({ api, object: action.desired.object }) !== undefined,
  );
  return isServed ? api : await cluster.api({ refresh: true });
}
