import type { ListedState, StateStore } from '../../ports/storage.ts';

/** One generation of one object of the state bucket. */
interface Version {
  readonly path: string;
  readonly generation: string;
}

/** What an instance has read, each for as long as that generation is live. */
export interface KeptVersions<T> {
  find(version: Version): T | undefined;
  /** @param kept.bytes of the object: what the limit counts */
  keep(kept: Version & { readonly value: T; readonly bytes: number }): void;
  /** Forgets what is kept of a folder and was not listed there, or not in that generation. */
  forgetOthers(list: { readonly folder: string; readonly listed: readonly ListedState[] }): void;
}

/** What is kept of each store: that of a function lives as long as its instance. */
export function keptByStore<T>(limits: { limit: number }): (state: StateStore) => KeptVersions<T> {
  const byStore = new WeakMap<StateStore, KeptVersions<T>>();
  return (state) => {
    const kept = byStore.get(state) ?? keepVersions<T>(limits);
    byStore.set(state, kept);
    return kept;
  };
}

/**
 * Where there is no room for all, those that came first stay: each list asks for all of them in the same order, so that
 * a limit which let the oldest go would find none.
 *
 * @param limit bytes of JSON, which take up to twice as many when they are read
 */
export function keepVersions<T>({ limit }: { limit: number }): KeptVersions<T> {
  const byPath = new Map<string, { generation: string; value: T; bytes: number }>();
  let size = 0;

  function forget(path: string): void {
    size -= byPath.get(path)?.bytes ?? 0;
    byPath.delete(path);
  }

  return {
    find({ path, generation }) {
      const found = byPath.get(path);
      return found?.generation === generation ? found.value : undefined;
    },
    keep({ path, generation, value, bytes }) {
      forget(path);
      if (size + bytes > limit) return;
      byPath.set(path, { generation, value, bytes });
      size += bytes;
    },
    forgetOthers({ folder, listed }) {
      const live = new Map(listed.map(({ path, generation }) => [path, generation]));
      for (const [path, { generation }] of byPath)
        if (path.startsWith(folder) && live.get(path) !== generation) forget(path);
    },
  };
}
