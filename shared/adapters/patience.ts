/**
 * How long the adapters wait for each outside system, and how often they ask it again before the message is retried.
 * Milliseconds.
 */
export const patience = {
  kubernetes: {
    /** Until an answer begins, and between its parts. */
    answer: 30_000,
    /**
     * Until the API server gives a write up: a run may lose its lease meanwhile. Longer than the ten seconds that an
     * admission webhook has by default, after which it is the API server that says which one did not answer.
     */
    write: 12_000,
    /** Until a write is answered to its end, the wait for a connection included. */
    writeAnswer: 13_000,
    /** Until any other request is answered to its end, however its parts drip: one page of a list at most. */
    wholeAnswer: 120_000,
    /** Until the Warning events of a namespace are here: an alert that waits for them is told without. */
    warnings: 3_000,
    /**
     * How often a request is sent, all in all: by what its answer says of a later try. More would rarely help against a
     * failure.
     */
    tries: { overloaded: 4, failed: 3, final: 1 },
    /** How often one is sent that is not answered in time: whoever waits behind it waits as long. */
    silentTries: 2,
    firstPause: 200,
    /** The longest `Retry-After` that is waited for; a longer one is cut. */
    longestPause: 30_000,
  },
  google: { answer: 10_000, tries: 3, firstPause: 400 },
  /** Until a token is here, with whatever the library tries again for it. */
  tokens: { answer: 20_000 },
  /** Until the mount of a secret has answered: each read of it asks Secret Manager. */
  secrets: { answer: 10_000 },
  /** Until a message is taken, with what the library tries again. */
  pubsub: { answer: 20_000 },
  /** How long a subscription has shown nothing more until that is taken for all of it. */
  letters: { quiet: 2_000 },
  storage: {
    /**
     * Until a request is answered, with what its library tries again; until a content begins, and between its parts.
     */
    answer: 20_000,
    /** For which a content is waited for, all its parts together: of an upload, and of a state object. */
    wholeUpload: 300_000,
    wholeState: 60_000,
    /**
     * Of what CI uploads: between its parts, and until it is answered. What buffers hold of it is on its way then, by a
     * slow line.
     */
    upload: 60_000,
    /** By its library, for every request but the reads of a content. They end within `answer`. */
    retries: 3,
    totalSeconds: 18,
    /** How often the library is asked, for every request but the reads of a content. */
    tries: 3,
    /** How often a read of a content starts again because Storage was busy or silent, or it was overwritten. */
    reads: 5,
    firstPause: 100,
  },
  git: {
    /**
     * Until an answer begins, and between its parts and those of what is sent: hooks of a push may run before it
     * begins.
     */
    answer: 60_000,
    /** No request takes longer, with what it sends and its answer. */
    whole: 300_000,
    /** Until the work on a clone begins that waits for other work on it: longer than one request may take. */
    turn: 330_000,
    /** Of what the host asks us to wait: a longer pause is left to the next delivery of the message. */
    longestPauseSeconds: 10,
    /** That one request makes. */
    pauses: 2,
  },
  sinks: {
    /** For one request; a mail takes three times as long at most. */
    answer: 10_000,
    /** How long one that did not answer in time is asked nothing, by the instance that met it. */
    silence: 30_000,
    /** The longest pause that a sink asks for and that is waited for, once; a longer one is left to the next delivery. */
    shortPause: 5_000,
    /** A longer one is cut. */
    longestPause: 3_600_000,
  },
  heartbeat: { answer: 5_000 },
  issuer: {
    answer: 5_000,
    /**
     * Between two reads of its keys: a forged token names a key that nobody knows, and may not be a request each time.
     */
    pause: 30_000,
  },
} as const;

/**
 * Waits for work that cannot be called off: it goes on unheeded where it takes longer, and what it comes to is dropped.
 *
 * @param late the error that is thrown then
 */
export async function within<T>({
  milliseconds,
  work,
  late,
}: {
  milliseconds: number;
  work: Promise<T>;
  late: () => Error;
}): Promise<T> {
  const end = Promise.withResolvers<never>();
  const timer = setTimeout(() => end.reject(late()), milliseconds);
  try {
    return await Promise.race([work, end.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** So many milliseconds in words: `20 s`. */
export function inSeconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}

/**
 * Milliseconds before the next try: doubling, with jitter, so that many runs do not come back at once.
 *
 * @param attempt the try that failed, from 1
 */
export function backoff({ firstPause, attempt }: { firstPause: number; attempt: number }): number {
  return firstPause * 2 ** (attempt - 1) * (0.5 + Math.random());
}
