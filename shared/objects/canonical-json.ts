import { createHash } from 'node:crypto';
import { exactNumber } from './exact-json.ts';

/** JSON text with sorted keys and without `undefined`: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const number = exactNumber(value);
  if (number !== undefined) return number;
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join(',')}}`;
}

/** The first 128 bits of the SHA-256 of the canonical JSON, in hex. */
export function hashJson(value: unknown): string {
  return hashText(canonicalJson(value));
}

/** The first 128 bits of the SHA-256 of a text, in hex. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
