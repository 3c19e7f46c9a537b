/*
 * How often the stages try again what others are in the way of, and how long they wait. Milliseconds. What one run
 * waits for in a cluster is in reconcile/run/, what an intake waits for in copy-artifact/intake-times.ts, and what
 * adapters wait for in adapters/patience.ts.
 */

/** Pushes to a branch that others move: uploads meet those of many, a revert is one of few. */
export const triesToPush = { upload: 25, revert: 10 };

/**
 * Before one more push: at random, so that those who met do not meet again, and of up to 200 ms more after each try, 2
 * s at the most.
 */
export function pauseBeforePush(attempt: number): number {
  return Math.random() * 200 * Math.min(attempt, 10);
}

/**
 * What is left of a pause that began at a time of this instance's clock: no more than all of it, also where that clock was
 * put back since. Milliseconds.
 */
export function restOf({ pause, since, now }: { pause: number; since: number; now: Date }): number {
  return Math.max(0, Math.min(pause, since + pause - now.getTime()));
}

/**
 * Storage takes one write a second of one name. https://docs.cloud.google.com/storage/quotas#objects
 */
export const betweenWrites = 1_000;

/** Reads or writes of an object that somebody else overwrites meanwhile. */
export const triesAgainstOverwriting = 10;

/** How often one job of an environment looks: again where another run was faster, or the branch moved on. */
export const looksOfOneJob = 5;

/** How long a job waits for a run that is at work, and how often it looks whether that has ended. */
export const waitsForLease = 15_000;
export const betweenLooksAtLease = 1_000;

/** How often a run that takes its time asks whether the branch moved on. */
export const headLooksApart = 2_000;

/** How long a rollback is tried whose Git host cannot be reached, before the failure is told without it. */
export const longestRollBack = 10 * 60_000;

/** How far two clocks may be apart: Storage's or ours, which say when something began, and that of the committer. */
export const clockSkew = 10 * 60_000;
