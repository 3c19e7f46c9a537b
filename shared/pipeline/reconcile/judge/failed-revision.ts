import type { Divergence } from '../../../drift/divergence.ts';
import type { Memory } from '../../../memory/memory.ts';
import { judgeRollback, type Quarantine } from '../../../memory/quarantine.ts';
import { formatTime, parseTime } from '../../../base/time.ts';
import { openFreeze } from '../accept/freeze.ts';
import { planRollback } from './plan-rollback.ts';
import type { RunResult, Target } from '../run/target.ts';
import { diverge } from '../tell/tell.ts';

/**
 * Tells that a revision failed after it was applied, or in its apply, and rolls it back where the environment asks for
 * that. What is not healthy has had its time; what failed to apply is tried again until it has had as long
 * (`retry.since` and the environment's timeout), because much of that mends by itself.
 */
export async function divergeForGood(
  target: Target,
  { divergence, ...remember }: { divergence: Divergence } & Partial<Pick<Memory, 'rollout' | 'retry'>>,
): Promise<RunResult> {
  const { run, environment, attempted } = target;
  const told = (note: string): Divergence =>
    note === '' ? divergence : { ...divergence, summary: `${divergence.summary}; ${note}` };
  const now = run.ports.now();
  const since = remember.retry?.since;
  const { converged, quarantine } = run.memoryFile.memory();
  const isLeftAlone =
    divergence.objects.length > 0 && divergence.objects.every(({ suspended }) => suspended !== undefined);
  const verdict = judgeRollback({ environment, failed: { ...attempted, isLeftAlone }, converged, quarantine, now });
  if (verdict.verdict === 'not due') return diverge(run, { ...target, ...remember, divergence: told(verdict.note) });
  if (since !== undefined && now.getTime() < parseTime(since) + environment.timeout)
    return diverge(run, { ...target, ...remember, divergence });
  const open = openFreeze(run, environment);
  if (open !== undefined) {
    const end = open.endless ? 'now' : `before ${formatTime(open.until)}`;
    const note = `not rolled back ${end}: ${open.endless ? 'frozen without an end in sight' : 'frozen'} by ${open.window.name}`;
    return diverge(run, { ...target, ...remember, divergence: told(note) });
  }

  const due: Quarantine = {
    revision: attempted.revision,
    inputs: attempted.inputs,
    reason: divergence.summary,
    at: now.toISOString(),
    revert: null,
  };
  const plan = await planRollback(run, due);
  if (plan.plan === 'not possible') return diverge(run, { ...target, ...remember, divergence: told(plan.note) });
  return diverge(run, { ...target, ...remember, divergence, quarantine: due });
}
