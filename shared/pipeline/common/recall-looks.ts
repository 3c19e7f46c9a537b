import { describeError } from '../../base/errors.ts';
import { decodeLookTimes, looksAreToldFor, looksFolder, newestLooks, type LookTimes } from '../../memory/look-times.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ListedState } from '../../ports/storage.ts';
import { keptByStore } from './kept-versions.ts';
import { keepPace } from './pace.ts';
import { readAllListed } from './read-listed.ts';
import type { StateAccess } from './read-state.ts';

type WrittenLooks = NonNullable<ReturnType<typeof decodeLookTimes>>;

/** 1,000 environments are 100 KiB of each instance that looked at all of them. */
const keptLooks = keptByStore<WrittenLooks>({ limit: 8 * 2 ** 20 });

/** What is known of the looks at a repository's environments, and what time it was by Storage's clock when that was asked. */
export interface LooksNow {
  readonly looks: ReadonlyMap<string, LookTimes>;
  /** Undefined where no instance has written of any. */
  readonly at: Date | undefined;
}

/**
 * The same as `recallLooks`, with the time: by a read more, of what was written last. Whoever judges how old a look is
 * has no clock of its own that it may trust.
 */
export async function recallLooksNow(of: { repository: string }, access: StateAccess): Promise<LooksNow> {
  const listed = await access.state.list(looksFolder(of.repository));
  const [newest] = listed.toSorted((one, other) => other.updatedAt.getTime() - one.updatedAt.getTime());
  const [looks, read] = await Promise.all([
    looksOf({ ...of, listed }, access),
    newest === undefined ? undefined : access.state.read(newest.path),
  ]);
  return { looks, at: read?.readAt };
}

/**
 * When the environments of a repository were looked at last, by name: by one list, and a read of what an instance wrote
 * since. What nobody can read tells of none. Throws `StorageUnavailable` (retry).
 */
export async function recallLooks(
  { repository }: { repository: string },
  access: StateAccess,
): Promise<ReadonlyMap<string, LookTimes>> {
  return await looksOf({ repository, listed: await access.state.list(looksFolder(repository)) }, access);
}

async function looksOf(
  { repository, listed }: { repository: string; listed: readonly ListedState[] },
  access: StateAccess,
): Promise<ReadonlyMap<string, LookTimes>> {
  const folder = looksFolder(repository);
  const kept = keptLooks(access.state);
  kept.forgetOthers({ folder, listed });
  const written = await readAllListed(listed, { kept, decode: decodeLookTimes }, access);
  return newestLooks(
    written.flatMap((one) => ('value' in one ? [{ looks: one.value, writtenAt: one.writtenAt }] : [])),
  );
}

const clearings = keepPace({ milliseconds: 3_600_000 });

/**
 * Deletes what an instance wrote that has not looked at anything for a day, each by its generation; at most once an hour
 * for an instance that asks. Never throws: what stays is deleted by the next.
 */
export async function clearOldLooks(
  { repository }: { repository: string },
  { state, log, now }: StateAccess & Pick<Ports, 'now'>,
): Promise<void> {
  const time = now().getTime();
  if (!clearings.isDue({ repository, state, time })) return;
  clearings.note({ repository, state, time });
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
