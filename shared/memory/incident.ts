import { createHash } from 'node:crypto';
import { parseTime } from '../base/time.ts';
import type { Divergence } from '../drift/divergence.ts';
import { z } from 'zod';
import type { Policy } from '../environment/policy.ts';
import { diffSchema, revertedSchema, type Cause, type Diff } from '../events/alert.ts';
import { boundedDiff } from '../events/bounded-alert.ts';
import { diffReasons, type DiffReason } from '../base/diff-reasons.ts';
import { differingPaths, type ObjectDiff } from '../drift/object-diff.ts';
import { objectTitle } from '../objects/object-id.ts';

/**
 * One period of divergence, for one reason and of one subject. Times are ISO 8601, by our own clock: "first seen by
 * us".
 */
export const incidentSchema = z.object({
  /** Of environment, reason and subject: with the memory lost, the same divergence has the same one. */
  id: z.string(),
  since: z.string(),
  /**
   * Title of the first object that differed when it opened; empty: the environment as a whole. Absent in one of the
   * version before, which is of all that differs for its reason.
   */
  subject: z.string().optional(),
  /** Titles of what differs now, the first of them. */
  objects: z.array(z.string()).optional(),
  /** Increases when it comes back within `convergedAfter` of its end. */
  occurrence: z.number().int().positive(),
  reason: z.enum(diffReasons),
  /** Where it was seen last. */
  revision: z.string(),
  /**
   * The commit that changed an input last when it was found, or the revision that it is of by itself: with another one it
   * is told again. Absent where that is not known, and in one of the version before.
   */
  cause: z.string().optional(),
  summary: z.string(),
  /** The diff that is told, or about to be: kept until Pub/Sub has it, because healing erases the evidence. */
  diff: diffSchema.optional(),
  /** Whether what it is now is told: its diff is in the outbox, or was published. */
  told: z.boolean(),
  /** Whether anything was told of it before it became what it is now: its end is told, too. */
  announced: z.boolean().optional(),
  /**
   * Of what is suspended: for how many days it had stood when it was told last, where that was a day or more; of what
   * waits for an answer, how many times `askFor`.
   */
  reminder: z.int().positive().optional(),
  /** Who asked that it is undone, where a run set out to: its end says so. */
  reverted: revertedSchema.optional(),
  /** Whether others were found and this one was not: it ends with the next convergence. */
  passed: z.boolean().optional(),
  closedAt: z.string().optional(),
});
export type Incident = z.infer<typeof incidentSchema>;

/** How many objects an alert lists; the rest is counted. */
export const listedObjects = 50;

/**
 * Whether every drifted field was told. Drift is new with each new field; any other reason is told once for what the
 * environment is made of, however its details move ("1 of 3 ready", "2 of 3 ready"). Where more was told than is listed, of an object or of
 * all, nothing of that is new. What is told to be left alone is told again once a day, whatever becomes of it meanwhile.
 */
function isCovered({ divergence, by }: { divergence: Divergence; by: Diff | undefined }): boolean {
  if (by === undefined || by.omitted > 0) return true;
  const told = new Set(differingPaths(by.objects));
  const alone = new Set(by.objects.filter(isSuspended).map(objectTitle));
  const inPart = new Set(by.objects.filter(({ omittedFields = 0 }) => omittedFields > 0).map(objectTitle));
  const listed = divergence.objects.filter(
    (object) => !inPart.has(objectTitle(object)) && !(isSuspended(object) && alone.has(objectTitle(object))),
  );
  return differingPaths(listed).every((path) => told.has(path));
}

function isSuspended({ suspended }: ObjectDiff): boolean {
  return suspended !== undefined;
}

/** What a run does about the drift that it found. */
export interface DriftDone {
  /** In milliseconds, how often it is told again until somebody answers it; undefined: it waits for no answer. */
  readonly askFor?: number | undefined;
  /** Whether it is undone because a person asked for that. */
  readonly reverts?: boolean;
}

const day = 86_400_000;

/** In milliseconds, how often it is told again as long as it stands; undefined: it is not. */
function reminderPeriod({ reason, objects }: Divergence, drift: DriftDone | undefined): number | undefined {
  return drift?.askFor ?? (reason === 'Suspended' || objects.some(isSuspended) ? day : undefined);
}

/** For how many periods it has stood; undefined: for less than one, or it is not told again. */
function dueReminder({
  since,
  now,
  period,
}: {
  since: string;
  now: Date;
  period: number | undefined;
}): number | undefined {
  if (period === undefined) return undefined;
  const periods = Math.floor((now.getTime() - parseTime(since)) / period);
  return periods > 0 ? periods : undefined;
}

/** What it was told as last: of another kind, its reminders counted something else. */
function lastReminder({ reminder, diff }: Incident, { isAsked }: { isAsked: boolean }): number {
  return isAsked === (diff?.answers !== undefined) ? (reminder ?? 0) : 0;
}

/**
 * The incident after a run found a divergence: the open one for this reason that is of one of its objects, the last
 * such one again where it closed no longer than `convergedAfter` (milliseconds) ago, or a new one.
 */
export function openIncident({
  incidents,
  divergence,
  environment,
  now,
  convergedAfter,
  began,
  cause,
  drift,
}: {
  incidents: readonly Incident[];
  divergence: Divergence;
  /** See `incidentSchema`. */
  cause?: string | undefined;
  /** `<class>/<name>` */
  environment: string;
  now: Date;
  convergedAfter: number;
  /** When what was waited for began, where it is told only now that this has lasted too long; absent: now. */
  began?: string | undefined;
  /** Of drift: what the run does about it. */
  drift?: DriftDone | undefined;
}): Incident {
  const { reason, revision, summary } = divergence;
  const titles = divergence.objects.slice(0, listedObjects).map(objectTitle);
  const found = { reason, revision, summary, objects: titles, cause };
  const open = matching(incidents.filter(isOpen), { reason, titles });
  if (open !== undefined) {
    // It was undone, and is here again: that is another occurrence, which nobody has answered.
    if (open.reverted !== undefined && drift?.reverts === false)
      return { ...anew(open), ...found, ...again(open, now) };
    const isCoveredByIt = reason !== 'Drifted' || isCovered({ divergence, by: open.diff });
    // What is left alone is so whatever is committed: a person knows of it, and is reminded.
    const isLeft = reason === 'Suspended' || (divergence.objects.length > 0 && divergence.objects.every(isSuspended));
    const isAsked = drift?.askFor !== undefined;
    const reminder = dueReminder({ since: open.since, now, period: reminderPeriod(divergence, drift) });
    const isDue = reminder !== undefined && reminder > lastReminder(open, { isAsked });
    const isUnasked = isAsked && open.told && open.diff?.answers === undefined;
    if (isDue || isUnasked) return { ...(open.told ? anew(open) : open), ...found, passed: undefined, reminder };
    const isSame = (isLeft || isOfOneCause(open, { revision, cause })) && isCoveredByIt;
    if (isSame) return { ...open, revision, summary, objects: titles, cause, passed: undefined };
    return { ...open, ...found, ...announced(open), passed: undefined, diff: undefined, told: false };
  }
  const recent = incidents.filter(
    ({ closedAt }) => closedAt !== undefined && now.getTime() - parseTime(closedAt) <= convergedAfter,
  );
  const last = matching(recent.toReversed(), { reason, titles });
  const subject = last?.subject ?? titles[0] ?? '';
  return {
    ...found,
    id: last?.id ?? incidentId({ environment, reason, subject }),
    since: beginningOf({ incidents, reason, last, began }) ?? now.toISOString(),
    subject,
    occurrence: (last?.occurrence ?? 0) + 1,
    diff: undefined,
    told: false,
    closedAt: undefined,
  };
}

function again({ occurrence }: Incident, now: Date) {
  const begins = { occurrence: occurrence + 1, since: now.toISOString() };
  return { ...begins, reminder: undefined, reverted: undefined, passed: undefined };
}

/** Undefined where others were waited for since: of what comes while they are open, it is not known to have begun then. */
function beginningOf({
  incidents,
  reason,
  last,
  began,
}: {
  incidents: readonly Incident[];
  reason: DiffReason;
  last: Incident | undefined;
  began: string | undefined;
}): string | undefined {
  if (began === undefined || incidents.some((other) => isOpen(other) && other.reason === reason)) return undefined;
  return last?.closedAt !== undefined && parseTime(last.closedAt) > parseTime(began) ? undefined : began;
}

/**
 * Whether an incident that is open was told for what the environment is made of now. Where nothing says what changed it
 * last, each revision is another cause.
 */
export function isOfOneCause(
  { passed, ...open }: Pick<Incident, 'revision' | 'cause' | 'diff' | 'passed'>,
  now: Pick<Incident, 'revision' | 'cause'>,
): boolean {
  const before = open.cause ?? open.diff?.cause?.commit;
  if (before !== undefined && now.cause !== undefined) return before === now.cause;
  return passed !== true && open.revision === now.revision;
}

/** The same, to be told once more: something else is known of it. That it was told is not forgotten. */
export function anew(incident: Incident): Incident {
  return { ...incident, ...announced(incident), diff: undefined, told: false };
}

function announced({ told, announced: before }: Incident): Pick<Incident, 'announced'> {
  return told || before === true ? { announced: true } : {};
}

function incidentId({
  environment,
  reason,
  subject,
}: {
  environment: string;
  reason: DiffReason;
  subject: string;
}): string {
  return createHash('sha256')
    .update(JSON.stringify([environment, reason, subject]))
    .digest('hex')
    .slice(0, 16);
}

/** The incident of these objects (none: of the environment as a whole): of its subject, or of what differed last. */
function matching(
  incidents: readonly Incident[],
  { reason, titles }: { reason: DiffReason; titles: readonly string[] },
): Incident | undefined {
  const named = new Set(titles);
  const ofReason = incidents.filter((incident) => incident.reason === reason);
  return (
    ofReason.find(
      ({ subject }) => subject !== undefined && (titles.length === 0 ? subject === '' : named.has(subject)),
    ) ??
    ofReason.find(({ objects = [] }) => objects.some((title) => named.has(title))) ??
    ofReason.find(({ subject }) => subject === undefined)
  );
}

/** The incident with the alert that tells it, no larger than what is published. */
export function withDiff({
  incident,
  divergence,
  environment,
  repository,
  cluster,
  action,
  policy,
  labels,
  cause,
  isAsked = false,
  override,
}: {
  incident: Incident;
  divergence: Divergence;
  environment: string;
  repository: string;
  cluster: string;
  action: Diff['action'];
  policy: Policy | null;
  labels?: Diff['labels'];
  cause: Cause | null;
  /** Whether it waits for somebody's answer. */
  isAsked?: boolean;
  /** By whose word the run went past a freeze. */
  override?: Diff['override'];
}): Incident {
  const objects = divergence.objects.slice(0, listedObjects);
  const diff: Diff = {
    environment,
    repository,
    cluster,
    action,
    ...(override === undefined ? {} : { override }),
    policy,
    labels,
    revision: divergence.revision,
    cause,
    reason: divergence.reason,
    incident: incident.id,
    subject: incident.subject ?? null,
    since: incident.since,
    occurrence: incident.occurrence,
    ...(incident.reminder === undefined ? {} : { reminder: incident.reminder }),
    ...(isAsked ? { answers: answersOf(incident) } : {}),
    summary: divergence.summary,
    objects,
    omitted: divergence.objects.length - objects.length,
    rollback: null,
  };
  return { ...incident, diff: boundedDiff(diff), told: false };
}

/** The commands by which drift is answered. */
export function answersOf({ id }: Pick<Incident, 'id'>): NonNullable<Diff['answers']> {
  return { revert: `converge revert ${id}`, accept: `converge accept ${id}` };
}

/**
 * Whether an object, by its title, is one of an incident: where that lists as many as it can, any may be.
 */
export function isOfIncident({ objects = [], subject }: Pick<Incident, 'objects' | 'subject'>, title: string): boolean {
  return objects.length >= listedObjects || objects.includes(title) || subject === title;
}

/**
 * Whether a divergence is to be told now: a failure at once, drift that is being healed at once, other drift when it
 * has lasted `diffAfter` (milliseconds), that the environment is suspended when that has lasted a day. Each is told once.
 */
export function isDue({
  incident,
  healing,
  now,
  diffAfter,
}: {
  incident: Incident;
  healing: boolean;
  now: Date;
  diffAfter: number;
}): boolean {
  if (incident.told) return false;
  if (incident.reason === 'Suspended') return incident.reminder !== undefined;
  if (incident.reason !== 'Drifted' || healing) return true;
  return now.getTime() - parseTime(incident.since) >= diffAfter;
}

/** Whether anything was told of it, so that its end is told as well. */
export function isAnnounced({ told, announced }: Incident): boolean {
  return told || announced === true;
}

/** Whether drift has stood for `healAfter` (milliseconds) and may be healed. */
export function mayHeal({ incident, now, healAfter }: { incident: Incident; now: Date; healAfter: number }): boolean {
  return now.getTime() - parseTime(incident.since) >= healAfter;
}

/** One whose end is owed to those who were told of it, whatever becomes of the memory. */
export function isOpenAndTold(incident: Incident | undefined): incident is Incident {
  return isOpen(incident) && isAnnounced(incident);
}

/** One that is open, whose alert is made and waits for something before it is published: a rollback's end. */
export function isToBeTold(incident: Incident): boolean {
  return isOpen(incident) && incident.diff !== undefined && !incident.told;
}

/** Whether what is open keeps nothing else of the environment from being as Git says, nor others from going on. */
export function leavesTheRest({ reason }: Pick<Incident, 'reason'>): boolean {
  return reason === 'Drifted' || reason === 'Suspended';
}

/** Whether it says that the environment was suspended, which it is no more: it ends with the next convergence. */
export function isPastSuspension({ reason, passed }: Pick<Incident, 'reason' | 'passed'>): boolean {
  return reason === 'Suspended' && passed === true;
}

export function isOpen(incident: Incident | undefined): incident is Incident {
  return incident !== undefined && incident.closedAt === undefined;
}
