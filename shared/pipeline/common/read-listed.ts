import type { ListedState } from '../../ports/storage.ts';
import type { KeptVersions } from './kept-versions.ts';
import { inParallel } from './parallel.ts';
import { readState, type Decode, type StateAccess } from './read-state.ts';

/** An object that a list told of, in that generation or a later one, or why nobody can read it. */
export type ReadListed<T> = {
  readonly path: string;
  /** By Storage's clock. */
  readonly writtenAt: Date;
  /** By the same, where it was read now. */
  readonly readAt?: Date;
} & ({ readonly value: T } | { readonly unreadable: string });

/** Where an instance keeps what it has read of a kind of objects, and what such an object is. */
export interface ListedKind<T> {
  readonly kept: KeptVersions<T>;
  readonly decode: Decode<T>;
  /** What of each is asked for, where that is less than all: of thousands, an instance may have no room for more. */
  readonly part?: (value: T) => T;
}

/** Objects that are read at the same time. */
const readAtOnce = 32;

/** Each of these, in order, but what was deleted meanwhile. Throws as `readState` does. */
export async function readAllListed<T>(
  listed: readonly ListedState[],
  kind: ListedKind<T>,
  access: StateAccess,
): Promise<ReadListed<T>[]> {
  const { part = (value: T) => value } = kind;
  const all = await inParallel(
    listed,
    async (one) => {
      const read = await readListed(one, kind, access);
      return read !== undefined && 'value' in read ? { ...read, value: part(read.value) } : read;
    },
    readAtOnce,
  );
  return all.flatMap((one) => one ?? []);
}

/**
 * What a list told of: read where this instance has not read that generation. What nobody can read is kept by none.
 * Undefined where it was deleted meanwhile. Throws as `readState` does.
 */
export async function readListed<T>(
  { path, generation, bytes, updatedAt }: ListedState,
  { kept, decode }: ListedKind<T>,
  access: StateAccess,
): Promise<ReadListed<T> | undefined> {
  const known = kept.find({ path, generation });
  if (known !== undefined) return { path, writtenAt: updatedAt, value: known };
  const found = await readState({ path, decode }, access);
  if (found === undefined) return undefined;
  const isListed = found.generation === generation;
  const facts = { path, writtenAt: isListed ? updatedAt : found.writtenAt, readAt: found.readAt };
  if ('unreadable' in found) return { ...facts, unreadable: found.unreadable };
  if (isListed) kept.keep({ path, generation, bytes, value: found.value });
  return { ...facts, value: found.value };
}
