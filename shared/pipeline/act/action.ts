import { z } from 'zod';
import type { ActionName } from '../../access/action-names.ts';
import { isZonedTime, zonedTimeExpected, zonedTimePattern } from '../../base/time.ts';
import { durationPattern } from '../../environment/duration.ts';
import { customerNameExpected, customerNamePattern } from '../../environment/new-customer.ts';

/** Characters. */
export const longestReason = 500;

/** Whether a text says anything to whoever reads it. */
export function showsSomething(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}]/u.test(text);
}

/** What all actions say beside what they are of. */
const common = {
  reason: z
    .string()
    .trim()
    .min(1)
    .max(longestReason)
    .refine(showsSomething, 'expected characters that show')
    .optional()
    .describe('For the commit, the history and the log'),
  dryRun: z.boolean().default(false).describe('Only says what would be done'),
};
const environment = z
  .string()
  .regex(/^[^/\s]+\/[^/\s]+$/, 'expected CLASS/ENVIRONMENT')
  .describe('`<class>/<name>`');
const incident = z.string().min(1).describe('The id of an incident');
const override = z.boolean().default(false).describe('Goes past the freeze that is open, once: needs a `reason`');
const duration = z.string().regex(durationPattern, 'expected a duration, such as 2h or 1d12h');

/**
 * What a person asks for on purpose: changes of what is wanted are commits, the others requests. The body of
 * `POST /v1/actions`.
 */
export const actionSchema = z.discriminatedUnion('action', [
  z.strictObject({
    ...common,
    action: z.literal('suspend'),
    environment,
    for: duration.optional().describe('How long from now; with neither this nor `until` it has no end'),
    until: z
      .string()
      .regex(zonedTimePattern, zonedTimeExpected)
      .refine(isZonedTime, { error: zonedTimeExpected, abort: true })
      .optional()
      .describe('A time in UTC, in the place of `for`'),
  }),
  z.strictObject({ ...common, action: z.literal('resume'), environment }),
  z.strictObject({
    ...common,
    action: z.literal('rollback'),
    target: z.string().min(1).describe('An environment, or a class: the whole repository'),
    to: z.string().optional().describe('A revision, or the id of a commit'),
    incident: incident.optional().describe('In the place of `to`: to what converged before that incident'),
    includeShared: z
      .boolean()
      .default(false)
      .describe('Also what other environments are made of, and environments that were added since'),
  }),
  z.strictObject({ ...common, action: z.literal('accept'), environment, incident }),
  z.strictObject({ ...common, action: z.literal('reconcile'), environment, override }),
  z.strictObject({ ...common, action: z.literal('revert'), environment, incident }),
  z.strictObject({
    ...common,
    action: z.literal('acknowledge'),
    target: z
      .string()
      .min(1)
      .describe('An environment (all that is open there), an incident, what does not answer, or a refused upload'),
    for: duration.optional().describe('How long from now; absent: until it ends'),
    undo: z.boolean().default(false).describe('Takes it back'),
  }),
  z.strictObject({
    ...common,
    action: z.literal('retry-upload'),
    artifact: z.string().min(1).describe('`gs://bucket/name`, with `#generation` or without'),
  }),
  z.strictObject({
    ...common,
    action: z.literal('redrive'),
    letters: z
      .union([z.literal('all'), z.array(z.string().min(1)).min(1).max(100)])
      .describe('Ids of dead letters, or all that are found'),
    limit: z.int().min(1).max(1000).default(100).describe('How many are looked at, of each subscription'),
  }),
  z.strictObject({
    ...common,
    action: z.literal('new-customer'),
    name: z.string().regex(customerNamePattern, `expected ${customerNameExpected}`).describe('Of the new customer'),
    from: environment.describe("`<class>/<name>` of another customer's, from whose files it is made"),
    customer: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("What that one is called in its files; absent: the first word of its environment's name"),
  }),
]);
export type Action = z.output<typeof actionSchema>;
export type ActionOf<Name extends ActionName> = Extract<Action, { action: Name }>;
