/**
 * Milliseconds since 1970 of an ISO 8601 time; NaN for anything else. The domain reads no clock: times are passed in.
 */
export function parseTime(text: string): number {
  return Date.parse(text);
}

/** ISO 8601, in UTC, of milliseconds since 1970. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
