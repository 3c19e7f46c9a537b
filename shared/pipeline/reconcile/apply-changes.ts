import { fingerprint } from '../../drift/fingerprint.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { environmentAnnotation, extentOf, parentObject, parentSays, partOfLabel, unionOf, type ApplySet } from '../../inventory/applyset.ts';
import { assessHealth } from '../../health/assess-health.ts';
import { applyStages } from '../../objects/apply-order.ts';
import { resourceOf, type DesiredObject } from '../../objects/desired.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupOf, objectIdOf, objectKey, objectTitle } from '../../objects/object-id.ts';
import type { Change } from '../../plan/change-set.ts';
import { actionsOfStage, type PlannedAction, type RememberedObject } from '../../plan/plan.ts';
import { ConvergeError } from '../../errors.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import type { Cluster } from '../ports.ts';
import { parentResource, type ObservedState } from './observed-state.ts';
import { inParallel } from './parallel.ts';
import type { Target } from './target.ts';

/** How long to wait between looks at definitions that are not established yet, in milliseconds. */
const lookAgain = 100;

export interface Applied {
  readonly changes: readonly Change[];
  readonly remembered: Readonly<Record<string, RememberedObject>>;
  /** What the API server answered for each object that was applied, by key. */
  readonly observed: ReadonlyMap<string, KubernetesObject>;
  readonly api: ClusterApi;
  /** The inventory's parent as it is now. */
  readonly parent: KubernetesObject | undefined;
}

/**
 * Applies what the plan says, stage by stage. Before the first write the inventory's parent declares what may come, so
 * that a run killed half-way leaves no orphan. One object's failure hides no other's.
 */
export async function applyChanges(target: Target, { actions, observed }: { actions: readonly PlannedAction[]; observed: ObservedState }): Promise<Applied> {
  const { run, environment, applySet, cluster, api } = target;
  const changes: Change[] = [];
  const remembered: Record<string, RememberedObject> = {};
  const answers = new Map<string, KubernetesObject>();
  let current = api;

  const kept = actions.flatMap((action): Change[] => (action.action === 'keep' ? [{ id: action.desired.id, did: 'unchanged' }] : []));
  if (kept.length === actions.length) return { changes: kept, remembered, observed: answers, api, parent: observed.parent };

  await run.lease.assertHeld();
  await ensureNamespace({ cluster, environment, observed });
  const parent = await writeIntent({ actions, applySet, observed, cluster });
  const owners = await readOwners({ actions, cluster, api, applySet });

  for (const stage of applyStages) {
    const due = actionsOfStage(actions, stage).filter((action) => action.action !== 'keep');
    if (due.length === 0) continue;
    if (due.some(({ desired }) => resourceOf({ api: current, object: desired.object }) === undefined)) {
      current = await cluster.api({ refresh: true });
    }
    await inParallel(due, async (action) => {
      const { desired } = action;
      await run.lease.assertHeld();
      const before = action.action === 'configure' || action.action === 'verify' ? action.observed.object : undefined;
      const failed = (message: string) => changes.push({ id: desired.id, did: 'failed', message });
      const owner = owners.get(desired.key);
      if (owner !== undefined) return void failed(`is owned by ${owner}; remove it there first`);
      const resource = resourceOf({ api: current, object: desired.object });
      if (resource === undefined) return void failed(notServed({ desired, api: current }));
      const result = await cluster.apply({ resource, object: desired.object, dryRun: false });
      if (result.outcome === 'rejected') return void failed(result.message);
      const print = fingerprint(result.object);
      if (print !== undefined) remembered[desired.key] = { desired: desired.hash, observed: print, apiVersion: desired.object.apiVersion };
      answers.set(desired.key, result.object);
      changes.push({ id: desired.id, did: whatHappened({ before, after: result.object }) });
    });
    if (stage === 'definitions') current = await awaitDefinitions(target, { applied: due.map((action) => action.desired), answers, api: current });
  }
  return { changes: [...changes, ...kept], remembered, observed: answers, api: current, parent };
}

function whatHappened({ before, after }: { before: KubernetesObject | undefined; after: KubernetesObject }): 'created' | 'configured' | 'unchanged' {
  if (before === undefined) return after.metadata.generation === 1 || after.metadata.generation === undefined ? 'created' : 'configured';
  return before.metadata.resourceVersion === after.metadata.resourceVersion ? 'unchanged' : 'configured';
}

function notServed({ desired, api }: { desired: DesiredObject; api: ClusterApi }): string {
  const { apiVersion, kind } = desired.object;
  const broken = api.unreadable.some((version) => groupOf(version) === groupOf(apiVersion));
  return broken ? `the API ${apiVersion} cannot be discovered: its backend does not answer` : `the cluster does not serve ${kind} in ${apiVersion}; is its CRD installed?`;
}

async function ensureNamespace({ cluster, environment, observed }: { cluster: Cluster; environment: Environment; observed: ObservedState }): Promise<void> {
  if (observed.parent !== undefined) return;
  const resource: ApiResource = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
  const found = await cluster.get({ resource, namespace: undefined, name: environment.namespace });
  if (found !== undefined) return;
  const object: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: environment.namespace } };
  await applyOwn({ cluster, resource, object });
}

async function writeIntent({ actions, applySet, observed, cluster }: { actions: readonly PlannedAction[]; applySet: ApplySet; observed: ObservedState; cluster: Cluster }): Promise<KubernetesObject> {
  const ids = actions.flatMap((action) => (action.action === 'prune' ? [] : [action.desired.id]));
  const extent = unionOf(observed.extent, extentOf({ ids, parentNamespace: applySet.namespace }));
  const desired = parentObject({ applySet, extent, record: undefined });
  await writeParent({ cluster, observed: observed.parent, desired });
  return desired;
}

/** Writes the parent where it says something else. */
export async function writeParent({ cluster, observed, desired }: { cluster: Cluster; observed: KubernetesObject | undefined; desired: KubernetesObject }): Promise<void> {
  if (parentSays({ observed, desired })) return;
  await applyOwn({ cluster, resource: parentResource, object: desired });
}

async function applyOwn({ cluster, resource, object }: { cluster: Cluster; resource: ApiResource; object: KubernetesObject }): Promise<void> {
  const result = await cluster.apply({ resource, object, dryRun: false });
  if (result.outcome === 'applied') return;
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `the API server answered ${result.status}: ${result.message}`,
    disposition: result.status >= 500 ? 'retry' : 'refuse',
  });
}

/**
 * Which of the objects that are new to the inventory belong to another environment. A forced apply would steal them
 * without a word (rule 10), so they are read first: their metadata, by one LIST for each kind and namespace.
 */
async function readOwners({ actions, cluster, api, applySet }: { actions: readonly PlannedAction[]; cluster: Cluster; api: ClusterApi; applySet: ApplySet }): Promise<ReadonlyMap<string, string>> {
  const created = new Map(actions.flatMap((action) => (action.action === 'create' || action.action === 'recreate' ? [[action.desired.key, action.desired] as const] : [])));
  const queries = new Map<string, { resource: ApiResource; namespace: string | undefined }>();
  for (const desired of created.values()) {
    const resource = resourceOf({ api, object: desired.object });
    if (resource !== undefined) queries.set(`${desired.id.group}/${desired.id.kind}/${desired.id.namespace ?? ''}`, { resource, namespace: desired.id.namespace });
  }
  const lists = await Promise.all(
    [...queries.values()].map(async (query) => cluster.list({ ...query, labelSelector: `${partOfLabel},${partOfLabel}!=${applySet.id}`, content: 'metadata' })),
  );
  return new Map(
    lists.flat().flatMap((object) => {
      const key = objectKey(objectIdOf(object));
      const owner = object.metadata.annotations?.[environmentAnnotation] ?? `the ApplySet ${object.metadata.labels?.[partOfLabel] ?? ''}`;
      return created.has(key) ? [[key, `environment ${owner}`] as const] : [];
    }),
  );
}

/** Custom resources cannot be written before their definition is established, nor anything into a namespace not yet active. */
async function awaitDefinitions(
  { run, cluster, deadline }: Target,
  { applied, answers, api }: { applied: readonly DesiredObject[]; answers: Map<string, KubernetesObject>; api: ClusterApi },
): Promise<ClusterApi> {
  let waitFor = applied.filter((desired) => ['CustomResourceDefinition', 'Namespace'].includes(desired.id.kind) && answers.has(desired.key));
  const definitions = waitFor.some((desired) => desired.id.kind === 'CustomResourceDefinition');
  while (true) {
    waitFor = waitFor.filter((desired) => {
      const answer = answers.get(desired.key);
      return answer === undefined || assessHealth(answer).state !== 'Healthy';
    });
    if (waitFor.length === 0 || run.ports.now() >= deadline) break;
    await run.ports.sleep(lookAgain);
    for (const desired of waitFor) {
      const resource = resourceOf({ api, object: desired.object });
      const live = resource === undefined ? undefined : await cluster.get({ resource, namespace: undefined, name: desired.id.name });
      if (live !== undefined) answers.set(desired.key, live);
    }
  }
  return definitions ? cluster.api({ refresh: true }) : api;
}
