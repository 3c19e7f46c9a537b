/** Draws that a seed decides: the same seed, the same round. */
export interface Draw {
  /** An integer from 0 on, below `limit`. */
  below(limit: number): number;
  /** Whether something happens that does so this often in a hundred. */
  chance(percent: number): boolean;
  one<T>(items: readonly [T, ...T[]]): T;
  /** Undefined where there is none. */
  one<T>(items: readonly T[]): T | undefined;
  shuffled<T>(items: readonly T[]): T[];
}

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state are enough to tell rounds apart. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  function pick<T>(items: readonly [T, ...T[]]): T;
  function pick<T>(items: readonly T[]): T | undefined;
  function pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[below(items.length)];
  }
  return {
    below,
    chance: (percent) => next() * 100 < percent,
    one: pick,
    shuffled(items) {
      const left = [...items];
      return items.map(() => left.splice(below(left.length), 1)).flat();
    },
  };
}
