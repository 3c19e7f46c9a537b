import { fieldManager } from '../objects/field-manager.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, objectIdOf, objectKey, type ObjectId } from '../objects/object-id.ts';
import { hookOfLabel, idLabel, partOfLabel } from './applyset.ts';

/**
 * Of what is there, what nobody declares: nothing that another object owns, that is of a set of this or another tool,
 * that Converge applied, or that Kubernetes and well-known controllers make by themselves. Of one object that is served
 * by several groups, the first.
 *
 * @param declared keys of what the environment is made of
 */
export function undeclaredOf({
  objects,
  declared,
}: {
  objects: readonly KubernetesObject[];
  declared: ReadonlySet<string>;
}): ObjectId[] {
  const seen = new Set<string>();
  return objects.flatMap((object) => {
    const id = objectIdOf(object);
    const identity = object.metadata.uid ?? objectKey(id);
    if (seen.has(identity)) return [];
    seen.add(identity);
    return declared.has(objectKey(id)) || isSomebodys(object) || isMadeByItself(id, { object, declared }) ? [] : [id];
  });
}

/** Kinds of which no object is anybody's: controllers write them anew. */
const kindsOfControllers: ReadonlySet<string> = new Set([
  ...['Endpoints', 'EndpointSlice.discovery.k8s.io', 'Event', 'Event.events.k8s.io', 'Lease.coordination.k8s.io'],
  ...['ControllerRevision.apps', 'CSIStorageCapacity.storage.k8s.io', 'CiliumEndpoint.cilium.io'],
]);

/** Whether objects of a kind may be somebody's at all; a group of metrics stores none. */
export function mayBeDeclared(id: Pick<ObjectId, 'group' | 'kind'>): boolean {
  return !kindsOfControllers.has(groupKind(id)) && !id.group.endsWith('metrics.k8s.io');
}

function isSomebodys({ metadata }: KubernetesObject): boolean {
  const { ownerReferences = [], labels = {}, managedFields = [], deletionTimestamp } = metadata;
  return (
    ownerReferences.length > 0 ||
    deletionTimestamp !== undefined ||
    [partOfLabel, idLabel, hookOfLabel].some((label) => labels[label] !== undefined) ||
    managedFields.some(({ manager, operation }) => manager === fieldManager && operation === 'Apply')
  );
}

/** By kind, the names of what comes with each namespace. */
const ofEachNamespace: Readonly<Record<string, readonly string[]>> = {
  ServiceAccount: ['default'],
  ConfigMap: ['kube-root-ca.crt', 'istio-ca-root-cert', 'openshift-service-ca.crt'],
  ResourceQuota: ['gke-resource-quotas'],
};

/** What makes a Secret without owning it writes so: its token, a Helm release, a certificate. */
const madeBy = ['kubernetes.io/service-account.name', 'cert-manager.io/certificate-name'];

function isMadeByItself(
  id: ObjectId,
  { object, declared }: { object: KubernetesObject; declared: ReadonlySet<string> },
): boolean {
  const { labels = {}, annotations = {} } = object.metadata;
  const kind = groupKind(id);
  if (ofEachNamespace[kind]?.includes(id.name) === true) return true;
  if (madeBy.some((annotation) => annotations[annotation] !== undefined)) return true;
  const isRelease = labels['owner'] === 'helm' && id.name.startsWith('sh.helm.release.v1.');
  if ((kind === 'Secret' || kind === 'ConfigMap') && isRelease) return true;
  return kind === 'PersistentVolumeClaim' && isClaimOfSet(id, declared);
}

/** `<template>-<set>-<ordinal>`: the claims of a StatefulSet outlive it, and are not owned by it. */
function isClaimOfSet({ namespace, name }: ObjectId, declared: ReadonlySet<string>): boolean {
  const [, stem = ''] = /^(.*)-\d+$/.exec(name) ?? [];
  const parts = stem.split('-');
  return parts.some((_part, index) => {
    const set = { group: 'apps', kind: 'StatefulSet', namespace, name: parts.slice(index).join('-') };
    return index > 0 && declared.has(objectKey(set));
  });
}
