import { shortened } from '../base/shortened.ts';
/** Characters of one value, and of one sentence, in a report: alerts and Git have the rest. */
const longestValue = 160;
const longestSentence = 400;

/** A text that is too long is cut, and says how long it is. */
export function cut(text: string, longest: number): string {
  return shortened(text, longest);
}

export function sentence(text: string): string {
  return cut(text, longestSentence);
}

/** A value of a field, as text: null where there is none. */
export function valueText(value: unknown): string | null {
  if (value === undefined) return null;
  return cut(typeof value === 'string' ? value : JSON.stringify(value), longestValue);
}

/** `3 d 4 h`, of seconds: the two largest units that are not zero. */
export function durationText(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ] as const;
  let rest = Math.round(seconds);
  if (rest < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : rest} s`;
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  if (rest > 0) parts.push(`${rest} s`);
  return parts.slice(0, 2).join(' ');
}

/** `2026-11-21 01:02 UTC`, of an ISO 8601 time. */
export function timeText(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

/**
 * Text that others wrote, on one line and without what commands a terminal, turns the direction of letters or is not
 * seen.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
