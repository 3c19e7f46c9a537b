import { beginning, shortened } from '../base/shortened.ts';
import { visibleText } from '../base/visible-text.ts';
import { canonicalJson } from '../objects/canonical-json.ts';
import type { Divergence } from './divergence.ts';
import type { ObjectDiff } from './object-diff.ts';

/** Characters of a message, and of a value; fields of one object. Git, the cluster and its log have the rest. */
const longestMessage = 1_000;
const longestValue = 500;
const mostFields = 100;
/** Of two long values that begin alike, so many characters are shown before the first that differs. */
const shownBefore = 100;

/**
 * A divergence as people are told it, whoever wrote the texts in it (an admission webhook, Helm, a container): each is
 * one line of characters that show, long ones are cut with their length behind, and what is left out is counted.
 * Secrets are hidden in it before.
 */
export function readable(divergence: Divergence): Divergence {
  return { ...divergence, summary: line(divergence.summary), objects: divergence.objects.map(readableObject) };
}

function readableObject({ fields, omittedFields = 0, ...object }: ObjectDiff): ObjectDiff {
  const { why, changed } = object;
  const left = omittedFields + Math.max(0, fields.length - mostFields);
  return {
    ...{ ...object, message: line(object.message) },
    ...(why?.event === undefined ? {} : { why: { ...why, event: { ...why.event, message: line(why.event.message) } } }),
    ...(changed?.fields === undefined
      ? {}
      : { changed: { ...changed, fields: changed.fields.map((field) => readableField(field, ['before', 'after'])) } }),
    fields: fields.slice(0, mostFields).map((field) => readableField(field, ['desired', 'observed'])),
    ...(left === 0 ? {} : { omittedFields: left }),
  };
}

function line(text: string): string {
  return shortened(visibleText(text), longestMessage);
}

/** The two values of a field, by the names that they have there. */
type Valued<Side extends string> = { readonly [side in Side]?: unknown } & { readonly omitted?: Side[] | undefined };

/** A value that is long becomes the beginning of its text, or of what differs in it. */
function readableField<Side extends string, Field extends Valued<Side>>(field: Field, sides: readonly Side[]): Field {
  const { omitted = [] } = field;
  const texts = sides.map((side) => textOf(field[side]));
  const long = sides.filter((side, at) => (texts[at]?.length ?? 0) > longestValue && !omitted.includes(side));
  if (long.length === 0) return field;
  const start = firstDifference(texts);
  const shown = Object.fromEntries(long.map((side) => [side, windowOf(textOf(field[side]) ?? '', start)]));
  return { ...field, ...shown, omitted: [...omitted, ...long] };
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? value : canonicalJson(value);
}

/** From where on two texts are shown: 0 where one is missing, or they differ early. */
function firstDifference([one, other]: readonly (string | undefined)[]): number {
  if (one === undefined || other === undefined) return 0;
  let at = 0;
  while (at < one.length && at < other.length && one.charAt(at) === other.charAt(at)) at++;
  return at < longestValue ? 0 : beginning(one, at - shownBefore).length;
}

/** `…from here on… (3120 characters)` */
function windowOf(text: string, start: number): string {
  if (start === 0) return shortened(text, longestValue);
  return `…${beginning(text.slice(start), longestValue)}… (${text.length} characters)`;
}
