import { z } from 'zod';
import { rememberedHealsSchema } from '../drift/fight.ts';
import { asPlannedSchema, causeSchema, overrideSchema } from '../events/alert.ts';
import { frozenSchema } from '../environment/frozen.ts';
import { attemptedSchema, inputsSchema } from './attempted.ts';
import { believedMemory } from './believed.ts';
import { incidentSchema } from './incident.ts';
import { alertInOutboxSchema } from './outbox.ts';
import { pastSchema } from './past.ts';
import { healthStates } from '../health/health.ts';
import { rolledOutSchema } from '../plan/rolled-out.ts';
import { quarantineSchema } from './quarantine.ts';
import { doneRequestSchema } from './request.ts';
import { retrySchema } from './retry.ts';
import { rolloutSchema } from './rollout.ts';
import { surveySchema } from './survey.ts';

const rememberedSchema = z.object({
  desired: z.string(),
  observed: z.string(),
  apiVersion: z.string(),
  shortLived: z.boolean().optional(),
  source: z.string().optional(),
  commit: z.string().optional(),
  noted: z.array(z.string()).readonly().optional(),
});

/**
 * What carries the label of the environment's set without the proof that it belongs to it, by key, with what it lacks
 * and what made it.
 */
const unprovenSchema = z.object({
  count: z.number(),
  objects: z.array(
    z.object({
      key: z.string(),
      missing: z.enum(['annotation', 'copied', 'apply-entry', 'label-owner']),
      madeBy: z.string().optional(),
    }),
  ),
});

/**
 * The last commit that changed an input (null: not known), what the inputs were when it was found, and at which head they
 * were first seen so (absent in one of the version before).
 */
const rememberedCauseSchema = z.object({
  found: causeSchema.nullable(),
  inputs: inputsSchema,
  head: z.string().optional(),
  /**
   * The incident whose drift that commit accepts, or one that came with it (`commit`; absent: that itself), and who asked for
   * it; absent: none is accepted.
   */
  accepts: z.object({ incident: z.string(), by: z.string(), commit: z.string().optional() }).optional(),
});

/**
 * What tells one state of the inputs from the next: the commit that made it, or, where that is not known, the one at
 * which it was first seen. Undefined where nothing was noted.
 */
export function causeMark({ cause }: Pick<Memory, 'cause'>): string | undefined {
  return cause?.found?.commit ?? cause?.head;
}

/** A line of the note of a commit that the environment converged at. */
const convergedNoteSchema = z.object({ commit: z.string(), text: z.string() });
export type ConvergedNote = z.infer<typeof convergedNoteSchema>;

/**
 * What is remembered of an environment between runs. It can be lost: the next run rebuilds it from Git and the cluster,
 * by dry runs instead of fingerprints.
 */
export const memorySchema = z.object({
  version: z.literal(1),
  /** The last revision a run set out for: no run goes back behind it. */
  attempted: attemptedSchema.optional(),
  /** The last revision that converged. */
  converged: attemptedSchema
    .extend({
      renderKey: z.string(),
      /** Which commit had changed its inputs last, where that is known. */
      cause: causeSchema.optional(),
      /** How many `objects` were remembered then: where it is another number, what is remembered of them is not all. */
      count: z.int().nonnegative().optional(),
      /** What was done for it beside what was planned of it; absent: nothing was. */
      plan: asPlannedSchema.optional(),
    })
    .optional(),
  /** The last revision that converged with other inputs than `converged`: where a rollback goes to. */
  previous: attemptedSchema.extend({ cause: causeSchema.optional() }).optional(),
  /** Which commit changed its inputs last. */
  cause: rememberedCauseSchema.optional(),
  /** The revision that was rolled back because it failed. */
  quarantine: quarantineSchema.optional(),
  /**
   * By object key: the hash of what was applied, the fingerprint of what the server made of it, in which version, and
   * what was told of it.
   */
  objects: z.record(z.string(), rememberedSchema),
  /** Keys of objects in the inventory that are not desired and were left alone (`prune: false`, say). */
  left: z.array(z.string()),
  /**
   * Keys of `left` that the next look tries to prune again: handed over, guarded, still being deleted, not to be tried,
   * or still in use.
   */
  pending: z.array(z.string()).optional(),
  /** Those of them that no other environment wanted at the revision that converged last. */
  unwanted: z.array(z.string()).optional(),
  /** Previous names of the environment whose inventories were taken over. */
  succeeded: z.array(z.string()).optional(),
  /** Objects that copied the label of the set: left alone, and shown. */
  unproven: unprovenSchema.optional(),
  /** The gravest of `incidents` that is open, or the one that closed last: what the version before knows. */
  incident: incidentSchema.optional(),
  /** All that are open, and the last that closed; absent where there is no other than `incident`. */
  incidents: z.array(incidentSchema).readonly().optional(),
  /** What it waits for at a revision, before anything is written: the environments it depends on. */
  held: z.object({ revision: z.string(), message: z.string() }).optional(),
  /** What the last look left for the end of a freeze. */
  frozen: frozenSchema.optional(),
  /** By whose word what is under way was begun in a freeze; absent: it was not. */
  override: overrideSchema.optional(),
  /**
   * The roll-out that is under way, or has failed: from the first write, or the first sight of what is not healthy,
   * until all is healthy.
   */
  rollout: rolloutSchema.optional(),
  /** What the runs for the attempted inputs have done so far; absent once they converged. */
  rolledOut: rolledOutSchema.optional(),
  /** `inputsId` of what that was done for; absent: for the attempted inputs, as in a memory of the version before. */
  rolledOutFor: z.string().optional(),
  /** When what failed is tried again. */
  retry: retrySchema.optional(),
  /**
   * What the last run left waiting, and at which revision. `id` is that of the wait: the message that goes on with it
   * names it, and others only look.
   */
  waiting: z.object({ revision: z.string(), message: z.string(), id: z.string().optional() }).optional(),
  /** What it settled without, because it may never come, is of the past or cannot be judged, for people. */
  unawaited: z.string().optional(),
  /** Whose signature the next commit must carry, as texts, and the accepted commit that said so. */
  verified: z
    .object({ commit: z.string(), allowedSigners: z.string().optional(), openpgpKeys: z.string().optional() })
    .optional(),
  /** What was healed lately, to recognise who undoes it each time. */
  heals: rememberedHealsSchema.optional(),
  /** The last few convergences, as they are written back to Git: a writeback that failed is made up for by the next. */
  notes: z.array(convergedNoteSchema).optional(),
  /** What people asked for on purpose, the last of it in the order in which it was done. */
  requests: z.array(doneRequestSchema).readonly().optional(),
  /** What ended and converged in the last weeks, for reports; absent before the first of it. */
  past: pastSchema.optional(),
  /** What only the cluster knows of it, for reports; absent where no report is made of it. */
  survey: surveySchema.optional().catch(undefined),
  /** Where its objects are; empty before the first write. */
  cluster: z.string(),
  namespace: z.string(),
  health: z.enum(healthStates),
  /** When the state of the environment last changed. */
  since: z.string(),
  /** New for each write: by it, whose answer was lost knows its own. */
  writer: z.string().optional(),
  /** Nonce of the last lease that is over: what its run did is in this memory. */
  ended: z.string().optional(),
  /** Revision of the attempt after which its file was removed, where its end was told: it is about to be forgotten. */
  endTold: z.string().optional(),
  /** What is to be published, in order. */
  outbox: z.array(alertInOutboxSchema).optional(),
  /**
   * Keys of objects that a run which was ended, or a request without an answer, may still write, and until when (ISO
   * 8601): what is there of them is touched before it is believed. `*`: any object.
   */
  suspects: z.record(z.string(), z.string()).optional(),
  /**
   * Until when (ISO 8601) an object may still come to be that a run which was ended, or a request without an answer, was
   * to make: also one that was made since, and deleted. In the past it says nothing.
   */
  lateUntil: z.string().optional(),
});

export type Memory = z.infer<typeof memorySchema>;
export type { AttemptedRevision } from './attempted.ts';

export function emptyMemory(now: Date): Memory {
  return { version: 1, objects: {}, left: [], cluster: '', namespace: '', health: 'Unknown', since: now.toISOString() };
}

/**
 * Undefined for another version, a half of one, or anything else at its place. What it says that cannot be is not
 * believed (`believedMemory`), each part for itself; `doubt` is told which.
 */
export function decodeMemory(
  value: unknown,
  { writtenAt, doubt }: { writtenAt: Date; doubt?: (part: string) => void },
): Memory | undefined {
  const memory = memorySchema.safeParse(value).data;
  if (memory === undefined) return undefined;
  const believed = believedMemory(memory, writtenAt);
  if (doubt !== undefined) for (const part of doubtedParts(memory, believed)) doubt(part);
  return believed;
}

function doubtedParts(said: Memory, believed: Memory): readonly string[] {
  const before = new Map<string, unknown>(Object.entries(said));
  return Object.entries(believed).flatMap(([part, value]) => (isSame(value, before.get(part)) ? [] : [part]));
}

/** Whether two values are the same, or hold the same values. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const held = new Map<string, unknown>(Object.entries(other));
  const entries = Object.entries(one);
  return entries.length === held.size && entries.every(([key, value]) => held.get(key) === value);
}

/** What cannot be decoded is a lost memory. */
export function readMemory({ value, now }: { value: unknown; now: Date }): Memory {
  return decodeMemory(value, { writtenAt: now }) ?? emptyMemory(now);
}
