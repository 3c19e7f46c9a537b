import type { FieldDiff } from './object-diff.ts';
import { exactNumber } from '../objects/exact-json.ts';
import type { JsonObject, KubernetesObject } from '../objects/kubernetes-object.ts';
import { sameQuantity } from '../objects/quantity.ts';
import { parseTime } from '../base/time.ts';
import { asJson, childAt, keyNamesOf } from './field-diff.ts';
import { pointer } from '../fields/field-path.ts';
import { follow, ownEntry, type PathStep } from '../fields/owned-fields.ts';

/**
 * Fields that the API server stored otherwise than they were applied, because an admission policy or webhook rewrote
 * them: no fingerprint and no dry run can tell, since both see what is stored. Compared once, with the answer of the
 * apply.
 *
 * Told are texts, numbers and booleans with another value than the applied one. What the API server only spells
 * otherwise (`0.5` and `500m`, `60s` and `1m0s`, a time in UTC) is the same; a field that it drops (an empty one, one
 * that the schema of a custom resource lacks) is not told, nor is an item of a list whose items have no keys and
 * another number.
 *
 * @returns sorted by path
 */
export function mutatedFields({
  applied,
  stored,
}: {
  applied: KubernetesObject;
  stored: KubernetesObject;
}): FieldDiff[] {
  return otherwise({ applied, stored })
    .flatMap(({ path, ...values }) =>
      isScalar(values.stored)
        ? [{ path: pointer(path), desired: asJson(values.applied), observed: asJson(values.stored) }]
        : [],
    )
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The texts, numbers and booleans that an object has otherwise than they are to be applied, where no dry run can tell
 * because the API server refuses it beside what is there; undefined where there is none, or something else.
 */
export function otherwise({ applied, stored }: { applied: KubernetesObject; stored: KubernetesObject }): Otherwise[] {
  const fields = ownEntry(stored)?.fieldsV1;
  const found: Otherwise[] = [];
  compare({ applied, stored, path: [], nodes: fields === undefined ? [] : [fields], found });
  return found;
}

interface Otherwise {
  readonly path: readonly PathStep[];
  readonly applied: unknown;
  readonly stored: unknown;
}

function compare({
  applied,
  stored,
  path,
  nodes,
  found,
}: {
  applied: unknown;
  stored: unknown;
  path: readonly PathStep[];
  nodes: readonly JsonObject[];
  found: Otherwise[];
}): void {
  if (isScalar(applied)) {
    if (!isScalar(stored) || !sameScalar(applied, stored)) found.push({ path, applied, stored });
    return;
  }
  for (const step of stepsBelow({ applied, stored, nodes })) {
    const pair = { applied: follow(applied, step), stored: follow(stored, step) };
    compare({ ...pair, path: [...path, step], nodes: nodes.flatMap((node) => childAt(node, step)), found });
  }
}

function stepsBelow({
  applied,
  stored,
  nodes,
}: {
  applied: unknown;
  stored: unknown;
  nodes: readonly JsonObject[];
}): PathStep[] {
  if (applied === null || typeof applied !== 'object') return [];
  if (!Array.isArray(applied)) return Object.keys(applied).map((name) => ({ step: 'field', name }));
  const items: readonly unknown[] = applied;
  const keyNames = keyNamesOf(nodes);
  if (keyNames !== undefined) {
    return items.flatMap((item): PathStep[] => {
      const keys = keyNames.flatMap((name) => {
        const value = follow(item, { step: 'field', name });
        return value === undefined ? [] : [[name, value] as const];
      });
      return keys.length === 0 ? [] : [{ step: 'item', keys: Object.fromEntries(keys) }];
    });
  }
  // Without keys, only the place tells an item from its neighbours; a set may be stored in another order.
  const isSet = nodes.some((node) => Object.keys(node).some((key) => key.startsWith('v:')));
  if (isSet || !Array.isArray(stored) || stored.length !== items.length) return [];
  return items.map((_item, index) => ({ step: 'index', index }));
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value) || exactNumber(value) !== undefined;
}

function sameScalar(applied: unknown, stored: unknown): boolean {
  const [a, b] = [applied, stored].map((value) => exactNumber(value) ?? String(value));
  if (a === undefined || b === undefined || a === b) return true;
  return sameQuantity(a, b) || sameDuration(a, b) || sameTime(a, b);
}

const unitSeconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** As Go writes durations: `60s` is stored as `1m0s`. */
function sameDuration(a: string, b: string): boolean {
  const [left, right] = [a, b].map(seconds);
  return left !== undefined && left === right;
}

function seconds(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, number = '', unit = '']) => sum + Number(number) * (unitSeconds[unit] ?? 0), 0);
}

function sameTime(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => (/^\d{4}-\d{2}-\d{2}T/.test(text) ? parseTime(text) : undefined));
  return left !== undefined && left === right;
}
