import { divergenceOf, wholeObjectDiff } from '../../../drift/divergence.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import { resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { DeletePolicy, Hook } from '../../../desired/hook.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind } from '../../../objects/object-id.ts';
import { awaitGone, deleteObject, type Deletion } from './delete-object.ts';
import { ownSets, type Target } from '../run/target.ts';
import { tellDivergence } from '../tell/tell.ts';

/** Definitions are never deleted, as with Helm: their objects would go with them. */
export function mayDelete({ hook, policy }: { hook: Hook; policy: DeletePolicy }): boolean {
  return (
    hook.deletePolicies.includes(policy) &&
    groupKind(hook.desired.id) !== 'CustomResourceDefinition.apiextensions.k8s.io'
  );
}

/** Deletes those of the hooks that have that policy. What cannot be deleted is told: the outcome of the hook stands. */
export async function deleteByPolicy(
  target: Target,
  {
    hooks,
    policy,
    api,
    until,
    kept,
  }: { hooks: readonly Hook[]; policy: DeletePolicy; api: ClusterApi; until: Date; kept: KeptObjects },
): Promise<void> {
  for (const { desired } of hooks.filter((hook) => mayDelete({ hook, policy }))) {
    const resource = await servedResource(target, { desired, api });
    if (resource === undefined) continue;
    const deleted = await deleteHookObject(target, { desired, resource, api, until });
    switch (deleted.outcome) {
      case 'gone':
        break;
      case 'leaving':
        target.run.ports.log('WARNING', "a hook's object is still being deleted", {
          environment: target.run.key,
          object: desired.key,
          policy,
        });
        break;
      case 'refused':
        // What was there before was told when the hook was applied over it.
        if (deleted.refusal.why !== 'not-made')
          kept.add(desired, `is not deleted as ${policy} says: it ${deleted.refusal.message}`);
        break;
      case 'rejected':
        kept.add(desired, `could not be deleted as ${policy} says: ${deleted.message}`);
        break;
      case 'changed':
        kept.add(desired, `could not be deleted as ${policy} says: it ${deleted.message}`);
    }
  }
}

/** Deletes what is there now under a hook's name, and waits until it is gone: `leaving` where it is not by then. */
export async function deleteHookObject(
  target: Target,
  { desired, resource, api, until }: { desired: DesiredObject; resource: ApiResource; api: ClusterApi; until: Date },
): Promise<Deletion> {
  const deleter = { ...target, api };
  const { id, object } = desired;
  const deleted = await deleteObject(deleter, {
    resource,
    id,
    applySets: ownSets(target),
    purpose: 'hook',
    desired: object,
    adopt: target.environment.adopt,
  });
  if (deleted.outcome !== 'leaving') return deleted;
  const left = await awaitGone(deleter, { resource, id, uid: deleted.uid, until: until.getTime() });
  return left === undefined ? { outcome: 'gone' } : deleted;
}

/** What is there under a hook's name. */
export async function readHookObject(
  { cluster }: Target,
  { desired, resource }: { desired: DesiredObject; resource: ApiResource },
): Promise<KubernetesObject | undefined> {
  return await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
}

/** A hook may need what another one has just defined. */
export async function servedResource(
  { cluster }: Target,
  { desired, api }: { desired: DesiredObject; api: ClusterApi },
): Promise<ApiResource | undefined> {
  return (
    resourceOf({ api, object: desired.object }) ??
    resourceOf({ api: await cluster.api({ refresh: true }), object: desired.object })
  );
}

/** Objects of hooks that stay though a policy deletes them, told together. */
export interface KeptObjects {
  add(desired: DesiredObject, message: string): void;
  tell(): Promise<void>;
}

export function openKeptObjects({ run, environment, cluster, attempted, revision }: Target): KeptObjects {
  const kept = new Map<string, ObjectDiff>();
  return {
    add({ key, id, object }, message) {
      if (!kept.has(key))
        kept.set(key, wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message }));
    },
    async tell() {
      if (kept.size === 0) return;
      const divergence = divergenceOf({ reason: 'Guarded', revision, objects: [...kept.values()] });
      tellDivergence(run, {
        divergence,
        environment: { ...environment, diffAfter: 0 },
        attempted,
        cluster: cluster.name,
        action: 'none',
      });
    },
  };
}
