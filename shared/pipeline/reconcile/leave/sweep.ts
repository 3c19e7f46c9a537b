import { ConvergeError, describeError } from '../../../base/errors.ts';
import { parseTime } from '../../../base/time.ts';
import { assertRemoved, isRenamed } from '../accept/removed-file.ts';
import { unkeptMemory } from '../run/memory-file.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { deleteParent } from './delete-state.ts';
import { forgetDeparted, type findDeparted } from './departed.ts';
import { removeKept } from './forget.ts';
import type { Leave } from './leave.ts';
import { openLeave, tearApart, type OpenedLeave } from './take-apart.ts';

/** For how long after nothing may come late any more its cluster is asked in vain, in milliseconds. */
const longestSweep = 86_400_000;

type Found = NonNullable<Awaited<ReturnType<typeof findDeparted>>>;
type At = Pick<Leave, 'commit' | 'revision'>;

/**
 * Takes leave of what a late request may have made since, and of the record of that once it is out of the question.
 * Nothing is told or remembered, and no hook runs: all that was at its end.
 *
 * Throws what a later try may mend (`retry`), for a day after its time.
 */
export async function sweep(run: Run, { departed, ...at }: At & { departed: Found }): Promise<RunResult> {
  // Whoever took the name over sees to all of it.
  if (departed.memory.attempted === undefined || (await isRenamed(run, at.commit))) {
    await forgetDeparted(run, departed);
    return { outcome: 'absent' };
  }
  const late = run.ports.now().getTime() - parseTime(departed.until);
  const swept = await takeLate(run, { departed, ...at }).catch(async (error: unknown) => {
    await dropSweep(run, error);
    if (!(error instanceof ConvergeError)) throw error;
    if (error.disposition === 'retry' && late < longestSweep) throw error;
    return error;
  });
  if (swept === 'guarded') return { outcome: 'absent' };
  if (swept !== 'clear') {
    const why = swept === 'left' ? {} : { error: describeError(swept) };
    run.ports.log('WARNING', 'what came late of an environment that is no more may still be there', {
      key: run.key,
      ...why,
    });
  }
  if (swept !== 'clear' ? late >= longestSweep : late >= 0) await forgetDeparted(run, departed);
  return { outcome: 'absent' };
}

/** `left`: something is still there. */
async function takeLate(
  run: Run,
  { departed: { memory }, ...at }: At & { departed: Found },
): Promise<'clear' | 'left' | 'guarded'> {
  const { attempted } = memory;
  if (attempted === undefined) return 'clear';
  // What the bucket holds under its name meanwhile is of no environment.
  const opened = await openSwept({ ...run, memoryFile: unkeptMemory(memory) }, { ...at, attempted });
  if (opened === 'guarded') return 'guarded';
  if (opened !== undefined) {
    await run.lease.claim({ keys: '*' });
    const { torn } = await tearApart(opened, { isSwept: true });
    if (torn === 'down') await deleteParent(opened.leave);
    else {
      await removeKept(run);
      return 'left';
    }
  }
  await removeKept(run);
  return 'clear';
}

/**
 * Nothing stays of a look that failed, but for what a request without an answer may still write, which the run
 * remembers: an environment of that name may come back.
 */
async function dropSweep(run: Run, error: unknown): Promise<void> {
  const isDropped = !(error instanceof ConvergeError) || error.code === 'StaleLook' || error.code === 'LeaseLost';
  if (isDropped || run.unsettled.size > 0) return;
  await run.memoryFile.remove();
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
