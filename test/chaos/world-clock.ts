import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/**
 * The time of a round's world. It runs as ours does, and leaps: a minute passes for Storage, persons and every instance
 * at once, in no time. What waits for a lease or a pause to be over waits no longer, and what was frozen meanwhile finds
 * itself a minute late.
 */
export interface WorldClock {
  /** Instances read here how many milliseconds it is ahead of ours: a 64-bit float, little endian. */
  readonly file: string;
  now(): Date;
  /** What its time was at a moment of ours, in milliseconds since 1970. */
  at(ours: number): number;
  leap(milliseconds: number): void;
  close(): void;
}

export function startWorldClock(file: string): WorldClock {
  const opened = openSync(file, 'w');
  ftruncateSync(opened, 8);
  /** In the order of time: from when on it is ahead by how much. */
  const leaps: { since: number; ahead: number }[] = [];
  const at = (ours: number): number => ours + (leaps.findLast(({ since }) => since <= ours)?.ahead ?? 0);
  return {
    file,
    at,
    now: () => new Date(at(Date.now())),
    leap(milliseconds) {
      const ahead = (leaps.at(-1)?.ahead ?? 0) + milliseconds;
      leaps.push({ since: Date.now(), ahead });
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(ahead);
      writeSync(opened, bytes, 0, 8, 0);
    },
    close: () => closeSync(opened),
  };
}
