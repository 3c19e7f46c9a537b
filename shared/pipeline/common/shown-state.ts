import { formatTime, parseTime } from '../../base/time.ts';
import type { Hindrance, LookTimes } from '../../memory/look-times.ts';
import { leaseSeconds, unreadableLease } from '../../memory/lease.ts';
import type { Memory } from '../../memory/memory.ts';
import { dependencySubject } from '../../events/dependency-alert.ts';
import type { EnvironmentState } from './environment-status.ts';
import type { OpenUnreachable } from './tell-unreachable.ts';

/** So many intervals of the checks may pass without a look that comes to its end: one may be lost, and one be long. */
export const intervalsUntilStale = 3;

/** What is known of an environment's looks, and what they are judged by. */
export interface Seen {
  readonly memory: Memory;
  readonly looks: LookTimes;
  readonly now: Date;
  /** Milliseconds between two checks. */
  readonly interval: number;
  /** What of it does not answer, by the incidents that are open. */
  readonly unreachable: readonly OpenUnreachable[];
}

export interface Shown {
  readonly state: EnvironmentState;
  /** Absent: as the last look found it. */
  readonly health?: 'Unknown';
  /** Why it is not known to be as it was, first of all; empty where nothing keeps looks from it. */
  readonly doubts: readonly string[];
}

/**
 * What is shown of an environment that is in a state as far as is remembered: nobody looks green who was not looked at.
 * What is wrong keeps its name, as it stays wrong until somebody has looked.
 */
export function shownState(state: EnvironmentState, seen: Seen): Shown {
  const isGreen = state === 'Converged' || state === 'Converging' || state === 'Frozen';
  const looked = [hinderedWords(seen), staleWords(state, seen), failingWords(seen)].filter((words) => words !== '');
  const doubts = [...seen.unreachable.map(unreachableWords), ...looked];
  // What is uploaded is not seen of it: what Git says and the cluster has is.
  const isHidden = seen.unreachable.some(({ kind }) => kind !== 'bucket');
  if (isHidden || hindranceOf(seen) !== undefined)
    return { state: isGreen ? 'Unknown' : state, health: 'Unknown', doubts };
  if (isStale(state, seen)) return { state: isGreen ? 'Stale' : state, health: 'Unknown', doubts };
  return { state, doubts };
}

/** What keeps looks from it, until the memory says that it is over. */
function hindranceOf({ memory, looks: { hindered } }: Seen): Hindrance | undefined {
  return hindered === undefined || memory.ended === unreadableLease(hindered).nonce ? undefined : hindered;
}

function hinderedWords(seen: Seen): string {
  const hindered = hindranceOf(seen);
  if (hindered === undefined) return '';
  return `its lease.json ${hindered.reason}: nobody can look at it until that is ${leaseSeconds} s old, and then ended by the next look`;
}

/** Of one that is remembered, but for what never ran: that is unknown. */
function isStale(state: EnvironmentState, seen: Seen): boolean {
  const lookedAt = lookedAtLast(seen);
  if (state === 'Unknown' || lookedAt === undefined) return false;
  return seen.now.getTime() - lookedAt > intervalsUntilStale * seen.interval;
}

/**
 * Milliseconds since 1970 of the last look that is known to have come to its end. What is known of looks is lost after a
 * day: then it is what the memory says of when it was written.
 */
function lookedAtLast({ memory, looks: { checkedAt } }: Pick<Seen, 'memory' | 'looks'>): number | undefined {
  if (checkedAt !== null) return parseTime(checkedAt);
  if (memory.attempted === undefined) return undefined;
  return Math.max(...[memory.attempted.at, memory.since, memory.converged?.at ?? memory.since].map(parseTime));
}

function staleWords(state: EnvironmentState, seen: Seen): string {
  if (!isStale(state, seen)) return '';
  const { checkedAt, attemptedAt, failing } = seen.looks;
  if (checkedAt === null)
    return `no look at it is known to have come to its end since ${formatTime(lookedAtLast(seen) ?? 0)}`;
  const since = `no look at it has come to its end since ${checkedAt}`;
  if (failing !== undefined) return since;
  return attemptedAt === null || parseTime(attemptedAt) <= parseTime(checkedAt)
    ? `${since}, and none has begun: the schedule or the jobs stand still`
    : `${since}: that of ${attemptedAt} did not`;
}

function unreachableWords({ kind, name, since, problem }: OpenUnreachable): string {
  return `${dependencySubject({ kind, name })} has not answered since ${since}: ${problem}`;
}

function failingWords({ looks: { failing } }: Seen): string {
  return failing === undefined
    ? ''
    : `its looks have failed since ${failing.since}: ${failing.subject}: ${failing.problem}`;
}
