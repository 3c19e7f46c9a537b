import { isOpen, isPastSuspension, leavesTheRest } from './incident.ts';
import type { Memory } from './memory.ts';

/** How an environment stands by what is remembered of it; its file may say that it is suspended. */
export type RememberedState = 'Converged' | 'Converging' | 'Diverged' | 'Failed' | 'Unknown';

export function stateOf(memory: Memory): RememberedState {
  const { incident, converged, attempted, health, waiting, unawaited } = memory;
  if (heldOf(memory) !== undefined) return 'Converging';
  if (isOpen(incident) && !isPastSuspension(incident)) return leavesTheRest(incident) ? 'Diverged' : 'Failed';
  if (converged === undefined && attempted === undefined) return 'Unknown';
  return converged === undefined || waiting !== undefined || (health === 'Progressing' && unawaited === undefined)
    ? 'Converging'
    : 'Converged';
}

/** What it waits for, unless the incident that is open tells of that revision already. */
export function heldOf({ held, incident }: Memory): Memory['held'] {
  return isOpen(incident) && incident.revision === held?.revision ? undefined : held;
}
