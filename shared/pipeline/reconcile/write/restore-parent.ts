import type { Target } from '../run/target.ts';
import { parentObject, environmentAnnotation, idLabel, recordBeside } from '../../../inventory/applyset.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { readHookRecord } from '../../../inventory/hook-record.ts';
import { writeParent } from './write-parent.ts';

/**
 * Gives a parent that is ours its name back, where somebody took that or its label off: with the memory lost, nobody
 * could tell any more whose it is. Resolves with the inventory as it then is.
 */
export async function restoreParent(
  { run, cluster, applySet }: Pick<Target, 'run' | 'cluster' | 'applySet'>,
  observed: ObservedState,
): Promise<ObservedState> {
  const { parent, extent } = observed;
  if (parent === undefined) return observed;
  const { labels, annotations } = parent.metadata;
  if (annotations?.[environmentAnnotation] !== undefined && labels?.[idLabel] === applySet.id) return observed;
  const { converged } = run.memoryFile.memory();
  const record = recordBeside(parent) ?? (converged === undefined ? undefined : { revision: converged.revision });
  const named = parentObject({ applySet, extent, record, hooks: readHookRecord(parent) });
  await run.lease.claim({ keys: [] });
  return { ...observed, parent: await writeParent({ run, cluster, observed: parent, desired: named }) };
}
