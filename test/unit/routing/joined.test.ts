import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beginGroup,
  countsOf,
  gatherFor,
  isOver,
  showAt,
  withShown,
  withState,
  type CauseGroup,
} from '../../../shared/routing/joined.ts';

interface Step {
  readonly at: number;
  readonly incident: string;
  readonly state: 'open' | 'ended';
}
interface Shown {
  readonly at: number;
  readonly open: number;
  readonly ended: number;
}

/** What a sink is shown of one cause, by a clock that stops whenever something is due, until nothing is. */
function play(steps: readonly Step[], { canUpdate }: { canUpdate: boolean }): Shown[] {
  const shown: Shown[] = [];
  let group: CauseGroup | undefined;
  const showUntil = (time: number): void => {
    while (group !== undefined) {
      const due = showAt({ group, canUpdate });
      if (due === undefined || due > time) break;
      const at = Math.max(due, shown.at(-1)?.at ?? 0, lastStep);
      shown.push({ at, ...countsOf(group) });
      group = withShown(group, at);
    }
    if (group !== undefined && isOver(group)) group = undefined;
  };
  let lastStep = 0;
  for (const { at, incident, state } of steps) {
    showUntil(at);
    lastStep = at;
    if (group !== undefined) group = withState(group, { incident, state });
    else if (state === 'open') group = beginGroup(incident);
    showUntil(at);
  }
  showUntil(Infinity);
  return shown;
}

const opened = (count: number, at: (index: number) => number): Step[] =>
  Array.from({ length: count }, (_, index) => ({ at: at(index), incident: `i${index}`, state: 'open' as const }));

describe.each([true, false])('what comes of one cause, to a sink that can update: %s,', (canUpdate) => {
  it('is two messages for a thousand environments that fail within two minutes', () => {
    const steps = opened(1_000, (index) => index * 100);
    expect(play(steps, { canUpdate })).toEqual([
      { at: 0, open: 1, ended: 0 },
      { at: gatherFor, open: 1_000, ended: 0 },
    ]);
  });

  it('is told at once where there is one, and its end at once', () => {
    const steps: Step[] = [
      { at: 0, incident: 'a', state: 'open' },
      { at: 5_000, incident: 'a', state: 'ended' },
    ];
    expect(play(steps, { canUpdate })).toEqual([
      { at: 0, open: 1, ended: 0 },
      { at: 5_000, open: 0, ended: 1 },
    ]);
  });

  it('is told once more where it begins anew after its end', () => {
    const steps: Step[] = [
      { at: 0, incident: 'a', state: 'open' },
      { at: 5_000, incident: 'a', state: 'ended' },
      { at: 6_000, incident: 'b', state: 'open' },
    ];
    expect(play(steps, { canUpdate }).at(-1)).toEqual({ at: 6_000, open: 1, ended: 0 });
  });

  it('is never told later than two minutes, never more often, and its end always, whatever the order', () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 300_000 }),
      incident: fc.constantFrom('a', 'b', 'c', 'd'),
      state: fc.constantFrom('open' as const, 'ended' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (drawn) => {
        let at = 0;
        const steps = drawn.map(({ after, incident, state }) => ({ at: (at += after), incident, state }));
        const shown = play(steps, { canUpdate });
        const last = new Map<string, Step['state']>();
        for (const { incident, state } of steps) last.set(incident, state);
        const isOpen = [...last.values()].includes('open');
        // The last word is true of whether anything is open.
        expect((shown.at(-1)?.open ?? 0) > 0).toBe(isOpen);
        for (const [index, { at: time, open }] of shown.entries()) {
          const before = shown[index - 1];
          if (before === undefined || before.open === 0 || open === 0) continue;
          expect(time - before.at).toBeGreaterThanOrEqual(gatherFor);
        }
        // An end follows something open, and nothing follows an end but a beginning.
        for (const [index, { open }] of shown.entries()) {
          if (open === 0) expect(shown[index - 1]?.open ?? 0).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an end', () => {
  it('of what never opened there says nothing', () => {
    const group = beginGroup('a');
    expect(withState(group, { incident: 'b', state: 'ended' })).toBe(group);
  });

  it('that comes before anything was shown leaves nothing to show', () => {
    const group = withState(beginGroup('a'), { incident: 'a', state: 'ended' });
    expect(showAt({ group, canUpdate: true })).toBeUndefined();
    expect(isOver(group)).toBe(true);
  });
});

it('a sink that can update is shown a count that shrinks, another only the end', () => {
  const steps: Step[] = [
    ...opened(3, () => 0),
    { at: 300_000, incident: 'i0', state: 'ended' },
    { at: 700_000, incident: 'i1', state: 'ended' },
    { at: 900_000, incident: 'i2', state: 'ended' },
  ];
  const counts = (canUpdate: boolean) => play(steps, { canUpdate }).map(({ open }) => open);
  expect(counts(true)).toEqual([1, 3, 2, 1, 0]);
  expect(counts(false)).toEqual([1, 3, 0]);
});
