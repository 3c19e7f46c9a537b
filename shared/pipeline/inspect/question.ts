import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { sinceOf, sinceSchema, sinceWords } from '../common/since.ts';
import type { PlannedFolder } from './planned-folder.ts';
import type { AskedObject } from './explain-objects.ts';

/** What somebody asks of one environment. */
export type Question =
  | { readonly asks: 'objects'; readonly tree: boolean }
  | { readonly asks: 'diff' }
  /** `since`: ISO 8601. */
  | { readonly asks: 'events'; readonly since: string | undefined }
  | ({ readonly asks: 'why' } & AskedObject)
  | ({ readonly asks: 'plan' } & PlannedTree);

/** `revision`: a commit, a branch or a tag; `pr`: a pull request, as the host counts; neither: the head of the branch. */
export interface AskedRevision {
  readonly revision: string | undefined;
  readonly pr?: number;
}

/** What is planned: a commit, or the files of a folder. */
export type PlannedTree = AskedRevision | { readonly folder: PlannedFolder };

/** A question, and of which environment; `plans`: which of a class there are to plan. */
export type AskedQuestion = { readonly repository: string } & (
  | { readonly environment: string; readonly question: Question }
  | { readonly environment: undefined; readonly question: ClassQuestion }
);

/** What somebody asks of a class. */
export interface ClassQuestion extends AskedRevision {
  readonly asks: 'plans';
}

/** A commit, or what git takes for the name of a branch or another ref. */
const revisionPattern = /^(?!.*(?:\.\.|\/\/|@\{|\.lock$|^[-/]|\/$))[A-Za-z0-9._/@+#-]{1,250}$/;

const ofRevision = z.strictObject({
  revision: z
    .string()
    .regex(revisionPattern, 'is no commit, and no name of a branch or a tag')
    .optional()
    .describe('A commit, a branch or a tag; absent: the head of the branch'),
  pr: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/, 'is no number of a pull request')
    .optional()
    .describe('In place of `revision`: a pull request, or merge request, as the host counts'),
});

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
  plan: ofRevision,
  plans: ofRevision,
} as const;
type Parameters = { readonly [A in keyof typeof questionParameters]: z.output<(typeof questionParameters)[A]> };

/** What a call of `inspect` asks. Throws `BadRequest` (refuse). */
export const readQuestion: {
  readonly [A in keyof Parameters]: (
    said: Parameters[A],
    now: Date,
  ) => Extract<Question | ClassQuestion, { readonly asks: A }>;
} = {
  objects: ({ tree }) => ({ asks: 'objects', tree: tree === 'true' }),
  diff: () => ({ asks: 'diff' }),
  events: ({ since }, now) => ({
    asks: 'events',
    since: since === undefined ? undefined : sinceOf(since, now).toISOString(),
  }),
  why: ({ object, namespace }) => ({ asks: 'why', ...objectOf(object), namespace }),
  plan: (said) => ({ asks: 'plan', ...askedRevision(said) }),
  plans: (said) => ({ asks: 'plans', ...askedRevision(said) }),
};

function askedRevision({ revision, pr }: Parameters['plan']): AskedRevision {
  if (pr === undefined) return { revision };
  if (revision === undefined) return { revision, pr: Number(pr) };
  throw badRequest('pr', 'stands in place of `revision`, not beside it');
}

function objectOf(text: string): { kind: string; name: string } {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (kind === '' || name === '' || rest.length > 0)
    throw badRequest('object', `is no KIND/NAME, like deployment/web: ${text}`);
  return { kind, name };
}

function badRequest(subject: string, message: string): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject, message, disposition: 'refuse' });
}
