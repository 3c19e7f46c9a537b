import { isUndiscoverable } from '../../../desired/desired.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { extentOf, parentObject, recordBeside, unionOf } from '../../../inventory/applyset.ts';
import { readHookRecord, type HookRecord } from '../../../inventory/hook-record.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { namespaceResource } from '../../../objects/core-resources.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { PlannedAction } from '../../../plan/plan.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Target } from '../run/target.ts';
import { makeOwn, writeParent } from './write-parent.ts';

interface NamespaceAsked {
  readonly cluster: Cluster;
  readonly environment: Environment;
  readonly observed: ObservedState;
}

/** Whether the environment's namespace is to be made first: nothing of it is in the cluster yet, nor its namespace. */
export async function isNamespaceDue({ cluster, environment, observed }: NamespaceAsked): Promise<boolean> {
  if (observed.parent !== undefined) return false;
  const name = environment.namespace;
  return (await cluster.get({ resource: namespaceResource, namespace: undefined, name })) === undefined;
}

/** Makes the environment's namespace where nothing of the environment is in the cluster yet. */
export async function ensureNamespace(asked: NamespaceAsked): Promise<void> {
  if (!(await isNamespaceDue(asked))) return;
  const { cluster, environment } = asked;
  const resource = namespaceResource;
  const object: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: environment.namespace } };
  await makeOwn({ cluster, resource, object });
}

/**
 * Lets the inventory's parent declare what may come, before any of it does. Without the kinds that cannot be
 * discovered: nothing of them is applied, and no later run could look for them. Returns the parent as it is then.
 *
 * @param hooks what the parent is to say of the hooks; as it says, where absent
 */
export async function declareIntent(
  { run, applySet, cluster }: Pick<Target, 'run' | 'applySet' | 'cluster'>,
  {
    actions,
    observed,
    hooks,
    api,
  }: {
    actions: readonly PlannedAction[];
    observed: ObservedState;
    hooks?: HookRecord | undefined;
    api: ClusterApi;
  },
): Promise<KubernetesObject> {
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
  return await writeParent({ run, cluster, observed: observed.parent, desired });
}
