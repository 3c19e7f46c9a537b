import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';

/**
 * One attempt to become healthy. Times are ISO 8601, by our own clock; `until` is `since` and the environment's
 * timeout, or when it failed.
 */
export const rolloutSchema = z.object({ revision: z.string(), since: z.string(), until: z.string() });
export type Rollout = z.infer<typeof rolloutSchema>;

/** Milliseconds for which an object has to be seen failing without a pause before its roll-out has failed. */
export const failsAfter = 5_000;

/** @param rollout.timeout milliseconds */
export function beginRollout({ revision, now, timeout }: { revision: string; now: Date; timeout: number }): Rollout {
  return { revision, since: now.toISOString(), until: formatTime(now.getTime() + timeout) };
}

/**
 * The roll-out that a run is about. What a commit brings begins a new one; a run that only looks goes on with the one
 * that it finds, so that an environment which stays unhealthy is not waited for again and again. What is healed after
 * that one is over needs its time, too.
 *
 * @param facts.commits whether the run applies what a commit changed
 * @param facts.heals whether the run applies what was undone in the cluster
 * @param facts.sameInputs whether the last run set out for the same inputs
 */
export function rolloutOf({
  last,
  revision,
  commits,
  heals,
  sameInputs,
  now,
  timeout,
}: {
  last: Rollout | undefined;
  revision: string;
  commits: boolean;
  heals: boolean;
  sameInputs: boolean;
  now: Date;
  timeout: number;
}): Rollout | undefined {
  if (commits || (heals && last !== undefined && isOver({ rollout: last, now })))
    return beginRollout({ revision, now, timeout });
  if (last === undefined || last.revision === revision || sameInputs) return last;
  return beginRollout({ revision, now, timeout });
}

/**
 * A roll-out that takes no longer than one may that begins now: a timeout that is shortened counts at once, and what
 * says more was written by somebody else.
 *
 * @param facts.timeout milliseconds
 */
export function withinTimeout(rollout: Rollout, { timeout }: { timeout: number }): Rollout {
  const latest = parseTime(rollout.since) + timeout;
  return parseTime(rollout.until) <= latest ? rollout : { ...rollout, until: formatTime(latest) };
}

/** Until when a run waits, in milliseconds since 1970: as long as it may, or until the roll-out is over. */
export function waitsUntil({ rollout, waitUntil }: { rollout: Rollout; waitUntil: Date }): number {
  return Math.min(waitUntil.getTime(), parseTime(rollout.until));
}

export function isOver({ rollout, now }: { rollout: Rollout; now: Date }): boolean {
  return now.getTime() >= parseTime(rollout.until);
}

/** A roll-out that failed before its time: it is not waited for any more. */
export function endRollout({ rollout, now }: { rollout: Rollout; now: Date }): Rollout {
  return isOver({ rollout, now }) ? rollout : { ...rollout, until: now.toISOString() };
}

/**
 * What a run does that finds something not healthy yet: `failed` ends the roll-out, `checkpoint` leaves the waiting to
 * a run of its own. One object that fails steadily fails the whole; a run stays a moment longer to see whether it does.
 *
 * @param facts.failingSince when the object was first seen failing that has been failing longest
 * @param facts.waitUntil until when this run may wait
 */
export function nextStep({
  rollout,
  failingSince,
  waitUntil,
  now,
}: {
  rollout: Rollout;
  failingSince: Date | undefined;
  waitUntil: Date;
  now: Date;
}): 'look again' | 'checkpoint' | 'failed' {
  if (isOver({ rollout, now })) return 'failed';
  const time = now.getTime();
  if (failingSince !== undefined && time - failingSince.getTime() >= failsAfter) return 'failed';
  const patience = failingSince === undefined ? 0 : failsAfter;
  return time >= waitUntil.getTime() + patience ? 'checkpoint' : 'look again';
}
