import { objectsSeen } from '../../../memory/transitions/objects.ts';
import type { RememberedObjects } from '../../../plan/plan.ts';
import type { Run } from './run.ts';

/** Adds to what is remembered of the objects. */
export function rememberObjects({ memoryFile }: Run, objects: RememberedObjects): void {
  memoryFile.remember(objectsSeen, { objects });
}

/**
 * Does work beside which objects are applied. Where it throws (overloaded, unreachable, the lease is lost), those that
 * were applied until then are remembered: the next run goes on from there.
 */
export async function keepOnFailure<T>(run: Run, applied: RememberedObjects, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    rememberObjects(run, applied);
    throw error;
  }
}
