import type { Memory } from './memory.ts';

/** Whether a run which was ended, or a request without an answer, may still write an object. */
export function isSuspect(suspects: Memory['suspects'], key: string): boolean {
  return suspects !== undefined && (key in suspects || '*' in suspects);
}
