import { ConvergeError } from '../../base/errors.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../../objects/object-id.ts';
import { inParallel } from '../common/parallel.ts';
import type { Unread } from './answers.ts';
import type { Inspection } from './open-inspection.ts';

/** What the workloads of Kubernetes' own kinds make of themselves, by their kinds. */
const makes: Readonly<Record<string, readonly string[]>> = {
  'Deployment.apps': ['ReplicaSet.apps', 'Pod'],
  'ReplicaSet.apps': ['Pod'],
  'StatefulSet.apps': ['Pod'],
  'DaemonSet.apps': ['Pod'],
  'Job.batch': ['Pod'],
  'CronJob.batch': ['Job.batch', 'Pod'],
  ReplicationController: ['Pod'],
};

export interface OwnedObjects {
  /** What each object owns, by its uid, in order. */
  readonly byOwner: ReadonlyMap<string, readonly KubernetesObject[]>;
  readonly unread: readonly Unread[];
}

/** What the objects of an environment own, down to the Pods, as far as its workloads make it: read by owner references. */
export async function readOwned(
  { target: { cluster, api } }: Pick<Inspection, 'target'>,
  of: readonly KubernetesObject[],
): Promise<OwnedObjects> {
  const asked = new Map<string, { resource: ApiResource; namespace: string }>();
  for (const object of of) {
    const { namespace } = object.metadata;
    if (namespace === undefined) continue;
    for (const kind of makes[groupKind(objectIdOf(object))] ?? []) {
      const resource = api.resources.find((served) => groupKind(served) === kind);
      if (resource !== undefined) asked.set(`${kind} ${namespace}`, { resource, namespace });
    }
  }
  const unread: Unread[] = [];
  const lists = await inParallel([...asked.values()], async ({ resource, namespace }) =>
    cluster
      .list({ resource, namespace, content: 'whole' })
      .catch((error: unknown) => tellUnread(unread, { what: `${resource.plural} of namespace ${namespace}`, error })),
  );
  const byOwner = new Map<string, KubernetesObject[]>();
  for (const object of lists.flat().toSorted(byName))
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const owned = byOwner.get(uid);
      if (owned === undefined) byOwner.set(uid, [object]);
      else owned.push(object);
    }
  return { byOwner, unread };
}

/** All that these objects own, and they themselves: each once. */
export function withOwned(
  objects: readonly KubernetesObject[],
  { byOwner }: Pick<OwnedObjects, 'byOwner'>,
): KubernetesObject[] {
  const found = new Map<string, KubernetesObject>();
  // Not by calls within calls: somebody may have written a chain of owners of any length.
  const left = objects.toReversed();
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    const { uid = '' } = object.metadata;
    if (found.has(uid)) continue;
    found.set(uid, object);
    left.push(...(byOwner.get(uid) ?? []).toReversed());
  }
  return [...found.values()];
}

/** What may not be read, or cannot now, is said, and nothing of it is taken for absent. */
export function tellUnread(unread: Unread[], { what, error }: { what: string; error: unknown }): [] {
  if (!(error instanceof ConvergeError)) throw error;
  unread.push({ what, message: error.message });
  return [];
}

function byName(one: KubernetesObject, other: KubernetesObject): number {
  const [a, b] = [one, other].map(({ kind, metadata: { name = '' } }) => `${kind}/${name}`);
  return (a ?? '') < (b ?? '') ? -1 : 1;
}
