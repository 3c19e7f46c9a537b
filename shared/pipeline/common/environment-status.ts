import { z } from 'zod';
import { policySchema } from '../../environment/policy.ts';
import { diffReasons } from '../../base/diff-reasons.ts';
import { asPlannedSchema, causeSchema, diffSchema, revertedSchema } from '../../events/alert.ts';
import { healthStates } from '../../health/health.ts';
import { failingSchema } from '../../memory/look-times.ts';
import { quarantineSchema } from '../../memory/quarantine.ts';
import { doneRequestSchema } from '../../memory/request.ts';
import { acknowledgementSchema } from './acknowledgements.ts';
import { refusedUploadSchema } from './refused-uploads.ts';

/**
 * `Removing`: no file declares it any more, and its objects are not yet released or deleted. `Stale`: it was fine when it
 * was looked at last, which is more than three checks ago. `Frozen`: a commit waits for the end of a freeze.
 */
export const environmentStates = z.enum([
  'Converged',
  'Converging',
  'Diverged',
  'Failed',
  'Suspended',
  'Frozen',
  'Removing',
  'Stale',
  'Unknown',
]);
export type EnvironmentState = z.infer<typeof environmentStates>;

const unprovenObjectSchema = z.object({
  /** `EndpointSlice acme/shop-x7k2p` */
  object: z.string(),
  /** What it lacks to be a member. */
  why: z.string(),
  /** What wrote it, as far as is known. */
  madeBy: z.string().nullable(),
});

/** Who takes care of it, as git names them; absent: nobody, or the time is over. */
export const acknowledgedSchema = acknowledgementSchema
  .pick({ by: true, at: true, until: true, comment: true })
  .optional();

const openIncidentSchema = z.object({
  id: z.string(),
  reason: z.enum(diffReasons),
  /** Title of an object; empty: the environment as a whole; null where the version before found it. */
  subject: z.string().nullable(),
  since: z.string(),
  occurrence: z.number().int().positive(),
  revision: z.string(),
  summary: z.string(),
  /** Of its object: the file that it is made of, and the line, `manifests/shop/web.yaml:12`; absent where not known. */
  source: z.string().optional(),
  /** What is done about it; absent where nothing was told of it yet. */
  action: z.enum(['healed', 'healing', 'none']).optional(),
  /** By which commands a person answers it; absent: it waits for nobody. */
  answers: diffSchema.shape.answers,
  /** By whose request it is being undone; absent: by nobody's. */
  reverted: revertedSchema.optional(),
  /** The commit that took the revision back. */
  rolledBackBy: z.string().optional(),
  /** Each object that differs, and how, where that is known; and how many more do. A function of the version before does not say. */
  differing: z.array(z.object({ object: z.string(), message: z.string().nullable() })).optional(),
  omitted: z.number().int().nonnegative().optional(),
  acknowledged: acknowledgedSchema,
});

export const environmentStatusSchema = z.object({
  name: z.string(),
  repository: z.string(),
  cluster: z.string(),
  state: environmentStates,
  /** The revision converged last, and the one the branch is at; empty where there is none, or none is wanted. */
  revision: z.string(),
  wanted: z.string(),
  since: z.string(),
  /**
   * When the last look began that came to an end, and the last one whatever became of it; null where that is not known.
   * A function of the version before does not say.
   */
  checkedAt: z.string().nullable().default(null),
  attemptedAt: z.string().nullable().default(null),
  /**
   * When the schedule looks at it next, an interval after the last look, and before when it does not try again what
   * failed; null where nobody knows, or nothing failed. A function of the version before does not say.
   */
  nextLook: z.string().nullable().default(null),
  nextTry: z.string().nullable().default(null),
  /** Why the looks failed that began since the last that came to an end. */
  failing: failingSchema.optional(),
  /** The last commit that changed its inputs. A function of the version before does not say. */
  cause: causeSchema.nullable().default(null),
  /** The gravest that is open. */
  incident: z.string().nullable(),
  /** All that are open, the gravest first. A function of the version before does not say. */
  incidents: z.array(openIncidentSchema).default([]),
  /** What people asked for on purpose, the last of it, in the order in which it was done. A function of the version before does not say. */
  requests: z.array(doneRequestSchema).default([]),
  /** The revision that was rolled back because it failed, and that uploads may not bring back. */
  quarantine: quarantineSchema.pick({ revision: true, reason: true, at: true, revert: true }).nullable(),
  health: z.enum(healthStates),
  objects: z.number(),
  /** What the last convergence did, and when; null where that is not remembered. A function of the version before does not say. */
  changes: z
    .object({
      at: z.string(),
      created: z.number(),
      configured: z.number(),
      unchanged: z.number(),
      pruned: z.number(),
    })
    .nullable()
    .default(null),
  /** What was done for the revision that converged last beside what was planned of it; absent: nothing was. */
  plan: asPlannedSchema.optional(),
  /** How many objects that Git specifies no more are not pruned. A function of the version before does not say. */
  left: z.number().default(0),
  /**
   * What copied the label of its inventory and is left alone: how many, and the first of them. A function of the
   * version before does not say.
   */
  unproven: z.object({ count: z.number(), objects: z.array(unprovenObjectSchema) }).default({ count: 0, objects: [] }),
  message: z.string(),
  /** Of its file; none where that cannot be read. A function of the version before does not say. */
  labels: z.record(z.string(), z.string()).default({}),
  /** What its file leaves undone on purpose; null where it cannot be read. */
  policy: policySchema.nullable(),
});

/** What the function `status` answers, and the command reads. */
export const statusSchema = z.object({
  environments: z.array(environmentStatusSchema),
  /**
   * Repositories that could not be read: their environments are unknown, not gone, and of each that is remembered that
   * is said.
   */
  unreadable: z.array(z.object({ repository: z.string(), message: z.string() })),
  /** What is refused until its uploader does something. A function of the version before does not say. */
  uploads: z
    .array(
      refusedUploadSchema.extend({
        /** As in its alert. A function of the version before does not say. */
        incident: z.string().optional(),
        acknowledged: acknowledgedSchema,
      }),
    )
    .default([]),
  /** Clusters, Git hosts and buckets that do not answer, and how many environments stand on each; absent: there is none. */
  unreachable: z
    .array(
      z.object({
        /** `cluster/production-eu` */
        subject: z.string(),
        incident: z.string(),
        since: z.string(),
        code: z.string(),
        problem: z.string(),
        count: z.number(),
        acknowledged: acknowledgedSchema,
      }),
    )
    .optional(),
});

export type EnvironmentStatus = Readonly<z.infer<typeof environmentStatusSchema>>;
export type Status = Readonly<z.infer<typeof statusSchema>>;

/** Of these nobody can say that they are well. */
const unwell: readonly EnvironmentState[] = ['Diverged', 'Failed', 'Stale', 'Unknown'];

/** Whether an environment by itself asks for somebody. */
export function needsSomebody({ state }: Pick<EnvironmentStatus, 'state'>): boolean {
  return unwell.includes(state);
}

/**
 * Whether the file of an environment says all of these labels. What nobody can read may say any of them: one that is broken
 * is not to look well by being left out.
 */
export function hasLabels(
  { labels, policy }: Pick<EnvironmentStatus, 'labels' | 'policy'>,
  wanted: readonly (readonly [label: string, value: string])[],
): boolean {
  return policy === null || wanted.every(([label, value]) => labels[label] === value);
}
