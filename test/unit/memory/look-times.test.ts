import { describe, expect, it } from 'vitest';
import {
  afterLook,
  decodeLookTimes,
  encodeLookTimes,
  newestLooks,
  type LookTimes,
} from '../../../shared/memory/look-times.ts';

const at = (time: string): Date => new Date(`2026-11-21T${time}Z`);
const text = (time: string): string => at(time).toISOString();
const written = ({ storage, own, ...environments }: { storage: string; own: string } & Record<string, unknown>) => {
  const looks = decodeLookTimes({ version: 1, at: text(own), environments: environments['of'] });
  if (looks === undefined) throw new Error('unexpected');
  return { looks, writtenAt: at(storage) };
};

describe('what an instance knows of its looks at an environment', () => {
  it('is when the last one began, and when the last one began that came to an end', () => {
    const first = afterLook({ known: undefined, at: at('01:00:00'), ended: false });
    expect(first).toEqual({ checkedAt: null, attemptedAt: text('01:00:00') });
    const second = afterLook({ known: first, at: at('01:05:00'), ended: true });
    expect(second).toEqual({ checkedAt: text('01:05:00'), attemptedAt: text('01:05:00') });
    const third = afterLook({ known: second, at: at('01:10:00'), ended: false });
    expect(third).toEqual({ checkedAt: text('01:05:00'), attemptedAt: text('01:10:00') });
  });

  it('is no older for a look that took longer than a later one', () => {
    const known = afterLook({ known: undefined, at: at('01:05:00'), ended: true });
    expect(afterLook({ known, at: at('01:00:00'), ended: true })).toEqual(known);
  });

  it('is written and read again', () => {
    const looks = new Map([
      ['acme', { checkedAt: text('01:00:00'), attemptedAt: text('01:01:00') }],
      ['globex', { checkedAt: null, attemptedAt: text('01:02:00') }],
    ]);
    const value: unknown = JSON.parse(JSON.stringify(encodeLookTimes({ looks, at: at('01:03:00') })));
    const read = decodeLookTimes(value);
    if (read === undefined) throw new Error('unexpected');
    expect(newestLooks([{ looks: read, writtenAt: at('01:03:00') }])).toEqual(looks);
  });
});

describe('looks that fail', () => {
  const failed = {
    code: 'ClusterUnavailable',
    subject: 'cluster sandbox',
    problem: 'GET /api got no answer in 3 tries',
  };
  const look = (known: LookTimes | undefined, time: string, by?: typeof failed) =>
    afterLook({ known, at: at(time), ended: by === undefined, failed: by });

  it('say why the last did, and since when, until one comes to its end', () => {
    const first = look(look(undefined, '01:00:00'), '01:05:00', failed);
    expect(first.failing).toEqual({ ...failed, since: text('01:05:00') });
    const other = { ...failed, problem: 'GET /apis got no answer in 3 tries' };
    const second = look(first, '01:10:00', other);
    expect(second).toEqual({
      ...{ checkedAt: text('01:00:00'), attemptedAt: text('01:10:00') },
      failing: { ...other, since: text('01:05:00') },
    });
    const unforeseen = afterLook({ known: second, at: at('01:11:00'), ended: false });
    expect(unforeseen.failing).toEqual(second.failing);
    expect(look(unforeseen, '01:15:00')).not.toHaveProperty('failing');
  });

  it('say nothing where they began before the last that came to its end', () => {
    expect(look(look(undefined, '01:05:00'), '01:00:00', failed)).not.toHaveProperty('failing');
  });

  it('keep no more of the problem than can be read', () => {
    const long = look(undefined, '01:00:00', { ...failed, problem: 'x'.repeat(5000) });
    expect(long.failing?.problem).toBe(`${'x'.repeat(300)}…`);
  });

  it('are written and read again, and began when the first instance met it since the last that came to its end', () => {
    const failing = (since: string) => ({ ...failed, since: text(since) });
    const one = { acme: { checkedAt: text('00:50:00'), attemptedAt: text('01:00:00'), failing: failing('00:55:00') } };
    const other = {
      acme: { checkedAt: text('00:52:00'), attemptedAt: text('01:05:00'), failing: failing('01:05:00') },
    };
    const long = { acme: { attemptedAt: text('00:51:00'), failing: failing('00:30:00') } };
    const files = [one, other, long].map((of) => written({ storage: '01:06:00', own: '01:06:00', of }));
    const newest = {
      ...{ checkedAt: text('00:52:00'), attemptedAt: text('01:05:00') },
      failing: failing('00:55:00'),
    };
    expect(newestLooks(files).get('acme')).toEqual(newest);
    const looks = newestLooks(files);
    const read = decodeLookTimes(JSON.parse(JSON.stringify(encodeLookTimes({ looks, at: at('01:06:00') }))));
    if (read === undefined) throw new Error('unexpected');
    expect(newestLooks([{ looks: read, writtenAt: at('01:06:00') }])).toEqual(looks);
  });

  it('are over once any instance has looked', () => {
    const one = { acme: { attemptedAt: text('01:00:00'), failing: { ...failed, since: text('00:55:00') } } };
    const other = { acme: { checkedAt: text('01:01:00'), attemptedAt: text('01:01:00') } };
    const files = [one, other].map((of) => written({ storage: '01:06:00', own: '01:06:00', of }));
    expect(newestLooks(files).get('acme')).toEqual({ checkedAt: text('01:01:00'), attemptedAt: text('01:01:00') });
  });
});

describe('when an environment was looked at last', () => {
  it('is the newest that any instance knows, each time by itself', () => {
    const of = { acme: { checkedAt: text('01:05:00'), attemptedAt: text('01:05:00') } };
    const failed = { acme: { checkedAt: text('01:00:00'), attemptedAt: text('01:10:00') } };
    const one = written({ storage: '01:05:01', own: '01:05:01', of });
    const other = written({ storage: '01:10:01', own: '01:10:01', of: failed });
    const newest = new Map([['acme', { checkedAt: text('01:05:00'), attemptedAt: text('01:10:00') }]]);
    expect(newestLooks([one, other])).toEqual(newest);
    expect(newestLooks([other, one])).toEqual(newest);
  });

  it.each([
    ['ahead of', '01:45:07'],
    ['behind', '00:15:07'],
  ])('is by the clock of Storage, where that of the instance is %s it', (_what, own) => {
    const looked = new Date(at(own).getTime() - 6_400).toISOString();
    const of = { acme: { checkedAt: looked, attemptedAt: looked } };
    const newest = newestLooks([written({ storage: '01:00:07', own, of })]);
    // 01:00:00.600, in whole seconds.
    expect(newest.get('acme')).toEqual({ checkedAt: text('01:00:00'), attemptedAt: text('01:00:00') });
  });
});

describe('an object of looks', () => {
  it.each([
    null,
    [],
    {},
    { version: 2, at: text('01:00:00'), environments: {} },
    { version: 1, at: 'yesterday', environments: {} },
    { version: 1, at: text('01:00:00'), environments: { acme: {} } },
    { version: 1, at: text('01:00:00'), environments: { acme: { attemptedAt: 'never' } } },
  ])('that is %j tells of none', (value) => {
    expect(decodeLookTimes(value)).toBeUndefined();
  });
});
