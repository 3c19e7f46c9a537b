import type { KubernetesObject } from './kubernetes-object.ts';
import { groupKind, groupOf } from './object-id.ts';

export const replaceAnnotation = 'converge.dev/replace';

/** Kinds whose deletion takes more with it than the object: data, or every object of the kind. */
const precious = ['Namespace', 'PersistentVolumeClaim', 'PersistentVolume', 'CustomResourceDefinition.apiextensions.k8s.io'];

export function isPrecious(id: { readonly group: string; readonly kind: string }): boolean {
  return precious.includes(groupKind(id));
}

/** Whether Git lets an object be deleted and made anew: by its annotation, or, unless it is precious, by its environment. */
export function mayReplace({ object, environment }: { object: KubernetesObject; environment: { readonly replace: boolean } }): boolean {
  const says = object.metadata.annotations?.[replaceAnnotation];
  if (says !== undefined) return says === 'true';
  return environment.replace && !isPrecious({ group: groupOf(object.apiVersion), kind: object.kind });
}

/**
 * The object under another name, to ask by a dry run whether it could be created (rule 13). What only one object can have
 * is left out: the addresses of a Service.
 *
 * Limit: the name of a CustomResourceDefinition or an APIService follows from its spec, so that another one is never valid.
 */
export function probeOf(object: KubernetesObject): KubernetesObject {
  const name = `r-${object.metadata.name ?? ''}`.slice(0, 63).replace(/[^a-z0-9]+$/, '');
  const renamed = { ...object, metadata: { ...object.metadata, name } };
  return object.kind === 'Service' && object.apiVersion === 'v1' ? { ...renamed, spec: withoutAddresses(object['spec']) } : renamed;
}

const addresses = ['clusterIP', 'clusterIPs', 'healthCheckNodePort', 'nodePort'];

function withoutAddresses(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutAddresses);
  return Object.fromEntries(Object.entries(value).flatMap(([key, child]) => (addresses.includes(key) ? [] : [[key, withoutAddresses(child)]])));
}
