import { describeError } from '../../base/errors.ts';
import { decodeLookTimes, looksAreToldFor, looksFolder, newestLooks, type LookTimes } from '../../memory/look-times.ts';
import type { Ports } from '../../ports/ports.ts';
import type { StateStore } from '../../ports/storage.ts';
import { keptByStore } from './kept-versions.ts';
import { readAllListed } from './read-listed.ts';
import type { StateAccess } from './read-state.ts';

type WrittenLooks = NonNullable<ReturnType<typeof decodeLookTimes>>;

/** 1,000 environments are 100 KiB of each instance that looked at all of them. */
const keptLooks = keptByStore<WrittenLooks>({ limit: 8 * 2 ** 20 });

/**
 * When the environments of a repository were looked at last, by name: by one list, and a read of what an instance wrote
 * since. What nobody can read tells of none. Throws `StorageUnavailable` (retry).
 */
export async function recallLooks(
  { repository }: { repository: string },
  access: StateAccess,
): Promise<ReadonlyMap<string, LookTimes>> {
  const folder = looksFolder(repository);
  const listed = await access.state.list(folder);
  const kept = keptLooks(access.state);
  kept.forgetOthers({ folder, listed });
  const written = await readAllListed(listed, { kept, decode: decodeLookTimes }, access);
  return newestLooks(
    written.flatMap((one) => ('value' in one ? [{ looks: one.value, writtenAt: one.writtenAt }] : [])),
  );
}

/** Milliseconds between two looks of an instance for what others left behind. */
const betweenClearings = 3_600_000;
const clearedAt = new WeakMap<StateStore, Map<string, number>>();

/**
 * Deletes what an instance wrote that has not looked at anything for a day, each by its generation; at most once an hour
 * for an instance that asks. Never throws: what stays is deleted by the next.
 */
export async function clearOldLooks(
  { repository }: { repository: string },
  { state, log, now }: StateAccess & Pick<Ports, 'now'>,
): Promise<void> {
  const cleared = clearedAt.get(state) ?? new Map<string, number>();
  clearedAt.set(state, cleared);
  const time = now().getTime();
  if (Math.abs(time - (cleared.get(repository) ?? Number.NEGATIVE_INFINITY)) < betweenClearings) return;
  cleared.set(repository, time);
  try {
    for (const { path, generation, updatedAt } of await state.list(looksFolder(repository)))
      if (time - updatedAt.getTime() > looksAreToldFor) await state.delete({ path, generation });
  } catch (error) {
    log?.('WARNING', 'what is known of looks long ago could not be cleared', {
      repository,
      error: describeError(error),
    });
  }
}
