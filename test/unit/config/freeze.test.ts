import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import { freezeAt, freezeSchema, freezeWindowSchema, freezeWindowsSchema } from '../../../shared/config/freeze.ts';
import { lastDue, parseCron } from '../../../shared/config/cron.ts';
import { frozenBy, frozenWords } from '../../../shared/environment/frozen.ts';
import { parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { environment } from '../pipeline/reconcile/runs/files.ts';

type Written = Readonly<Record<'cron' | 'length', string> & Partial<Record<'zone' | 'name' | 'reason', string>>>;

function untilOf(written: readonly Written[], now: string): string | undefined {
  const windows = written.map((one, index) => freezeWindowSchema.parse({ name: `w${index}`, ...one }));
  const open = freezeAt({ windows, now: Date.parse(now) });
  return open === undefined ? undefined : `${open.window.name} ${new Date(open.until).toISOString()}`;
}

const nightly: Written = { cron: '30 2 * * *', length: '2h', zone: 'Europe/Berlin' };

describe('a freeze', () => {
  it.each([
    ['a moment before it begins', '2026-11-20T01:29:59.999Z', undefined],
    ['at its first moment', '2026-11-20T01:30:00.000Z', 'w0 2026-11-20T03:30:00.000Z'],
    ['at its last', '2026-11-20T03:29:59.999Z', 'w0 2026-11-20T03:30:00.000Z'],
    ['at its end', '2026-11-20T03:30:00.000Z', undefined],
    ['in summer', '2026-07-20T00:30:00.000Z', 'w0 2026-07-20T02:30:00.000Z'],
    // 02:30 is not on the clocks, which go from 02:00 to 03:00.
    ['on the night whose clocks leave its begin out, before', '2026-03-29T00:59:59.999Z', undefined],
    ['on the night whose clocks leave its begin out', '2026-03-29T01:00:00.000Z', 'w0 2026-03-29T03:00:00.000Z'],
    ['on that night, at its end', '2026-03-29T03:00:00.000Z', undefined],
    // 02:30 is twice on the clocks: at 00:30 and 01:30 by UTC.
    ['on the night whose clocks show its begin twice', '2026-10-25T00:30:00.000Z', 'w0 2026-10-25T02:30:00.000Z'],
    ['on that night, the second time', '2026-10-25T01:30:00.000Z', 'w0 2026-10-25T02:30:00.000Z'],
    ['on that night, at its end', '2026-10-25T02:30:00.000Z', undefined],
  ])('%s', (_when, now, until) => {
    expect(untilOf([nightly], now)).toBe(until);
  });

  it.each<[string, readonly Written[], string, string | undefined]>([
    [
      'overlapping windows are one, until the last ends',
      [
        { cron: '0 20 * * *', length: '4h' },
        { cron: '0 22 * * *', length: '8h' },
      ],
      '2026-11-20T21:00:00Z',
      'w0 2026-11-21T06:00:00.000Z',
    ],
    [
      'of those that are open the one that ends last is named',
      [
        { cron: '0 20 * * *', length: '4h' },
        { cron: '0 22 * * *', length: '8h' },
      ],
      '2026-11-20T23:00:00Z',
      'w1 2026-11-21T06:00:00.000Z',
    ],
    [
      'one that begins when the other ends joins it',
      [
        { cron: '0 20 * * *', length: '4h' },
        { cron: '0 0 * * *', length: '1h' },
      ],
      '2026-11-20T21:00:00Z',
      'w0 2026-11-21T01:00:00.000Z',
    ],
    [
      'one that begins a minute later does not',
      [
        { cron: '0 20 * * *', length: '4h' },
        { cron: '1 0 * * *', length: '1h' },
      ],
      '2026-11-20T21:00:00Z',
      'w0 2026-11-21T00:00:00.000Z',
    ],
    [
      'one may last 31 days',
      [{ cron: '0 0 15 12 *', length: '31d' }],
      '2027-01-14T23:59:59Z',
      'w0 2027-01-15T00:00:00.000Z',
    ],
    ['and no longer', [{ cron: '0 0 15 12 *', length: '31d' }], '2027-01-15T00:00:00Z', undefined],
    ['none is there', [], '2027-01-15T00:00:00Z', undefined],
  ])('%s', (_what, windows, now, until) => {
    expect(untilOf(windows, now)).toBe(until);
  });

  it('that never ends is looked at for a while, and says until when', () => {
    const until = untilOf([{ cron: '0 0 * * *', length: '1d' }], '2026-11-20T12:00:00Z') ?? '';
    expect(Date.parse(until.slice(3))).toBeGreaterThan(Date.parse('2027-02-01T00:00:00Z'));
    const windows = freezeWindowsSchema.parse([{ name: 'w', cron: '0 0 * * *', length: '1d' }]);
    const open = freezeAt({ windows, now: Date.parse('2026-11-20T12:00:00Z') });
    expect(open?.endless).toBe(true);
    expect(open && frozenWords(frozenBy(open, { waits: null }))).toBe('frozen without an end in sight by w');
    const ending = freezeWindowsSchema.parse([{ name: 'w', cron: '0 0 * * *', length: '23h' }]);
    expect(freezeAt({ windows: ending, now: Date.parse('2026-11-20T12:00:00Z') })?.endless).toBe(false);
  });

  it('begins when a report would be due, but where the clocks leave that out', () => {
    const part = (from: number, to: number) =>
      fc.oneof(fc.constant('*'), fc.integer({ min: from, max: to }).map(String));
    const text = fc
      .tuple(
        fc.integer({ min: 0, max: 59 }),
        part(0, 23),
        fc.constantFrom('*', '*/2', '1-15', '5/10'),
        part(1, 12),
        part(0, 7),
      )
      .map((parts) => parts.join(' '));
    // A month without a change of the clocks.
    const time = fc.integer({ min: Date.parse('2026-11-02T00:00Z'), max: Date.parse('2026-12-30T00:00Z') });
    fc.assert(
      fc.property(text, time, (cron, now) => {
        const parsed = parseCron(cron);
        if (typeof parsed === 'string') return;
        const zone = 'America/New_York';
        const due = lastDue({ cron: parsed, zone, now });
        const windows = [freezeWindowSchema.parse({ name: 'w', cron, length: '1m', zone })];
        const minute = Math.floor(now / 60_000) * 60_000;
        expect(freezeAt({ windows, now }) !== undefined, cron).toBe(due === minute);
        if (due !== undefined) expect(freezeAt({ windows, now: due }), cron).toBeDefined();
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is no freeze', () => {
  it.each([
    [{ cron: '0 25 * * *' }, '25 is no hour (0 to 23)'],
    [{ cron: '0 0 31 2 *' }, '0 0 31 2 * is no day that ever comes'],
    [{ cron: '@daily' }, 'expected five fields'],
    [{ length: '32d' }, 'is longer than 31 days'],
    [{ length: '1h30m' }, 'expected digits with m, h or d, like 12h'],
    [{ length: '0h' }, 'expected digits with m, h or d, like 12h'],
    [{ zone: 'Berlin' }, 'is no time zone, such as Europe/Berlin'],
    [{ name: ' ' }, 'expected string to have >=1 characters'],
    [{ classes: [] }, 'expected array to have >=1 items'],
    [{ class: 'master' }, 'Unrecognized key: "class"'],
  ])('%j is refused', (more, message) => {
    const { error } = freezeSchema.safeParse([{ name: 'night', cron: '0 0 * * *', length: '1h', ...more }]);
    expect(error?.issues.map((issue) => issue.message).join()).toContain(message);
  });

  it('is named by file, line and key', () => {
    const text = environment('shop', ['freeze:', '  - { name: night, cron: "0 0 * * *", length: 90d }']);
    const parse = () => parseEnvironmentFile({ file: 'environments/shop.yaml', text });
    expect(parse).toThrow('environments/shop.yaml:9: spec.freeze.0.length: is longer than 31 days');
  });

  it('is a class that nobody runs', () => {
    const said = {
      ...{ project: 'p', state: { bucket: 's' }, clusters: {} },
      repositories: { master: { url: 'https://git.example.com/m.git', bucket: 'm' } },
      freeze: [{ name: 'night', cron: '0 0 * * *', length: '1h', classes: ['mastr'] }],
    };
    const { error } = configSchema.safeParse(said);
    expect(error?.issues).toMatchObject([
      { path: ['freeze', 0, 'classes', 0], message: 'is mastr, which is configured nowhere: there is master' },
    ]);
  });
});
