import type { ListedState } from '../../ports/storage.ts';
import type { KeptVersions } from './kept-versions.ts';
import { inParallel } from './parallel.ts';
import { readState, type StateAccess } from './read-state.ts';

/** An object that a list told of, in that generation or a later one, or why nobody can read it. */
export type ReadListed<T> = {
  readonly path: string;
  /** By Storage's clock. */
  readonly writtenAt: Date;
} & ({ readonly value: T } | { readonly unreadable: string });

/** Objects that are read at the same time. */
const readAtOnce = 32;

/**
 * Everything that was listed of a folder, in order, but what was deleted meanwhile: by one read of each whose
 * generation this instance has not read. What nobody can read is kept by none. Throws as `readState` does.
 */
export async function readListed<T>(
  {
    folder,
    listed,
    kept,
    decode,
  }: {
    folder: string;
    listed: readonly ListedState[];
    kept: KeptVersions<T>;
    decode: (value: unknown) => T | undefined;
  },
  access: StateAccess,
): Promise<ReadListed<T>[]> {
  kept.forgetOthers({ folder, listed });
  const all = await inParallel(
    listed,
    async ({ path, generation, bytes, updatedAt }): Promise<ReadListed<T> | undefined> => {
      const known = kept.find({ path, generation });
      if (known !== undefined) return { path, writtenAt: updatedAt, value: known };
      const found = await readState({ path, decode }, access);
      if (found === undefined) return undefined;
      const isListed = found.generation === generation;
      const facts = { path, writtenAt: isListed ? updatedAt : found.writtenAt };
      if ('unreadable' in found) return { ...facts, unreadable: found.unreadable };
      if (isListed) kept.keep({ path, generation, bytes, value: found.value });
      return { ...facts, value: found.value };
    },
    readAtOnce,
  );
  return all.flatMap((one) => one ?? []);
}
