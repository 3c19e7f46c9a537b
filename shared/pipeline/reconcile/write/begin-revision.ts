import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { inputsId, sameInputs } from '../../../environment/inputs.ts';
import type { AttemptedRevision, Memory } from '../../../memory/memory.ts';
import { revisionBegun } from '../../../memory/transitions/roll-out.ts';
import { rolloutOf, type Rollout } from '../../../memory/rollout.ts';
import { areHooksDue, type HookRecord } from '../../../inventory/hook-record.ts';
import { joinRolledOut, setOutFor, type RolledOut } from '../../../plan/rolled-out.ts';
import type { PlannedAction, RememberedObjects } from '../../../plan/plan.ts';
import type { DesiredState } from '../render/desired-state.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { FoundPlan } from '../judge/as-planned.ts';
import { hookRecordOf } from '../judge/hook-record.ts';
import type { Target } from '../run/target.ts';

/** What a run is to bring about, and what it starts from. */
export interface Undertaking {
  readonly desired: DesiredState;
  readonly observed: ObservedState;
  readonly actions: readonly PlannedAction[];
  /** Fingerprints that the dry runs renewed. */
  readonly renewed: RememberedObjects;
  /** Drift that is told and left alone: with it, the environment does not converge. */
  readonly unhealed: readonly ObjectDiff[];
  /** What the dry runs found that is told once, and keeps nothing from converging. */
  readonly notices: readonly ObjectDiff[];
}

/** An undertaking, and what is known of it before the first write. */
export interface Course extends Undertaking {
  /** The memory as the run found it. */
  readonly before: Memory;
  /** Whether the inputs are those of the last attempt, and that could be rendered. */
  readonly isSame: boolean;
  /** Keys of the objects that a commit changes. */
  readonly committed: readonly string[];
  /**
   * The revision that converged with these very inputs, where nothing is to be done: something else changed, in the
   * cluster or beside the inputs. It is no news of this environment, and nothing is written.
   */
  readonly quiet: AttemptedRevision | undefined;
  readonly hooks: { readonly record: HookRecord; readonly due: boolean };
  readonly rollout: Rollout | undefined;
  /** What earlier runs did for the same inputs, since these converged last. */
  readonly earlier: RolledOut | undefined;
  /** What was planned of it on a pull request; absent: nothing was, as far as is known yet. */
  readonly plan?: FoundPlan | undefined;
}

/** Judges what is to be done, and remembers that it was begun: no later run may go back behind this revision. */
export function beginRevision(
  { run, revision, attempted, environment, cluster }: Target,
  undertaking: Undertaking,
): Course {
  const { desired, observed, actions } = undertaking;
  const before = run.memoryFile.memory();
  const record = hookRecordOf({ run }, { desired, observed });
  const due = areHooksDue({ releases: desired.releases, record });
  // What was left for now, and is looked at again, is no news.
  const isLeft = (action: PlannedAction) =>
    action.action === 'prune' && before.pending?.includes(action.observed.key) === true;
  const isIdle =
    observed.parent !== undefined && !due && actions.every((action) => action.action === 'keep' || isLeft(action));
  const quiet = isIdle ? revisionWithSameInputs({ before, desired }) : undefined;
  const isSame = wasSetOutFor({ before, desired });
  const committed = actions.flatMap((action) =>
    action.action !== 'prune' && isCommitted({ action, before, isSame }) ? [action.desired.key] : [],
  );
  const writes = due || actions.some((action) => action.action !== 'keep' && action.action !== 'prune');
  const rollout = rolloutOf({
    last: before.rollout,
    revision,
    commits: committed.length > 0,
    heals: writes,
    sameInputs: isSame,
    now: run.ports.now(),
    timeout: environment.timeout,
  });
  // A look that only told of a commit, in a freeze, makes it the attempt, and leaves what was done for the one before.
  const isFor = before.rolledOutFor === undefined || before.rolledOutFor === inputsId(desired.inputs);
  const earlier = isSame && isFor ? before.rolledOut : undefined;
  if (quiet === undefined) {
    const isUnderWay = writes || rollout !== before.rollout;
    run.memoryFile.remember(revisionBegun, {
      cluster: cluster.name,
      namespace: environment.namespace,
      attempted,
      inputs: desired.inputs,
      isUnderWay,
      rollout,
      rolledOut: joinRolledOut({ earlier, later: setOutFor(actions) }),
    });
  }
  return { ...undertaking, before, isSame, committed, quiet, hooks: { record, due }, rollout, earlier };
}

/** Whether a run set out for these inputs: none did where they could not be rendered, whatever was read of them. */
function wasSetOutFor({ before: { attempted, retry }, desired }: { before: Memory; desired: DesiredState }): boolean {
  if (attempted === undefined || (retry?.healing === false && retry.revision === attempted.revision)) return false;
  return sameInputs({ attempted: attempted.inputs, current: desired.inputs });
}

/**
 * Whether it applies what is not as it was applied last: anything but the healing of drift. What cannot be remembered
 * is applied each time.
 */
function isCommitted({ action, before, isSame }: { action: PlannedAction; before: Memory; isSame: boolean }): boolean {
  if (action.action === 'keep' || action.action === 'prune') return false;
  const remembered = before.objects[action.desired.key];
  return remembered === undefined && action.action === 'configure'
    ? !isSame
    : remembered?.desired !== action.desired.hash;
}

/** The revision that converged with the very same inputs, if the last one did. */
function revisionWithSameInputs({
  before: { converged },
  desired,
}: {
  before: Memory;
  desired: DesiredState;
}): AttemptedRevision | undefined {
  return converged !== undefined && sameInputs({ attempted: converged.inputs, current: desired.inputs })
    ? converged
    : undefined;
}
