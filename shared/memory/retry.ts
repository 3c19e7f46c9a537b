import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';

/**
 * How often a revision has failed, or its inputs at later ones, and until when the schedule leaves it at that. `healing`: drift of what was applied
 * at this revision is healed meanwhile; nothing is applied where nothing could be rendered. `since`: when it first
 * failed with the inputs that it has. `tried`: the messages that tried it whatever the pause, the last ones.
 */
export const retrySchema = z.object({
  revision: z.string(),
  count: z.number().int().positive(),
  notBefore: z.string(),
  healing: z.boolean(),
  since: z.string().optional(),
  tried: z.array(z.string()).optional(),
});
export type Retry = z.infer<typeof retrySchema>;

const minute = 60_000;
/** Milliseconds. */
export const longestPause = 30 * minute;

const mostTried = 10;

/**
 * After one more failure: the first is tried again at the next look, the others after 1, 2, 4, 8, … 30 minutes. A message
 * that comes again counts as the try that it was, and moves no pause.
 *
 * @param by the message that tried it, and its cause
 * @param isSame whether the inputs are those of the last failure, at whatever revision
 */
export function nextRetry({
  last,
  revision,
  isSame = false,
  by,
  healing,
  now,
}: {
  last: Retry | undefined;
  revision: string;
  isSame?: boolean;
  by: { readonly event: string; readonly cause: string };
  healing: boolean;
  now: Date;
}): Retry {
  const before = isSame || last?.revision === revision ? last : undefined;
  const { tried = [] } = before ?? {};
  const messages = tried.length === 0 ? {} : { tried };
  if (before !== undefined && tried.includes(by.event))
    return { revision, count: before.count, notBefore: before.notBefore, healing, ...messages };
  const count = (before?.count ?? 0) + 1;
  const pause = count === 1 ? 0 : Math.min(2 ** (count - 2) * minute, longestPause);
  const next = { revision, count, notBefore: formatTime(now.getTime() + pause), healing };
  // The schedule's rest when they come again.
  return by.cause === 'schedule'
    ? { ...next, ...messages }
    : { ...next, tried: [...tried, by.event].slice(-mostTried) };
}

/** Whether a look leaves alone what failed. Only the schedule's looks do: whoever asks for a look wants a try. */
export function isResting({
  retry,
  revision,
  isSame = false,
  cause,
  now,
}: {
  retry: Retry | undefined;
  revision: string;
  /** Whether the inputs are those of the last failure, at whatever revision. */
  isSame?: boolean;
  cause: string;
  now: Date;
}): boolean {
  return (
    cause === 'schedule' &&
    retry !== undefined &&
    (isSame || retry.revision === revision) &&
    now.getTime() < parseTime(retry.notBefore)
  );
}
