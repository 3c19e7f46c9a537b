import { describe, expect, it } from 'vitest';
import { isResting, nextRetry, type Retry } from '../../../shared/memory/retry.ts';

const now = new Date('2026-11-21T01:00:00Z');
const revision = 'main@sha1:a';

const tick = (number: number) => ({ event: `tick-${number}`, cause: 'schedule' });
const commit = { event: 'commit-1', cause: 'commit' };

function afterFailures(count: number): Retry {
  let last: Retry | undefined;
  for (let failure = 1; failure <= count; failure++)
    last = nextRetry({ last, revision, by: tick(failure), healing: true, now });
  if (last === undefined) throw new Error('nothing failed');
  return last;
}

describe('what failed', () => {
  it('is tried again at once, then after pauses that double up to half an hour', () => {
    const minutes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 2000].map(
      (count) => (Date.parse(afterFailures(count).notBefore) - now.getTime()) / 60_000,
    );
    expect(minutes).toEqual([0, 1, 2, 4, 8, 16, 30, 30, 30, 30]);
  });

  it('counts from one again at another revision', () => {
    expect(nextRetry({ last: afterFailures(5), revision: 'main@sha1:b', by: tick(6), healing: false, now })).toEqual({
      revision: 'main@sha1:b',
      count: 1,
      notBefore: now.toISOString(),
      healing: false,
    });
  });

  it('goes on counting, and rests, at another revision of the same inputs', () => {
    const last = afterFailures(5);
    const at = { revision: 'main@sha1:b', isSame: true };
    expect(nextRetry({ last, ...at, by: tick(6), healing: true, now })).toMatchObject({
      ...{ count: 6 },
      revision: at.revision,
    });
    const asked = { retry: last, cause: 'schedule', now };
    expect(isResting({ ...asked, ...at })).toBe(true);
    expect(isResting({ ...asked, revision: at.revision })).toBe(false);
  });

  const soon = new Date(now.getTime() + 30_000);
  const tried = nextRetry({ last: undefined, revision, by: commit, healing: true, now });
  const resting = nextRetry({ last: tried, revision, by: tick(1), healing: true, now });

  it('is not counted again for a message that comes again, and its pause grows no longer', () => {
    expect(resting).toMatchObject({ count: 2, tried: ['commit-1'] });
    for (const last of [tried, resting])
      expect(nextRetry({ last, revision, by: commit, healing: false, now: soon })).toEqual({ ...last, healing: false });
  });

  it('is counted for every other message, and at another revision for that one, too', () => {
    const request = { event: 'request-1', cause: 'request' };
    expect(nextRetry({ last: resting, revision, by: request, healing: true, now: soon })).toMatchObject({
      ...{ count: 3, tried: ['commit-1', 'request-1'] },
    });
    expect(nextRetry({ last: resting, revision: 'main@sha1:b', by: commit, healing: true, now: soon })).toMatchObject({
      count: 1,
      tried: ['commit-1'],
    });
  });

  it('is counted where the version before wrote down no messages', () => {
    const { tried: _, ...last } = resting;
    expect(nextRetry({ last, revision, by: commit, healing: true, now: soon })).toMatchObject({ count: 3 });
  });

  it('remembers the last ten messages', () => {
    let last: Retry | undefined;
    for (let n = 1; n <= 12; n++)
      last = nextRetry({ last, revision, by: { event: `request-${n}`, cause: 'request' }, healing: true, now });
    expect(last?.tried).toEqual(Array.from({ length: 10 }, (_, index) => `request-${index + 3}`));
  });

  const retry = afterFailures(2);
  it.each([
    ['the schedule, before its time', { retry, revision, cause: 'schedule', seconds: 59 }, true],
    ['the schedule, when it is time', { retry, revision, cause: 'schedule', seconds: 60 }, false],
    ['the schedule, at another revision', { retry, revision: 'main@sha1:b', cause: 'schedule', seconds: 0 }, false],
    ['a commit', { retry, revision, cause: 'commit', seconds: 0 }, false],
    ['a request', { retry, revision, cause: 'request', seconds: 0 }, false],
    ['a dependency', { retry, revision, cause: 'dependency', seconds: 0 }, false],
    ['the schedule, where nothing failed', { retry: undefined, revision, cause: 'schedule', seconds: 0 }, false],
  ])('rests for looks of the schedule only: %s', (_what, { seconds, ...look }, rests) => {
    expect(isResting({ ...look, now: new Date(now.getTime() + seconds * 1000) })).toBe(rests);
  });
});
