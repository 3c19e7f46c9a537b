import { isEnvironmentName } from '../../environment/environment-file.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';

/**
 * What one list tells of the objects of that name of all environments of a repository, by environment, sorted; of several
 * of one environment, of any. What is of no environment is nothing: no message can be about it. Throws `StorageUnavailable` (retry).
 */
export async function listOfEach({
  repository,
  file,
  state,
}: {
  repository: string;
  file: 'lease.json' | 'memory.json' | 'memory*.json';
  state: StateStore;
}): Promise<{ readonly folder: string; readonly listed: ReadonlyMap<string, ListedState> }> {
  const folder = `environments/${repository}/`;
  const all = await state.list(folder, file);
  const named = all.map((one) => [one.path.slice(folder.length, one.path.lastIndexOf('/')), one] as const);
  return { folder, listed: new Map(named.filter(([environment]) => isEnvironmentName(environment))) };
}
