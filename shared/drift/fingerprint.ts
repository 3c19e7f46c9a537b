import { canonicalJson, hashText } from '../objects/canonical-json.ts';
import type { JsonObject, KubernetesObject } from '../objects/kubernetes-object.ts';
import { follow, hasKeys, ownEntry, parseStep } from '../fields/owned-fields.ts';

/**
 * A hash over the fields that our manager owns in an observed object, and their observed values. Taken from the
 * response of an apply it is normalised by the API server, so that defaulting never differs from it later; a changed
 * value changes it, and so does another manager taking a field over, because the path then leaves our entry.
 *
 * It covers the order of the owned items in keyed lists: two init containers that changed places leave no other trace.
 *
 * @returns undefined where our apply entry is gone, so that the hash can say nothing, and a dry run is asked
 */
export function fingerprint(observed: KubernetesObject): string | undefined {
  const entry = ownEntry(observed);
  if (entry?.fieldsV1 === undefined) return undefined;
  return hashText(`${entry.apiVersion ?? ''}${ownedText(entry.fieldsV1, observed)}`);
}

/** Memories hold hashes of this text: where it changes, the next look at every object is a dry run. */
function ownedText(fields: JsonObject, value: unknown): string {
  const presence = value === undefined ? '?absent' : '?present';
  const keys = inObservedOrder(Object.keys(fields), value);
  if (keys.length === 0) return `=${canonicalJson(value)}`;
  if (keys.every((key) => key === '.')) return presence;
  let text = '';
  for (const key of keys) {
    const step = parseStep(key);
    text += `\n${key}`;
    text += step === undefined ? presence : `{${ownedText(fields[key] as JsonObject, follow(value, step))}}`;
  }
  return text;
}

/** Sorted, but the items of a keyed list as they stand in the list. */
function inObservedOrder(keys: readonly string[], value: unknown): string[] {
  const sorted = [...keys].sort();
  if (!Array.isArray(value) || !sorted.some((key) => key.startsWith('k:'))) return sorted;
  const place = new Map(
    sorted.map((key) => {
      const step = parseStep(key);
      return [key, step?.step === 'item' ? value.findIndex((item) => hasKeys(item, step.keys)) : -1];
    }),
  );
  return sorted.sort((a, b) => (place.get(a) ?? -1) - (place.get(b) ?? -1));
}
