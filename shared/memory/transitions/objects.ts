import type { Memory } from '../memory.ts';

/** What else carries the label of its set, for people. Clears what was remembered of that. */
export function unprovenSeen(memory: Memory, { unproven }: { unproven: Memory['unproven'] }): Memory {
  return { ...memory, unproven };
}
