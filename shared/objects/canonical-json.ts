import { hash } from 'node:crypto';
import { exactNumber } from './exact-json.ts';

/** JSON text with sorted keys and without `undefined`: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const number = exactNumber(value);
  if (number !== undefined) return number;
  // Text is appended, not joined from arrays: a run writes every object that it compares.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${text}]`;
  }
  for (const key of Object.keys(value).sort()) {
    const child = (value as Readonly<Record<string, unknown>>)[key];
    if (child !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(child)}`;
  }
  return `{${text}}`;
}

/** The first 128 bits of the SHA-256 of the canonical JSON, in hex. */
export function hashJson(value: unknown): string {
  return hashText(canonicalJson(value));
}

/** The first 128 bits of the SHA-256 of a text, in hex. */
export function hashText(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}
