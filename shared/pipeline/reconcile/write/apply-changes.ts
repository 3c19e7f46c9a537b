import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { resourceOf } from '../../../desired/desired.ts';
import type { HookRecord } from '../../../inventory/hook-record.ts';
import { applyStages, type ApplyStage } from '../../../objects/apply-order.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { definitionsOf } from '../../../objects/dependencies.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import type { Change } from '../../../plan/change-set.ts';
import { actionsOfStage, type AppliedAction, type PlannedAction, type RememberedObjects } from '../../../plan/plan.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { readPresent } from '../observe/read-present.ts';
import { keepOnFailure } from '../run/remember-objects.ts';
import { isSuperseded } from '../run/superseded.ts';
import type { Target } from '../run/target.ts';
import { applyStage, type Done, type Groundwork } from './apply-stage.ts';
import { awaitDefinitions } from './await-definitions.ts';
import { declareIntent, ensureNamespace } from './declare-intent.ts';

export interface ApplyRequest {
  readonly actions: readonly PlannedAction[];
  readonly observed: ObservedState;
  /** What the inventory's parent is to say of the hooks; as it says, where absent. */
  readonly hooks?: HookRecord | undefined;
}

export interface Applied {
  readonly changes: readonly Change[];
  readonly remembered: RememberedObjects;
  /** What is told of the applied objects, once. */
  readonly notices: readonly ObjectDiff[];
  /** What the API server answered for each object that was applied, by key. */
  readonly observed: ReadonlyMap<string, KubernetesObject>;
  readonly api: ClusterApi;
  /** Whether it was left half-way, for a newer commit. */
  readonly superseded: boolean;
  /** The inventory's parent as it is now. */
  readonly parent: KubernetesObject | undefined;
}

/** An apply whose definitions can be used, or are known to be of no use. */
export interface DefinitionsApplied {
  readonly request: ApplyRequest;
  readonly groundwork: Groundwork;
  readonly done: Done;
  readonly api: ClusterApi;
  readonly parent: KubernetesObject;
}

const [firstStage, ...laterStages] = applyStages;

/** Applies what the plan says, where no hook comes in between; nothing is written where there is nothing to apply. */
export async function applyChanges(target: Target, request: ApplyRequest): Promise<Applied> {
  const kept = keptOf(request.actions);
  if (kept.length < request.actions.length) return await applyRest(target, await applyDefinitions(target, request));
  return {
    changes: kept,
    remembered: {},
    notices: [],
    observed: new Map(),
    api: target.api,
    superseded: false,
    parent: request.observed.parent,
  };
}

/**
 * Applies what defines kinds and namespaces, and waits until it can be used. Before the first write the inventory's
 * parent declares what may come, of every stage, so that a run killed half-way leaves no orphan. One object's failure
 * hides no other's; what needs it is `blocked`. Where it throws, what it applied is remembered.
 */
export async function applyDefinitions(target: Target, request: ApplyRequest): Promise<DefinitionsApplied> {
  const { groundwork, parent } = await layGround(target, request);
  const done: Done = { changes: [], remembered: {}, notices: [], answers: new Map(), broken: new Map() };
  const api = await keepOnFailure(target.run, done.remembered, async () => {
    const due = dueIn(request, firstStage);
    if (due.length === 0) return groundwork.api;
    await applyStage(target, { due, groundwork, done, api: groundwork.api });
    return await openDefinitions(target, { due, done, api: groundwork.api });
  });
  return { request, groundwork, done, api, parent };
}

/**
 * Applies what is not a definition, stage by stage, until a newer commit is there. Where it throws, all that was
 * applied is remembered.
 */
export async function applyRest(target: Target, begun: DefinitionsApplied): Promise<Applied> {
  const { request, groundwork, done } = begun;
  return await keepOnFailure(target.run, done.remembered, async () => {
    let { api } = begun;
    for (const stage of laterStages) {
      const due = dueIn(request, stage);
      if (due.length === 0) continue;
      if (await isSuperseded(target)) return appliedOf({ ...begun, api, superseded: true });
      // A hook may have defined them meanwhile, or another environment.
      if (!isServed(due, api)) api = await target.cluster.api({ refresh: true });
      await applyStage(target, { due, groundwork, done, api });
    }
    return appliedOf({ ...begun, api, superseded: false });
  });
}

/** What is applied where the rest is not to be. */
export function withoutRest(begun: DefinitionsApplied): Applied {
  return appliedOf({ ...begun, superseded: false });
}

/** What is to be known, and to be in the cluster, before the first object is applied. */
async function layGround(
  target: Target,
  request: ApplyRequest,
): Promise<{ groundwork: Groundwork; parent: KubernetesObject }> {
  const { run, environment, cluster } = target;
  const { actions, observed } = request;
  const applied = actions.filter((action) => action.action !== 'prune');
  const api = isServed(applied, target.api) ? target.api : await cluster.api({ refresh: true });
  await run.lease.assertHeld();
  await ensureNamespace({ cluster, environment, observed });
  // What may not be read there is found before the inventory says that it reaches there: every later run would have to
  // read it.
  const present = await readPresent({ cluster, api, actions });
  const parent = await declareIntent(target, { ...request, api });
  const definitions = definitionsOf(applied.map(({ desired }) => desired));
  return { groundwork: { definitions, present, api }, parent };
}

/** Waits for what was just defined. Returns the API with it. */
async function openDefinitions(
  target: Target,
  { due, done, api }: { due: readonly AppliedAction[]; done: Done; api: ClusterApi },
): Promise<ClusterApi> {
  const applied = due.map(({ desired }) => desired);
  const defined = await awaitDefinitions(target, { applied, answers: done.answers, api });
  for (const { key, id } of applied) {
    const why = defined.unusable.get(key);
    if (why !== undefined) done.broken.set(key, `${objectTitle(id)}, which cannot be used yet: ${why}`);
  }
  return defined.api;
}

function appliedOf({
  request,
  done: { changes, remembered, notices, answers },
  api,
  parent,
  superseded,
}: Omit<DefinitionsApplied, 'groundwork'> & { superseded: boolean }): Applied {
  return {
    changes: [...changes, ...keptOf(request.actions)],
    remembered,
    notices,
    observed: answers,
    api,
    superseded,
    parent,
  };
}

function keptOf(actions: readonly PlannedAction[]): Change[] {
  return actions.flatMap((action): Change[] =>
    action.action === 'keep' ? [{ id: action.desired.id, did: 'unchanged' }] : [],
  );
}

function dueIn({ actions }: ApplyRequest, stage: ApplyStage): AppliedAction[] {
  return actionsOfStage(actions, stage).filter(({ action }) => action !== 'keep');
}

function isServed(actions: readonly AppliedAction[], api: ClusterApi): boolean {
  return actions.every(({ desired: { object } }) => resourceOf({ api, object }) !== undefined);
}
