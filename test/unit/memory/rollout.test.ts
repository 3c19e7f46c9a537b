import { describe, expect, it } from 'vitest';
import { beginRollout, endRollout, isOver, nextStep, rolloutOf } from '../../../shared/memory/rollout.ts';

const start = new Date('2026-11-21T01:00:00Z');
const at = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const timeout = 300_000;
const rollout = beginRollout({ revision: 'main@sha1:a', now: start, timeout });

describe('a roll-out', () => {
  it('lasts as long as the timeout of its environment', () => {
    expect(rollout).toEqual({
      revision: 'main@sha1:a',
      since: '2026-11-21T01:00:00.000Z',
      until: '2026-11-21T01:05:00.000Z',
    });
    expect([isOver({ rollout, now: at(299) }), isOver({ rollout, now: at(300) })]).toEqual([false, true]);
  });

  it('that failed before its time is over, and one that is over stays as it was', () => {
    const failed = endRollout({ rollout, now: at(10) });
    expect(failed).toMatchObject({ since: rollout.since, until: at(10).toISOString() });
    expect(endRollout({ rollout: failed, now: at(20) })).toBe(failed);
  });

  const facts = {
    last: rollout,
    revision: 'main@sha1:b',
    commits: false,
    heals: false,
    sameInputs: false,
    now: at(60),
    timeout,
  };
  const fresh = beginRollout({ revision: 'main@sha1:b', now: at(60), timeout });
  it.each([
    ['a commit that changes objects begins one', { commits: true }, fresh],
    [
      'also at the same revision: what a killed run did not apply',
      { commits: true, revision: 'main@sha1:a' },
      beginRollout({ ...rollout, now: at(60), timeout }),
    ],
    ['other inputs begin one though no object changes', {}, fresh],
    ['a commit beside the environment goes on with the last', { sameInputs: true }, rollout],
    ['a look at the same revision goes on with the last', { revision: 'main@sha1:a' }, rollout],
    ['what is healed goes on with the last while that lasts', { heals: true, sameInputs: true }, rollout],
    [
      'what is healed when that is over has its own time',
      { heals: true, sameInputs: true, last: endRollout({ rollout, now: at(10) }) },
      fresh,
    ],
    ['nothing begins one where nothing is rolled out', { last: undefined }, undefined],
  ])('%s', (_what, changed, expected) => {
    expect(rolloutOf({ ...facts, ...changed })).toEqual(expected);
  });
});

describe('a run that finds something not healthy', () => {
  const look = { rollout, failingSince: undefined, waitUntil: at(30), now: at(10) };
  it.each([
    ['looks again while it may wait', {}, 'look again'],
    ['leaves the waiting to another run then', { now: at(30) }, 'checkpoint'],
    ['looks again at what began to fail', { failingSince: at(6) }, 'look again'],
    ['gives up what fails steadily', { failingSince: at(5) }, 'failed'],
    ['stays a moment longer to see whether it does', { failingSince: at(28), now: at(32) }, 'look again'],
    ['gives it up then', { failingSince: at(28), now: at(33) }, 'failed'],
    ['and stays no longer where others fail in turn', { failingSince: at(34), now: at(35) }, 'checkpoint'],
    ['waits no more when the roll-out is over', { rollout: endRollout({ rollout, now: at(10) }) }, 'failed'],
    ['judges by the timeout before anything else', { now: at(300) }, 'failed'],
  ])('%s', (_what, changed, expected) => {
    expect(nextStep({ ...look, ...changed })).toBe(expected);
  });
});
