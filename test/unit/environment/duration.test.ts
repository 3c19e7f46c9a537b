import { describe, expect, it } from 'vitest';
import { durationPattern, parseDuration } from '../../../shared/environment/duration.ts';

describe('a duration', () => {
  it.each([
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
  ])('%s is %i ms', (text, milliseconds) => {
    expect(text).toMatch(durationPattern);
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '5', 'm', '5 m', '1.5h', '-5m', '5min', '5m ', 'P5M'])('is not %o', (text) => {
    expect(text).not.toMatch(durationPattern);
  });
});
