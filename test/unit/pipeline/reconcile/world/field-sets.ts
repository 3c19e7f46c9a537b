import { createHash } from 'node:crypto';
import type { JsonObject, ManagedFieldsEntry } from '../../../../../shared/objects/kubernetes-object.ts';

/*
 * Values as sets of leaves, by their paths in the words of `fieldsV1`: enough of
 * https://github.com/kubernetes-sigs/structured-merge-diff for objects of maps, lists of items with a name, and
 * everything else as a whole.
 */

/**
 * Of one object, its value at each path; a path is the steps to it as `fieldsV1` writes them (`f:spec`,
 * `k:{"name":"web"}`).
 */
export type Leaves = ReadonlyMap<string, unknown>;

const ofMetadata = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNamed(item: unknown): item is { readonly name: string } {
  return isMap(item) && typeof item['name'] === 'string';
}

const leavesKnown = new WeakMap<object, Leaves>();

/** What managers own of an object: neither its identity, nor what the API server keeps, nor its status. */
export function leavesOf(object: Readonly<Record<string, unknown>>): Leaves {
  const known = leavesKnown.get(object);
  if (known !== undefined) return known;
  const { apiVersion: _version, kind: _kind, status: _status, metadata, ...rest } = object;
  const kept = isMap(metadata)
    ? Object.entries(metadata).filter(([name, value]) => ofMetadata.includes(name) && !sameValue(value, {}))
    : [];
  const owned = { ...rest, ...(kept.length === 0 ? {} : { metadata: Object.fromEntries(kept) }) };
  const leaves = new Map(leavesBelow([], owned));
  leavesKnown.set(object, leaves);
  return leaves;
}

function leavesBelow(path: readonly string[], value: unknown): [string, unknown][] {
  if (isMap(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([name, child]) =>
      child === undefined ? [] : leavesBelow([...path, `f:${name}`], child),
    );
  if (Array.isArray(value) && value.length > 0 && value.every(isNamed))
    return value.flatMap((item: { readonly name: string }) =>
      leavesBelow([...path, `k:${JSON.stringify({ name: item.name })}`], item),
    );
  return [[JSON.stringify(path), value]];
}

/** The object of these leaves. */
export function objectOf(leaves: Leaves): Record<string, unknown> {
  const made = built([...leaves].map(([path, value]) => ({ steps: stepsOf(path), value })));
  return isMap(made) ? { ...made } : {};
}

interface Leaf {
  readonly steps: readonly string[];
  readonly value: unknown;
}

function built(leaves: readonly Leaf[]): unknown {
  const [only] = leaves;
  if (only?.steps.length === 0) return only.value;
  const below = Map.groupBy(leaves, ({ steps: [step = ''] }) => step);
  const children = [...below].map(([step, inside]) => ({
    step,
    child: built(inside.map(({ steps: [, ...steps], value }) => ({ steps, value }))),
  }));
  if (children.every(({ step }) => step.startsWith('k:'))) return children.map(({ child }) => child);
  return Object.fromEntries(children.map(({ step, child }) => [step.slice(2), child]));
}

function stepsOf(path: string): readonly string[] {
  const steps: unknown = JSON.parse(path);
  return Array.isArray(steps) ? steps.map(String) : [];
}

export function fieldsOf(paths: Iterable<string>): JsonObject {
  return fieldsBelow([...paths].sort().map(stepsOf));
}

function fieldsBelow(paths: readonly (readonly string[])[]): JsonObject {
  const below = Map.groupBy(
    paths.filter((steps) => steps.length > 0),
    ([step = '']) => step,
  );
  return Object.fromEntries([...below].map(([step, inside]) => [step, fieldsBelow(inside.map(([, ...rest]) => rest))]));
}

const pathsKnown = new WeakMap<ManagedFieldsEntry, ReadonlySet<string>>();

/** The paths that an entry owns. */
export function pathsIn(entry: ManagedFieldsEntry): ReadonlySet<string> {
  const paths = pathsKnown.get(entry) ?? new Set(pathsBelow([], entry.fieldsV1 ?? {}));
  pathsKnown.set(entry, paths);
  return paths;
}

function pathsBelow(path: readonly string[], fields: JsonObject): string[] {
  const children = Object.entries(fields).filter(([step]) => step !== '.');
  if (children.length === 0) return path.length === 0 ? [] : [JSON.stringify(path)];
  return children.flatMap(([step, child]) => pathsBelow([...path, step], isFields(child) ? child : {}));
}

function isFields(value: unknown): value is JsonObject {
  return isMap(value);
}

export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

export function sha1(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
