import { isOpen } from '../../../memory/incident.ts';
import { isResting, type Retry } from '../../../memory/retry.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';

/** The failure that this look is to leave alone, if there is one at this revision. */
export function pausedRetry(run: Run, revision: string): Retry | undefined {
  const { retry, incident } = run.memoryFile.memory();
  if (!isOpen(incident) || incident.revision !== revision) return undefined;
  return isResting({ retry, revision, cause: run.cause, now: run.ports.now() }) ? retry : undefined;
}

/** What was told stands, and nothing is done about it yet. */
export function stillFailing(run: Run, revision: string): RunResult {
  const { incident } = run.memoryFile.memory();
  return { outcome: 'diverged', revision, reason: incident?.reason ?? 'Failed', summary: incident?.summary ?? '' };
}
