import type { StateStore } from '../../ports/storage.ts';

/** What an instance does for a repository at most once in a while. */
export interface Pace {
  isDue(asked: Asked): boolean;
  note(done: Asked): void;
}

interface Asked {
  readonly repository: string;
  readonly state: StateStore;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Due is what was not done for as long, or by a clock that has been set back by as much since. */
export function keepPace({ milliseconds }: { milliseconds: number }): Pace {
  const byStore = new WeakMap<StateStore, Map<string, number>>();
  function timesOf(state: StateStore): Map<string, number> {
    const times = byStore.get(state) ?? new Map<string, number>();
    byStore.set(state, times);
    return times;
  }
  return {
    isDue({ repository, state, time }) {
      return Math.abs(time - (timesOf(state).get(repository) ?? Number.NEGATIVE_INFINITY)) >= milliseconds;
    },
    note({ repository, state, time }) {
      timesOf(state).set(repository, time);
    },
  };
}
