import type { FieldDiff } from '../events/alert.ts';
import { exactNumber } from './exact-json.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { ObjectId } from './object-id.ts';

export const mask = '***';

/** Hides the values of a Secret's fields; everything else passes. A path never holds a secret value, only its key. */
export function maskFields({ id, fields }: { id: Pick<ObjectId, 'group' | 'kind'>; fields: readonly FieldDiff[] }): FieldDiff[] {
  if (id.group !== '' || id.kind !== 'Secret') return [...fields];
  return fields.map((field) => ({
    ...field,
    ...(field.desired === undefined ? {} : { desired: mask }),
    ...(field.observed === undefined ? {} : { observed: mask }),
  }));
}

/**
 * Hides the values of Secrets in a text about them: the API server and its webhooks quote what they refuse. Hidden are the
 * values as written, decoded and encoded, and every word of four characters or more that is part of one, since quotes are cut.
 */
export function maskText({ text, objects }: { text: string; objects: readonly (Pick<KubernetesObject, 'apiVersion' | 'kind'> | undefined)[] }): string {
  const secrets = objects.flatMap((object) => (object?.apiVersion === 'v1' && object.kind === 'Secret' ? [object] : []));
  const values = secrets.flatMap((secret) => ['data', 'stringData'].flatMap((field) => scalarsOf(Reflect.get(secret, field)))).flatMap(spellings);
  if (values.length === 0) return text;
  const whole = [...new Set(values)].filter((value) => value.length >= shortestWord).sort((a, b) => b.length - a.length);
  const masked = whole.reduce((rest, value) => rest.replaceAll(value, mask), text);
  const names = new Set(secrets.flatMap((secret) => ['Secret', ...Object.keys(asMap(Reflect.get(secret, 'data'))), ...Object.keys(asMap(Reflect.get(secret, 'stringData')))]));
  return masked.replaceAll(/[\p{L}\p{N}+/=_-]+/gu, (word) => {
    if (values.includes(word) && !names.has(word)) return mask;
    return word.length >= shortestWord && !names.has(word) && values.some((value) => value.includes(word)) ? mask : word;
  });
}

const shortestWord = 4;

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Every text and number in a value, wherever it stands: what is refused may have any shape. */
function scalarsOf(value: unknown): string[] {
  const number = exactNumber(value);
  if (number !== undefined) return [number];
  if (value === null || value === undefined || typeof value === 'boolean') return [];
  if (typeof value === 'object') return Object.values(value).flatMap(scalarsOf);
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
}

function spellings(value: string): string[] {
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  const encoded = Buffer.from(value, 'utf8').toString('base64');
  const all = [value, encoded, ...(Buffer.from(decoded, 'utf8').toString('base64') === value ? [decoded] : [])];
  return [...all, ...all.map((text) => JSON.stringify(text).slice(1, -1))].filter((text) => text !== '');
}
