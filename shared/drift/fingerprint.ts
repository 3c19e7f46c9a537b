import { canonicalJson, hashText } from '../objects/canonical-json.ts';
import type { JsonObject, KubernetesObject } from '../objects/kubernetes-object.ts';
import { follow, hasKeys, ownEntry, parseStep } from './owned-fields.ts';

/**
 * A hash over the fields that our manager owns in an observed object, and their observed values. Taken from the response
 * of an apply it is normalised by the API server, so that defaulting never differs from it later; a changed value changes
 * it, and so does another manager taking a field over, because the path then leaves our entry.
 *
 * It covers the order of the owned items in keyed lists: two init containers that changed places leave no other trace.
 *
 * @returns undefined where our apply entry is gone, so that the hash can say nothing (rule 7)
 */
export function fingerprint(observed: KubernetesObject): string | undefined {
  const entry = ownEntry(observed);
  if (entry?.fieldsV1 === undefined) return undefined;
  // Hashed as one text: thousands of small updates cost more than the hash itself.
  const hash: Parts = { text: entry.apiVersion ?? '' };
  addNode({ hash, fields: entry.fieldsV1, value: observed });
  return hashText(hash.text);
}

interface Parts {
  text: string;
}

function addNode({ hash, fields, value }: { hash: Parts; fields: JsonObject; value: unknown }): void {
  const keys = inObservedOrder(Object.keys(fields), value);
  if (keys.every((key) => key === '.')) {
    hash.text += keys.length === 0 ? `=${canonicalJson(value)}` : `?${value === undefined ? 'absent' : 'present'}`;
    return;
  }
  for (const key of keys) {
    const step = parseStep(key);
    hash.text += `\n${key}`;
    if (step === undefined) {
      hash.text += value === undefined ? '?absent' : '?present';
      continue;
    }
    hash.text += '{';
    addNode({ hash, fields: fields[key] as JsonObject, value: follow(value, step) });
    hash.text += '}';
  }
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
