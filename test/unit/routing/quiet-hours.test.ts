import { describe, expect, it, vi } from 'vitest';
import { causeDue } from '../../../shared/notices/held-alert.ts';
import { quietHoursSchema, quietUntil } from '../../../shared/routing/quiet-hours.ts';
import type { Severity } from '../../../shared/routing/selector.ts';

const until = (said: readonly object[], at: string, severity: Severity = 'error'): string | undefined => {
  const quietHours = said.map((one) => quietHoursSchema.parse(one));
  const time = quietUntil({ quietHours, severity, now: Date.parse(at) });
  return time === undefined ? undefined : new Date(time).toISOString();
};
const nights = { from: '22:00', to: '07:00', zone: 'Europe/Berlin' };
const weekend = { from: '00:00', to: '24:00', zone: 'Europe/Berlin', days: ['sat', 'sun'] };

describe('quiet hours', () => {
  it('are over at their end on the clocks of their zone', () => {
    // In winter Berlin is an hour ahead of UTC.
    expect(until([nights], '2026-11-27T21:30:00Z')).toBe('2026-11-28T06:00:00.000Z');
    expect(until([nights], '2026-11-27T20:59:59Z')).toBeUndefined();
    expect(until([nights], '2026-11-27T21:00:00Z')).toBe('2026-11-28T06:00:00.000Z');
    expect(until([nights], '2026-11-28T05:59:59.999Z')).toBe('2026-11-28T06:00:00.000Z');
    expect(until([nights], '2026-11-28T06:00:00Z')).toBeUndefined();
  });

  it('of a day last until midnight, and those of the next go on with them', () => {
    // Saturday morning, until Monday.
    expect(until([weekend], '2026-11-28T08:00:00Z')).toBe('2026-11-29T23:00:00.000Z');
    expect(until([weekend, nights], '2026-11-28T08:00:00Z')).toBe('2026-11-30T06:00:00.000Z');
    expect(until([weekend], '2026-11-27T08:00:00Z')).toBeUndefined();
  });

  it('cost one reading of a clock for each that is asked about now, however long they last', () => {
    const read = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
    const quietHours = [quietHoursSchema.parse({ from: '00:00', to: '24:00', zone: 'Europe/Berlin' })];
    const now = Date.parse('2026-11-28T08:00:00Z');
    const rules = { joins: true, canUpdate: true, quietHours, repeat: undefined };
    const incident = { key: 'a', path: '', generation: '', cause: 'c', id: 'i', since: null, about: '' } as const;
    const incidents = [{ ...incident, state: 'open', severity: 'error' }] as const;
    expect(causeDue({ head: undefined, incidents }, { rules, now })).toBeUndefined();
    expect(read).toHaveBeenCalledTimes(1);
    read.mockRestore();
  });

  it('of a night are those of the day on which they begin', () => {
    const fridays = { ...nights, days: ['fri'] };
    expect(until([fridays], '2026-11-28T03:00:00Z')).toBe('2026-11-28T06:00:00.000Z');
    expect(until([fridays], '2026-11-28T22:00:00Z')).toBeUndefined();
    expect(until([{ ...nights, days: ['sun'] }], '2026-11-30T03:00:00Z')).toBe('2026-11-30T06:00:00.000Z');
  });

  it('last an hour less or more where the clocks are put on or back', () => {
    expect(until([nights], '2026-03-28T21:00:00Z')).toBe('2026-03-29T05:00:00.000Z');
    expect(until([nights], '2026-10-24T20:00:00Z')).toBe('2026-10-25T06:00:00.000Z');
    // An hour that the clocks leave out begins and ends at once.
    const skipped = { from: '02:00', to: '03:00', zone: 'Europe/Berlin' };
    expect(until([skipped], '2026-03-29T01:00:00Z')).toBeUndefined();
  });

  it('know zones that are off by parts of an hour', () => {
    const kathmandu = { from: '09:00', to: '10:00', zone: 'Asia/Kathmandu' };
    expect(until([kathmandu], '2026-11-27T03:15:00Z')).toBe('2026-11-27T04:15:00.000Z');
    expect(until([kathmandu], '2026-11-27T03:14:00Z')).toBeUndefined();
  });

  it('let through what is critical, or whatever else they say', () => {
    expect(until([nights], '2026-11-27T22:00:00Z', 'critical')).toBeUndefined();
    expect(until([{ ...nights, except: [] }], '2026-11-27T22:00:00Z', 'critical')).toBe('2026-11-28T06:00:00.000Z');
    expect(until([{ ...nights, except: ['critical', 'error'] }], '2026-11-27T22:00:00Z')).toBeUndefined();
  });

  it('that never end hold an alert for eight days at most', () => {
    expect(until([{ from: '00:00', to: '24:00', zone: 'UTC' }], '2026-11-27T12:00:00Z')).toBe(
      '2026-12-05T12:00:00.000Z',
    );
  });

  it.each([
    [{ ...nights, zone: 'Europe/Atlantis' }, ['zone'], 'is no time zone, such as Europe/Berlin'],
    [{ ...nights, zone: '' }, ['zone'], 'is no time zone, such as Europe/Berlin'],
    [{ ...nights, from: '7:00' }, ['from'], 'expected a time of the day like 07:30'],
    [{ ...nights, to: '24:30' }, ['to'], 'expected a time of the day like 07:30'],
    [{ ...nights, to: '22:00' }, ['to'], 'is when they begin: for whole days write from "00:00" to "24:00"'],
  ])('that say %j are refused', (said, path, message) => {
    expect(quietHoursSchema.safeParse(said).error?.issues).toMatchObject([{ path, message }]);
  });
});
