import { fingerprint } from '../../../drift/fingerprint.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { readHookRecord, type HookRecord } from '../../../inventory/hook-record.ts';
import {
  extentOf,
  parentObject,
  parentSays,
  recordBeside,
  unionOf,
  type ApplySet,
} from '../../../inventory/applyset.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { applyStages } from '../../../objects/apply-order.ts';
import { definitionsOf, dependenciesOf } from '../../../objects/dependencies.ts';
import { isUndiscoverable, resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../../../objects/object-id.ts';
import { isShortLived } from '../../../objects/short-lived.ts';
import type { Change } from '../../../plan/change-set.ts';
import {
  actionsOfStage,
  type AppliedAction,
  type PlannedAction,
  type RememberedObject,
  type RememberedObjects,
} from '../../../plan/plan.ts';
import { ConvergeError } from '../../../base/errors.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import { namespaceResource } from '../../../objects/core-resources.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { applyObject } from './apply-object.ts';
import { awaitDefinitions } from './await-definitions.ts';
import { parentResource, type ObservedState } from '../observe/observed-state.ts';
import { inParallel } from '../../common/parallel.ts';
import { readPresent } from '../observe/read-present.ts';
import { isSuperseded } from '../run/superseded.ts';
import { rememberObjects } from '../run/remember-objects.ts';
import type { Target } from '../run/target.ts';

/** What happens once definitions can be used, before anything else is applied: `stop` leaves it at that. */
export type BeforeOthers = (state: {
  changes: readonly Change[];
  api: ClusterApi;
  parent: KubernetesObject;
}) => Promise<'go on' | 'stop'>;

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

/**
 * Applies what the plan says, stage by stage. Before the first write the inventory's parent declares what may come, so
 * that a run killed half-way leaves no orphan. One object's failure hides no other's; what needs it is `blocked`.
 *
 * @param hooks what the parent is to say of the hooks; as it says, where absent
 */
export async function applyChanges(
  target: Target,
  {
    actions,
    observed,
    hooks,
    beforeOthers,
  }: {
    actions: readonly PlannedAction[];
    observed: ObservedState;
    hooks?: HookRecord | undefined;
    beforeOthers?: BeforeOthers | undefined;
  },
): Promise<Applied> {
  const { run, environment, applySet, cluster } = target;
  const changes: Change[] = [];
  const remembered: Record<string, RememberedObject> = {};
  const notices: ObjectDiff[] = [];
  const answers = new Map<string, KubernetesObject>();

  const kept = actions.flatMap((action): Change[] =>
    action.action === 'keep' ? [{ id: action.desired.id, did: 'unchanged' }] : [],
  );
  if (kept.length === actions.length && beforeOthers === undefined)
    return {
      changes: kept,
      remembered,
      notices,
      observed: answers,
      api: target.api,
      superseded: false,
      parent: observed.parent,
    };

  const desired = actions.flatMap((action) => (action.action === 'prune' ? [] : [action.desired]));
  const isServed =
    (api: ClusterApi) =>
    ({ object }: DesiredObject) =>
      resourceOf({ api, object }) !== undefined;
  const api = desired.every(isServed(target.api)) ? target.api : await cluster.api({ refresh: true });
  let current = api;
  await run.lease.assertHeld();
  await ensureNamespace({ cluster, environment, observed });
  // What may not be read there is found before the inventory says that it reaches there: every later run would have to read it.
  const present = await readPresent({ cluster, api, actions });
  const parent = await writeIntent({ actions, applySet, observed, hooks, cluster, api });
  const definitions = definitionsOf(desired);
  /** What others cannot build on, by key, and why. */
  const broken = new Map<string, string>();
  const { objects: known } = run.memoryFile.memory();
  let superseded = false;

  async function applyOne(action: AppliedAction): Promise<Change> {
    const { desired } = action;
    await run.lease.assertHeld();
    const failed = (message: string): Change => ({ id: desired.id, did: 'failed', message });
    const needed = dependenciesOf({ object: desired.object, definitions }).find(
      (key) => key !== desired.key && broken.has(key),
    );
    if (needed !== undefined)
      return { id: desired.id, did: 'blocked', message: `Blocked: needs ${broken.get(needed) ?? needed}` };
    if (isUndiscoverable({ desired, api }))
      return failed(`the API ${desired.object.apiVersion} cannot be discovered: its backend does not answer`);
    const resource = resourceOf({ api: current, object: desired.object });
    if (resource === undefined)
      return failed(
        `the cluster does not serve ${desired.id.kind} in ${desired.object.apiVersion}; is its CRD installed?`,
      );
    const observedBefore =
      action.action === 'configure' || action.action === 'verify' ? action.observed.object : present.get(desired.key);
    const result = await applyObject(target, {
      desired,
      resource,
      present: observedBefore,
      noted: known[desired.key]?.noted,
    });
    if (result.outcome === 'failed') return failed(result.message);
    const print = fingerprint(result.object);
    const { diffs, noted } = result.notices;
    notices.push(...diffs);
    if (print !== undefined) {
      remembered[desired.key] = {
        desired: desired.hash,
        observed: print,
        apiVersion: desired.object.apiVersion,
        ...(noted.length === 0 ? {} : { noted }),
        ...(isShortLived(desired.object) ? { shortLived: true } : {}),
      };
    }
    answers.set(desired.key, result.object);
    return { id: desired.id, did: result.did };
  }

  try {
    for (const stage of applyStages) {
      if (stage === 'configuration' && beforeOthers !== undefined) {
        if ((await beforeOthers({ changes, api: current, parent })) === 'stop') break;
      }
      const due = actionsOfStage(actions, stage).filter((action) => action.action !== 'keep');
      if (due.length === 0) continue;
      superseded = stage !== applyStages[0] && (await isSuperseded(target));
      if (superseded) break;
      // A hook may have defined them meanwhile, or another environment.
      if (stage !== applyStages[0] && !due.every((action) => isServed(current)(action.desired)))
        current = await cluster.api({ refresh: true });
      await inParallel(due, async (action) => {
        const change = await applyOne(action);
        changes.push(change);
        if (change.did === 'failed' || change.did === 'blocked')
          broken.set(
            action.desired.key,
            `${objectTitle(change.id)}, which ${change.did === 'failed' ? 'failed' : 'is blocked'}`,
          );
      });
      if (stage !== 'definitions') continue;
      const defined = await awaitDefinitions(target, {
        applied: due.map((action) => action.desired),
        answers,
        api: current,
      });
      current = defined.api;
      for (const { desired } of due) {
        const why = defined.unusable.get(desired.key);
        if (why !== undefined) broken.set(desired.key, `${objectTitle(desired.id)}, which cannot be used yet: ${why}`);
      }
    }
  } catch (error) {
    // Overloaded, unreachable, or the lease is lost: the next run goes on from what was done.
    await rememberObjects(run, remembered);
    throw error;
  }
  return { changes: [...changes, ...kept], remembered, notices, observed: answers, api: current, superseded, parent };
}

async function ensureNamespace({
  cluster,
  environment,
  observed,
}: {
  cluster: Cluster;
  environment: Environment;
  observed: ObservedState;
}): Promise<void> {
  if (observed.parent !== undefined) return;
  const resource = namespaceResource;
  const found = await cluster.get({ resource, namespace: undefined, name: environment.namespace });
  if (found !== undefined) return;
  const object: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: environment.namespace } };
  await applyOwn({ cluster, resource, object });
}

/** Without the kinds that cannot be discovered: nothing of them is applied, and no later run could look for them. */
async function writeIntent({
  actions,
  applySet,
  observed,
  hooks,
  cluster,
  api,
}: {
  actions: readonly PlannedAction[];
  applySet: ApplySet;
  observed: ObservedState;
  hooks: HookRecord | undefined;
  cluster: Cluster;
  api: ClusterApi;
}): Promise<KubernetesObject> {
  const ids = actions.flatMap((action) =>
    action.action === 'prune' || isUndiscoverable({ desired: action.desired, api }) ? [] : [action.desired.id],
  );
  const extent = unionOf(observed.extent, extentOf({ ids, parentNamespace: applySet.namespace }));
  const desired = parentObject({
    applySet,
    extent,
    record: recordBeside(observed.parent),
    hooks: hooks ?? readHookRecord(observed.parent),
  });
  await writeParent({ cluster, observed: observed.parent, desired });
  return desired;
}

/** Writes the parent where it says something else. */
export async function writeParent({
  cluster,
  observed,
  desired,
}: {
  cluster: Cluster;
  observed: KubernetesObject | undefined;
  desired: KubernetesObject;
}): Promise<void> {
  if (parentSays({ observed, desired })) return;
  await applyOwn({ cluster, resource: parentResource, object: desired });
}

async function applyOwn({
  cluster,
  resource,
  object,
}: {
  cluster: Cluster;
  resource: ApiResource;
  object: KubernetesObject;
}): Promise<void> {
  const result = await cluster.apply({ resource, object, dryRun: false });
  if (result.outcome === 'applied') return;
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `the API server answered ${result.status}: ${result.message}`,
    disposition: 'refuse',
  });
}
