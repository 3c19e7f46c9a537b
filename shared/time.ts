/** Milliseconds since 1970 of an ISO 8601 time; NaN for anything else. The domain reads no clock: times are passed in. */
export function parseTime(text: string): number {
  return Date.parse(text);
}

/** The time so many milliseconds after another one, in ISO 8601. */
export function timeAfter({ time, milliseconds }: { time: Date; milliseconds: number }): string {
  return new Date(time.getTime() + milliseconds).toISOString();
}
