import { describe, expect, it } from 'vitest';
import { isZone, lastDue, parseCron, type Cron } from '../../../shared/config/cron.ts';

function cronOf(text: string): Cron {
  const cron = parseCron(text);
  if (typeof cron === 'string') throw new Error(cron);
  return cron;
}

const dueAt = (text: string, now: string, zone = 'Etc/UTC'): string | undefined => {
  const due = lastDue({ cron: cronOf(text), zone, now: Date.parse(now) });
  return due === undefined ? undefined : new Date(due).toISOString();
};

describe('an hour that the clocks show twice', () => {
  it.each([
    // A Sunday, as each night on which clocks are put back: a report of the week, and not one of the hour after it.
    ['30 2 * * 0', '2026-10-25T03:00:00Z', '2026-10-25T00:30:00.000Z', 'Europe/Berlin'],
    ['30 2 * * *', '2026-10-25T01:29:00Z', '2026-10-25T00:30:00.000Z', 'Europe/Berlin'],
    ['45 1 * * *', '2026-04-04T16:00:00Z', '2026-04-04T14:45:00.000Z', 'Australia/Lord_Howe'],
    ['30 * * * *', '2026-10-25T01:31:00Z', '2026-10-25T01:30:00.000Z', 'Europe/Berlin'],
  ])('has what is due at %s due once, but what is due each hour', (text, now, due, zone) => {
    expect(dueAt(text, now, zone)).toBe(due);
  });
});

describe('a schedule', () => {
  it.each([
    ['0 6 * * *', '2026-11-22T06:00:00Z', '2026-11-22T06:00:00.000Z'],
    ['0 6 * * *', '2026-11-22T05:59:59Z', '2026-11-21T06:00:00.000Z'],
    ['0 6 * * MON', '2026-11-23T08:00:00Z', '2026-11-23T06:00:00.000Z'],
    ['0 6 * * 1', '2026-11-22T08:00:00Z', undefined],
    ['0 6 * * 7', '2026-11-22T08:00:00Z', '2026-11-22T06:00:00.000Z'],
    ['0 6 * * 1-5', '2026-11-20T08:00:00Z', '2026-11-20T06:00:00.000Z'],
    ['*/15 * * * *', '2026-11-22T06:44:00Z', '2026-11-22T06:30:00.000Z'],
    ['5/20 * * * *', '2026-11-22T06:44:00Z', '2026-11-22T06:25:00.000Z'],
    ['0 0 1 jan,Jul *', '2026-07-01T05:00:00Z', '2026-07-01T00:00:00.000Z'],
    // Either kind of days, where both are restricted.
    ['0 6 1 * 0', '2026-11-22T08:00:00Z', '2026-11-22T06:00:00.000Z'],
    ['0 6 1 * 0', '2026-12-01T08:00:00Z', '2026-12-01T06:00:00.000Z'],
  ])('%s is due last at %s: %s', (text, now, due) => {
    expect(dueAt(text, now)).toBe(due);
  });

  it('is by the clocks of its zone, in summer and in winter', () => {
    expect(dueAt('0 7 * * *', '2026-07-01T12:00:00Z', 'Europe/Berlin')).toBe('2026-07-01T05:00:00.000Z');
    expect(dueAt('0 7 * * *', '2026-12-01T12:00:00Z', 'Europe/Berlin')).toBe('2026-12-01T06:00:00.000Z');
  });

  it.each([
    ['every monday', 'expected five fields'],
    ['0 6 * *', 'expected five fields'],
    ['60 6 * * *', '60 is no minute (0 to 59)'],
    ['0 24 * * *', '24 is no hour (0 to 23)'],
    ['0 6 0 * *', '0 is no day of the month (1 to 31)'],
    ['0 6 * 13 *', '13 is no month (1 to 12)'],
    ['0 6 * * mo', 'mo is no day of the week (0 to 7)'],
    ['0 6 * * 5-1', '5-1 is no day of the week (0 to 7)'],
    ['*/0 * * * *', '*/0 is no minute (0 to 59)'],
    ['0, 6 * * *', 'nothing is no minute (0 to 59)'],
    ['* 6 * * L', 'L is no day of the week (0 to 7)'],
  ])('%s is none: %s', (text, says) => {
    expect(parseCron(text)).toContain(says);
  });
});

describe('a time zone', () => {
  it('is one that is known', () => {
    expect(['Europe/Berlin', 'Etc/UTC', 'UTC'].map(isZone)).toEqual([true, true, true]);
    expect(['', 'Europe/Berlim', 'Mars'].map(isZone)).toEqual([false, false, false]);
  });
});
