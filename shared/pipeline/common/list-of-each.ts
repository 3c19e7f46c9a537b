import type { ListedState, StateStore } from '../../ports/storage.ts';

/**
 * What one list tells of the objects of that name of all environments of a repository, by environment, sorted; of several
 * of one environment, of any. Throws `StorageUnavailable` (retry).
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
  return { folder, listed: new Map(all.map((one) => [one.path.slice(folder.length, one.path.lastIndexOf('/')), one])) };
}
