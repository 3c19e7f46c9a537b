import { readMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { StateStore } from '../../ports/storage.ts';

/**
 * What is remembered of one environment: nothing, where it never ran or its memory was lost. Throws
 * `StorageUnavailable` (retry).
 */
export async function memoryOf(
  of: { repository: string; environment: string },
  { state, now }: Pick<Ports, 'state' | 'now'>,
): Promise<Memory> {
  return readMemory({ value: (await state.read(statePaths(of).memory))?.value, now: now() });
}

/**
 * The names of the environments of a repository that the state bucket knows, sorted, whether Git still declares them or
 * not.
 */
export async function rememberedEnvironments({
  repository,
  state,
}: {
  repository: string;
  state: StateStore;
}): Promise<string[]> {
  const folder = `environments/${repository}/`;
  const paths = await state.list(folder);
  return paths.flatMap((path) => {
    const [name = '', file, ...below] = path.slice(folder.length).split('/');
    return file === 'memory.json' && below.length === 0 ? [name] : [];
  });
}
