import { canonicalJson } from '../../../objects/canonical-json.ts';
import { isMap } from '../../../objects/exact-json.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { edited, editTo, type ObservedField } from './field-edit.ts';

/** What is rendered, by key: objects, and hooks with their events. */
export type Rendered = ReadonlyMap<string, KubernetesObject>;

/** An object with what was observed of some of its fields; undefined where one of them cannot be put into it. */
export function withObserved(object: KubernetesObject, fields: readonly ObservedField[]): KubernetesObject | undefined {
  let result: unknown = object;
  for (const field of fields) {
    const edit = editTo(result, field, 'object');
    if (edit === undefined) return undefined;
    if (edit !== 'nothing') result = edited(result, edit);
  }
  return result as KubernetesObject;
}

/**
 * Whether what is rendered after an edit is on the way from what was rendered before it to what is expected: whatever the edit
 * changed is now as it is to be, and nothing else changed.
 */
export function isOnTheWay({
  before,
  after,
  expected,
}: {
  before: Rendered;
  after: Rendered;
  expected: Rendered;
}): boolean {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].every((key) =>
    isBetween({ before: before.get(key), after: after.get(key), expected: expected.get(key) }),
  );
}

function isBetween({ before, after, expected }: { before: unknown; after: unknown; expected: unknown }): boolean {
  if (isSame(after, before) || isSame(after, expected)) return true;
  if (isMap(before) && isMap(after) && isMap(expected)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(expected)]);
    return [...names].every((name) =>
      isBetween({ before: before[name], after: after[name], expected: expected[name] }),
    );
  }
  if (!Array.isArray(before) || !Array.isArray(after) || !Array.isArray(expected)) return false;
  const [was, is, wanted]: (readonly unknown[])[] = [before, after, expected];
  if (was?.length !== is?.length || is?.length !== wanted?.length) return false;
  return (is ?? []).every((item, at) => isBetween({ before: was?.[at], after: item, expected: wanted?.[at] }));
}

export function isSame(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJson(one) === canonicalJson(other);
}

/** Titles of what is not as expected. */
export function unexpectedKeys({ rendered, expected }: { rendered: Rendered; expected: Rendered }): readonly string[] {
  const keys = new Set([...rendered.keys(), ...expected.keys()]);
  return [...keys].filter((key) => !isSame(rendered.get(key), expected.get(key))).sort();
}
