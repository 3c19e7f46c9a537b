/**
 * Milliseconds since 1970 of an ISO 8601 time; NaN for anything else. The domain reads no clock: times are passed in.
 */
export function parseTime(text: string): number {
  return Date.parse(text);
}

const written = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

/** Whether a text is a time as we write it: ISO 8601, in UTC, of a year of four digits. */
export function isTime(text: string): boolean {
  return written.test(text) && !Number.isNaN(parseTime(text));
}

/** How a person writes a time with its zone, ISO 8601: `2026-11-30T06:00Z`, `2026-11-30T07:00:00+01:00`. */
export const zonedTimePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/** What to say where it is not one. */
export const zonedTimeExpected = 'expected a time with its zone like 2026-11-30T06:00:00Z';

/** Whether a text is such a time, and one that there is: the 30th of February is none. */
export function isZonedTime(text: string): boolean {
  if (!zonedTimePattern.test(text) || Number.isNaN(parseTime(text))) return false;
  const day = text.slice(0, 10);
  return formatTime(parseTime(`${day}T00:00:00Z`)).startsWith(day);
}

/** ISO 8601, in UTC, of milliseconds since 1970. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** When something happened that was written down, as ISO 8601: no later than that. */
export function noLaterThan(writtenAt: Date, time: string): string {
  return parseTime(time) <= writtenAt.getTime() ? time : writtenAt.toISOString();
}
