/**
 * How long the adapters wait for each outside system, and how often they ask it again before the message is retried.
 * Milliseconds.
 */
export const patience = {
  kubernetes: {
    /** Until an answer begins, and between its parts. */
    answer: 30_000,
    /**
     * How often a request is sent, all in all: by what its answer says of a later try. More would rarely help against a
     * failure.
     */
    tries: { overloaded: 4, failed: 3, final: 1 },
    firstPause: 200,
    /** The longest `Retry-After` that is waited for; a longer one is cut. */
    longestPause: 30_000,
  },
  google: { answer: 10_000, tries: 3, firstPause: 400 },
  storage: {
    /** By its library, for every request but the reads of a content, in so many seconds all in all. */
    retries: 5,
    totalSeconds: 60,
    /** How often a read of a content starts again because Storage was busy, or it was overwritten. */
    reads: 5,
    firstPause: 100,
  },
  git: {
    /** No request takes longer, its answer included. */
    answer: 120_000,
    /** Of what the host asks us to wait: a longer pause is left to the next delivery of the message. */
    longestPauseSeconds: 10,
    /** That one request makes. */
    pauses: 2,
    /** Of one note: each that fails means that another writer got through. */
    noteTries: 50,
  },
  sinks: { answer: 10_000 },
  issuer: {
    answer: 5_000,
    /**
     * Between two reads of its keys: a forged token names a key that nobody knows, and may not be a request each time.
     */
    pause: 30_000,
  },
} as const;

/**
 * Milliseconds before the next try: doubling, with jitter, so that many runs do not come back at once.
 *
 * @param attempt the try that failed, from 1
 */
export function backoff({ firstPause, attempt }: { firstPause: number; attempt: number }): number {
  return firstPause * 2 ** (attempt - 1) * (0.5 + Math.random());
}
