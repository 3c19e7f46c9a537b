/** How long the steps of an intake wait. Milliseconds, but for the lease. */
export interface IntakeTimes {
  /** How long a claim lasts that nobody ends: as long as nothing goes on after the death of its holder. */
  readonly leaseSeconds: number;
  /** A burst has ended when nothing new arrived in the bucket for that long. */
  readonly quiet: number;
  /** A burst that does not end is committed after that long all the same. */
  readonly longestBurst: number;
  /** How long a run holds the lease before it lets another one go on. */
  readonly longestHold: number;
  /** Between two looks at whether another run has copied what this one waits for, or the lease is free. */
  readonly poll: number;
  /** How long an event waits for another run before it is given back. */
  readonly patience: number;
  /** Between two writes of one object of the state bucket, and, of the ledger while a hold goes on, at most. */
  readonly writePause: number;
  readonly longestWritePause: number;
}

export const usualTimes: IntakeTimes = {
  leaseSeconds: 30,
  quiet: 1_000,
  longestBurst: 40_000,
  longestHold: 120_000,
  poll: 1_000,
  patience: 120_000,
  writePause: 1_000,
  longestWritePause: 16_000,
};

/**
 * Where the right to copy from one bucket is. What is copied without it is right all the same: who writes beside its
 * holder meets a moved branch, finds in the history what is copied, and goes on from there. What is refused is not.
 */
export function intakeLeasePath({ repositoryClass }: { repositoryClass: string }): string {
  return `intake/${repositoryClass}/lease.json`;
}
