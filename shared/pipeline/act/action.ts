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
  /** For the commit, the history and the alerts. */
  reason: z
    .string()
    .trim()
    .min(1)
    .max(longestReason)
    .refine(showsSomething, 'expected characters that show')
    .optional(),
  /** Only tells what would be done. */
  dryRun: z.boolean().default(false),
};
/** `master/acme-production` */
const environment = z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'expected CLASS/ENVIRONMENT');
const incident = z.string().min(1);
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
    /** One of both, or neither: without an end. */
    for: duration.optional(),
    until: z
      .string()
      .regex(zonedTimePattern, zonedTimeExpected)
      .refine(isZonedTime, { error: zonedTimeExpected, abort: true })
      .optional(),
  }),
  z.strictObject({ ...common, action: z.literal('resume'), environment }),
  z.strictObject({
    ...common,
    action: z.literal('rollback'),
    /** An environment, or a class: the whole repository. */
    target: z.string().min(1),
    to: z.string().optional(),
    incident: incident.optional(),
    includeShared: z.boolean().default(false),
  }),
  z.strictObject({ ...common, action: z.literal('accept'), environment, incident }),
  z.strictObject({ ...common, action: z.literal('reconcile'), environment, override: z.boolean().default(false) }),
  z.strictObject({ ...common, action: z.literal('revert'), environment, incident }),
  z.strictObject({
    ...common,
    action: z.literal('acknowledge'),
    /** An environment: all that is open there. */
    target: z.string().min(1),
    for: duration.optional(),
    undo: z.boolean().default(false),
  }),
  z.strictObject({
    ...common,
    action: z.literal('retry-upload'),
    /** `gs://bucket/name`, with or without a generation. */
    artifact: z.string().min(1),
  }),
  z.strictObject({
    ...common,
    action: z.literal('redrive'),
    /** Ids of messages, or all that is found. */
    letters: z.union([z.literal('all'), z.array(z.string().min(1)).min(1).max(100)]),
    /** How many are looked at, of each subscription. */
    limit: z.int().min(1).max(1000).default(100),
  }),
  z.strictObject({
    ...common,
    action: z.literal('new-customer'),
    /** Of the new customer. */
    name: z.string().regex(customerNamePattern, `expected ${customerNameExpected}`),
    /** An environment of another customer's, from whose files it is made. */
    from: environment,
    /** What that customer is called in its files; absent: the first word of the environment's name. */
    customer: z.string().min(1).max(100).optional(),
  }),
]);
export type Action = z.output<typeof actionSchema>;
export type ActionOf<Name extends ActionName> = Extract<Action, { action: Name }>;
