import { keysOf } from '../../../memory/lease.ts';
import type { Hook } from '../../../desired/hook.ts';
import type { PlannedAction } from '../../../plan/plan.ts';
import type { Target } from '../run/target.ts';

/**
 * Claims the lease for what a plan writes, where it writes anything: what is not named is not touched. Throws as
 * `claim` does.
 *
 * @param facts.hooks those that may run
 */
export async function claimFor(
  { run, attempted }: Pick<Target, 'run' | 'attempted'>,
  { actions, hooks = [] }: { actions: readonly PlannedAction[]; hooks?: readonly Hook[] },
): Promise<void> {
  const planned = actions.flatMap((action) =>
    action.action === 'keep' ? [] : [action.action === 'prune' ? action.observed.key : action.desired.key],
  );
  const keys = [...new Set([...planned, ...hooks.map(({ desired }) => desired.key)])].sort();
  if (keys.length > 0) await run.lease.claim({ attempted, keys: keysOf(keys) });
}
