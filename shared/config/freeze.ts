import { Cron } from 'croner';
import { z } from 'zod';
import { formatTime } from '../base/time.ts';
import { isZone, parseCron } from './cron.ts';

const minute = 60_000;
const units = { m: minute, h: 60 * minute, d: 1_440 * minute } as const;
/** Milliseconds. */
const longest = 31 * units.d;

/** Which of the schedules may begin at no time at all, as the 31st of February, is known by this time on. */
const anyTime = '2000-01-01T00:00:00Z';

const length = z
  .string()
  .regex(/^[1-9]\d{0,8}[mhd]$/, 'expected digits with m, h or d, like 12h')
  .transform(
    (text) => Number(text.slice(0, -1)) * (text.endsWith('m') ? units.m : text.endsWith('h') ? units.h : units.d),
  )
  .refine((milliseconds) => milliseconds <= longest, 'is longer than 31 days');

const cron = z.string().superRefine((text, context) => {
  const parsed = parseCron(text);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
  else if (startsOf({ cron: text, zone: 'Etc/UTC' }).nextRun(anyTime) === null)
    context.addIssue({ code: 'custom', message: `${text} is no day that ever comes` });
});

/** A time in which nothing is applied, which comes again. */
export const freezeWindowSchema = z.strictObject({
  /** Is told, and stands for no file: any text that people know it by. */
  name: z.string().trim().min(1).max(60, 'expected 60 characters at most'),
  /** When it begins: five fields, as crontab has them. */
  cron,
  /** For how long, in milliseconds once it is read. */
  length,
  /** On whose clocks it begins. */
  zone: z.string().refine(isZone, 'is no time zone, such as Europe/Berlin').default('Etc/UTC'),
  /** Why, for people. */
  reason: z.string().trim().min(1).max(200, 'expected 200 characters at most').optional(),
});
export type FreezeWindow = z.output<typeof freezeWindowSchema>;

/** Each takes a search of its own at every look. */
const mostWindows = 50;

export const freezeWindowsSchema = z.array(freezeWindowSchema).max(mostWindows, `expected ${mostWindows} at most`);

/** A `*` stands for any text. */
const pattern = z.string().min(1);

/** Of the operator: with which environments it is of. All that is said must be so of one; absent: all. */
const configuredFreezeSchema = freezeWindowSchema.extend({
  classes: z.array(pattern).min(1).optional(),
  environments: z.array(pattern).min(1).optional(),
  /** Of the environment's file: each must be there, with that value. */
  labels: z.record(z.string().min(1), pattern).optional(),
});
export type ConfiguredFreeze = z.output<typeof configuredFreezeSchema>;

export const freezeSchema = z.array(configuredFreezeSchema).max(mostWindows, `expected ${mostWindows} at most`);

/** A window that is open, and until when nothing is applied: where others follow on it, until the last of them ends. */
export interface OpenFreeze {
  readonly window: FreezeWindow;
  /** Milliseconds since 1970; where they follow on each other without an end, of the last that was looked for. */
  readonly until: number;
  /** Whether yet another follows on the last that was looked for. */
  readonly endless: boolean;
}

/** So many windows that follow on each other are looked for. */
const mostJoined = 100;

/**
 * The freeze at a time: from the minute that a window begins to that in which its length is over, which is not of it any
 * more. Of the windows that are open, that is named which ends last. A begin that the clocks leave out when they are put
 * on is when they go on, and one that they show twice is the first of both.
 *
 * @param now milliseconds since 1970
 */
export function freezeAt({ windows, now }: { windows: readonly FreezeWindow[]; now: number }): OpenFreeze | undefined {
  const all = windows.map((window) => ({ window, starts: startsOf(window) }));
  const endingLast = (time: number): Omit<OpenFreeze, 'endless'> | undefined =>
    all
      .flatMap(({ window, starts }) => {
        const began = lastStart(starts, time);
        return began === undefined ? [] : [{ window, until: began + window.length }];
      })
      .filter(({ until }) => until > time)
      .toSorted((one, other) => other.until - one.until)[0];
  const open = endingLast(now);
  if (open === undefined) return undefined;
  let { until } = open;
  for (let joined = 0; joined < mostJoined; joined++) {
    const next = endingLast(until);
    if (next === undefined) return { window: open.window, until, endless: false };
    until = next.until;
  }
  return { window: open.window, until, endless: true };
}

/** Milliseconds since 1970 of the last begin that is no later than a time. */
function lastStart(starts: Cron, time: number): number | undefined {
  // What is searched begins a second earlier, and all begin with a minute.
  const [last] = starts.previousRuns(1, formatTime(Math.floor(time / minute) * minute + 1_000));
  return last?.getTime();
}

/** No function is called: nothing is scheduled, and no clock is read where the time is given. */
function startsOf({ cron: text, zone }: Pick<FreezeWindow, 'cron' | 'zone'>): Cron {
  const parsed = parseCron(text);
  return new Cron(text.trim(), {
    ...{ paused: true, timezone: zone, mode: '5-part', sloppyRanges: true, fixedTimeRule: 'no-wildcard' },
    domAndDow: typeof parsed === 'string' || !parsed.either,
  });
}
