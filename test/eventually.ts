import { setTimeout as sleep } from 'node:timers/promises';
import { eventSeconds } from './guards.ts';

/**
 * Waits until a probe gives a value; the error says what was waited for, and `found`, what there was instead. Rejects at
 * once with what the probe rejects with.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { pauseMilliseconds = 50, found }: { pauseMilliseconds?: number; found?: () => string } = {},
): Promise<T> {
  const deadline = Date.now() + eventSeconds * 1000;
  while (true) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) {
      const instead = found === undefined ? '' : `; there was ${found()}`;
      throw new Error(`waited ${eventSeconds} s in vain until ${what}${instead}`);
    }
    await sleep(pauseMilliseconds);
  }
}
