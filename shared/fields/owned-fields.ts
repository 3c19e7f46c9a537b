import { isMap } from '../objects/exact-json.ts';
import { fieldManager } from '../objects/field-manager.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry, ObjectMetadata } from '../objects/kubernetes-object.ts';

/*
 * `managedFields[].fieldsV1`, the API server's record of who owns which field:
 * https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize-pe.go
 */

/** One step of a path: a field of a map, an item of a keyed list, a member of a set, or a place in an atomic list. */
export type PathStep =
  | { readonly step: 'field'; readonly name: string }
  | { readonly step: 'item'; readonly keys: Readonly<Record<string, unknown>> }
  | { readonly step: 'member'; readonly value: unknown }
  | { readonly step: 'index'; readonly index: number };

/**
 * Reads one key of fieldsV1 (`f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`); undefined for `.`, the container itself.
 */
export function parseStep(key: string): PathStep | undefined {
  const text = key.slice(2);
  switch (key.slice(0, 2)) {
    case 'f:':
      return { step: 'field', name: text };
    case 'k:':
      return { step: 'item', keys: JSON.parse(text) as Record<string, unknown> };
    case 'v:':
      return { step: 'member', value: JSON.parse(text) };
    case 'i:':
      return { step: 'index', index: Number(text) };
    default:
      return undefined;
  }
}

/**
 * Our manager's server-side apply entry, whose fields go where an apply of ours leaves them out: not `/status`, not
 * `/scale`, not a write by another operation.
 */
export function ownEntry(object: { readonly metadata: ObjectMetadata }): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find(
    (entry) => entry.manager === fieldManager && entry.operation === 'Apply' && (entry.subresource ?? '') === '',
  );
}

/** Whether a list item carries these keys with these values. */
export function hasKeys(item: unknown, keys: Readonly<Record<string, unknown>>): boolean {
  if (item === null || typeof item !== 'object') return false;
  const fields = item as Record<string, unknown>;
  return Object.entries(keys).every(([key, value]) => fields[key] === value);
}

/** The value below one step; undefined where there is none. */
export function follow(value: unknown, step: PathStep): unknown {
  if (value === null || typeof value !== 'object') return undefined;
  switch (step.step) {
    case 'field':
      return Array.isArray(value) ? undefined : (value as Record<string, unknown>)[step.name];
    case 'item':
      return Array.isArray(value) ? value.find((item) => hasKeys(item, step.keys)) : undefined;
    case 'member':
      return Array.isArray(value)
        ? value.find((item) => JSON.stringify(item) === JSON.stringify(step.value))
        : undefined;
    case 'index':
      return Array.isArray(value) ? value[step.index] : undefined;
  }
}

/** Whether fieldsV1 owns a path, an ancestor of it as a whole (a leaf), or anything below it. */
export function owns(fields: JsonObject, path: readonly PathStep[]): boolean {
  let node: JsonObject = fields;
  for (const step of path) {
    const children = Object.entries(node);
    if (children.length === 0 && node !== fields) return true;
    const child = children.find(([key]) => sameStep(parseStep(key), step));
    if (child === undefined) return false;
    node = child[1] as JsonObject;
  }
  return true;
}

/** What of an object our manager applied, with its identity: the object as it would be made anew. */
export function ownedPart(object: KubernetesObject): KubernetesObject {
  const fields = ownEntry(object)?.fieldsV1;
  const { apiVersion, kind, metadata } = object;
  const owned = fields === undefined ? undefined : part(fields, object);
  const applied = isMap(owned) ? owned : {};
  const identity = {
    name: metadata.name ?? '',
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  };
  return {
    ...applied,
    apiVersion,
    kind,
    metadata: { ...(isMap(applied['metadata']) ? applied['metadata'] : {}), ...identity },
  };
}

function part(fields: JsonObject, value: unknown): unknown {
  const keys = Object.keys(fields).filter((key) => key !== '.');
  if (keys.length === 0) return '.' in fields && isMap(value) ? {} : value;
  const below = keys.flatMap((key) => {
    const step = parseStep(key);
    const child = step === undefined ? undefined : follow(value, step);
    return step === undefined || child === undefined ? [] : [{ step, child: part(fields[key] as JsonObject, child) }];
  });
  if (Array.isArray(value))
    return below.map(({ step, child }) => (step.step === 'item' && isMap(child) ? { ...child, ...step.keys } : child));
  return Object.fromEntries(below.flatMap(({ step, child }) => (step.step === 'field' ? [[step.name, child]] : [])));
}

function sameStep(a: PathStep | undefined, b: PathStep): boolean {
  if (a?.step !== b.step) return false;
  if (a.step === 'field') return b.step === 'field' && a.name === b.name;
  if (a.step === 'index') return b.step === 'index' && a.index === b.index;
  if (a.step === 'member') return b.step === 'member' && JSON.stringify(a.value) === JSON.stringify(b.value);
  return b.step === 'item' && Object.keys(a.keys).length === Object.keys(b.keys).length && hasKeys(a.keys, b.keys);
}
