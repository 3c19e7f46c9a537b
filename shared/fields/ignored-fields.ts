import { isMap } from '../objects/exact-json.ts';
import type { JsonObject, KubernetesObject } from '../objects/kubernetes-object.ts';
import type { FieldPath } from './field-path.ts';
import { hasKeys, ownEntry, parseStep, type PathStep } from './owned-fields.ts';

/*
 * Fields that an environment's `spec.ignore` leaves to others. An object that is not there yet is created whole, and so
 * is an item that is new in a list of it; after that they are neither compared nor applied.
 */

/** Whether a path is one of those ignored, or below one. */
export function isIgnored({ path, ignored }: { path: FieldPath; ignored: readonly FieldPath[] }): boolean {
  return ignored.some((rule) => rule.length <= path.length && rule.every((step, at) => isStep(step, path[at])));
}

function isStep(rule: PathStep, step: PathStep | undefined): boolean {
  if (step === undefined) return false;
  switch (rule.step) {
    case 'field':
      return step.step === 'field'
        ? step.name === rule.name
        : step.step === 'index' && String(step.index) === rule.name;
    case 'index':
      return step.step === 'index' && step.index === rule.index;
    case 'member':
      return step.step === 'member' && JSON.stringify(step.value) === JSON.stringify(rule.value);
    case 'item':
      return (
        step.step === 'item' &&
        Object.entries(rule.keys).every(
          ([key, value]) => Object.hasOwn(step.keys, key) && sameKey(step.keys[key], value),
        )
      );
  }
}

/**
 * A value without what is ignored, to be compared or hashed. A place in a list stays, empty; a map or list that becomes
 * empty goes.
 */
export function withoutIgnored(value: KubernetesObject, ignored: readonly FieldPath[]): KubernetesObject {
  return ignored.reduce((rest, path) => asObject(edit({ value: rest, path, change: () => undefined })) ?? rest, value);
}

/**
 * The object to apply where it is there already: without what is ignored. Within a list or map that is owned as a whole
 * nothing can be left out, so there the observed values stand in for Git's.
 *
 * `verify`: for a dry run, ahead of the hand-over of what is ours still (`managedFieldsToWrite`); what is ignored and
 * ours has its observed value there, since left out it would be reset to its default.
 */
export function desiredBeside({
  desired,
  observed,
  ignored,
  purpose,
}: {
  desired: KubernetesObject;
  observed: KubernetesObject;
  ignored: readonly FieldPath[];
  purpose: 'apply' | 'verify';
}): KubernetesObject {
  const entries = (observed.metadata.managedFields ?? []).filter(
    ({ apiVersion, subresource }) => apiVersion === desired.apiVersion && subresource !== 'status',
  );
  const nodes = entries.flatMap(({ fieldsV1 }) => (fieldsV1 === undefined ? [] : [fieldsV1]));
  const own = purpose === 'verify' ? ownEntry(observed)?.fieldsV1 : undefined;
  return ignored.reduce(
    (rest, path) => asObject(leave({ desired: rest, observed, path, nodes, own })) ?? rest,
    desired,
  );
}

interface Level {
  readonly desired: unknown;
  readonly observed: unknown;
  readonly path: FieldPath;
  /** The managers' fieldsV1 nodes here. */
  readonly nodes: readonly JsonObject[];
  /** Ours, where it counts that a field is ours. */
  readonly own: JsonObject | undefined;
}

/** Undefined where nothing is left to apply. */
function leave({ desired, observed, path, nodes, own }: Level): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return own === undefined ? undefined : observed;
  if (nodes.length > 0 && nodes.every((node) => stepsOf(node).length === 0)) {
    return observed === undefined
      ? desired
      : edit({ value: desired, path, change: () => valueAt({ value: observed, path }) });
  }
  return editStep({
    value: desired,
    step,
    change: (child) => {
      const isItem = Array.isArray(desired);
      const concrete = isItem ? itemStep({ nodes, step, item: child }) : step;
      const found = valueAt({ value: observed, path: [concrete] });
      // New in the list: it comes whole, as the object itself did.
      if (isItem && found === undefined) return child;
      return leave({
        desired: child,
        observed: found,
        path: rest,
        nodes: nodes.flatMap((node) => childNodes(node, concrete)),
        own: own && childNodes(own, concrete)[0],
      });
    },
  });
}

/** The step to one item of a list, by all of its keys where the managers record them. */
function itemStep({ nodes, step, item }: { nodes: readonly JsonObject[]; step: PathStep; item: unknown }): PathStep {
  if (step.step !== 'item') return step;
  const known = nodes.flatMap(stepsOf).find((at) => at.step === 'item' && isItem({ keys: at.keys, item }));
  return known ?? step;
}

function stepsOf(node: JsonObject): PathStep[] {
  return Object.keys(node).flatMap((key) => parseStep(key) ?? []);
}

function childNodes(node: JsonObject, step: PathStep): JsonObject[] {
  return Object.entries(node).flatMap(([key, child]) => {
    const at = parseStep(key);
    return at !== undefined && isStep(step, at) ? [child as JsonObject] : [];
  });
}

function valueAt({ value, path }: { value: unknown; path: FieldPath }): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at)) return at.find((item, index) => selects({ step, item, index }));
    return step.step === 'field' && isMap(at) ? at[step.name] : undefined;
  }, value);
}

function edit({
  value,
  path,
  change,
}: {
  value: unknown;
  path: FieldPath;
  change: (value: unknown) => unknown;
}): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  return editStep({ value, step, change: (child) => edit({ value: child, path: rest, change }) });
}

/** Changes what one step leads to; undefined where nothing is left of the map or list. */
function editStep({
  value,
  step,
  change,
}: {
  value: unknown;
  step: PathStep;
  change: (child: unknown) => unknown;
}): unknown {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const edited = items.flatMap((item, index) => {
      if (!selects({ step, item, index })) return [item];
      const changed = change(item);
      // A place is held: the others are known by theirs.
      return changed !== undefined ? [changed] : step.step === 'field' ? [null] : [];
    });
    return edited.length === 0 && items.length > 0 ? undefined : edited;
  }
  if (!isMap(value) || step.step !== 'field' || !Object.hasOwn(value, step.name)) return value;
  const { [step.name]: child, ...others } = value;
  const changed = change(child);
  if (changed !== undefined) return { ...value, [step.name]: changed };
  return Object.keys(others).length === 0 ? undefined : others;
}

function selects({ step, item, index }: { step: PathStep; item: unknown; index: number }): boolean {
  switch (step.step) {
    case 'field':
      return step.name === String(index);
    case 'index':
      return step.index === index;
    case 'member':
      return JSON.stringify(item) === JSON.stringify(step.value);
    case 'item':
      return isItem({ keys: step.keys, item });
  }
}

/** Whether a list's item is the one with these keys. Git may leave a key to its default: a port's protocol is TCP. */
function isItem({ keys, item }: { keys: Readonly<Record<string, unknown>>; item: unknown }): boolean {
  if (!isMap(item)) return false;
  if (hasKeys(item, keys)) return true;
  const valueOf = (key: string) => item[key] ?? (key === 'protocol' ? 'TCP' : undefined);
  const said = Object.entries(keys).filter(([key]) => valueOf(key) !== undefined);
  return said.some(([key]) => Object.hasOwn(item, key)) && said.every(([key, value]) => sameKey(valueOf(key), value));
}

/** `53` in a path may be meant as a text. */
function sameKey(a: unknown, b: unknown): boolean {
  return JSON.stringify(a)?.replaceAll('"', '') === JSON.stringify(b)?.replaceAll('"', '');
}

/** What is edited below its root stays an object: identity cannot be ignored. */
function asObject(value: unknown): KubernetesObject | undefined {
  return isMap(value) ? (value as KubernetesObject) : undefined;
}
