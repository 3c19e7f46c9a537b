import { z } from 'zod';
import { isTime, parseTime } from '../../base/time.ts';
import { durationPattern, parseDuration } from '../../environment/duration.ts';

export const sinceWords = 'how long ago, as digits with ms, s, m, h or d (`1h30m`), or a time in UTC (ISO 8601)';

export const sinceSchema = z
  .string()
  .refine((text) => isTime(text) || durationPattern.test(text), 'is no duration, like 1h30m, and no time in UTC')
  .refine((text) => isTime(text) || parseDuration(text) < 8.64e15 / 4, 'is before all time');

/** The time that such a text names. */
export function sinceOf(since: string, now: Date): Date {
  return isTime(since) ? new Date(parseTime(since)) : new Date(now.getTime() - parseDuration(since));
}
