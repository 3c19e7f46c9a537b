import { createHash } from 'node:crypto';
import { parseTime } from '../base/time.ts';
import type { Divergence } from '../drift/divergence.ts';
import { z } from 'zod';
import type { Policy } from '../environment/policy.ts';
import { diffSchema, type Diff } from '../events/alert.ts';
import { differingPaths, diffReasons } from '../drift/object-diff.ts';

/** One period of divergence of one environment. Times are ISO 8601, by our own clock: "first seen by us". */
export const incidentSchema = z.object({
  id: z.string(),
  since: z.string(),
  /** Increases when it comes back within `convergedAfter` of its end. */
  occurrence: z.number().int().positive(),
  reason: z.enum(diffReasons),
  revision: z.string(),
  summary: z.string(),
  /** The diff that is told, or about to be: kept until Pub/Sub has it, because healing erases the evidence. */
  diff: diffSchema.optional(),
  /** Whether what it is now is told: its diff is in the outbox, or was published. */
  told: z.boolean(),
  /** Whether anything was told of it before it became what it is now: its end is told, too. */
  announced: z.boolean().optional(),
  closedAt: z.string().optional(),
});
export type Incident = z.infer<typeof incidentSchema>;

/** How many objects an alert lists; the rest is counted. */
const listedObjects = 50;

/**
 * Whether every drifted field was told. Drift is new with each new field; any other reason is told once for a revision,
 * however its details move ("1 of 3 ready", "2 of 3 ready").
 */
function isCovered({ divergence, by }: { divergence: Divergence; by: Diff | undefined }): boolean {
  const told = new Set(by === undefined ? [] : differingPaths(by.objects));
  return by === undefined || by.omitted > 0 || differingPaths(divergence.objects).every((path) => told.has(path));
}

/**
 * The incident after a run found a divergence: the open one, the last one again where it closed no longer than
 * `convergedAfter` (milliseconds) ago, or a new one.
 */
export function openIncident({
  last,
  divergence,
  environment,
  now,
  convergedAfter,
}: {
  last: Incident | undefined;
  divergence: Divergence;
  /** `<class>/<name>` */
  environment: string;
  now: Date;
  convergedAfter: number;
}): Incident {
  const { reason, revision, summary } = divergence;
  if (last !== undefined && last.closedAt === undefined) {
    const same =
      last.reason === reason &&
      last.revision === revision &&
      (reason !== 'Drifted' || isCovered({ divergence, by: last.diff }));
    if (same) return { ...last, summary };
    const announced = last.told || last.announced === true ? { announced: true } : {};
    return { ...last, ...announced, reason, revision, summary, diff: undefined, told: false };
  }
  const reopened = last?.closedAt !== undefined && now.getTime() - parseTime(last.closedAt) <= convergedAfter;
  const since = now.toISOString();
  return {
    id: reopened
      ? last.id
      : createHash('sha256').update(`${environment} ${since} ${reason}`).digest('hex').slice(0, 16),
    since,
    occurrence: reopened ? last.occurrence + 1 : 1,
    reason,
    revision,
    summary,
    diff: undefined,
    told: false,
    closedAt: undefined,
  };
}

/** The incident with the alert that tells it. */
export function withDiff({
  incident,
  divergence,
  environment,
  repository,
  cluster,
  action,
  policy,
}: {
  incident: Incident;
  divergence: Divergence;
  environment: string;
  repository: string;
  cluster: string;
  action: Diff['action'];
  policy: Policy | null;
}): Incident {
  const objects = divergence.objects.slice(0, listedObjects);
  const diff: Diff = {
    environment,
    repository,
    cluster,
    action,
    policy,
    revision: divergence.revision,
    reason: divergence.reason,
    incident: incident.id,
    since: incident.since,
    occurrence: incident.occurrence,
    summary: divergence.summary,
    objects,
    omitted: divergence.objects.length - objects.length,
    rollback: null,
  };
  return { ...incident, diff, told: false };
}

/**
 * Whether a divergence is to be told now: a failure at once, drift that is being healed at once, other drift when it
 * has lasted `diffAfter` (milliseconds). Each is told once.
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
  return isOpen(incident) && incident.told;
}

export function isOpen(incident: Incident | undefined): incident is Incident {
  return incident !== undefined && incident.closedAt === undefined;
}
