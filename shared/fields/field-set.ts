import { parseStep, type PathStep } from './owned-fields.ts';
import type { JsonObject } from '../objects/kubernetes-object.ts';

/*
 * Arithmetic on `fieldsV1`. A node owns its own path where it is empty (a leaf) or holds `.`; beside that it may hold
 * children. https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize-pe.go
 */

export interface Split {
  /** Undefined where nothing is on that side. */
  readonly taken: JsonObject | undefined;
  readonly left: JsonObject | undefined;
}

/** Parts a set of fields in two, path by path. */
export function splitFields(fields: JsonObject, isTaken: (path: readonly PathStep[]) => boolean): Split {
  return split({ fields, isTaken, path: [] });
}

function split({
  fields,
  isTaken,
  path,
}: {
  fields: JsonObject;
  isTaken: (path: readonly PathStep[]) => boolean;
  path: readonly PathStep[];
}): Split {
  const taken: Record<string, JsonObject> = {};
  const left: Record<string, JsonObject> = {};
  for (const [key, step, child] of childrenOf(fields)) {
    const parts = split({ fields: child, isTaken, path: [...path, step] });
    if (parts.taken !== undefined) taken[key] = parts.taken;
    if (parts.left !== undefined) left[key] = parts.left;
  }
  const owned = path.length > 0 && ownsItself(fields);
  const takesItself = owned && isTaken(path);
  return {
    taken: node({ children: taken, owned: takesItself }),
    left: node({ children: left, owned: owned && !takesItself }),
  };
}

/** Every path of either. */
export function unionFields(a: JsonObject, b: JsonObject): JsonObject {
  const children = new Map<string, JsonObject>(childrenOf(a).map(([key, , child]) => [key, child]));
  for (const [key, , child] of childrenOf(b)) {
    const other = children.get(key);
    children.set(key, other === undefined ? child : unionFields(other, child));
  }
  return node({ children: Object.fromEntries(children), owned: ownsItself(a) || ownsItself(b) }) ?? {};
}

/** Every path that a set owns itself. */
export function pathsOf(fields: JsonObject, path: readonly PathStep[] = []): (readonly PathStep[])[] {
  const below = childrenOf(fields).flatMap(([, step, child]) => pathsOf(child, [...path, step]));
  return path.length > 0 && ownsItself(fields) ? [path, ...below] : below;
}

/** The node's children: their keys as written, read, and their nodes. */
export function childrenOf(fields: JsonObject): [key: string, step: PathStep, child: JsonObject][] {
  return Object.entries(fields).flatMap(([key, child]): [string, PathStep, JsonObject][] => {
    const step = parseStep(key);
    return step === undefined || !isNode(child) ? [] : [[key, step, child]];
  });
}

export function ownsItself(fields: JsonObject): boolean {
  return '.' in fields || Object.keys(fields).length === 0;
}

function isNode(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function node({
  children,
  owned,
}: {
  children: Readonly<Record<string, JsonObject>>;
  owned: boolean;
}): JsonObject | undefined {
  if (Object.keys(children).length === 0) return owned ? {} : undefined;
  return owned ? { '.': {}, ...children } : children;
}
