import type { Intent } from '../../../memory/lease.ts';
import { assertHeld, claim, leaveEvidence } from './claim.ts';
import { assertUndisturbed, type State } from './state.ts';

/** The right to change one environment, for a bounded time. */
export interface Lease {
  /**
   * Claims it for what is to be written, with the evidence of what is to be undone: what the memory says by now. To be
   * called before the first write, and where more is to be written than was said. Throws `StaleLook` (retry) where
   * somebody else acted, said something or moved the branch since the look began.
   */
  claim(intent: Intent): Promise<void>;
  /**
   * Leaves what the memory says by now of incidents, and is about to be published, with a lease that is held. To be
   * called where the run itself ended what it tells of. Throws as `claim` does.
   */
  leaveEvidence(): Promise<void>;
  /**
   * To be called before every write. `now` looks at it at once: where a conflict tells that somebody else writes, too.
   * Throws `LeaseLost` or `StaleLook` (retry) where somebody else took over.
   */
  assertHeld(look?: 'now'): Promise<void>;
  /** That nobody else acted since this run did, or began to look. Throws as `assertHeld` does. */
  assertUndisturbed(): Promise<void>;
  /**
   * What is written from here on is a record of what this run, or one before it, did: it takes no lease where nobody
   * acted since. Throws as `assertHeld` does.
   */
  recordOnly(): Promise<void>;
  isHeld(): boolean;
  /** Whether this run holds it, or ended it itself. */
  hasActed(): boolean;
}

/** @param facts.isHead whether the branch is still where the look began */
export function leaseOf(state: State, { isHead }: { isHead: () => Promise<boolean> }): Lease {
  return {
    claim: async (intent) => claim(state, intent, { isHead }),
    leaveEvidence: async () => leaveEvidence(state),
    assertHeld: async (look) => assertHeld(state, look),
    assertUndisturbed: async () => (state.hold === undefined ? assertUndisturbed(state) : assertHeld(state)),
    async recordOnly() {
      state.recordsOnly = true;
      await (state.hold === undefined ? assertUndisturbed(state) : assertHeld(state));
    },
    isHeld: () => state.hold !== undefined,
    hasActed: () => (state.hold ?? state.yielded) !== undefined,
  };
}
