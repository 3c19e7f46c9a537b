import { isOpen } from '../../../memory/incident.ts';
import { isResting, type Retry } from '../../../memory/retry.ts';
import type { Commit } from '../../../ports/git.ts';
import { failedAlike } from '../run/attempt.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';

/** The failure that this look is to leave alone, if there is one of what the environment is made of at this commit. */
export async function pausedRetry(
  run: Run,
  { commit, revision }: { commit: Commit; revision: string },
): Promise<Retry | undefined> {
  const memory = run.memoryFile.memory();
  const { retry, incident } = memory;
  if (retry === undefined || !isOpen(incident)) return undefined;
  const resting = { retry, revision, cause: run.cause, now: run.ports.now() };
  if (!isResting({ ...resting, isSame: true })) return undefined;
  return isResting({ ...resting, isSame: await failedAlike(run, { memory, commit }) }) ? retry : undefined;
}

/** What was told stands, and nothing is done about it yet. */
export function stillFailing(run: Run, revision: string): RunResult {
  const { incident } = run.memoryFile.memory();
  return { outcome: 'diverged', revision, reason: incident?.reason ?? 'Failed', summary: incident?.summary ?? '' };
}
