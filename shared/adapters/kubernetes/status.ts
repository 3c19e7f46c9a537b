import { z } from 'zod';
import type { RefusalCause } from '../../objects/refusal-cause.ts';

/**
 * A failure as the API server tells it:
 * https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#status-v1-meta
 */
const statusSchema = z.object({
  reason: z.string().catch(''),
  message: z.string().optional().catch(undefined),
  details: z
    .object({
      causes: z
        .array(z.object({ reason: z.string().catch(''), message: z.string().catch(''), field: z.string().catch('') }))
        .catch([]),
    })
    .catch({ causes: [] }),
});

export interface Failure {
  /** Empty where it says none. */
  readonly reason: string;
  /** Cut to what a person reads. */
  readonly message: string;
  /** Those that name a field. */
  readonly causes: readonly RefusalCause[];
}

export function failureIn({ body, text }: { body: unknown; text: string }): Failure {
  const { data } = statusSchema.safeParse(body);
  const causes = data?.details.causes ?? [];
  return {
    reason: data?.reason ?? '',
    message: readable({ message: data?.message ?? text, causes }),
    causes: causes.flatMap(({ reason, field }) => (field === '' ? [] : [{ reason, field }])),
  };
}

/** How many characters of one cause, or of a message without causes, are told, and how many causes. */
const longest = 500;
const mostCauses = 8;
/** A value longer than this is a dump of a whole object, in Go or JSON. */
const longestValue = 120;

function readable({
  message,
  causes,
}: {
  message: string;
  causes: readonly { readonly message: string; readonly field: string }[];
}): string {
  const told = causes.filter(({ field, message: said }) => field !== '' && said !== '');
  const intro = introOf(message);
  if (told.length === 0 || intro === undefined) return cut(withoutDump(message));
  const parts = told.slice(0, mostCauses).map(({ field, message: said }) => cut(`${field}: ${withoutDump(said)}`));
  const more = told.length - parts.length;
  const all = `${parts.length === 1 && more === 0 ? (parts[0] ?? '') : `[${parts.join(', ')}${more === 0 ? '' : `, and ${more} more`}]`}`;
  return `${intro}${all}`;
}

/** `Job.batch "import" is invalid: `, which is before the causes where the API server itself found them. */
function introOf(message: string): string | undefined {
  return /^\S+ "[^"]*" is invalid: /.exec(message)?.[0];
}

/** `Invalid value: core.PodTemplateSpec{…}: field is immutable` without the value, which may be kilobytes long. */
function withoutDump(text: string): string {
  return text
    .replace(/(?:^|(?<=: ))(Invalid value|Duplicate value|Unsupported value): /g, (label) => `${label}\0`)
    .split('\0')
    .map((part, at) => (at === 0 ? part : withoutLongValue(part)))
    .join('');
}

function withoutLongValue(text: string): string {
  const end = endOfValue(text);
  return end <= longestValue ? text : `…${text.slice(end)}`;
}

/** Where a quoted or braced value at the beginning of a text ends. */
function endOfValue(text: string): number {
  let depth = 0;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === '\\' && quote === '"') at++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === '`') quote = character;
    else if ('{[('.includes(character)) depth++;
    else if ('}])'.includes(character)) depth--;
    else if (depth <= 0 && text.startsWith(': ', at)) return at;
  }
  return text.length;
}

/** At the end of a word that is not in quotes: what a Secret's value was cut to could no longer be masked. */
function cut(text: string): string {
  if (text.length <= longest) return text;
  const start = text.slice(0, longest);
  const quotes = start.split('"').length - 1;
  const before = quotes % 2 === 0 ? start : start.slice(0, start.lastIndexOf('"'));
  return `${before.slice(0, Math.max(before.lastIndexOf(' '), 0)).trimEnd()} …`;
}
