import type { Rollout } from '../../../memory/rollout.ts';
import { leftWaiting } from '../../../memory/transitions/roll-out.ts';
import type { RunResult, Target } from '../run/target.ts';

/**
 * Leaves what is waited for to a run of its own, so that no function sleeps through a roll-out. The message that goes
 * on with it is sent once the memory says so. Where that message is lost, the schedule goes on.
 */
export function checkpoint(
  { run, revision, attempted }: Target,
  { message, rollout }: { message: string; rollout: Rollout | undefined },
): RunResult {
  run.memoryFile.remember(leftWaiting, { revision, attempted, message, rollout, id: run.waitId });
  return { outcome: 'waiting', revision, message, ...(run.waitId === undefined ? {} : { goesOn: true }) };
}

/** Ends the lease, where the run holds it, and goes on looking: nobody has to wait for what takes its time. */
export async function yieldLease(
  { run, revision, attempted }: Target,
  waiting: { message: string; rollout: Rollout | undefined },
): Promise<void> {
  if (!run.lease.isHeld()) return;
  run.memoryFile.remember(leftWaiting, { revision, attempted, ...waiting, id: run.waitId });
  await run.memoryFile.commit();
}
