import { z } from 'zod';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';
import { boundedAlert } from './bounded-alert.ts';
import { ConvergeError } from '../base/errors.ts';
import { diffReasons } from '../base/diff-reasons.ts';
import { differingPaths, objectDiffSchema } from '../drift/object-diff.ts';
import { policySchema } from '../environment/policy.ts';

export const diffType = 'dev.converge.environment.diff.v1';
export const convergedType = 'dev.converge.environment.converged.v1';

/** Null where the environment file cannot be read, and in alerts of a version that did not tell it. */
const policy = policySchema.nullable().default(null);

/** Of the environment's file; absent where that cannot be read or is gone, and from a version that did not tell them. */
const labels = z.record(z.string(), z.string()).optional();

/** The last commit that changed what an environment is made of; `revision` is the one that was looked at. */
export const causeSchema = z.object({
  commit: z.string(),
  /** The first line of its message. */
  subject: z.string(),
  /** Who uploaded it, as was said, or, of what was not uploaded, its author: `Ana <ana@example.com>`. */
  author: z.string().nullable(),
  /** `gs://bucket/name#generation`, the first of several. */
  artifact: z.string().nullable(),
  /** What the upload said of the build that made it; null, too, from a version that did not tell it. */
  build: z.string().nullable().default(null),
  /** Of a commit that took others back: the one whose state came back, and of which author, artifact and build are. */
  restores: z.object({ commit: z.string(), subject: z.string() }).nullable().default(null),
  /** Of a commit that a person asked for by a verb (`suspend`, `rollback`): who, and why. */
  requested: z.object({ action: z.string(), by: z.string(), reason: z.string().nullable() }).optional(),
});
export type Cause = z.infer<typeof causeSchema>;

/** Null where it is not known, and in alerts of a version that did not tell it. */
const cause = causeSchema.nullable().default(null);

/** Who asked that drift is undone, why, and when a run set out to do so (ISO 8601). */
export const revertedSchema = z.object({ by: z.string(), reason: z.string().optional(), at: z.string() });
export type Reverted = Readonly<z.infer<typeof revertedSchema>>;

/** What may become of an object, as a plan says it and a run does it. */
export const plannedActions = ['create', 'update', 'replace', 'prune', 'release'] as const;

/** How what was done of a pull request's commit differs from its plan, or that it does not. */
export const asPlannedSchema = z.object({
  /** Null: nobody can tell, for `why`. */
  asPlanned: z.boolean().nullable(),
  /** When it was planned (ISO 8601); null where that cannot be read. */
  at: z.string().nullable(),
  /** Of which pull request, as the host counts; null where that cannot be read. */
  pullRequest: z.int().nullable(),
  /** What made it differ, or why nobody can tell; absent: that is not known, or nothing differs. */
  why: z.string().optional(),
  /** The objects that differ, by title: `ConfigMap acme/web`. */
  objects: z
    .array(
      z.object({
        object: z.string(),
        /** Null: it was not planned. `refuse`: to fail. `leave`: to differ, and stay. */
        planned: z.enum([...plannedActions, 'refuse', 'leave']).nullable(),
        /** Null: nothing. As planned: it was done to other fields, or with other values. */
        done: z.enum(plannedActions).nullable(),
      }),
    )
    .readonly(),
  /** How many further objects differ. */
  omitted: z.int().nonnegative(),
});
export type AsPlanned = Readonly<z.infer<typeof asPlannedSchema>>;

/** By whose word a run went past a freeze: its window, who and why, and when it did (ISO 8601). */
export const overrideSchema = z.object({ window: z.string(), by: z.string(), reason: z.string(), at: z.string() });
export type ToldOverride = Readonly<z.infer<typeof overrideSchema>>;

/** Desired and observed state of an environment disagree. */
export const diffSchema = z.object({
  environment: z.string(),
  repository: z.string(),
  /** Empty where the environment file cannot be read, so that its cluster is not known. */
  cluster: z.string(),
  revision: z.string(),
  cause,
  reason: z.enum(diffReasons),
  incident: z.string(),
  /** Title of the object that the incident is of; empty: the environment as a whole; null from a version that did not tell it. */
  subject: z.string().nullable().default(null),
  since: z.string(),
  occurrence: z.number().int().positive(),
  /**
   * Of what is suspended: for how many days it has stood, where that is a day or more: it is told once a day. Of what
   * waits for an answer: how many times `askFor` it has.
   */
  reminder: z.int().positive().optional(),
  /** By which commands a person answers drift that waits for that; absent: it waits for nobody. */
  answers: z.object({ revert: z.string(), accept: z.string() }).optional(),
  action: z.enum(['healed', 'healing', 'none']),
  summary: z.string(),
  objects: z.array(objectDiffSchema),
  /** How many further objects differ, beyond the ones listed. */
  omitted: z.number().int().nonnegative(),
  /**
   * What undid the revision that failed: the revision whose inputs came back, and the commit that brought them. Null
   * where nothing did.
   */
  rollback: z.object({ to: z.string(), commit: z.string() }).nullable().default(null),
  /** By whose word the run that found it went past a freeze; absent: it did not. */
  override: overrideSchema.optional(),
  policy,
  labels,
});

/** Desired and observed state of an environment agree (again). */
export const convergedSchema = z.object({
  environment: z.string(),
  repository: z.string(),
  cluster: z.string(),
  revision: z.string(),
  cause,
  /** The incident that this closes, and which of its occurrences; or null. */
  incident: z.string().nullable(),
  occurrence: z.number().int().positive().nullable(),
  /** When that began; null, too, from a version that did not tell it. */
  since: z.string().nullable().default(null),
  /** By whom the drift that this closes was undone on purpose; absent: by nobody. */
  reverted: revertedSchema.optional(),
  /** Of drift that a person accepted: who, and the commit that says so. Absent: it was not. */
  accepted: z.object({ by: z.string(), commit: z.string() }).optional(),
  /** What was done beside what was planned of it on a pull request; absent: nothing was planned, or nothing is new. */
  plan: asPlannedSchema.optional(),
  /** By whose word it was applied in a freeze; absent: it was not. */
  override: overrideSchema.optional(),
  seconds: z.number().nonnegative(),
  changes: z.object({
    created: z.number().int(),
    configured: z.number().int(),
    unchanged: z.number().int(),
    pruned: z.number().int(),
    /** Only where the environment's file was removed: objects that stay, and are no longer Converge's. */
    released: z.number().int().optional(),
  }),
  policy,
  labels,
});

export type Diff = z.infer<typeof diffSchema>;
export type Converged = z.infer<typeof convergedSchema>;
export type Alert =
  | ({ readonly topic: 'diff' } & { readonly data: Diff })
  | ({ readonly topic: 'converged' } & { readonly data: Converged });

/** Throws `InvalidEvent` (refuse), also for an event that is no alert. */
export function parseAlert(event: IncomingEvent): Alert {
  if (event.type === diffType) return { topic: 'diff', data: parseEventData(diffSchema, event) };
  if (event.type === convergedType) return { topic: 'converged', data: parseEventData(convergedSchema, event) };
  throw new ConvergeError({
    code: 'InvalidEvent',
    subject: `${event.type} ${event.id}`,
    message: `is no alert; expected ${diffType} or ${convergedType}`,
    disposition: 'refuse',
  });
}

/**
 * Named by `alertId`, so that an alert sent twice is recognised: by what is to be told, also where that is more than an
 * alert takes.
 */
export function encodeAlert(alert: Alert, time: Date): OutgoingEvent {
  const type = alert.topic === 'diff' ? diffType : convergedType;
  return {
    id: alertId(alert),
    type,
    source: eventSource,
    subject: subjectOf(alert),
    time,
    data: boundedAlert(alert).data,
  };
}

/**
 * From environment, revision, incident, when that began, and phase. The phase of a diff is its reason, what is done and
 * what differs, not by how much: values may move while one alert is on its way. An incident that began then ends once,
 * at whatever revision that is found: one that is found again, by a memory that was put back, has the same id.
 */
export function alertId(alert: Alert): string {
  const type = alert.topic === 'diff' ? diffType : convergedType;
  const phase = [
    String(alert.data.occurrence),
    ...(alert.topic === 'diff'
      ? [
          alert.data.reason,
          alert.data.action,
          ...differingPaths(alert.data.objects),
          ...(alert.data.rollback === null ? [] : [`rolled back by ${alert.data.rollback.commit}`]),
          ...(alert.data.reminder === undefined ? [] : [`day ${alert.data.reminder}`]),
          ...(alert.data.answers === undefined ? [] : ['asks']),
        ]
      : []),
    ...beginningOf(alert),
  ];
  const { revision, incident, since } = alert.data;
  const isEnd = alert.topic === 'converged' && incident !== null && since !== null;
  return eventId(type, subjectOf(alert), isEnd ? '' : revision, incident ?? '', ...phase);
}

function subjectOf({ data }: Alert): string {
  return `${data.repository}/${data.environment}`;
}

/** A later incident of the same subject has the same id. One of the version before had an id of its own. */
function beginningOf({ topic, data }: Alert): readonly string[] {
  if (topic === 'diff') return data.subject === null ? [] : [data.since];
  return data.since === null ? [] : [data.since];
}
