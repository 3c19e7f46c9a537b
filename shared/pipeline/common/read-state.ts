import type { Ports } from '../../ports/ports.ts';
import type { StateFacts } from '../../ports/storage.ts';

/**
 * An object of the state bucket in the shape that its reader knows, or why it is not: it is empty, no JSON, too large,
 * of another version, or anything else. What that means is decided by each reader; it concerns this object alone.
 */
export type ReadState<T> = StateFacts & ({ readonly value: T } | { readonly unreadable: string });

/** The command has no log: whoever calls it sees what comes of it. */
export type StateAccess = Pick<Ports, 'state'> & Partial<Pick<Ports, 'log'>>;

/**
 * Reads one object; undefined where there is none. What nobody can read is logged as ERROR, once for each read, and
 * stays until its owner overwrites it. Throws `StorageUnavailable` and `StorageRefused` (retry) for a read
 * that failed.
 *
 * @param object.decode undefined for a shape that it does not know
 */
export async function readState<T>(
  { path, decode }: { path: string; decode: (value: unknown) => T | undefined },
  { state, log }: StateAccess,
): Promise<ReadState<T> | undefined> {
  const found = await state.read(path);
  if (found === undefined) return undefined;
  const { generation, writtenAt, readAt } = found;
  const facts = { generation, writtenAt, readAt };
  const value = 'unreadable' in found ? undefined : decode(found.value);
  if (value !== undefined) return { ...facts, value };
  const unreadable = 'unreadable' in found ? found.unreadable : 'has an unknown shape';
  log?.('ERROR', 'a state object cannot be read: it is taken for lost', { path, generation, reason: unreadable });
  return { ...facts, unreadable };
}

/** For a reader to whom an unreadable object is the same as none. */
export function valueOrNone<T>(found: ReadState<T> | undefined): T | undefined {
  return found === undefined || 'unreadable' in found ? undefined : found.value;
}
