import type { RememberedObjects } from '../../plan/plan.ts';
import type { AttemptedRevision, Memory } from '../memory.ts';
import type { Survey } from '../survey.ts';

/** Objects were applied, or agree after all. Replaces what was remembered of these; clears nothing. */
export function objectsSeen(memory: Memory, { objects }: { objects: RememberedObjects }): Memory {
  return { ...memory, objects: { ...memory.objects, ...objects } };
}

/**
 * A look found nothing but drift that is told and left alone. Remembers the attempt, and what agreed after all. Clears
 * nothing: a roll-out that is under way goes on, and so does the pause of what failed.
 *
 * @param facts.renewed new fingerprints of what agreed
 */
export function driftLeft(
  memory: Memory,
  { attempted, renewed }: { attempted: AttemptedRevision; renewed: RememberedObjects },
): Memory {
  return { ...memory, attempted, objects: { ...memory.objects, ...renewed } };
}

/** What only the cluster knows was looked for. Clears nothing. */
export function surveyed(memory: Memory, { survey }: { survey: Survey }): Memory {
  return { ...memory, survey };
}

/** What else carries the label of its set, for people. Clears `unproven` where nothing does. */
export function unprovenSeen(memory: Memory, { unproven }: { unproven: Memory['unproven'] }): Memory {
  return { ...memory, unproven };
}
