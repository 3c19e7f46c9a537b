import type { ObjectDiff } from './object-diff.ts';
import { isMap } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { LookupQuery } from '../objects/lookup-query.ts';
import { maskFields } from './masking.ts';
import { objectIdOf, objectKey } from '../objects/object-id.ts';
import { wholeObjectDiff } from './divergence.ts';
import { lastPart } from '../fields/field-path.ts';
import { diffFields } from './field-diff.ts';

const lookedUpPrefix = 'lookup ';

/** Whether a key of `lookedUpDrift` is meant, and not an object that Git wants. */
export function isLookedUpKey(key: string): boolean {
  return key.startsWith(lookedUpPrefix);
}

/**
 * What changed of the objects that a template looked up: it is an input of the render that no commit changes. `desired`
 * is what the environment was rendered from, `observed` what is there now.
 *
 * @param before the answer that was rendered from: an object, a list, or null
 * @param now what is there now, with its `managedFields`
 * @returns with keys of their own: an object may be looked up and be the environment's, too
 */
export function lookedUpDrift({
  query,
  before,
  now,
}: {
  query: LookupQuery;
  before: unknown;
  now: readonly KubernetesObject[];
}): { key: string; diff: ObjectDiff }[] {
  const then = new Map(objectsOf(query, before).map((object) => [keyOf(object), object]));
  const present = new Map(now.map((object) => [keyOf(object), object]));
  return [...new Set([...then.keys(), ...present.keys()])].sort().flatMap((key) => {
    const [desired, observed] = [then.get(key), present.get(key)];
    const diff = diffOf({ desired, observed });
    return diff === undefined ? [] : [{ key: `${lookedUpPrefix}${key}`, diff }];
  });
}

function diffOf({
  desired,
  observed,
}: {
  desired: KubernetesObject | undefined;
  observed: KubernetesObject | undefined;
}): ObjectDiff | undefined {
  const object = observed ?? desired;
  if (object === undefined) return undefined;
  const id = objectIdOf(object);
  const whole = (change: ObjectDiff['change'], message: string): ObjectDiff =>
    wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message });
  if (observed === undefined) return whole('missing', 'is gone, and was looked up by a chart');
  if (desired === undefined) return whole('modified', 'is there now, and is looked up by a chart');
  const fields = maskFields({ id, fields: diffFields({ desired, observed }) });
  const [first, ...others] = fields.map(({ path }) => lastPart(path));
  const more = others.length === 0 ? '' : ` and ${others.length} more field${others.length === 1 ? '' : 's'}`;
  return {
    ...whole(
      'modified',
      first === undefined
        ? 'changed, and is looked up by a chart'
        : `${first}${more} changed, and ${others.length === 0 ? 'is' : 'are'} looked up by a chart`,
    ),
    fields,
  };
}

function objectsOf({ apiVersion, kind, name }: LookupQuery, found: unknown): KubernetesObject[] {
  const items: unknown = name === '' && isMap(found) ? found['items'] : found;
  return (Array.isArray(items) ? items : [items]).flatMap((item: unknown) => {
    const metadata = isMap(item) ? item['metadata'] : undefined;
    return isMap(item) && isMap(metadata) ? [{ ...item, apiVersion, kind, metadata }] : [];
  });
}

function keyOf(object: KubernetesObject): string {
  return objectKey(objectIdOf(object));
}
