import type { FieldDiff } from './object-diff.ts';
import { canonicalJson } from '../objects/canonical-json.ts';
import { exactNumber, isMap } from '../objects/exact-json.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';
import { fieldManager } from '../objects/field-manager.ts';
import { extraFields, type ExtraField } from '../ownership/extra-fields.ts';
import type { CoOwnedPath } from '../ownership/take-over.ts';
import { pointer, type FieldPath } from '../fields/field-path.ts';
import { withoutIgnored } from '../fields/ignored-fields.ts';
import { follow, hasKeys, ownEntry, owns, parseStep, type PathStep } from '../fields/owned-fields.ts';

/** What the API server keeps for itself: never a difference between what Git declares and what is there. */
const bookkeeping = [
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
];

/**
 * The fields in which an object as observed differs from the same object as the API server would store it after an
 * apply (the answer of a dry run), each with the manager that owns it now and the time of that manager's last write,
 * where they can be known: a removed field has no manager. A dry run keeps what kubectl added beside our fields, so
 * that is looked for in its `managedFields`. What is ignored is not looked at.
 *
 * @returns sorted by path; empty where both agree
 */
export function diffFields({
  desired,
  observed,
  ignored = [],
}: {
  desired: KubernetesObject;
  observed: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): FieldDiff[] {
  const owners = [...(observed.metadata.managedFields ?? []), ...(desired.metadata.managedFields ?? [])];
  const differences: Difference[] = [];
  compare({
    desired: comparable(withoutIgnored(desired, ignored)),
    observed: comparable(withoutIgnored(observed, ignored)),
    path: [],
    nodes: owners.flatMap((entry) => (entry.fieldsV1 === undefined ? [] : [entry.fieldsV1])),
    found: differences,
  });
  const added = extraFields(desired, ignored).flatMap((extra) =>
    extra.kind === 'drift' ? [describeExtra(extra)] : [],
  );
  // Told as they are, with what is ignored inside of them.
  const told = differences
    .filter((difference) => isGits({ difference, desired }))
    .map(({ path }) => ({
      path,
      desired: path.reduce<unknown>(follow, desired),
      observed: path.reduce<unknown>(follow, observed),
    }));
  return [...told.map((difference) => describe({ difference, observed })), ...added].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

/**
 * Fields that managers keep which are none of ours to take over: items in lists of ours, and fields that we gave up.
 */
export function coOwnedFields({
  observed,
  kept,
  ignored = [],
}: {
  observed: KubernetesObject;
  kept: readonly CoOwnedPath[];
  ignored?: readonly FieldPath[] | undefined;
}): FieldDiff[] {
  const items = extraFields(observed, ignored).flatMap((extra) =>
    extra.kind === 'co-owned' ? [describeExtra(extra)] : [],
  );
  const fields = kept.map(({ path, entry }) =>
    describeExtra({ path, entry, observed: path.reduce<unknown>(follow, observed) }),
  );
  return [...items, ...fields].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function describeExtra({ path, observed, entry }: Pick<ExtraField, 'path' | 'observed' | 'entry'>): FieldDiff {
  return {
    path: pointer(path),
    ...(observed === undefined ? {} : { observed: asJson(observed) }),
    ...(entry.manager === undefined ? {} : { manager: entry.manager }),
    ...(entry.time === undefined ? {} : { changedBefore: entry.time }),
  };
}

/**
 * Whether Git says anything of it: what a webhook adds or rewrites in a dry run is no word of Git's. What goes was
 * Git's.
 */
function isGits({ difference, desired }: { difference: Difference; desired: KubernetesObject }): boolean {
  const own = ownEntry(desired)?.fieldsV1;
  return difference.desired === undefined || own === undefined || owns(own, difference.path);
}

/**
 * Differences of an object that somebody made anew, which is why our entry is gone: nobody owns what is not there, and
 * it is for whoever made the object so.
 */
export function byMaker({
  fields,
  observed,
}: {
  fields: readonly FieldDiff[];
  observed: KubernetesObject;
}): readonly FieldDiff[] {
  const maker = ownEntry(observed) === undefined ? lastWriter({ observed, path: [] }) : undefined;
  if (maker?.manager === undefined) return fields;
  const { manager, time } = maker;
  return fields.map((field) =>
    field.manager === undefined && field.observed === undefined
      ? { ...field, manager, ...(time === undefined ? {} : { changedBefore: time }) }
      : field,
  );
}

interface Difference {
  readonly path: readonly PathStep[];
  readonly desired: unknown;
  readonly observed: unknown;
}

function comparable(object: KubernetesObject): unknown {
  const { status: _status, metadata, ...rest } = object;
  // Labels and annotations are told one by one, whether it was the last of them that went or not.
  const { labels = {}, annotations = {}, ...others } = metadata;
  return {
    ...rest,
    metadata: {
      labels,
      annotations,
      ...Object.fromEntries(Object.entries(others).filter(([key]) => !bookkeeping.includes(key))),
    },
  };
}

function compare(pair: {
  desired: unknown;
  observed: unknown;
  path: readonly PathStep[];
  /** The managers' fieldsV1 nodes at this path: they tell which lists are keyed, and by what. */
  nodes: readonly JsonObject[];
  found: Difference[];
}): void {
  const { desired, observed, path, nodes, found } = pair;
  if (canonicalJson(desired) === canonicalJson(observed)) return;
  const steps = stepsInto({ desired, observed, nodes });
  if (steps === undefined) {
    found.push({ path, desired, observed });
    return;
  }
  const before = found.length;
  for (const step of steps) {
    compare({
      desired: follow(desired, step),
      observed: follow(observed, step),
      path: [...path, step],
      nodes: nodes.flatMap((node) => childAt(node, step)),
      found,
    });
  }
  // The items agree one by one, so it is their order that differs.
  if (found.length === before) found.push({ path, desired, observed });
}

/** How to compare below two values: by fields, by the keys of a list's items, or (undefined) not at all. */
function stepsInto({
  desired,
  observed,
  nodes,
}: {
  desired: unknown;
  observed: unknown;
  nodes: readonly JsonObject[];
}): PathStep[] | undefined {
  if (isMap(desired) && isMap(observed)) {
    const names = new Set([...Object.keys(desired), ...Object.keys(observed)]);
    return [...names].map((name) => ({ step: 'field', name }));
  }
  if (!Array.isArray(desired) || !Array.isArray(observed)) return undefined;
  const keyNames = keyNamesOf(nodes);
  if (keyNames === undefined) return undefined;
  const selectors = new Map<string, PathStep>();
  for (const item of [...desired, ...observed]) {
    if (!isMap(item)) return undefined;
    const keys = Object.fromEntries(keyNames.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]])));
    selectors.set(canonicalJson(keys), { step: 'item', keys });
  }
  return [...selectors.values()];
}

/**
 * The keys that tell a list's items apart, as the managers' nodes of the list record them; undefined for other lists.
 */
export function keyNamesOf(nodes: readonly JsonObject[]): string[] | undefined {
  for (const node of nodes) {
    for (const key of Object.keys(node)) {
      const step = parseStep(key);
      if (step?.step === 'item') return Object.keys(step.keys).sort();
    }
  }
  return undefined;
}

/** A node's child at one step: one, or none. */
export function childAt(node: JsonObject, step: PathStep): JsonObject[] {
  if (step.step === 'field') {
    const child = node[`f:${step.name}`];
    return child === undefined ? [] : [child as JsonObject];
  }
  return Object.entries(node).flatMap(([key, child]) => {
    const parsed = parseStep(key);
    return parsed?.step === 'item' && step.step === 'item' && hasKeys(parsed.keys, step.keys)
      ? [child as JsonObject]
      : [];
  });
}

/** A difference with who wrote the field last, where that can be known. */
export function describe({ difference, observed }: { difference: Difference; observed: KubernetesObject }): FieldDiff {
  const writer = lastWriter({ observed, path: difference.path });
  return {
    path: pointer(difference.path),
    ...(difference.desired === undefined ? {} : { desired: asJson(difference.desired) }),
    ...(difference.observed === undefined ? {} : { observed: asJson(difference.observed) }),
    ...(writer?.manager === undefined ? {} : { manager: writer.manager }),
    ...(writer?.time === undefined ? {} : { changedBefore: writer.time }),
  };
}

/**
 * The manager other than ours that wrote a path last. Its time is its last write of anything: "changed at or before".
 */
function lastWriter({
  observed,
  path,
}: {
  observed: KubernetesObject;
  path: readonly PathStep[];
}): ManagedFieldsEntry | undefined {
  const writers = (observed.metadata.managedFields ?? []).filter(
    (entry) =>
      entry.manager !== fieldManager &&
      entry.subresource !== 'status' &&
      entry.fieldsV1 !== undefined &&
      owns(entry.fieldsV1, path),
  );
  return writers.sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''))[0];
}

/** A number kept exact is told as its digits: alerts are read by programs whose numbers are doubles. */
export function asJson(value: unknown): NonNullable<FieldDiff['desired']> {
  const number = exactNumber(value);
  if (number !== undefined) return number;
  if (Array.isArray(value)) return value.map(asJson);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, asJson(child)]));
  return value as NonNullable<FieldDiff['desired']>;
}
