import { formatTime, isTime, parseTime } from '../base/time.ts';
import type { Frozen } from '../environment/frozen.ts';
import { isObjectId } from '../base/revision.ts';
import { longestFightPause, type RememberedHeals } from '../drift/fight.ts';
import type { AttemptedRevision } from './attempted.ts';
import type { Incident } from './incident.ts';
import type { Lease } from './lease.ts';
import type { Memory } from './memory.ts';
import type { AlertInOutbox } from './outbox.ts';
import type { Past } from './past.ts';
import { longestPause, type Retry } from './retry.ts';
import type { Rollout } from './rollout.ts';
import { longestLife } from './suspects.ts';

/*
 * What a state object says is measured by when it was written: nothing that happened is later than that, and nothing that
 * is waited for lies further ahead than we ever set it. What says otherwise was written by somebody else, or is spoilt,
 * and would stop an environment for as long as it says.
 */

/** Milliseconds by which the clock of who wrote may have been ahead of Storage's. */
const clocksDiffer = 3_600_000;
/** Milliseconds. The environment file sets how long a roll-out may take; none takes a year. */
const longestRollout = 366 * 86_400_000;
/** Milliseconds: as many windows of 31 days as are joined. */
const longestFreeze = 101 * 31 * 86_400_000;

type Written<T> = (value: T, writtenAt: Date) => T;

/** When something happened; when it was written down, where that cannot be. */
const pastTime: Written<string> = (text, writtenAt) =>
  isWithin(text, { writtenAt, longest: 0 }) ? text : writtenAt.toISOString();

/** Until when a late request is expected; as long as of one that was made at the write, where that cannot be. */
export const lateTime: Written<string> = (text, writtenAt) =>
  isWithin(text, { writtenAt, longest: longestLife }) ? text : formatTime(writtenAt.getTime() + longestLife);

function isWithin(text: string, { writtenAt, longest }: { writtenAt: Date; longest: number }): boolean {
  return isTime(text) && parseTime(text) <= writtenAt.getTime() + longest + clocksDiffer;
}

/**
 * A memory without what cannot be. A time in the past becomes that of the write; a pause, a roll-out, an attempt, a note
 * or a fight is as none; what is suspect is so for as long as it would be from the write on. What is believed is the very
 * value that it was.
 */
export function believedMemory(memory: Memory, writtenAt: Date): Memory {
  const { attempted, converged, previous, quarantine, incident, incidents, rollout, retry, heals } = memory;
  const { notes, since, outbox, suspects, lateUntil, past, frozen, requests, override } = memory;
  return {
    ...memory,
    attempted: attempted && believedAttempt(attempted, writtenAt),
    converged: converged && believedAttempt(converged, writtenAt),
    previous: previous && believedAttempt(previous, writtenAt),
    quarantine: quarantine && withTexts(quarantine, { at: pastTime(quarantine.at, writtenAt) }),
    incident: incident && believedIncident(incident, writtenAt),
    incidents: incidents && each(incidents, (one) => believedIncident(one, writtenAt)),
    rollout: rollout && believedRollout(rollout, writtenAt),
    retry: retry && believedRetry(retry, writtenAt),
    frozen: frozen && believedFreeze(frozen, writtenAt),
    override: override && withTexts(override, { at: pastTime(override.at, writtenAt) }),
    heals: heals && believedHeals(heals, writtenAt),
    notes: notes && each(notes, (note) => (isObjectId(note.commit) ? note : undefined)),
    requests: requests && each(requests, (done) => withTexts(done, { at: pastTime(done.at, writtenAt) })),
    past: past && believedPast(past, writtenAt),
    since: pastTime(since, writtenAt),
    outbox: outbox && each(outbox, (alert) => believedAlert(alert, writtenAt)),
    suspects: suspects && eachOf(suspects, (until) => lateTime(until, writtenAt)),
    lateUntil: lateUntil === undefined ? undefined : lateTime(lateUntil, writtenAt),
  };
}

function believedAttempt<T extends AttemptedRevision>(attempt: T, writtenAt: Date): T | undefined {
  return isObjectId(attempt.commit) ? withTexts(attempt, { at: pastTime(attempt.at, writtenAt) }) : undefined;
}

function believedIncident(incident: Incident, writtenAt: Date): Incident {
  const { since, closedAt, diff } = incident;
  const times = {
    since: pastTime(since, writtenAt),
    ...(closedAt === undefined ? {} : { closedAt: pastTime(closedAt, writtenAt) }),
  };
  const believed = withTexts(incident, times);
  const told = diff && withTexts(diff, { since: pastTime(diff.since, writtenAt) });
  return told === diff ? believed : { ...believed, diff: told };
}

/** Its time, and what it says of the incident's. */
function believedAlert(alert: AlertInOutbox, writtenAt: Date): AlertInOutbox {
  const time = { time: pastTime(alert.time, writtenAt) };
  const { since } = alert.data;
  const began = since === null ? null : pastTime(since, writtenAt);
  if (began === since) return withTexts(alert, time);
  if (alert.topic === 'converged') return { ...alert, ...time, data: { ...alert.data, since: began } };
  return { ...alert, ...time, data: { ...alert.data, since: began ?? alert.data.since } };
}

function believedRollout(rollout: Rollout, writtenAt: Date): Rollout | undefined {
  const { since, until } = rollout;
  // One that is yet to begin would end with its timeout from then on.
  const isBelieved =
    isWithin(since, { writtenAt, longest: 0 }) && isWithin(until, { writtenAt, longest: longestRollout });
  return isBelieved && parseTime(since) <= parseTime(until) ? rollout : undefined;
}

function believedRetry(retry: Retry, writtenAt: Date): Retry | undefined {
  const { notBefore, since } = retry;
  if (!isWithin(notBefore, { writtenAt, longest: longestPause })) return undefined;
  return since === undefined ? retry : withTexts(retry, { since: pastTime(since, writtenAt) });
}

function believedFreeze(frozen: Frozen, writtenAt: Date): Frozen | undefined {
  return isWithin(frozen.until, { writtenAt, longest: longestFreeze }) ? frozen : undefined;
}

function believedHeals(heals: RememberedHeals, writtenAt: Date): RememberedHeals {
  const isPast = (time: string): boolean => isWithin(time, { writtenAt, longest: 0 });
  const isPause = (seconds: number): boolean => seconds >= 0 && seconds * 1000 <= longestFightPause;
  return eachOf(heals, (of) => {
    const { at, trying, pausedUntil, pause } = of;
    const isBelieved =
      [...at, ...(trying === undefined ? [] : [trying])].every(isPast) &&
      (pausedUntil === undefined || isWithin(pausedUntil, { writtenAt, longest: longestFightPause })) &&
      (pause === undefined || isPause(pause));
    return isBelieved ? of : undefined;
  });
}

/** Without what is yet to come, or began after its end; the very value where all of it may be. */
function believedPast(past: Past, writtenAt: Date): Past {
  const isPast = (time: string): boolean => isWithin(time, { writtenAt, longest: 0 });
  const incidents = each(past.incidents, (one) => (isPast(one.until) && isPast(one.since) ? one : undefined));
  const convergences = each(past.convergences, (one) => (isPast(one.at) ? one : undefined));
  const isAll = incidents.length === past.incidents.length && convergences.length === past.convergences.length;
  const from = pastTime(past.from, writtenAt);
  return isAll && from === past.from ? past : { from, incidents, convergences };
}

function each<T>(items: readonly T[], believe: (item: T) => T | undefined): T[] {
  return items.flatMap((item) => believe(item) ?? []);
}

function eachOf<T>(items: Readonly<Record<string, T>>, believe: (item: T) => T | undefined): Record<string, T> {
  return Object.fromEntries(
    Object.entries(items).flatMap(([key, item]) => {
      const believed = believe(item);
      return believed === undefined ? [] : [[key, believed] as const];
    }),
  );
}

/** The very value, where it says so already. */
function withTexts<T extends object>(value: T, texts: Readonly<Record<string, string>>): T {
  const said = new Map<string, unknown>(Object.entries(value));
  return Object.entries(texts).every(([key, text]) => said.get(key) === text) ? value : { ...value, ...texts };
}

/** A lease whose evidence and intent are as those of a memory are. */
export function believedLease(lease: Lease, writtenAt: Date): Lease {
  const { evidence, intent } = lease;
  return {
    ...lease,
    evidence: evidence && {
      incidents: evidence.incidents.map((incident) => believedIncident(incident, writtenAt)),
      outbox: evidence.outbox.map((alert) => believedAlert(alert, writtenAt)),
    },
    intent: intent && {
      ...intent,
      attempted: intent.attempted && believedAttempt(intent.attempted, writtenAt),
      rollout: intent.rollout && believedRollout(intent.rollout, writtenAt),
    },
  };
}
