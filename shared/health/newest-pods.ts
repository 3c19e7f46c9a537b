import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { part } from './observed-shape.ts';

const ownedSchema = z.object({
  metadata: part({
    ownerReferences: z.array(z.object({ uid: z.string(), controller: z.boolean().nullish() })).nullish(),
  }),
});
const updateRevisionSchema = z.object({ status: part({ updateRevision: z.string().optional() }) });

const revisionLabel = 'controller-revision-hash';

/** Whether `owner` is the object that controls it: by uid, since a namesake may have made it before. */
export function isControlledBy(owner: KubernetesObject): (object: KubernetesObject) => boolean {
  const { uid } = owner.metadata;
  return (object) => {
    const references = ownedSchema.safeParse(object).data?.metadata.ownerReferences ?? [];
    return uid !== undefined && references.some((reference) => reference.uid === uid && reference.controller === true);
  };
}

/**
 * The ReplicaSet of a Deployment's latest template: the one that its controller gave the highest revision, and a
 * rollback gives an old one a new revision.
 */
export function newestReplicaSet({
  workload,
  replicaSets,
}: {
  workload: KubernetesObject;
  replicaSets: readonly KubernetesObject[];
}): KubernetesObject | undefined {
  const revisionOf = ({ metadata }: KubernetesObject) =>
    Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
  return replicaSets.filter(isControlledBy(workload)).toSorted((a, b) => revisionOf(b) - revisionOf(a))[0];
}

/**
 * Which of the observed Pods the workload's controller made from its latest template, the others of its Pods being on
 * their way out.
 */
export function newestPods({
  workload,
  pods,
  replicaSets,
}: {
  workload: KubernetesObject;
  pods: readonly KubernetesObject[];
  replicaSets: readonly KubernetesObject[];
}): readonly KubernetesObject[] {
  switch (workload.kind) {
    case 'Deployment': {
      const replicaSet = newestReplicaSet({ workload, replicaSets });
      return replicaSet === undefined ? [] : pods.filter(isControlledBy(replicaSet));
    }
    case 'StatefulSet': {
      const revision = updateRevisionSchema.safeParse(workload).data?.status.updateRevision;
      const own = pods.filter(isControlledBy(workload));
      return revision === undefined ? own : own.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision);
    }
    case 'DaemonSet':
      return newestOfDaemonSet({ workload, own: pods.filter(isControlledBy(workload)) });
    default:
      return pods.filter(isControlledBy(workload));
  }
}

/**
 * As the controller's own `IsPodUpdated` has it: by the generation of the template, or by the hash of a revision with
 * that template. A DaemonSet's status names no revision, so the hash is that of the Pods of this generation.
 */
function newestOfDaemonSet({
  workload,
  own,
}: {
  workload: KubernetesObject;
  own: readonly KubernetesObject[];
}): readonly KubernetesObject[] {
  const generation = workload.metadata.annotations?.['deprecated.daemonset.template.generation'];
  if (generation === undefined) return own;
  const current = own.filter(({ metadata }) => metadata.labels?.['pod-template-generation'] === generation);
  const hashes = new Set(current.flatMap(({ metadata }) => metadata.labels?.[revisionLabel] ?? []));
  return own.filter((pod) => current.includes(pod) || hashes.has(pod.metadata.labels?.[revisionLabel] ?? ''));
}
