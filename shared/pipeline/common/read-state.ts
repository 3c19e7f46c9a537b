import { z } from 'zod';
import type { Ports } from '../../ports/ports.ts';
import type { StateFacts } from '../../ports/storage.ts';

/**
 * An object of the state bucket in the shape that its reader knows, or why it is not: it is empty, no JSON, too large,
 * of another version, or anything else. What that means is decided by each reader; it concerns this object alone.
 */
export type ReadState<T> = StateFacts & ({ readonly value: T } | { readonly unreadable: string });

/** The command has no log: whoever calls it sees what comes of it. */
export type StateAccess = Pick<Ports, 'state'> & Partial<Pick<Ports, 'log'>>;

/** Undefined for a shape that it does not know; `doubt` is told of each part of one that it does not believe. */
export type Decode<T> = (
  value: unknown,
  reading: { readonly writtenAt: Date; readonly doubt: (part: string) => void },
) => T | undefined;

/**
 * Reads one object; undefined where there is none. What nobody can read is logged as ERROR, once for each generation by
 * an instance, and stays until its owner overwrites it. Throws `StorageUnavailable` and `StorageRefused` (retry) for a read
 * that failed.
 *
 * @param object.newest the `version` of the newest shape that it knows
 */
export async function readState<T>(
  { path, decode, newest = 1 }: { path: string; decode: Decode<T>; newest?: number },
  { state, log }: StateAccess,
): Promise<ReadState<T> | undefined> {
  const found = await state.read(path);
  if (found === undefined) return undefined;
  const { generation, writtenAt, readAt } = found;
  const facts = { generation, writtenAt, readAt };
  const doubted: string[] = [];
  const doubt = (part: string): void => void doubted.push(part);
  const value = 'unreadable' in found ? undefined : decode(found.value, { writtenAt, doubt });
  if (doubted.length > 0 && log !== undefined && isNews({ state, path, generation }))
    log('ERROR', 'parts of a state object cannot be believed: they are taken for lost', {
      path,
      generation,
      doubted,
    });
  if (value !== undefined) return { ...facts, value };
  const unreadable = 'unreadable' in found ? found.unreadable : unknownShape(found.value, { newest });
  if (log !== undefined && isNews({ state, path, generation }))
    log('ERROR', 'a state object cannot be read: it is taken for lost', { path, generation, reason: unreadable });
  return { ...facts, unreadable };
}

const versionedSchema = z.object({ version: z.int() });

function unknownShape(value: unknown, { newest }: { newest: number }): string {
  const { version = newest } = versionedSchema.safeParse(value).data ?? {};
  if (version <= newest) return 'has an unknown shape';
  return `was written by a newer Converge, in version ${version} where this one knows ${newest} (deploy that again to keep it)`;
}

/** Of so many objects at most is it kept which generation was logged. */
const mostLogged = 10_000;
/** The generation of each object that was logged last, for as long as an instance lives. */
const loggedOf = new WeakMap<StateAccess['state'], Map<string, string>>();

function isNews({
  state,
  path,
  generation,
}: { path: string; generation: string } & Pick<StateAccess, 'state'>): boolean {
  const logged = loggedOf.get(state) ?? new Map<string, string>();
  loggedOf.set(state, logged);
  if (logged.get(path) === generation) return false;
  if (logged.size >= mostLogged) logged.clear();
  logged.set(path, generation);
  return true;
}

/** How long ago an object was written when it was read: both by Storage's clock. Milliseconds. */
export function ageOf({ readAt, writtenAt }: Pick<StateFacts, 'readAt' | 'writtenAt'>): number {
  return readAt.getTime() - writtenAt.getTime();
}

/** For a reader to whom an unreadable object is the same as none. */
export function valueOrNone<T>(found: ReadState<T> | undefined): T | undefined {
  return found === undefined || 'unreadable' in found ? undefined : found.value;
}
