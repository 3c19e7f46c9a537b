import type { Rollout } from '../../../memory/rollout.ts';
import { leftWaiting } from '../../../memory/transitions/roll-out.ts';
import type { RunResult, Target } from '../run/target.ts';

/**
 * Leaves what is waited for to a run of its own, so that no function sleeps through a roll-out. What this run knows is
 * saved; the message that goes on with it is sent when the lease is free. Where that message is lost, the schedule goes
 * on.
 */
export async function checkpoint(
  { run, revision, attempted }: Target,
  { message, rollout }: { message: string; rollout: Rollout | undefined },
): Promise<RunResult> {
  await run.memoryFile.remember(leftWaiting, { revision, attempted, message, rollout });
  return { outcome: 'waiting', revision, message, goesOn: true };
}
