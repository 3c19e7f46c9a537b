import { healedInPause } from '../../../memory/transitions/roll-out.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import type { PlannedAction } from '../../../plan/plan.ts';
import { applyChanges } from './apply-changes.ts';
import { claimFor } from './claim-for.ts';
import { rememberObjects } from '../run/remember-objects.ts';
import { judgeDrift } from '../judge/judge-drift.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { stillFailing } from '../judge/retry-pause.ts';
import type { RunResult, Target } from '../run/target.ts';
import { tellDivergence } from '../tell/tell.ts';
import type { Verified } from '../judge/verify-plan.ts';

/**
 * A look before the next try: of the objects that were applied as this revision has them, heals what drifted. The
 * others, the hooks and the prunes wait for the try, and what was told of them stays.
 */
export async function healBeforeRetry(
  target: Target,
  { verified, observed }: { verified: Verified; observed: ObservedState },
): Promise<RunResult> {
  const { run, revision, environment, cluster } = target;
  const { objects } = run.memoryFile.memory();
  const isApplied = (action: PlannedAction) =>
    action.action !== 'prune' && objects[action.desired.key]?.desired === action.desired.hash;
  const keyOf = (action: PlannedAction) => (action.action === 'prune' ? action.observed.key : action.desired.key);
  const applied = verified.actions.filter(isApplied);
  const keys = new Set(applied.map(keyOf));
  const drift = verified.drift.filter(({ key }) => keys.has(key));
  if (drift.length === 0) return stillFailing(run, revision);
  const judged = judgeDrift(run, { environment, revision, drift, request: run.request });
  if (judged.action === 'none' && !judged.anew) return stillFailing(run, revision);

  tellDivergence(run, { ...target, ...judged, cluster: cluster.name });
  const actions = applied.filter((action) => !judged.left.has(keyOf(action)));
  await claimFor(target, { actions });
  const healed = await applyChanges(target, { actions, observed });
  rememberObjects(run, { ...verified.renewed, ...healed.remembered });
  run.memoryFile.remember(healedInPause, { isHealed: failuresOf(healed.changes).length === 0 });
  return stillFailing(run, revision);
}
