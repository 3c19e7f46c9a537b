import { z } from 'zod';
import { eventId } from '../events/cloud-event.ts';
import { parseTime } from '../base/time.ts';
import type { Notice } from './notice.ts';

export const toldSchema = z.object({
  /** The alert's. */
  id: z.string(),
  occurrence: z.int(),
  /** When its occurrence began, ISO 8601; null where nobody said. */
  since: z.string().nullable(),
  state: z.enum(['open', 'closed']),
  /** When the alert was made, ISO 8601; null where nobody said. */
  time: z.string().nullable(),
});
/** One alert of an incident, as far as it is to be told from others of it. */
export type Told = z.infer<typeof toldSchema>;

/** What one sink knows of one incident: `sinks/<sink>/<incident key>.json` in the state bucket. */
export const deliverySchema = z.object({
  version: z.literal(1),
  /** The newest alert that is known, delivered or not. */
  newest: toldSchema,
  /** Ids of the alerts that were the newest, the last at the end. */
  known: z.array(z.string()),
  /**
   * An attempt to deliver `id`: under way, by the call that wrote `writer`; or one that got no answer, so that the sink
   * may have the alert. Null where neither is.
   */
  attempt: z.object({ id: z.string(), writer: z.string(), state: z.enum(['under-way', 'unanswered']) }).nullable(),
  /** As what the sink shows the incident by what was delivered; `unknown` where it may have been told without a record. */
  shows: z.enum(['open', 'closed', 'unknown']),
  /** What the sink has, and by what it knows its message; null where it has nothing. */
  delivered: z
    .object({
      id: z.string(),
      at: z.string(),
      /** When the occurrence began that it is of; null where nobody said. */
      since: z.string().nullable().default(null),
      message: z.record(z.string(), z.string()).nullable(),
    })
    .nullable(),
});
export type DeliveryRecord = z.infer<typeof deliverySchema>;

/** By what a sink knows a message of its own: keys and values are each sink's. */
export type SinkMessage = Readonly<Record<string, string>>;

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodeDelivery(value: unknown): DeliveryRecord | undefined {
  return deliverySchema.safeParse(value).data;
}

/** Whether the sink shows the incident to be open, as far as is known. */
export function mayShow({ shows, attempt }: DeliveryRecord): boolean {
  return shows !== 'closed' || attempt !== null;
}

/** Where the records of a sink are, behind which each has the key of its incident. */
export function deliveryFolder(sink: string): string {
  const name = encodeURIComponent(sink.toWellFormed());
  return `sinks/${name.length <= 200 ? name : eventId('sink', sink)}/`;
}

/** Of an alert that is of no incident, the record is its own: no other is newer. */
export function deliveryPath({ sink, id, notice }: { sink: string; id: string; notice: Notice }): string {
  return `${deliveryFolder(sink)}${notice.incident?.key ?? `alert-${eventId('alert', id)}`}.json`;
}

/**
 * Where the end of an incident stands once more, `sinks/<sink>/ended/<incident key>.json`: it is read where nobody can
 * read the record.
 */
export function endedPath(recordPath: string): string {
  return recordPath.replace(/[^/]+$/, 'ended/$&');
}

/** Whether an alert is of an occurrence that is known to be over, by what is known of the last end. */
export function isOfThePast(told: Told, ended: DeliveryRecord | undefined): boolean {
  return ended !== undefined && (ended.newest.id === told.id || isOlder(told, ended.newest));
}

export function toldOf({ id, time, notice }: { id: string; time: string | undefined; notice: Notice }): Told {
  const { incident, state } = notice;
  return {
    ...{ id, occurrence: incident?.occurrence ?? 1, since: incident?.since ?? null },
    ...{ state: state === 'closed' ? 'closed' : 'open', time: time ?? null },
  };
}

/** What a sink can do with more than the beginning and the end of an incident. */
export interface SinkAbilities {
  /** Whether it can be told that an open incident has changed, without another message that wakes people. */
  readonly updates: boolean;
  /** Whether it is told of what is of no incident. */
  readonly news: boolean;
}

export type DeliveryVerdict =
  /**
   * `had`: the sink has it. `older`: something newer is known. `unmeant`: it is not meant for the sink, which does not
   * show its incident. None leaves a trace.
   */
  | { readonly kind: 'had' | 'older' | 'unmeant' }
  /** The sink has nothing to be told, but what is known of the incident is to be remembered. */
  | { readonly kind: 'unneeded' }
  /**
   * `isTold`: the sink shows the incident as open. `perhaps`: it may have had this, as an answer was lost. `message`: the
   * one it has of the incident.
   */
  | {
      readonly kind: 'send';
      readonly isTold: boolean;
      readonly perhaps: boolean;
      readonly message: SinkMessage | undefined;
    };

/**
 * What is to become of an alert in one sink, by what is remembered of its incident there; undefined: nothing is. What a
 * sink shows as open it is told the end of, and all between, whatever it is meant to be told.
 *
 * @param isMeant whether the sink is to be told such alerts
 * @param isInOrder whether nothing newer can be known
 */
export function judgeDelivery(
  {
    told,
    isNews,
    isMeant,
    abilities,
    isInOrder = false,
  }: { told: Told; isNews: boolean; isMeant: boolean; abilities: SinkAbilities; isInOrder?: boolean },
  record: DeliveryRecord | undefined,
): DeliveryVerdict {
  if (isNews && !abilities.news) return { kind: 'had' };
  const isShown = record !== undefined && (record.shows === 'open' || record.attempt !== null);
  if (!isMeant && !isShown) return { kind: 'unmeant' };
  if (record === undefined) return { kind: 'send', isTold: false, perhaps: false, message: undefined };
  const { newest, known, delivered, shows, attempt } = record;
  // Where something else got no answer after the newest was delivered, that may stand in its place. It is then told
  // once more, and that may have died: nothing else has what was delivered on its way.
  const isReplaced = newest.id === told.id && attempt !== null;
  if (delivered?.id === told.id && !isReplaced) return { kind: 'had' };
  const isPast = known.includes(told.id) || (!isInOrder && isOlder(told, newest));
  if (newest.id !== told.id && isPast) return { kind: 'older' };
  // What got no answer may have been shown all the same.
  const isSure = attempt === null;
  if (isSure && told.state === 'closed' && shows === 'closed') return { kind: 'unneeded' };
  const isOpenThere = shows === 'open' && delivered?.since === told.since;
  if (isSure && told.state === 'open' && isOpenThere && !abilities.updates) return { kind: 'unneeded' };
  const message = delivered?.message ?? undefined;
  return { kind: 'send', isTold: shows === 'open', perhaps: !isSure, message };
}

/** What is known of an incident in one sink by its record, and by what an instance told that could not write it. */
export function mergedRecords(
  stored: DeliveryRecord | undefined,
  kept: DeliveryRecord | undefined,
): DeliveryRecord | undefined {
  if (stored === undefined || kept === undefined) return stored ?? kept;
  const isStoredNewer = stored.newest.id !== kept.newest.id && isOlder(kept.newest, stored.newest);
  const isKeptLater = parseTime(kept.delivered?.at ?? '') >= parseTime(stored.delivered?.at ?? '1970-01-01');
  const { delivered, shows } = isKeptLater ? kept : stored;
  const newest = isStoredNewer ? stored.newest : kept.newest;
  // Told without a record, something older may stand where the newest did: that is told once more.
  const isPast = stored.delivered?.id === newest.id && delivered?.id !== newest.id;
  const again = { id: newest.id, writer: '', state: 'unanswered' } as const;
  return {
    version: 1,
    newest,
    known: [...new Set([...stored.known, ...kept.known])].slice(-mostKnown),
    ...{ attempt: kept.attempt ?? stored.attempt ?? (isPast ? again : null), delivered, shows },
  };
}

/** How much later a divergence must have been found than an end was told for that to be its return. Milliseconds. */
const clocksDiffer = 60_000;

/**
 * Whether another alert of the same incident says more than this one. Times are of the instances' clocks, which differ by
 * seconds: an end is newer than what it ends, and a later occurrence than an earlier one, whatever they say.
 */
export function isOlder(told: Told, newest: Told): boolean {
  const later = laterBy(told, newest);
  if (told.since === null || newest.since === null) return later !== undefined && later < 0;
  if (told.since !== newest.since) {
    return parseTime(told.since) < parseTime(newest.since) && (later === undefined || later <= 0);
  }
  if (newest.state === 'closed') return told.state === 'closed' || later === undefined || later <= clocksDiffer;
  return told.state === 'open' && later !== undefined && later < 0;
}

/** By how many milliseconds; undefined where one of them has no time. */
function laterBy({ time }: Told, { time: before }: Told): number | undefined {
  const later = time === null || before === null ? Number.NaN : parseTime(time) - parseTime(before);
  return Number.isNaN(later) ? undefined : later;
}

/** So many ids are remembered of one incident. */
const mostKnown = 50;

/** The record with this alert as the newest, and nothing sent. */
export function withNewest(told: Told, record: DeliveryRecord | undefined): DeliveryRecord {
  const known = [...(record?.known ?? []).filter((id) => id !== told.id), told.id].slice(-mostKnown);
  return {
    version: 1,
    ...{ newest: told, known, attempt: record?.attempt ?? null, delivered: record?.delivered ?? null },
    // Of one whose end is the first that is known, the beginning may have been told by a version that kept no records.
    shows: record?.shows ?? (told.state === 'closed' ? 'unknown' : 'closed'),
  };
}

/** The record while the alert is on its way. */
export function withAttempt(
  { told, writer }: { told: Told; writer: string },
  record: DeliveryRecord | undefined,
): DeliveryRecord {
  return { ...withNewest(told, record), attempt: { id: told.id, writer, state: 'under-way' } };
}

/** What became of an attempt: `failed` where the sink cannot have it. */
export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly at: string; readonly message: SinkMessage | undefined }
  | { readonly kind: 'failed' | 'unanswered' };

/** @param before what was remembered of an answer that was lost before this attempt */
export function withOutcome(
  outcome: DeliveryOutcome,
  { record, before }: { record: DeliveryRecord; before: DeliveryRecord | undefined },
): DeliveryRecord {
  const { newest, attempt, delivered } = record;
  switch (outcome.kind) {
    case 'delivered': {
      const message = outcome.message === undefined ? (delivered?.message ?? null) : { ...outcome.message };
      return {
        ...record,
        attempt: null,
        shows: newest.state,
        delivered: { id: newest.id, at: outcome.at, since: newest.since, message },
      };
    }
    case 'failed': {
      const lost = before?.attempt ?? null;
      return { ...record, attempt: lost === null ? null : { ...lost, state: 'unanswered' } };
    }
    case 'unanswered':
      return { ...record, attempt: attempt === null ? null : { ...attempt, state: 'unanswered' } };
  }
}

/** The metadata of a record, by which a list tells what may be cleared. */
export function deliveryMetadata(record: DeliveryRecord, { isNews }: { isNews: boolean }): Record<string, string> {
  return { kept: isNews ? 'briefly' : record.newest.state === 'closed' ? 'closed' : 'open' };
}

const day = 24 * 3_600_000;
/**
 * How long a record is kept after it was written. A message comes again for hours, and a dead letter lies for 30 days,
 * so that of an incident that ended nothing older may be told in that time. One that is open for a year without a word
 * was forgotten.
 */
const keptFor: Readonly<Record<string, number>> = { briefly: 2 * day, closed: 31 * day, open: 366 * day };

/** Whether nobody needs a record any more; `age` in milliseconds. */
export function isSpent({ metadata, age }: { metadata: Readonly<Record<string, string>>; age: number }): boolean {
  return age > (keptFor[metadata['kept'] ?? 'open'] ?? 366 * day);
}
