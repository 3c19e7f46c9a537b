import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDisturbances } from '../../chaos/faults.ts';
import { openTally } from '../../chaos/figures.ts';
import { isEnded, isHeld } from '../../chaos/held.ts';
import { describeFigures } from '../../chaos/report.ts';
import type { Round } from '../../chaos/round.ts';
import { planRound } from '../../chaos/plan.ts';
import { startWorldClock } from '../../chaos/world-clock.ts';

describe('the figures of rounds', () => {
  it('say in how many rounds a fault came, and of one round in no plural', () => {
    const figures: Round['figures'] = new Map([['storage: late', 3]]);
    const round: Round = { seed: 1, seconds: 4, violations: [], timeline: [], figures, ticks: 1 };
    expect(describeFigures([round])).toBe('storage: late       3  in 1 round\n1 of 1 round is good');
    expect(describeFigures([round, { ...round, figures: new Map() }])).toBe(
      'storage: late       3  in 1 round\n2 of 2 rounds are good',
    );
  });
});

describe('what a seed decides', () => {
  it('is the same each time, and another for another seed', () => {
    expect(planRound(7)).toEqual(planRound(7));
    expect(planRound(7)).not.toEqual(planRound(8));
  });

  it('comes in the order of time', () => {
    const times = planRound(7).steps.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('is what meets a request, by its ordinal and not by what is asked beside it', () => {
    const faults = (paths: readonly string[]) => {
      const disturbances = openDisturbances();
      const tally = openTally();
      disturbances.begin({ seed: 3, rates: { storage: 50, git: 50, kubernetes: 50 }, tally });
      return paths.map((path) => disturbances.faultOf('storage', { method: 'GET', path, body: Buffer.alloc(0) }));
    };
    const alone = faults(['/a', '/a', '/a', '/a']);
    const beside = faults(['/a', '/b?x=1', '/a', '/b', '/a', '/b', '/a']);
    expect(beside.filter((_, index) => index % 2 === 0)).toEqual(alone);
  });
});

describe('a lease', () => {
  it.each([
    [true, '{"holder":"i-1","event":"e","seconds":90}'],
    [true, '{"nonce":"n-1"}'],
    [true, ''],
    [true, '[]'],
    [false, '{"holder":null,"event":"e","seconds":90}'],
    [false, '{"holder":null,"nonce":"n-1","told":"12"}'],
    [false, '{"nonce":null}'],
  ])('is held: %s, by %s', (held, content) => {
    expect(isHeld(content)).toBe(held);
  });

  it.each([
    [true, '{"holder":"i-1","seconds":30}', '{"ended":"i-1"}'],
    [false, '{"holder":"i-1","seconds":30}', '{"ended":"i-2"}'],
    [false, '{"holder":"i-1","seconds":30}', '{}'],
    [false, '{"holder":"i-1","seconds":30}', undefined],
    [false, '{"seconds":30}', '{}'],
    [false, 'half', 'half'],
  ])('has ended: %s, of %s by %s', (ended, lease, endedBy) => {
    expect(isEnded(lease, endedBy)).toBe(ended);
  });
});

describe('the time of the world', () => {
  it('leaps for what is now, and not for what was before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'converge-clock-'));
    const clock = startWorldClock(join(folder, 'clock'));
    try {
      const before = Date.now() - 1;
      clock.leap(60_000);
      clock.leap(60_000);
      expect(clock.at(before)).toBe(before);
      expect(clock.at(Date.now() + 10)).toBeGreaterThan(Date.now() + 119_000);
      expect(readFileSync(clock.file).readDoubleLE()).toBe(120_000);
    } finally {
      clock.close();
      rmSync(folder, { recursive: true });
    }
  });
});
