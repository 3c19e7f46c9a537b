import type { Lease } from './lease.ts';
import type { Ports } from '../../../ports/ports.ts';

const firstPause = 50;
/** Milliseconds between two looks at what takes its time. */
const slowestLook = 2_000;
/** Milliseconds before the next look at what somebody else writes, without jitter. */
const slowestConflict = 1_000;

/** How often what others change meanwhile is looked at, before it is left to the next run. */
export const conflictLooks = 6;

/** What a look came to: the end of the wait, or nothing yet. */
export type Look<T> = { readonly end: T } | 'again';

/** What of a run a wait takes. */
export interface Waiter {
  readonly lease: Pick<Lease, 'assertUndisturbed'>;
  readonly ports: Pick<Ports, 'sleep'>;
}

/**
 * Looks until a look is the last, at once and then after pauses that grow to two seconds. The look says itself when it
 * has waited long enough. After each pause nobody else has acted, or this throws `LeaseLost` or `StaleLook` (retry): a
 * run that slept through the end of its lease must neither read on nor write.
 */
export async function lookUntil<T>({ lease, ports }: Waiter, look: () => Promise<Look<T>>): Promise<T> {
  for (let pause = firstPause; ; pause = Math.min(pause * 1.5, slowestLook)) {
    const looked = await look();
    if (looked !== 'again') return looked.end;
    await ports.sleep(pause);
    await lease.assertUndisturbed();
  }
}

/**
 * Milliseconds before what somebody else changed is looked at anew: doubling, with jitter, so that writers that met
 * once do not meet again.
 */
export function conflictPause(look: number): number {
  return Math.min(firstPause * 2 ** look, slowestConflict) * (0.5 + Math.random());
}
