import type { Memory } from '../../../memory/memory.ts';
import type { Transition } from '../../../memory/transitions/transition.ts';
import { commit, remember, removeState, type State } from './state.ts';

/** The memory of one environment, open for one run. */
export interface MemoryFile {
  /** With what the run came to know. */
  memory(): Memory;
  /** Takes in what a transition makes of the memory. It is written by `commit`, or with the run's end. */
  remember<Facts extends readonly unknown[]>(transition: Transition<Facts>, ...facts: NoInfer<Facts>): void;
  /**
   * Writes what differs from what is stored, and publishes what it says. Ends the lease, where the run holds it and
   * does not go on acting. Throws `StaleLook`, `LeaseLost` (retry) where somebody else acted or wrote.
   */
  commit(options?: { readonly actsOn: boolean }): Promise<void>;
  /** Deletes all that is kept of the environment. Throws `LeaseLost` (retry) where somebody else wrote. */
  remove(): Promise<void>;
}

export function memoryFileOf(state: State): MemoryFile {
  return {
    memory: () => state.current,
    remember: (transition, ...facts) => remember(state, transition, facts),
    commit: async (options) => commit(state, options),
    remove: async () => removeState(state),
  };
}

/** A memory that nobody keeps: what a run knows of an environment that is no more, and comes to know of what is left. */
export function unkeptMemory(memory: Memory): MemoryFile {
  let current = memory;
  return {
    memory: () => current,
    remember(transition, ...facts) {
      current = transition(current, ...facts);
    },
    commit: async () => {},
    remove: async () => {},
  };
}
