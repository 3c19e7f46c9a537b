import type { Memory } from '../../memory/memory.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';

/** One generation of the memory of one environment. */
interface Version {
  readonly path: string;
  readonly generation: string;
}

/** The memories that an instance has read, each for as long as that generation is live. */
export interface KeptMemories {
  find(version: Version): Memory | undefined;
  /** @param memory.bytes of the object: what the limit counts */
  keep(memory: Version & { readonly memory: Memory; readonly bytes: number }): void;
  /** Forgets what is kept of a folder and was not listed there, or not in that generation. */
  forgetOthers(list: { readonly folder: string; readonly listed: readonly ListedState[] }): void;
}

/** Bytes of JSON, of which a memory takes up to twice as many: 1,000 environments of 25 objects are 10 MiB. */
const limit = 32 * 2 ** 20;

/** The store of a function lives as long as its instance. */
const keptOf = new WeakMap<StateStore, KeptMemories>();

export function keptMemoriesOf(state: StateStore): KeptMemories {
  const kept = keptOf.get(state) ?? keepMemories({ limit });
  keptOf.set(state, kept);
  return kept;
}

/**
 * Where there is no room for all, those that came first stay: each list asks for all of them in the same order, so that
 * a limit which let the oldest go would find none.
 */
export function keepMemories({ limit }: { limit: number }): KeptMemories {
  const byPath = new Map<string, { generation: string; memory: Memory; bytes: number }>();
  let size = 0;

  function forget(path: string): void {
    size -= byPath.get(path)?.bytes ?? 0;
    byPath.delete(path);
  }

  return {
    find({ path, generation }) {
      const found = byPath.get(path);
      return found?.generation === generation ? found.memory : undefined;
    },
    keep({ path, generation, memory, bytes }) {
      forget(path);
      if (size + bytes > limit) return;
      byPath.set(path, { generation, memory, bytes });
      size += bytes;
    },
    forgetOthers({ folder, listed }) {
      const live = new Map(listed.map(({ path, generation }) => [path, generation]));
      for (const [path, { generation }] of byPath)
        if (path.startsWith(folder) && live.get(path) !== generation) forget(path);
    },
  };
}
