import { z } from 'zod';
import { alertInOutboxSchema } from './outbox.ts';
import { incidentSchema, type Incident } from './incident.ts';
import { attemptedSchema } from './attempted.ts';
import { rolledOutSchema } from '../plan/rolled-out.ts';
import { rolloutSchema } from './rollout.ts';

/*
 * `environments/<class>/<name>/lease.json`: the right to act in the cluster, what its holder is about to do there, and
 * the evidence of what it heals. What is known stands in memory.json alone, which also says that a lease is over.
 */

/** Keys of objects, or all of them: more than so many are not listed. */
const mostKeys = 2_000;
const keysSchema = z.union([z.literal('*'), z.array(z.string())]);
export type IntentKeys = z.infer<typeof keysSchema>;

const intentSchema = z.object({
  attempted: attemptedSchema.optional(),
  rollout: rolloutSchema.optional(),
  rolledOut: rolledOutSchema.optional(),
  keys: keysSchema,
});
/**
 * What the holder may write: for which revision, in which roll-out, with what was done for it before and is set out for
 * now, and which objects by their keys.
 */
export type Intent = z.infer<typeof intentSchema>;

const evidenceSchema = z.object({
  incidents: z.array(incidentSchema).readonly(),
  outbox: z.array(alertInOutboxSchema),
});
/** What a run found that it is about to undo: the incidents that are open, and what is to be published of them. */
export type Evidence = z.infer<typeof evidenceSchema>;

/** Seconds. No version claims anything for an hour: what says more was written by somebody else, and is read as such. */
export const leaseDuration = z.number().max(3600);

/** Of the shape that is written now. */
export const leaseVersion = 2;

const leaseSchema = z.object({
  version: z.literal(leaseVersion),
  /** New for each claim; null: nobody claims it. */
  nonce: z.string().nullable(),
  /** How long it lasts from when it was written, by Storage's clock. */
  seconds: leaseDuration,
  /** Id of the message it was claimed for, for people. */
  event: z.string(),
  /** Generation of memory.json that the plan was made on; `0`: there was none. */
  base: z.string(),
  intent: intentSchema.nullable(),
  evidence: evidenceSchema.nullable(),
  /** Generation of memory.json whose outbox was published. */
  told: z.string().nullable(),
});
export type Lease = z.infer<typeof leaseSchema>;

/** As the version before wrote it, which says nothing of what its holder does. */
const formerSchema = z.object({ holder: z.string().nullable(), event: z.string().default(''), seconds: leaseDuration });

/** Seconds that one write to an API server may take, until it is answered (`adapters/patience.ts`). */
export const requestSeconds = 13;
/** Long enough for three requests and for what lies between them. */
export const leaseSeconds = 3 * requestSeconds + 15;
/** Milliseconds after which its holder makes it last longer. */
export const renewAfter = 15_000;
/** Milliseconds since it was asked for after which no request may begin: one that did would outlast it. */
export const actsFor = (leaseSeconds - requestSeconds - 5) * 1000;

/** What a lease says, of this version or of the one before. Undefined for anything else. */
export function decodeLease(value: unknown): Lease | undefined {
  const lease = leaseSchema.safeParse(value).data;
  if (lease !== undefined) return lease;
  const former = formerSchema.safeParse(value).data;
  if (former === undefined) return undefined;
  const { holder, event, seconds } = former;
  const nonce = holder === null ? null : `${holder} ${event}`;
  return { ...noLease, nonce, event, seconds };
}

/** Nobody's, of which nothing is known. */
export const noLease: Lease = {
  ...{ version: 2, nonce: null, seconds: leaseSeconds, event: '', base: '0' },
  ...{ intent: null, evidence: null, told: null },
};

/** Of one that nobody can read: somebody's, for as long as one that is claimed now. */
export function unreadableLease({ generation }: { generation: string }): Lease {
  return { ...noLease, nonce: `generation ${generation}` };
}

/** As it is stored: the version before takes one without a `holder` for none. */
export function encodeLease(lease: Lease, { isOver }: { isOver: boolean }): Lease & { holder: string | null } {
  return { ...lease, holder: isOver ? null : lease.nonce };
}

/** What is written beside a lease, in the same request, so that a list of many tells whose may be held: `nonce`. */
export function leaseMetadata({ nonce }: Lease): Record<string, string> {
  return nonce === null ? {} : { nonce };
}

export function claimOf({
  nonce,
  event,
  base,
  intent,
  evidence,
  last,
}: Pick<Lease, 'event' | 'base'> & {
  nonce: string;
  intent: Intent;
  evidence: Evidence;
  last: Lease | undefined;
}): Lease {
  const hasEvidence = evidence.incidents.length > 0 || evidence.outbox.length > 0;
  return {
    ...{ version: 2, nonce, seconds: leaseSeconds, event, base, intent },
    evidence: hasEvidence ? evidence : null,
    told: last?.told ?? null,
  };
}

/**
 * The lease of nobody, which tells which memory's outbox was published.
 *
 * @param facts.open the incidents that are open and were told: with the memory lost, their end is told all the same
 */
export function toldLease({
  last,
  told,
  open,
}: {
  last: Lease | undefined;
  told: string | null;
  open: readonly Incident[];
}): Lease {
  const evidence = open.length === 0 ? null : { incidents: open, outbox: [] };
  return { ...(last ?? noLease), nonce: null, intent: null, evidence, told };
}

/** Given back by its holder, who did nothing. */
export function givenBack(lease: Lease): Lease {
  return { ...lease, nonce: null, intent: null };
}

/**
 * `free`: nobody's, or its end stands in the memory. `over`: its time has passed, and nobody has ended it. The memory
 * is to be read before the lease: what ends it is then not older than what it ends.
 *
 * @param facts.age milliseconds since it was written, by Storage's clock
 */
export function standingOf({
  lease,
  ended,
  age,
}: {
  lease: Lease | undefined;
  ended: string | undefined;
  age: number;
}): 'free' | 'held' | 'over' {
  if (lease === undefined || lease.nonce === null || lease.nonce === ended) return 'free';
  return age > lease.seconds * 1000 ? 'over' : 'held';
}

/** Both intents as one. */
export function joinIntents(first: Intent, second: Intent): Intent {
  const keys =
    first.keys === '*' || second.keys === '*' ? '*' : keysOf([...new Set([...first.keys, ...second.keys])].sort());
  return { ...first, ...second, attempted: second.attempted ?? first.attempted, keys };
}

export function keysOf(keys: readonly string[]): IntentKeys {
  return keys.length > mostKeys ? '*' : [...keys];
}

/** Whether all that the second may write is written in the first. */
export function covers(first: Intent, second: Intent): boolean {
  if (first.keys === '*') return true;
  if (second.keys === '*') return false;
  const known = new Set(first.keys);
  return second.keys.every((key) => known.has(key));
}
