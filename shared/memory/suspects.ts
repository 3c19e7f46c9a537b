import { parseTime } from '../base/time.ts';
import type { Memory } from './memory.ts';

/** Milliseconds for which a run that was ended, or a request without an answer, may still write: none lives longer. */
export const longestLife = 15 * 60_000;

/** Whether a run which was ended, or a request without an answer, may still write an object. */
export function isSuspect(suspects: Memory['suspects'], key: string): boolean {
  return suspects !== undefined && (key in suspects || '*' in suspects);
}

/** Whether an object may still come to be that nobody wants any more: a request to make it is late. */
export function mayComeLate({ lateUntil }: Pick<Memory, 'lateUntil'>, now: Date): boolean {
  return lateUntil !== undefined && parseTime(lateUntil) > now.getTime();
}
