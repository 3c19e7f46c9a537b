import { describe, expect, it } from 'vitest';
import { conflictLooks, conflictPause, lookUntil } from '../../../../../shared/pipeline/reconcile/run/look-until.ts';

/** Waits for a number of looks, and tells what happened in between. */
async function events({ looks, lost = false }: { looks: number; lost?: boolean }): Promise<(string | number)[]> {
  const seen: (string | number)[] = [];
  let look = 0;
  const waiter = {
    ports: { sleep: async (milliseconds: number) => void seen.push(Math.round(milliseconds)) },
    lease: {
      assertUndisturbed: async () => {
        seen.push('lease');
        if (lost) throw new Error('the lease is lost');
      },
    },
  };
  const end = await lookUntil<string>(waiter, async () => {
    seen.push('look');
    look += 1;
    return look === looks ? { end: 'seen' } : 'again';
  }).catch((error: Error) => error.message);
  return [...seen, end];
}

describe('a wait', () => {
  it('looks at once, and holds the lease after each pause', async () => {
    expect(await events({ looks: 1 })).toEqual(['look', 'seen']);
    expect(await events({ looks: 3 })).toEqual(['look', 50, 'lease', 'look', 75, 'lease', 'look', 'seen']);
    expect(await events({ looks: 3, lost: true })).toEqual(['look', 50, 'lease', 'the lease is lost']);
  });

  it('looks every two seconds in the long run', async () => {
    const pauses = (await events({ looks: 20 })).filter((event) => typeof event === 'number');
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauses.at(-1)).toBe(2000);
  });

  it('for somebody else who writes takes a few seconds at the most', () => {
    const pauses = Array.from({ length: conflictLooks }, (_, look) => conflictPause(look + 1));
    for (const pause of pauses) expect(pause).toBeLessThan(1500);
    expect(pauses[0]).toBeGreaterThanOrEqual(50);
  });
});
