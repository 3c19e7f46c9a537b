import { decodeMemory, emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';
import { keptByStore } from './kept-versions.ts';
import { inParallel } from './parallel.ts';
import { readListed } from './read-listed.ts';
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
  const found = await readState({ path: statePaths(of).memory, decode: decodeMemory }, ports);
  return found === undefined ? { memory: emptyMemory(ports.now()) } : recalledOf(found, ports);
}

function recalledOf(
  found: { readonly value: Memory } | { readonly unreadable: string },
  { now }: Pick<Ports, 'now'>,
): Recalled {
  return 'unreadable' in found ? { memory: emptyMemory(now()), unreadable: found.unreadable } : { memory: found.value };
}

/**
 * The names of the environments of a repository that the state bucket knows, sorted, whether Git still declares them or
 * not.
 */
export async function rememberedEnvironments(of: { repository: string; state: StateStore }): Promise<string[]> {
  const folder = folderOf(of.repository);
  return (await listMemories(of)).map(({ path }) => environmentOf({ folder, path }));
}

/** The environments of a repository that the state bucket knows, sorted, and what is written beside their memories. */
export async function listRemembered(of: {
  repository: string;
  state: StateStore;
}): Promise<{ readonly environment: string; readonly metadata: ListedState['metadata'] }[]> {
  const folder = folderOf(of.repository);
  return (await listMemories(of)).map(({ path, metadata }) => ({
    environment: environmentOf({ folder, path }),
    metadata,
  }));
}

/** 1,000 environments of 25 objects are 10 MiB. */
const keptMemories = keptByStore<Memory>({ limit: 32 * 2 ** 20 });
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
  const folder = folderOf(repository);
  const listed = await listMemories({ repository, state: ports.state });
  const memories = await readListed({ folder, listed, kept: keptMemories(ports.state), decode: decodeMemory }, ports);
  return new Map(memories.map((memory) => [environmentOf({ folder, path: memory.path }), recalledOf(memory, ports)]));
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

function environmentOf({ folder, path }: { folder: string; path: string }): string {
  return path.slice(folder.length, -'/memory.json'.length);
}

async function listMemories({
  repository,
  state,
}: {
  repository: string;
  state: StateStore;
}): Promise<readonly ListedState[]> {
  return await state.list(folderOf(repository), 'memory.json');
}
