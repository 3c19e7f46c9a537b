import { z } from 'zod';
import { severities, type Severity } from './selector.ts';

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
type Day = (typeof days)[number];

const minute = 60_000;
const minutesOfDay = 24 * 60;

const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'expected a time of the day like 07:30')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const zone = z.string().refine(isZone, 'is no time zone, such as Europe/Berlin');

/**
 * When a sink is left alone, on the clocks of a zone: what is told then waits until they are over. `to` at or before
 * `from` is of the next day.
 */
export const quietHoursSchema = z
  .strictObject({
    from: timeOfDay,
    to: timeOfDay,
    /** Of the IANA's database. */
    zone,
    /** On which they begin. */
    days: z
      .array(z.enum(days))
      .min(1)
      .default([...days]),
    /** What is told all the same. */
    except: z.array(z.enum(severities)).default(['critical']),
  })
  .refine(({ from, to }) => from !== to, {
    path: ['to'],
    error: 'is when they begin: for whole days write from "00:00" to "24:00"',
  });
export type QuietHours = z.infer<typeof quietHoursSchema>;

/** The longest that quiet hours may last, one after the other: every day of the week, and a little. */
const longest = 8 * minutesOfDay;

/**
 * Until when an alert waits, in milliseconds since 1970 and by whole minutes; undefined: it does not. Where the clocks
 * are put on or back, the hours are those that the clocks show.
 *
 * @param now milliseconds since 1970
 */
export function quietUntil({
  quietHours,
  severity,
  now,
}: {
  quietHours: readonly QuietHours[];
  severity: Severity;
  now: number;
}): number | undefined {
  const isQuiet = heeded({ quietHours, severity });
  const begun = Math.floor(now / minute) * minute;
  for (let passed = 0; passed <= longest; passed++) {
    const time = begun + passed * minute;
    if (!isQuiet(time)) return passed === 0 ? undefined : time;
  }
  return begun + longest * minute;
}

/** Whether an alert waits, which costs a thousandth of asking until when. */
export function isQuietAt({
  now,
  ...of
}: {
  quietHours: readonly QuietHours[];
  severity: Severity;
  now: number;
}): boolean {
  return heeded(of)(now);
}

function heeded({
  quietHours,
  severity,
}: {
  quietHours: readonly QuietHours[];
  severity: Severity;
}): (time: number) => boolean {
  const clocks = quietHours.filter(({ except }) => !except.includes(severity)).map(onClock);
  return (time) => clocks.some((isQuiet) => isQuiet(time));
}

function onClock({ from, to, zone, days: begins }: QuietHours): (time: number) => boolean {
  const read = clockOf(zone);
  return (time) => {
    const { day, minutes } = read(time);
    if (from < to) return begins.includes(day) && minutes >= from && minutes < to;
    return (minutes >= from && begins.includes(day)) || (minutes < to && begins.includes(dayBefore(day)));
  };
}

function dayBefore(day: Day): Day {
  return days[(days.indexOf(day) + 6) % 7] ?? day;
}

function clockOf(zone: string): (time: number) => { day: Day; minutes: number } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (time) => {
    const said = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const name = said.get('weekday')?.toLowerCase();
    return {
      day: days.find((day) => day === name) ?? 'mon',
      minutes: Number(said.get('hour')) * 60 + Number(said.get('minute')),
    };
  };
}

function isZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
