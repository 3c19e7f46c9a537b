import { describeError } from '../../base/errors.ts';
import { decodeLookTimes, looksAreToldFor, looksFolder, newestLooks, type LookTimes } from '../../memory/look-times.ts';
import type { Ports } from '../../ports/ports.ts';
import { keptByStore } from './kept-versions.ts';
import { keepPace } from './pace.ts';
import { readAllListed, type ReadListed } from './read-listed.ts';
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
 * The same as `recallLooks`, with the time: by a read more where all is known already. Whoever judges how old a look is
 * has no clock of its own that it may trust.
 */
export async function recallLooksNow(of: { repository: string }, access: StateAccess): Promise<LooksNow> {
  const written = await readWritten(of, access);
  const readAt = written.map((one) => one.readAt).find((at) => at !== undefined);
  const at = readAt ?? (written[0] && (await access.state.read(written[0].path))?.readAt);
  return { looks: looksIn(written), at };
}

/**
 * When the environments of a repository were looked at last, by name: by one list, and a read of what an instance wrote
 * since. What nobody can read tells of none. Throws `StorageUnavailable` (retry).
 */
export async function recallLooks(
  { repository }: { repository: string },
  access: StateAccess,
): Promise<ReadonlyMap<string, LookTimes>> {
  return looksIn(await readWritten({ repository }, access));
}

async function readWritten(
  { repository }: { repository: string },
  access: StateAccess,
): Promise<readonly ReadListed<WrittenLooks>[]> {
  const folder = looksFolder(repository);
  const listed = await access.state.list(folder);
  const kept = keptLooks(access.state);
  kept.forgetOthers({ folder, listed });
  return readAllListed(listed, { kept, decode: decodeLookTimes }, access);
}

function looksIn(written: readonly ReadListed<WrittenLooks>[]): ReadonlyMap<string, LookTimes> {
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
