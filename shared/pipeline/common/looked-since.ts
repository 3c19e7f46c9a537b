import { parseTime } from '../../base/time.ts';
import { recallLooks } from './recall-looks.ts';
import type { StateAccess } from './read-state.ts';

/** Milliseconds that a time of a look may be off: its object is written with tries, and Storage tells whole seconds. */
const inexact = 30_000;

/**
 * Tells whether a look at an environment surely began after a time, by Storage's clock, and came to its end. False also
 * where nobody knows. Throws `StorageUnavailable` (retry).
 */
export function lookedSince(
  { repository, environment }: { repository: string; environment: string },
  access: StateAccess,
): (time: Date) => Promise<boolean> {
  return async (time) => {
    const { checkedAt = null } = (await recallLooks({ repository }, access)).get(environment) ?? {};
    return checkedAt !== null && parseTime(checkedAt) - time.getTime() >= inexact;
  };
}
