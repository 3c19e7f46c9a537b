import type { RememberedObjects } from '../../../plan/plan.ts';
import type { Run } from './run.ts';

/** Adds to what is remembered of the objects. */
export async function rememberObjects({ memoryFile }: Run, objects: RememberedObjects): Promise<void> {
  const memory = memoryFile.memory();
  await memoryFile.save({ ...memory, objects: { ...memory.objects, ...objects } });
}
