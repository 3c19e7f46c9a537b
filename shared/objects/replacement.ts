import { isMap } from './exact-json.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RefusalCause } from './refusal-cause.ts';
import { groupKind, groupOf } from './object-id.ts';

export const replaceAnnotation = 'converge.dev/replace';

const definition = 'CustomResourceDefinition.apiextensions.k8s.io';

/** Whether it defines a kind, whose objects may be anybody's. */
export function isDefinition(id: { readonly group: string; readonly kind: string }): boolean {
  return groupKind(id) === definition;
}

/** Kinds whose deletion takes more with it than the object: data, or every object of the kind. */
const precious = ['Namespace', 'PersistentVolumeClaim', 'PersistentVolume', definition];

export function isPrecious(id: { readonly group: string; readonly kind: string }): boolean {
  return precious.includes(groupKind(id));
}

/**
 * Whether Git lets an object be deleted and made anew: by its annotation, or, unless it is precious, by its
 * environment.
 */
export function mayReplace({
  object,
  environment,
}: {
  object: KubernetesObject;
  environment: { readonly replace: boolean };
}): boolean {
  const says = object.metadata.annotations?.[replaceAnnotation];
  if (says !== undefined) return says === 'true';
  return environment.replace && !isPrecious({ group: groupOf(object.apiVersion), kind: object.kind });
}

/** What goes with an object that is made anew, for people; undefined where it is the object alone. */
export function goesAlong(id: { readonly group: string; readonly kind: string }): string | undefined {
  switch (groupKind(id)) {
    case 'CustomResourceDefinition.apiextensions.k8s.io':
      return 'every custom resource of it goes, too';
    case 'Namespace':
      return 'everything in it goes, too';
    case 'PersistentVolumeClaim':
    case 'PersistentVolume':
      return 'its data may go, too';
    default:
      return undefined;
  }
}

/**
 * The object under another name, to ask by a dry run whether it could be created: then only a field that never changes
 * was wrong with it. What only one object can have is left out: the addresses of a Service. Where the name follows from
 * the group that an object defines, that is another, too.
 */
export function probeOf(object: KubernetesObject): KubernetesObject {
  const spec = object['spec'];
  const group = groupOf(object.apiVersion);
  if (
    namesItsGroup.includes(groupKind({ group, kind: object.kind })) &&
    isMap(spec) &&
    typeof spec['group'] === 'string'
  ) {
    const name = `${(object.metadata.name ?? '').slice(0, -spec['group'].length)}r-${spec['group']}`;
    return { ...object, metadata: { ...object.metadata, name }, spec: { ...spec, group: `r-${spec['group']}` } };
  }
  const name = `r-${object.metadata.name ?? ''}`.slice(0, 63).replace(/[^a-z0-9]+$/, '');
  const renamed = { ...object, metadata: { ...object.metadata, name } };
  return object.kind === 'Service' && object.apiVersion === 'v1'
    ? { ...renamed, spec: withoutAddresses(spec) }
    : renamed;
}

const namesItsGroup = ['CustomResourceDefinition.apiextensions.k8s.io', 'APIService.apiregistration.k8s.io'];

/**
 * What a dry run of the probe says of an object that was refused: it is `invalid` however it is made; a field that
 * `never changes` did; admission `denies` the probe, for its name, its number or what is in it; or it cannot be told
 * (`unknown`).
 *
 * The API server looks at an object's fields before it asks a quota or a policy, so that these are asked about valid
 * objects only. What is wrong with the name or place of the probe alone (other fields than those of the refusal) is not
 * the object's fault.
 */
export function verdictOf({
  refusal,
  probe,
}: {
  refusal: Refusal;
  probe: Refusal | 'accepted';
}): 'invalid' | 'never changes' | 'denied' | 'unknown' {
  // A policy or a webhook said so: it may be about the update, and names no field that never changes.
  if (refusal.status !== 422 || refusal.causes.length === 0) return 'invalid';
  if (probe === 'accepted') return 'never changes';
  if (probe.status === 403)
    return probe.causes.some(({ reason }) => reason === 'NamespaceTerminating') ? 'unknown' : 'denied';
  if (probe.status !== 422) return 'unknown';
  if (probe.causes.length === 0) return 'denied';
  const isBoth = refusal.causes.some((cause) =>
    probe.causes.some(({ field, reason }) => field === cause.field && reason === cause.reason),
  );
  return isBoth ? 'invalid' : 'never changes';
}

interface Refusal {
  readonly status: number;
  readonly causes: readonly RefusalCause[];
}

const addresses = ['clusterIP', 'clusterIPs', 'healthCheckNodePort', 'nodePort'];

function withoutAddresses(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutAddresses);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => (addresses.includes(key) ? [] : [[key, withoutAddresses(child)]])),
  );
}
