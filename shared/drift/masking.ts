import type { FieldDiff } from './object-diff.ts';
import { exactNumber } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { ObjectId } from '../objects/object-id.ts';

import { mask } from '../objects/mask.ts';

/** Hides the values of a Secret's fields; everything else passes. A path never holds a secret value, only its key. */
export function maskFields({
  id,
  fields,
}: {
  id: Pick<ObjectId, 'group' | 'kind'>;
  fields: readonly FieldDiff[];
}): FieldDiff[] {
  if (id.group !== '' || id.kind !== 'Secret') return [...fields];
  return fields.map((field) => ({
    ...field,
    ...(field.desired === undefined ? {} : { desired: mask }),
    ...(field.observed === undefined ? {} : { observed: mask }),
  }));
}

type FieldValue = Exclude<FieldDiff['desired'], undefined>;

/** Of a value that is copied, so many characters tell that it is none by chance. */
const shortestCopy = 8;

type MaybeSecret = Pick<KubernetesObject, 'apiVersion' | 'kind'>;

/**
 * Hides whole values of Secrets, as written, decoded or encoded, of eight characters or more, in a value of a field of
 * any other object: somebody may have copied one into the environment of a container, or an annotation.
 */
export function maskCopies({ value, objects }: { value: FieldValue; objects: readonly MaybeSecret[] }): FieldValue {
  return copiesMasker(objects)(value);
}

/** `maskCopies` of many values: what the Secrets hold is spelt once. */
export function copiesMasker(objects: readonly MaybeSecret[]): (value: FieldValue) => FieldValue {
  const held = valuesOf(objects);
  const values = [...new Set([...held.flatMap(spellings), ...held.flatMap(otherSpellings)])]
    .filter((one) => one.length >= shortestCopy)
    .sort((a, b) => b.length - a.length);
  return (value) => withoutCopies(value, values);
}

function withoutCopies(value: FieldValue, values: readonly string[]): FieldValue {
  if (typeof value === 'string')
    return values.reduce((text, one) => text.replaceAll(one, mask), withoutEscaped(value, values));
  if (Array.isArray(value)) return value.map((item) => withoutCopies(item, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutCopies(child, values)]));
}

/** Without the parts of URLs that hold a value once their `%40` are read: each library escapes other characters. */
function withoutEscaped(text: string, values: readonly string[]): string {
  return text.replaceAll(escapedPart, (part) => {
    if (!part.includes('%')) return part;
    const read = [part, part.replaceAll('+', ' ')].flatMap(unescaped);
    return values.some((value) => read.some((one) => one.includes(value))) ? mask : part;
  });
}

const escapedPart = /[\w%.~!$&'()*+,;=:@-]+/g;

function unescaped(part: string): string[] {
  try {
    return [decodeURIComponent(part)];
  } catch {
    return [];
  }
}

/** What Secrets hold. */
function valuesOf(objects: readonly (object | undefined)[]): string[] {
  return objects.flatMap((secret) =>
    ['data', 'stringData'].flatMap((field) => scalarsOf(Reflect.get(secret ?? {}, field))),
  );
}

/**
 * Hides the values of Secrets in a text about them: the API server and its webhooks quote what they refuse. Hidden are
 * the values as written, in one line, decoded and encoded, where they begin and end, since quotes are cut, and every word of four
 * characters or more that is part of one, but for those in which the API speaks: a Secret may be a file full of words.
 */
export function maskText({ text, objects }: { text: string; objects: readonly (MaybeSecret | undefined)[] }): string {
  return textMasker(objects)(text);
}

/** `maskText` of many texts: what the Secrets hold is spelt once. */
export function textMasker(objects: readonly (MaybeSecret | undefined)[]): (text: string) => string {
  const secrets = objects.flatMap((object) =>
    object?.apiVersion === 'v1' && object.kind === 'Secret' ? [object] : [],
  );
  const contents = valuesOf(secrets);
  const written = [...new Set(contents.flatMap(spellings))];
  if (written.length === 0) return (text) => text;
  const inLines = written.map(inOneLine).filter((value) => value !== '');
  const values = new Set([...written, ...inLines, ...contents.flatMap(otherSpellings)]);
  const whole = [...values].filter((value) => value.length >= shortestWord).sort((a, b) => b.length - a.length);
  const isWritten = new Set(written);
  // No word holds what is between them.
  const everything = [...values].join('\0');
  const held = new Map<string, boolean>();
  const isHeld = (word: string): boolean => {
    const found = held.get(word) ?? everything.includes(word);
    held.set(word, found);
    return found;
  };
  const names = new Set(
    secrets.flatMap((secret) => [
      'Secret',
      ...namesOf(secret),
      ...Object.keys(asMap(Reflect.get(secret, 'data'))),
      ...Object.keys(asMap(Reflect.get(secret, 'stringData'))),
    ]),
  );
  return (text) => {
    const masked = whole.reduce(
      (left, value) => {
        const rest = left.replaceAll(value, mask);
        return isWritten.has(value) ? withoutEnds({ text: rest, value }) : rest;
      },
      withoutEscaped(text, whole),
    );
    return masked.replaceAll(/[\p{L}\p{N}+/=_-]+/gu, (word) => {
      if (values.has(word) && !names.has(word)) return mask;
      return word.length >= shortestWord &&
        !names.has(word) &&
        !word.split(/[^\p{L}\p{N}]+/u).every((part) => vocabulary.has(part.toLowerCase())) &&
        isHeld(word)
        ? mask
        : word;
    });
  };
}

function namesOf(secret: object): string[] {
  const { name, namespace } = asMap(Reflect.get(secret, 'metadata'));
  return [name, namespace].filter((part) => typeof part === 'string');
}

const shortestWord = 4;

/**
 * What the API server says of Secrets, in words of four letters or more. A value that is one of them is hidden all the
 * same.
 */
const vocabulary = new Set(
  `already alphanumeric allowed annotations apiversion array base64 been body byte bytes cannot change changed character characters config conflict consist contain created data decode
  denied does duplicate elements empty encoded error exceeded exist exists expected failed field fields find forbidden found from handled have hook illegal immutable input integer invalid
  json kind kubernetes label labels length less limit longer lower many metadata more must name namespace names number object operation optional patch quota regex request required same
  secret secrets server size spec string stringdata than that the this type typed unable unknown unmarshal unsupported updated used validation valid value values version webhook when with`
    .split(/\s+/)
    .concat(
      '',
      'a',
      'of',
      'to',
      'is',
      'in',
      'as',
      'be',
      'or',
      'at',
      'no',
      'it',
      'not',
      'for',
      'and',
      'e',
      'g',
      'key',
      'keys',
      'set',
      'map',
      'may',
      'tls',
      'io',
      'dns',
      'uid',
    ),
);

/**
 * Without the beginnings and ends of a value, where signs hold its words together. The rest of what is cut is found by
 * its words.
 */
function withoutEnds({ text, value }: { text: string; value: string }): string {
  if (wordOnly.test(value)) return text;
  const atLeast = Math.min(6, value.length);
  const beginning = longest(value, (length) => value.slice(0, length), text, atLeast);
  const rest = beginning === undefined ? text : text.replaceAll(beginning, mask);
  const end = longest(value, (length) => value.slice(-length), rest, atLeast);
  return end === undefined ? rest : rest.replaceAll(end, mask);
}

const wordOnly = /^[\p{L}\p{N}+/=_-]*$/u;

function longest(value: string, cut: (length: number) => string, text: string, atLeast: number): string | undefined {
  let found: string | undefined;
  for (let length = atLeast; length <= value.length && text.includes(cut(length)); length++) found = cut(length);
  return found;
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
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
  const encoded = Buffer.from(value, 'utf8').toString('base64');
  const all = [value, encoded, ...read(value)];
  const quoted = all.map((text) => JSON.stringify(text).slice(1, -1));
  return [...all, ...quoted].filter((text) => text !== '');
}

function read(value: string): string[] {
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  return Buffer.from(decoded, 'utf8').toString('base64') === value ? [decoded] : [];
}

/**
 * How others write it: `echo password | base64` keeps a line's end, which no copy has; base64 for URLs has other signs and
 * no padding; Go's JSON writes `<` as `\u003c`.
 */
function otherSpellings(value: string): string[] {
  const trimmed = [value, ...read(value)].map((text) => text.trim());
  const encoded = [value, ...trimmed.map((text) => Buffer.from(text, 'utf8').toString('base64'))];
  const forUrls = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const unpadded = [...encoded, ...forUrls].map((text) => text.replace(/=+$/, ''));
  const quotedByGo = trimmed.map((text) =>
    JSON.stringify(text)
      .slice(1, -1)
      .replaceAll(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`),
  );
  return [...trimmed, ...encoded, ...unpadded, ...quotedByGo].filter((text) => text !== '');
}

/** As messages have it by the time that they are told. */
function inOneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
