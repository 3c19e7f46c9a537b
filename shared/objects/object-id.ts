import type { KubernetesObject } from './kubernetes-object.ts';

/** What identifies an object in a cluster, whatever API version it is written in. */
export interface ObjectId {
  /** `''` for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Undefined for cluster-scoped objects. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** The group of an apiVersion: `''` of `v1`, `apps` of `apps/v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

/** The version of an apiVersion: `v1` of `apps/v1`. */
export function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}

export function objectIdOf(object: KubernetesObject): ObjectId {
  return {
    group: groupOf(object.apiVersion),
    kind: object.kind,
    namespace: object.metadata.namespace,
    name: object.metadata.name ?? '',
  };
}

/** One string for each identity; sorts by group, kind, namespace, name. */
export function objectKey(id: ObjectId): string {
  return `${id.group}/${id.kind}/${id.namespace ?? ''}/${id.name}`;
}

/** What a key of `objectKey` identifies. */
export function idOfKey(key: string): ObjectId {
  const [group = '', kind = '', namespace = '', ...name] = key.split('/');
  return { group, kind, namespace: namespace === '' ? undefined : namespace, name: name.join('/') };
}

/** As people write it: `Deployment acme/web`. */
export function objectTitle(id: { kind: string; namespace?: string | undefined; name: string }): string {
  return id.namespace === undefined ? `${id.kind} ${id.name}` : `${id.kind} ${id.namespace}/${id.name}`;
}

/** `ConfigMap`, `Deployment.apps`: as the ApplySet specification and kubectl write it. */
export function groupKind({ group, kind }: Pick<ObjectId, 'group' | 'kind'>): string {
  return group === '' ? kind : `${kind}.${group}`;
}
