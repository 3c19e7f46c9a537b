import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';

/**
 * How often a revision has failed, and until when the schedule leaves it at that. `healing`: drift of what was applied
 * at this revision is healed meanwhile; nothing is applied where nothing could be rendered. `since`: when it first
 * failed with the inputs that it has.
 */
export const retrySchema = z.object({
  revision: z.string(),
  count: z.number().int().positive(),
  notBefore: z.string(),
  healing: z.boolean(),
  since: z.string().optional(),
});
export type Retry = z.infer<typeof retrySchema>;

const minute = 60_000;
/** Milliseconds. */
export const longestPause = 30 * minute;

/** After one more failure: the first is tried again at the next look, the others after 1, 2, 4, 8, … 30 minutes. */
export function nextRetry({
  last,
  revision,
  healing,
  now,
}: {
  last: Retry | undefined;
  revision: string;
  healing: boolean;
  now: Date;
}): Retry {
  const count = last?.revision === revision ? last.count + 1 : 1;
  const pause = count === 1 ? 0 : Math.min(2 ** (count - 2) * minute, longestPause);
  return { revision, count, notBefore: formatTime(now.getTime() + pause), healing };
}

/** Whether a look leaves alone what failed. Only the schedule's looks do: whoever asks for a look wants a try. */
export function isResting({
  retry,
  revision,
  cause,
  now,
}: {
  retry: Retry | undefined;
  revision: string;
  cause: string;
  now: Date;
}): boolean {
  return (
    cause === 'schedule' &&
    retry !== undefined &&
    retry.revision === revision &&
    now.getTime() < parseTime(retry.notBefore)
  );
}
