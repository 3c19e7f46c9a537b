import type { FieldDiff } from './object-diff.ts';
import { exactNumber } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { ObjectId } from '../objects/object-id.ts';

import { mask } from '../objects/mask.ts';
import {
  contentsOf,
  copiesHider,
  copiesOf,
  isNobodys,
  otherSpellings,
  shortestValue as shortestWord,
  spellings,
} from './secret-values.ts';

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

type MaybeSecret = Pick<KubernetesObject, 'apiVersion' | 'kind'>;

/**
 * Hides values of Secrets, by the rule of `secret-values.ts`, in a value of a field of any other object: somebody may have
 * copied one into the environment of a container, or an annotation.
 */
export function maskCopies({ value, objects }: { value: FieldValue; objects: readonly MaybeSecret[] }): FieldValue {
  return withoutCopies(value, copiesHider(copiesOf(contentsOf(objects))));
}

/** A value of a field without what `hide` finds in its texts, numbers and keys. */
export function withoutCopies(value: FieldValue, hide: (text: string) => string): FieldValue {
  if (typeof value === 'string') return hide(value);
  const number = exactNumber(value) ?? (typeof value === 'number' ? String(value) : undefined);
  if (number !== undefined) return hide(number) === number ? value : mask;
  if (Array.isArray(value)) return value.map((item) => withoutCopies(item, hide));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [hide(key), withoutCopies(child, hide)]));
}

/**
 * Hides the values of Secrets in a text about them: the API server and its webhooks quote what they refuse. Hidden are
 * the values as written, in one line, decoded and encoded, where they begin and end, since quotes are cut, and every word
 * of eight characters or more that is part of one, or of four that is a word of one, or begins or ends such a word, but for
 * those in which the API speaks: a Secret may be a file full of words.
 */
export function maskText({ text, objects }: { text: string; objects: readonly (MaybeSecret | undefined)[] }): string {
  return textMasker(objects)(text);
}

/** `maskText` of many texts: what the Secrets hold is spelt once. */
export function textMasker(objects: readonly (MaybeSecret | undefined)[]): (text: string) => string {
  const secrets = objects.flatMap((object) =>
    object?.apiVersion === 'v1' && object.kind === 'Secret' ? [object] : [],
  );
  const contents = contentsOf(secrets);
  const written = [...new Set(contents.flatMap(spellings))].filter((value) => !isNobodys(value));
  if (written.length === 0) return (text) => text;
  const inLines = written.map(inOneLine).filter((value) => value !== '');
  const values = new Set(
    [...written, ...inLines, ...contents.flatMap(otherSpellings)].filter((one) => !isNobodys(one)),
  );
  const hideWhole = copiesHider([...values, ...copiesOf(contents)]);
  const cutValues = written
    .filter((value) => value.length >= shortestWord && !wordOnly.test(value))
    .sort((a, b) => b.length - a.length);
  // No word holds what is between them.
  const everything = [...values].join('\0');
  const ends = endsOfWords(values);
  const held = new Map<string, boolean>();
  const isHeld = (word: string): boolean => {
    const found = held.get(word) ?? (word.length < longestEnd ? ends.has(word) : everything.includes(word));
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
    const masked = cutValues.reduce((left, value) => withoutEnds({ text: left, value }), hideWhole(text));
    return masked.replaceAll(/[\p{L}\p{N}+/=_-]+/gu, (word) => {
      if (values.has(word) && !names.has(word)) return mask;
      return word.length >= shortestWord &&
        !names.has(word) &&
        !isNobodys(word) &&
        !word.split(/[^\p{L}\p{N}]+/u).every((part) => vocabulary.has(part.toLowerCase())) &&
        isHeld(word)
        ? mask
        : word;
    });
  };
}

/** From so many characters on, no part of a word stands in another by chance. */
const longestEnd = 8;

/** The beginnings and ends of the words of values: quotes are cut. */
function endsOfWords(values: Iterable<string>): ReadonlySet<string> {
  const ends = new Set<string>();
  for (const value of values)
    for (const word of [...value.split(/[^\p{L}\p{N}+/=_-]+/u), ...value.split(/[^\p{L}\p{N}]+/u)])
      for (let length = shortestWord; length < longestEnd && length <= word.length; length++)
        ends.add(word.slice(0, length)).add(word.slice(-length));
  return ends;
}

function namesOf(secret: object): string[] {
  const { name, namespace } = asMap(Reflect.get(secret, 'metadata'));
  return [name, namespace].filter((part) => typeof part === 'string');
}

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
 * Without the beginnings and ends of a value whose words signs hold together. The rest of what is cut is found by its
 * words.
 */
function withoutEnds({ text, value }: { text: string; value: string }): string {
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

/** As messages have it by the time that they are told. */
function inOneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
