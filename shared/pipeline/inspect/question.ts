import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { sinceOf, sinceSchema, sinceWords } from '../common/since.ts';
import type { AskedObject } from './explain-objects.ts';

/** What somebody asks of one environment. */
export type Question =
  | { readonly asks: 'objects'; readonly tree: boolean }
  | { readonly asks: 'diff' }
  /** `since`: ISO 8601. */
  | { readonly asks: 'events'; readonly since: string | undefined }
  | ({ readonly asks: 'why' } & AskedObject);

/** A question, and of which environment. */
export interface AskedQuestion {
  readonly repository: string;
  readonly environment: string;
  readonly question: Question;
}

/** What may be asked, and by which parameters. */
export const questionParameters = {
  objects: z.strictObject({
    tree: z.enum(['true', 'false']).optional().describe('`true`: with what they own, down to the Pods'),
  }),
  diff: z.strictObject({}),
  events: z.strictObject({
    since: sinceSchema.optional().describe(`Only those that were seen since then: ${sinceWords}`),
  }),
  why: z.strictObject({
    object: z.string('is missing: a KIND/NAME, like deployment/web').describe('`<kind>/<name>`'),
    namespace: z.string().optional().describe('Only there'),
  }),
} as const;
type Parameters = { readonly [A in keyof typeof questionParameters]: z.output<(typeof questionParameters)[A]> };

/** What a call of `inspect` asks. Throws `BadRequest` (refuse). */
export const readQuestion: {
  readonly [A in keyof Parameters]: (said: Parameters[A], now: Date) => Question & { readonly asks: A };
} = {
  objects: ({ tree }) => ({ asks: 'objects', tree: tree === 'true' }),
  diff: () => ({ asks: 'diff' }),
  events: ({ since }, now) => ({
    asks: 'events',
    since: since === undefined ? undefined : sinceOf(since, now).toISOString(),
  }),
  why: ({ object, namespace }) => ({ asks: 'why', ...objectOf(object), namespace }),
};

function objectOf(text: string): { kind: string; name: string } {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (kind === '' || name === '' || rest.length > 0)
    throw badRequest('object', `is no KIND/NAME, like deployment/web: ${text}`);
  return { kind, name };
}

function badRequest(subject: string, message: string): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject, message, disposition: 'refuse' });
}
