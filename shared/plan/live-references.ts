import { z } from 'zod';
import { assessProgress } from '../health/run-to-end.ts';
import { isMap } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, objectIdOf, objectKey, objectTitle } from '../objects/object-id.ts';

/*
 * What keeps an object in use that Git no longer specifies: pods that run with it, and what makes such pods anew at any
 * time. By https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ a pod names what it uses of
 * its own namespace.
 */

/** What is read to see who refers to what, in the namespaces concerned. */
export const referrerKinds = [
  'Pod',
  'ReplicaSet.apps',
  'ControllerRevision.apps',
  'Job.batch',
  'ServiceAccount',
] as const;

const podSchema = z.object({ status: z.object({ phase: z.string().optional() }).optional() });
const countsSchema = z.object({
  spec: z.object({ replicas: z.number().default(1) }),
  status: z.object({ replicas: z.number().default(0) }).optional(),
});
const templateSchema = z.object({ spec: z.object({ template: z.object({ spec: z.unknown() }) }) });
const revisionSchema = z.object({ revision: z.number(), data: templateSchema });
const statusSchema = z.object({
  status: z.object({ currentRevision: z.string().optional(), updateRevision: z.string().optional() }),
});

/**
 * What is referred to, by key, each with the title of one that does: by pods that have not ended, by ReplicaSets that
 * have or want pods, by Jobs that run, by the revisions of StatefulSets and DaemonSets that pods are of or will be made
 * of, and by the ServiceAccounts of all these, whose Secrets of registries every new pod is given.
 *
 * @param referrers everything of `referrerKinds` in the namespaces concerned
 * @param workloads StatefulSets as they are known, whose status names the revisions that pods are made of
 */
export function liveReferences({
  referrers,
  workloads,
}: {
  referrers: readonly KubernetesObject[];
  workloads: readonly KubernetesObject[];
}): Map<string, string> {
  const isUsed = revisionsInUse({ referrers, workloads });
  const found = new Map<string, string>();
  for (const object of referrers) {
    const id = objectIdOf(object);
    const spec = podSpecOf(object, isUsed);
    if (spec === undefined) continue;
    const account = accountOf(spec);
    const ofAccount = referrers.filter(
      ({ kind, metadata: { name, namespace } }) =>
        kind === 'ServiceAccount' && namespace === id.namespace && name === account,
    );
    const references = [
      { kind: 'ServiceAccount', name: account },
      ...[spec, ...ofAccount.map((one) => ({ imagePullSecrets: one['imagePullSecrets'] }))].flatMap(referencesOf),
    ];
    for (const { kind, name } of references) {
      const key = objectKey({ group: '', kind, namespace: id.namespace, name });
      if (!found.has(key)) found.set(key, objectTitle(id));
    }
  }
  return found;
}

const accountSchema = z.object({ serviceAccountName: z.string().optional(), serviceAccount: z.string().optional() });

/**
 * The account that pods of a specification run as:
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
 */
function accountOf(spec: unknown): string {
  const { serviceAccountName = '', serviceAccount = '' } = accountSchema.safeParse(spec).data ?? {};
  return serviceAccountName || serviceAccount || 'default';
}

/** The specification of the pod that a live object is, has or makes; undefined of what is over. */
function podSpecOf(object: KubernetesObject, isUsed: (revision: KubernetesObject) => boolean): unknown {
  switch (groupKind(objectIdOf(object))) {
    case 'Pod':
      return ['Succeeded', 'Failed'].includes(podSchema.safeParse(object).data?.status?.phase ?? '')
        ? undefined
        : object['spec'];
    case 'ReplicaSet.apps': {
      const counts = countsSchema.safeParse(object).data;
      return counts?.spec.replicas === 0 && (counts.status?.replicas ?? 0) === 0 ? undefined : templateOf(object);
    }
    case 'Job.batch':
      return assessProgress(object).state === 'running' ? templateOf(object) : undefined;
    case 'ControllerRevision.apps':
      return isUsed(object) ? templateOf(object['data']) : undefined;
    default:
      return undefined;
  }
}

function templateOf(holder: unknown): unknown {
  return templateSchema.safeParse(holder).data?.spec.template.spec;
}

const hashLabel = 'controller-revision-hash';

/**
 * A revision is in use where a pod is of it, where a status names it, and where it is the latest of its owner: pods are
 * made of that.
 */
function revisionsInUse({
  referrers,
  workloads,
}: {
  referrers: readonly KubernetesObject[];
  workloads: readonly KubernetesObject[];
}): (revision: KubernetesObject) => boolean {
  const ofPods = new Set(
    referrers.flatMap((object) => (object.kind === 'Pod' ? (object.metadata.labels?.[hashLabel] ?? []) : [])),
  );
  const named = new Set(
    workloads.flatMap((workload) => {
      const { currentRevision, updateRevision } = statusSchema.safeParse(workload).data?.status ?? {};
      return [currentRevision, updateRevision].flatMap((name) =>
        name === undefined ? [] : [`${workload.metadata.namespace ?? ''}/${name}`],
      );
    }),
  );
  const latest = new Map<string, number>();
  const ownerOf = ({ metadata }: KubernetesObject): string =>
    metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? '';
  const numberOf = (object: KubernetesObject): number => revisionSchema.safeParse(object).data?.revision ?? 0;
  for (const object of referrers.filter(({ kind }) => kind === 'ControllerRevision'))
    latest.set(ownerOf(object), Math.max(numberOf(object), latest.get(ownerOf(object)) ?? 0));
  return (revision) => {
    const { name = '', namespace = '', labels } = revision.metadata;
    // Pods of a StatefulSet carry the name of their revision, those of a DaemonSet its hash.
    return (
      ofPods.has(name) ||
      ofPods.has(labels?.[hashLabel] ?? name) ||
      named.has(`${namespace}/${name}`) ||
      numberOf(revision) === latest.get(ownerOf(revision))
    );
  };
}

interface Reference {
  readonly kind: string;
  readonly name: string;
}

/** Fields that name an object by its `name`, wherever they stand in the specification of a pod. */
const byName: Readonly<Record<string, string>> = {
  configMap: 'ConfigMap',
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  secret: 'Secret',
  secretRef: 'Secret',
  secretKeyRef: 'Secret',
  nodePublishSecretRef: 'Secret',
  imagePullSecrets: 'Secret',
};
/** Fields that are the name itself. */
const named: Readonly<Record<string, string>> = {
  secretName: 'Secret',
  claimName: 'PersistentVolumeClaim',
  serviceAccountName: 'ServiceAccount',
  serviceAccount: 'ServiceAccount',
};

/**
 * Everything that the specification of a pod refers to, optional or not. A field of that name that means something else
 * keeps an object, and does no harm.
 */
export function referencesOf(value: unknown): Reference[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesOf(item));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([field, child]): Reference[] => {
    const [nameKind, kind] = [byName[field], named[field]];
    const holders: unknown[] = nameKind === undefined ? [] : Array.isArray(child) ? child : [child];
    const held = holders.flatMap((holder) =>
      isMap(holder) && nameKind !== undefined && typeof holder['name'] === 'string'
        ? [{ kind: nameKind, name: holder['name'] }]
        : [],
    );
    return [
      ...held,
      ...(kind !== undefined && typeof child === 'string' ? [{ kind, name: child }] : []),
      ...referencesOf(child),
    ];
  });
}
