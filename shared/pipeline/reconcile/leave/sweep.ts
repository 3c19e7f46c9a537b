import { ConvergeError } from '../../../base/errors.ts';
import { parseTime } from '../../../base/time.ts';
import { departureRecalled } from '../../../memory/transitions/accept.ts';
import { assertRemoved, isRenamed } from '../accept/removed-file.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { deleteParent } from './delete-state.ts';
import { forgetDeparted, type findDeparted } from './departed.ts';
import type { Leave } from './leave.ts';
import { openLeave, tearApart, type OpenedLeave } from './take-apart.ts';

/**
 * Takes leave of what a late request may have made since, and of the record of that once it is out of the question.
 * Nothing is told, and no hook runs: both were at its end.
 */
export async function sweep(
  run: Run,
  {
    commit,
    revision,
    departed,
  }: Pick<Leave, 'commit' | 'revision'> & { departed: NonNullable<Awaited<ReturnType<typeof findDeparted>>> },
): Promise<RunResult> {
  const { attempted } = departed.memory;
  // Whoever took the name over sees to all of it.
  if (attempted === undefined || (await isRenamed(run, commit))) {
    await forgetDeparted(run, departed);
    return { outcome: 'absent' };
  }
  const isOver = parseTime(departed.until) <= run.ports.now().getTime();
  run.memoryFile.remember(departureRecalled, { departed: departed.memory });
  const opened = await openSwept(run, { commit, revision, attempted });
  if (opened === 'guarded') return { outcome: 'absent' };
  if (opened !== undefined) {
    await run.lease.claim({ keys: '*' });
    const torn = await tearApart(opened, { isSwept: true });
    if (torn.torn !== 'down') {
      run.ports.log('WARNING', 'what came late of an environment that is no more is still there', { key: run.key });
      await run.memoryFile.remove();
      return { outcome: 'absent' };
    }
    await deleteParent(opened.leave);
  }
  await run.memoryFile.remove();
  if (isOver) await forgetDeparted(run, departed);
  return { outcome: 'absent' };
}

/** As `openLeave`, where nothing keeps its file from being taken for removed. */
async function openSwept(
  run: Run,
  of: Pick<Leave, 'commit' | 'revision' | 'attempted'>,
): Promise<OpenedLeave | 'guarded' | undefined> {
  try {
    await assertRemoved(run, of.commit);
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'RemovalGuarded') return 'guarded';
    throw error;
  }
  return await openLeave(run, of);
}
