import { isMap } from '../../../objects/exact-json.ts';
import type { FieldEdit } from './field-edit.ts';

/** A text, number or truth value of a file of values, and where it is. */
export interface Scalar {
  readonly path: readonly (string | number)[];
  readonly value: string | number | boolean;
}

export function scalarsOf(value: unknown, path: Scalar['path'] = []): readonly Scalar[] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [{ path, value }];
  if (Array.isArray(value)) return value.flatMap((item, at) => scalarsOf(item, [...path, at]));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => scalarsOf(child, [...path, key]));
}

/**
 * What scalars would be, were one of them what a field is made of: those that are its value first, then those that are a
 * part of its text, the longest first, where the rest of the text is as before.
 */
export function guesses(
  scalars: readonly Scalar[],
  { desired, observed }: { desired: unknown; observed: unknown },
): readonly FieldEdit[] {
  const [before, after] = [textOf(desired), textOf(observed)];
  if (before === undefined || after === undefined) return [];
  const whole = scalars.filter(({ value }) => String(value) === before);
  const parts = scalars
    .filter(({ value }) => String(value) !== before && before.includes(String(value)))
    .toSorted((one, other) => String(other.value).length - String(one.value).length);
  return [
    ...whole.map(({ path, value }) => ({ path, value: typed(after, { like: value, observed }) })),
    ...parts.flatMap(({ path, value }) =>
      partsOf({ before, after, part: String(value) }).map((part) => ({ path, value: typed(part, { like: value }) })),
    ),
  ];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** What stands in the place of a part of the text, for each place at which it stands there. */
function partsOf({ before, after, part }: { before: string; after: string; part: string }): readonly string[] {
  const found: string[] = [];
  for (let at = before.indexOf(part); part !== '' && at !== -1; at = before.indexOf(part, at + 1)) {
    const [prefix, suffix] = [before.slice(0, at), before.slice(at + part.length)];
    const isAround = after.startsWith(prefix) && after.endsWith(suffix);
    if (isAround && after.length > prefix.length + suffix.length)
      found.push(after.slice(prefix.length, after.length - suffix.length));
  }
  return found;
}

/** As the value that it takes the place of: a number stays one where it can be said as one. */
function typed(text: string, { like, observed = text }: { like: Scalar['value']; observed?: unknown }): unknown {
  if (typeof like === 'number' && String(Number(text)) === text) return Number(text);
  if (typeof like === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return typeof like === 'string' ? text : observed;
}
