import { describe, expect, it } from 'vitest';
import {
  confirmHeals,
  isFighting,
  judgeHeals,
  livingHeals,
  withoutHeals,
  type RememberedHeals,
} from '../../../shared/drift/fight.ts';
import type { ObjectDiff } from '../../../shared/drift/object-diff.ts';

const start = new Date('2026-11-21T01:00:00Z');
const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000);

function drifted(key: string, manager: string | undefined): { key: string; diff: ObjectDiff } {
  const fields = manager === undefined ? [] : [{ path: '/data/a', desired: '1', observed: '2', manager }];
  return {
    key,
    diff: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: key,
      change: manager === undefined ? 'missing' : 'modified',
      message: 'a differs',
      fields,
    },
  };
}

/** What is done at each of these minutes, in which the object is found drifted by a manager. */
function play(steps: readonly (readonly [minute: number, manager: string | undefined])[]): {
  does: string[];
  heals: RememberedHeals | undefined;
  said: string;
} {
  let heals: RememberedHeals | undefined;
  let said = '';
  const does = steps.map(([minute, manager]) => {
    const verdict = judgeHeals({ heals, drift: [drifted('a', manager)], now: at(minute) });
    heals = confirmHeals(verdict.heals);
    said = verdict.paused.get('a') ?? said;
    if (verdict.begins) return 'begin';
    if (verdict.paused.has('a')) return 'pause';
    return verdict.tried.has('a') ? 'try' : 'heal';
  });
  return { does, heals, said };
}
const undone = (...minutes: number[]) => minutes.map((minute) => [minute, 'rogue'] as const);

describe('an object that was looked up', () => {
  it('and changes again and again is followed with pauses, and nobody is said to undo anything', () => {
    let heals: RememberedHeals | undefined;
    let said: string | undefined;
    for (const minute of [0, 1, 2, 3]) {
      const verdict = judgeHeals({
        heals,
        drift: [drifted('lookup ConfigMap/tariffs/basic', 'rates')],
        now: at(minute),
      });
      heals = confirmHeals(verdict.heals);
      said = verdict.paused.get('lookup ConfigMap/tariffs/basic');
    }
    expect(said).toBe(
      'it is changed by rates again and again (followed 3 times in 10 minutes); following it pauses until 2026-11-21T01:13:00.000Z',
    );
  });
});

describe('an object that is healed', () => {
  it('three times within ten minutes, and undone by the same manager, is left alone; the alert says with whom and until when', () => {
    const { does, said } = play(undone(0, 1, 2, 3));
    expect(does).toEqual(['heal', 'heal', 'heal', 'begin']);
    expect(said).toBe(
      'healing is undone by rogue each time (healed 3 times in 10 minutes); healing pauses until 2026-11-21T01:13:00.000Z',
    );
  });

  it.each([
    ['in more than ten minutes', undone(0, 4, 8, 10, 14, 18)],
    [
      'undone by another manager each time',
      [
        [0, 'a'],
        [1, 'b'],
        [2, 'a'],
        [3, 'b'],
        [4, 'a'],
      ] as const,
    ],
  ])('three times %s is healed again', (_what, steps) => {
    expect(play(steps).does).toEqual(steps.map(() => 'heal'));
  });

  it('and deleted each time is a fight with somebody: nobody is recorded', () => {
    const { does, said } = play([0, 1, 2, 3].map((minute) => [minute, undefined] as const));
    expect(does.at(-1)).toBe('begin');
    expect(said).toContain('undone by somebody each time');
  });

  it('counts only where the run that set out to heal it did: runs that are killed before heal nothing', () => {
    let heals: RememberedHeals | undefined;
    for (let minute = 0; minute < 8; minute++) {
      const verdict = judgeHeals({ heals, drift: [drifted('a', 'rogue')], now: at(minute) });
      expect([verdict.begins, verdict.paused.size]).toEqual([false, 0]);
      heals = verdict.heals;
    }
  });

  it('is healed meanwhile where it is another than the contested one', () => {
    const { heals } = play(undone(0, 1, 2, 3));
    const verdict = judgeHeals({ heals, drift: [drifted('a', 'rogue'), drifted('b', 'rogue')], now: at(4) });
    expect([...verdict.paused.keys()]).toEqual(['a']);
    expect(verdict).toMatchObject({ begins: false, tried: new Set() });
  });
});

describe('a fight', () => {
  it('begins once; healing pauses for ten minutes, then there is one try, and each further pause is twice as long', () => {
    expect(play(undone(0, 1, 2, 3, 8, 12, 13, 14, 33, 34, 35, 74, 75, 76)).does).toEqual([
      'heal',
      'heal',
      'heal',
      'begin',
      'pause',
      'pause',
      'try',
      'pause',
      'pause',
      'try',
      'pause',
      'pause',
      'try',
      'pause',
    ]);
  });

  it('pauses for two hours at most', () => {
    let steps = undone(0, 1, 2, 3);
    let minute = 3;
    for (const pause of [10, 20, 40, 80, 120, 120]) {
      minute += pause;
      steps = [...steps, ...undone(minute - 0.5, minute, minute + 1)];
      minute += 1;
    }
    expect(play(steps).does.slice(4)).toEqual(Array.from({ length: 6 }, () => ['pause', 'try', 'pause']).flat());
  });

  it('is tried however late somebody looks', () => {
    expect(play(undone(0, 1, 2, 3, 300)).does.at(-1)).toBe('try');
  });

  it('is over when the object stayed for ten minutes after a try: then heals are counted anew', () => {
    expect(play(undone(0, 1, 2, 3, 13, 24, 25, 26, 27)).does.slice(4)).toEqual([
      'try',
      'heal',
      'heal',
      'heal',
      'begin',
    ]);
  });

  it('is on until then, though the object agrees at the moment', () => {
    const { heals } = play(undone(0, 1, 2, 3, 13));
    expect([14, 22, 24].map((minute) => isFighting({ heals, now: at(minute) }))).toEqual([true, true, false]);
    expect(isFighting({ heals: play(undone(0, 1)).heals, now: at(2) })).toBe(false);
  });
});

describe('what is remembered of heals', () => {
  it('is nothing of what Git has otherwise by now', () => {
    const { heals } = play(undone(0, 1, 2, 3));
    expect(withoutHeals({ heals, keys: ['another'] })).toEqual(heals);
    expect(isFighting({ heals: withoutHeals({ heals, keys: Object.keys(heals ?? {}) }), now: at(4) })).toBe(false);
  });

  it('is nothing once ten minutes have passed', () => {
    const { heals } = play(undone(0, 1));
    expect(livingHeals({ heals, now: at(10) })).toEqual(heals);
    expect(livingHeals({ heals, now: at(11) })).toBeUndefined();
  });

  it('stays small: three times, and no object that is quiet', () => {
    const { heals } = play(undone(0, 1, 2, 3, 13, 14, 34));
    expect(heals?.['a']?.at).toHaveLength(3);
    expect(
      Object.keys(judgeHeals({ heals: play(undone(0)).heals, drift: [drifted('b', 'x')], now: at(20) }).heals),
    ).toEqual(['b']);
  });
});
