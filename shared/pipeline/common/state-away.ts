import { describeError, ConvergeError } from '../../base/errors.ts';
import type { Ports } from '../../ports/ports.ts';

/** Milliseconds without meeting it after which it is taken to have answered in between. */
const sameTroubleFor = 5 * 60_000;

export interface StateWatch {
  /** Told of each error that some work ended with. Never fails. */
  met(error: unknown): void;
}

/**
 * Tells as an ERROR of the log that the bucket of the state does not answer: what else is not answered is noted there, and
 * told to people from there. So each instance tells it, once for as long as it lasts.
 *
 * @param after milliseconds that it must have lasted
 */
export function watchState(
  { bucket, after }: { bucket: string; after: number },
  { now, log }: Pick<Ports, 'now' | 'log'>,
): StateWatch {
  let met: { readonly since: number; seenAt: number; isTold: boolean } | undefined;
  return {
    met(error) {
      const isAway = error instanceof ConvergeError && error.code === 'StorageUnavailable';
      if (!isAway || !`${error.subject}/`.startsWith(`gs://${bucket}/`)) return;
      const time = now().getTime();
      if (met === undefined || time - met.seenAt > sameTroubleFor) met = { since: time, seenAt: time, isTold: false };
      met.seenAt = time;
      if (met.isTold || time - met.since < after) return;
      met.isTold = true;
      const since = new Date(met.since).toISOString();
      log('ERROR', 'the bucket of the state does not answer: nothing is looked at, and nobody is told', {
        ...{ code: error.code, subject: `bucket/${bucket}`, since, error: describeError(error) },
      });
    },
  };
}
