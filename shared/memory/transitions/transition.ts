import type { Memory } from '../memory.ts';

/** What a memory becomes by what a run came to know or did. Pure: it may be applied anew to a memory read again. */
export type Transition<Facts extends readonly unknown[] = []> = (memory: Memory, ...facts: Facts) => Memory;
