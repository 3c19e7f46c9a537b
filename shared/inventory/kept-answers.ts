import { z } from 'zod';
import { parseJson } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { LookupQuery } from '../objects/lookup-query.ts';

/*
 * What the cluster answered to the templates of an environment, when it was asked first. It stands in the Secret of the
 * seed, since answers may be Secrets: while it is there, charts that look something up render alike, too.
 */

const answerSchema = z.object({
  query: z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() }),
  /** An object, a list, or null where nothing was there. */
  found: z.unknown(),
  /** Whether it was answered where charts may read all of the cluster: it may be somebody else's. */
  ofAll: z.boolean().optional(),
});
const answersSchema = z.array(answerSchema);

export interface KeptAnswer {
  readonly query: LookupQuery;
  readonly found?: unknown;
  readonly ofAll?: boolean | undefined;
}

/** The key of the Secret's data. */
export const answersKey = 'lookups';

/** A Secret holds a mebibyte (`MaxSecretSize` of the API); the seed stands beside. */
const maximumBytes = 1_000_000;

/** The answers that a Secret keeps, or `unreadable`: whoever takes that for none draws new passwords. */
export function readKeptAnswers(secret: KubernetesObject | undefined): readonly KeptAnswer[] | 'unreadable' {
  const data = z.object({ data: z.record(z.string(), z.string()).optional() }).safeParse(secret ?? {});
  if (!data.success) return 'unreadable';
  const text = data.data.data?.[answersKey];
  if (text === undefined) return [];
  try {
    return answersSchema.parse(parseJson(Buffer.from(text, 'base64').toString('utf8')));
  } catch {
    return 'unreadable';
  }
}

/** Base64, for the Secret's data; undefined where nothing was asked, or `too large` where a Secret does not hold it. */
export function writeKeptAnswers(answers: readonly KeptAnswer[]): { readonly data: string | undefined } | 'too large' {
  if (answers.length === 0) return { data: undefined };
  const sorted = answers.toSorted((a, b) => (keyOf(a.query) < keyOf(b.query) ? -1 : 1));
  const bytes = Buffer.from(JSON.stringify(sorted), 'utf8');
  return bytes.length > maximumBytes ? 'too large' : { data: bytes.toString('base64') };
}

/** The answer that is kept for a question. */
export function answerTo(answers: readonly KeptAnswer[], query: LookupQuery): KeptAnswer | undefined {
  return answers.find((answer) => keyOf(answer.query) === keyOf(query));
}

/** With later answers in the place of earlier ones to the same question. */
export function withAnswers(answers: readonly KeptAnswer[], later: readonly KeptAnswer[]): readonly KeptAnswer[] {
  return [...answers.filter(({ query }) => answerTo(later, query) === undefined), ...later];
}

function keyOf({ apiVersion, kind, namespace, name }: LookupQuery): string {
  return JSON.stringify([apiVersion, kind, namespace, name]);
}
