import { decodeMemory, emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';
import { keptByStore } from './kept-versions.ts';
import { readAllListed, readListed, type ListedKind } from './read-listed.ts';
import { listOfEach } from './list-of-each.ts';
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

async function recallMemory(
  of: { repository: string; environment: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<Recalled> {
  const found = await readState({ path: statePaths(of).memory, decode: decodeMemory }, ports);
  return recalledOf(found, ports);
}

function recalledOf(
  found: { readonly value: Memory } | { readonly unreadable: string } | undefined,
  { now }: Pick<Ports, 'now'>,
): Recalled {
  if (found === undefined) return { memory: emptyMemory(now()) };
  return 'unreadable' in found ? { memory: emptyMemory(now()), unreadable: found.unreadable } : { memory: found.value };
}

/**
 * The names of the environments of a repository that the state bucket knows, sorted, whether Git still declares them or
 * not.
 */
export async function rememberedEnvironments(of: { repository: string; state: StateStore }): Promise<string[]> {
  return [...(await listMemories(of)).keys()];
}

/**
 * Those, and the ones that are no more, of which a late request may still make an object: who is to be asked by the
 * schedule, by one list.
 */
export async function environmentsToLookAfter(of: { repository: string; state: StateStore }): Promise<string[]> {
  const { listed } = await listOfEach({ ...of, file: 'memory*.json' });
  return [...listed.keys()];
}

/** The environments of a repository that the state bucket knows, sorted, and what is written beside their memories. */
export async function listRemembered(of: {
  repository: string;
  state: StateStore;
}): Promise<{ readonly environment: string; readonly metadata: ListedState['metadata'] }[]> {
  return [...(await listMemories(of))].map(([environment, { metadata }]) => ({ environment, metadata }));
}

/** 1,000 environments of 25 objects are 10 MiB. */
const keptMemories = keptByStore<Memory>({ limit: 32 * 2 ** 20 });
/** As many are read one by one: a list tells of all of the repository, which may be thousands. */
const readWithoutList = 8;

/**
 * What is remembered of every environment of a repository that the state bucket knows, by name, in order: by one list,
 * and a read of each memory whose generation this instance has not read. Throws `StorageUnavailable` (retry).
 *
 * @param part what of each memory is asked for; absent: all of it
 */
export async function recallMemories(
  { repository }: { repository: string },
  ports: StateAccess & Pick<Ports, 'now'>,
  part: (memory: Memory) => Memory = (memory) => memory,
): Promise<ReadonlyMap<string, Recalled>> {
  const listed = await listMemories({ repository, state: ports.state });
  const memories = await readAllListed([...listed.values()], { ...memoriesOf(ports), part }, ports);
  const byPath = new Map(memories.map((memory) => [memory.path, recalledOf(memory, ports)]));
  return new Map(
    [...listed].flatMap(([environment, { path }]) => {
      const recalled = byPath.get(path);
      return recalled === undefined ? [] : [[environment, recalled] as const];
    }),
  );
}

/**
 * What is remembered of those environments of a repository that are asked for. The first few are each read, and the
 * others as `recallMemories` does: as of when the first of them was asked for, none but those. Throws as it does.
 */
export function recallSome(
  { repository }: { repository: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): (environment: string) => Promise<Recalled> {
  let asked = 0;
  let list: Promise<ReadonlyMap<string, ListedState>> | undefined;
  return async (environment) => {
    asked += 1;
    if (asked <= readWithoutList) return await recallMemory({ repository, environment }, ports);
    const listed = (await (list ??= listMemories({ repository, state: ports.state }))).get(environment);
    const found = listed === undefined ? undefined : await readListed(listed, memoriesOf(ports), ports);
    return recalledOf(found, ports);
  };
}

function memoriesOf({ state }: StateAccess): ListedKind<Memory> {
  return { kept: keptMemories(state), decode: decodeMemory };
}

/** What a list tells of each memory of a repository, by environment, sorted. */
async function listMemories(of: { repository: string; state: StateStore }): Promise<ReadonlyMap<string, ListedState>> {
  const { folder, listed } = await listOfEach({ ...of, file: 'memory.json' });
  keptMemories(of.state).forgetOthers({ folder, listed: [...listed.values()] });
  return listed;
}
