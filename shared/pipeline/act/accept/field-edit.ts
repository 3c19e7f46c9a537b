import type { FieldPath } from '../../../fields/field-path.ts';
import type { PathStep } from '../../../fields/owned-fields.ts';
import { isMap } from '../../../objects/exact-json.ts';

/** One change of a document: the value that stands at a path of keys and places from now on; undefined: nothing does. */
export interface FieldEdit {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** A field of an object as it is in the cluster; undefined: it is not there. */
export interface ObservedField {
  readonly path: FieldPath;
  readonly observed: unknown;
}

/**
 * What kind of document is edited: one that says an object whole, or a strategic merge patch, in which what goes is said
 * in words of its own.
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
export type Says = 'object' | 'patch';

/**
 * The edit that brings one field of a document to what was observed: `nothing` where it is so already, undefined where the
 * document has something else on the way there.
 */
export function editTo(
  document: unknown,
  { path, observed }: ObservedField,
  says: Says,
): FieldEdit | 'nothing' | undefined {
  const keys: (string | number)[] = [];
  let at = document;
  for (const [index, step] of path.entries()) {
    const rest = path.slice(index + 1);
    const found = find(at, step);
    if (found === undefined) return undefined;
    keys.push(found.key);
    if (found.value === undefined || (found.value === null && rest.length > 0)) {
      const made = observed === undefined ? gone({ step, rest, says }) : nested({ step, rest, value: observed });
      return made === undefined ? (says === 'object' ? 'nothing' : undefined) : { path: keys, value: made };
    }
    at = found.value;
  }
  if (observed !== undefined || says === 'object') return { path: keys, value: observed };
  const last = path.at(-1);
  if (last?.step === 'field') return { path: keys, value: null };
  return last?.step === 'item' ? { path: keys, value: { ...last.keys, $patch: 'delete' } } : undefined;
}

/** The key or place of a step in what is there, and what stands there; undefined where it leads nowhere. */
function find(at: unknown, step: PathStep): { key: string | number; value: unknown } | undefined {
  if (step.step === 'field' && isMap(at)) return { key: step.name, value: at[step.name] };
  if (!Array.isArray(at)) return undefined;
  const items: readonly unknown[] = at;
  const place = placeOf(items, step);
  if (place === undefined) return undefined;
  return place === -1 ? { key: items.length, value: undefined } : { key: place, value: items[place] };
}

/** -1: there is none, and one may be added. */
function placeOf(items: readonly unknown[], step: PathStep): number | undefined {
  switch (step.step) {
    case 'field': {
      const index = /^\d+$/.test(step.name) ? Number(step.name) : items.length;
      return index < items.length ? index : undefined;
    }
    case 'index':
      return step.index < items.length ? step.index : undefined;
    case 'item':
      return items.findIndex((item) => isMap(item) && hasItemKeys(item, step.keys));
    case 'member':
      return items.findIndex((item) => JSON.stringify(item) === JSON.stringify(step.value));
  }
}

/** What the API server fills in where nobody says it, and then tells items apart by. */
const keyDefaults: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

function hasItemKeys(item: Readonly<Record<string, unknown>>, keys: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(keys).every(([key, value]) => (item[key] ?? keyDefaults[key]) === value);
}

/** A value inside of all that leads to it. */
function nested({ step, rest, value }: { step: PathStep; rest: FieldPath; value: unknown }): unknown {
  const inner = rest.reduceRight<unknown>((below, next) => {
    if (next.step === 'field') return { [next.name]: below };
    return [next.step === 'item' && isMap(below) ? { ...next.keys, ...below } : below];
  }, value);
  return step.step === 'item' && isMap(inner) ? { ...step.keys, ...inner } : inner;
}

/** How a patch that says nothing of a field yet says that it goes. */
function gone({ step, rest, says }: { step: PathStep; rest: FieldPath; says: Says }): unknown {
  if (says === 'object') return undefined;
  const last = [step, ...rest].at(-1);
  if (last?.step === 'field') return nested({ step, rest, value: null });
  if (last?.step !== 'item') return undefined;
  return nested({ step, rest, value: { ...last.keys, $patch: 'delete' } });
}

/** A value with one edit made. What stands there is not changed. */
export function edited(value: unknown, { path, value: wanted }: FieldEdit): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return wanted;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const index = Number(key);
    if (rest.length === 0 && wanted === undefined) return items.filter((_, at) => at !== index);
    const below = edited(items[index], { path: rest, value: wanted });
    return index < items.length ? items.map((item, at) => (at === index ? below : item)) : [...items, below];
  }
  const fields = isMap(value) ? value : {};
  if (rest.length === 0 && wanted === undefined)
    return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key));
  return { ...fields, [key]: edited(fields[key], { path: rest, value: wanted }) };
}
