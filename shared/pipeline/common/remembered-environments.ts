import { decodeMemory, emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { StateStore } from '../../ports/storage.ts';
import { readState, type StateAccess } from './read-state.ts';

/**
 * What is remembered of one environment: nothing, where it never ran or its memory was lost. Throws
 * `StorageUnavailable` (retry).
 */
export async function memoryOf(
  of: { repository: string; environment: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<Memory> {
  return (await recallMemory(of, ports)).memory;
}

/** A memory, and why it is an empty one where something stands in its place that nobody can read. */
export async function recallMemory(
  of: { repository: string; environment: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<{ readonly memory: Memory; readonly unreadable?: string }> {
  const found = await readState({ path: statePaths(of).memory, decode: decodeMemory }, ports);
  if (found === undefined) return { memory: emptyMemory(ports.now()) };
  return 'unreadable' in found
    ? { memory: emptyMemory(ports.now()), unreadable: found.unreadable }
    : { memory: found.value };
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
  const listed = await state.list(folder, 'memory.json');
  return listed.map(({ path }) => path.slice(folder.length, -'/memory.json'.length));
}
