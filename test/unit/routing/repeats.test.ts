import { expect, it } from 'vitest';
import { repeatAt, usualRepeat } from '../../../shared/routing/repeats.ts';

const hour = 3_600_000;
const told = { toldAt: 0, repeats: 0, first: usualRepeat, acknowledgedUntil: undefined };

it('what is open is told again after four hours, and then after twice as long each time, a week at most', () => {
  expect([0, 1, 2, 3, 6, 40].map((repeats) => (repeatAt({ ...told, repeats }) ?? 0) / hour)).toEqual([
    4, 8, 16, 32, 168, 168,
  ]);
});

it('what somebody acknowledged is told again no sooner than they said', () => {
  expect(repeatAt({ ...told, acknowledgedUntil: 24 * hour })).toBe(24 * hour);
  expect(repeatAt({ ...told, acknowledgedUntil: hour })).toBe(4 * hour);
  expect(repeatAt({ ...told, acknowledgedUntil: Infinity })).toBeUndefined();
});

it('a sink that is never told twice hears of nothing again', () => {
  expect(repeatAt({ ...told, first: undefined })).toBeUndefined();
});
