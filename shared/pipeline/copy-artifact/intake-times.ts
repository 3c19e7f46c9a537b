/** How long the steps of an intake wait. Milliseconds, but for the lease. */
export interface IntakeTimes {
  /** How long the lease lasts that is not renewed: as long as nothing goes on after the death of its holder. */
  readonly leaseSeconds: number;
  /** A burst has ended when nothing new arrived in the bucket for that long. */
  readonly quiet: number;
  /** A burst that does not end is committed after that long all the same. */
  readonly longestBurst: number;
  /** How long a run holds the lease before it lets another one go on. */
  readonly longestHold: number;
  /** Between two looks at whether another run has copied what this one waits for. */
  readonly poll: number;
  /** How long an event waits for another run before it is given back. */
  readonly patience: number;
}

export const usualTimes: IntakeTimes = {
  leaseSeconds: 10,
  quiet: 1_000,
  longestBurst: 40_000,
  longestHold: 120_000,
  poll: 300,
  patience: 120_000,
};

/**
 * The right to copy from one bucket, and the note of those who found it taken. Nothing depends on the lease but the
 * number of commits: who writes beside its holder meets a moved branch, finds in the history what is copied, and goes
 * on from there.
 */
export function intakePaths({ repositoryClass }: { repositoryClass: string }): { lease: string; wanted: string } {
  return { lease: `intake/${repositoryClass}/lease.json`, wanted: `intake/${repositoryClass}/wanted.json` };
}
