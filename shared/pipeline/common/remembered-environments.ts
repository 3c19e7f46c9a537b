import { decodeMemory, emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';
import { keptMemoriesOf } from './kept-memories.ts';
import { inParallel } from './parallel.ts';
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
export interface Recalled {
  readonly memory: Memory;
  readonly unreadable?: string;
}

export async function recallMemory(
  of: { repository: string; environment: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<Recalled> {
  return (await readRemembered(of, ports)).recalled;
}

async function readRemembered(
  of: { repository: string; environment: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<{ recalled: Recalled; generation?: string }> {
  const found = await readState({ path: statePaths(of).memory, decode: decodeMemory }, ports);
  if (found === undefined) return { recalled: { memory: emptyMemory(ports.now()) } };
  const { generation } = found;
  return 'unreadable' in found
    ? { recalled: { memory: emptyMemory(ports.now()), unreadable: found.unreadable }, generation }
    : { recalled: { memory: found.value }, generation };
}

/**
 * The names of the environments of a repository that the state bucket knows, sorted, whether Git still declares them or
 * not.
 */
export async function rememberedEnvironments(of: { repository: string; state: StateStore }): Promise<string[]> {
  return (await listMemories(of)).map(({ environment }) => environment);
}

/** Memories that are read at the same time. */
const readAtOnce = 32;
/** As many are read one by one: a list tells of all of the repository, which may be thousands. */
const readWithoutList = 8;

/**
 * What is remembered of every environment of a repository that the state bucket knows, by name, in order: by one list,
 * and a read of each memory whose generation this instance has not read. Throws `StorageUnavailable` (retry).
 */
export async function recallMemories(
  { repository }: { repository: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<ReadonlyMap<string, Recalled>> {
  const kept = keptMemoriesOf(ports.state);
  const listed = await listMemories({ repository, state: ports.state });
  kept.forgetOthers({ folder: folderOf(repository), listed });
  const recalled = await inParallel(
    listed,
    async ({ environment, path, generation, bytes }): Promise<[string, Recalled]> => {
      const known = kept.find({ path, generation });
      if (known !== undefined) return [environment, { memory: known }];
      const read = await readRemembered({ repository, environment }, ports);
      // Another one may have been written since the list: what is kept is of the generation that was listed.
      if (read.generation === generation && read.recalled.unreadable === undefined)
        kept.keep({ path, generation, bytes, memory: read.recalled.memory });
      return [environment, read.recalled];
    },
    readAtOnce,
  );
  return new Map(recalled);
}

/** What is remembered of these environments of a repository, by name: of each. Throws as `recallMemories` does. */
export async function recallSome(
  { repository, environments }: { repository: string; environments: readonly string[] },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<ReadonlyMap<string, Recalled>> {
  const all =
    environments.length > readWithoutList
      ? await recallMemories({ repository }, ports)
      : new Map(
          await inParallel(environments, async (environment): Promise<[string, Recalled]> => {
            return [environment, await recallMemory({ repository, environment }, ports)];
          }),
        );
  return new Map(environments.map((name) => [name, all.get(name) ?? { memory: emptyMemory(ports.now()) }]));
}

function folderOf(repository: string): string {
  return `environments/${repository}/`;
}

async function listMemories({
  repository,
  state,
}: {
  repository: string;
  state: StateStore;
}): Promise<(ListedState & { readonly environment: string })[]> {
  const folder = folderOf(repository);
  const listed = await state.list(folder, 'memory.json');
  return listed.map((memory) => ({ ...memory, environment: memory.path.slice(folder.length, -'/memory.json'.length) }));
}
