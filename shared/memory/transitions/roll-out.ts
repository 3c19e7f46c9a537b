import { confirmHeals, withoutHeals } from '../../drift/fight.ts';
import { inputsId, sameInputs, type Inputs } from '../../environment/inputs.ts';
import type { RolledOut } from '../../plan/rolled-out.ts';
import { passIncidents } from '../incidents.ts';
import type { AttemptedRevision, Memory } from '../memory.ts';
import { withinTimeout, type Rollout } from '../rollout.ts';

/**
 * A run sets out for a revision, before its first write: no later one goes back behind it. Where a roll-out is under
 * way, health becomes `Progressing`; where nothing will be written, it stays. Clears `unawaited` in the former case,
 * and `endTold`; nothing else: what was waited for, told and tried stays until the run is over.
 *
 * What converged last with other inputs stays without the render that the remembered objects stand for, since others
 * are about to be applied: if that fails and its inputs come back, they are rendered and compared, and not taken for
 * what is there.
 *
 * @param facts.inputs those of what is desired now
 * @param facts.rolledOut what was done and is set out for, for these inputs
 */
export function revisionBegun(
  memory: Memory,
  {
    inputs,
    isUnderWay,
    ...facts
  }: {
    cluster: string;
    namespace: string;
    attempted: AttemptedRevision;
    inputs: Inputs;
    isUnderWay: boolean;
    rollout: Rollout | undefined;
    rolledOut: RolledOut;
  },
): Memory {
  const { converged } = memory;
  const isAsConverged = converged === undefined || sameInputs({ attempted: converged.inputs, current: inputs });
  return {
    ...memory,
    ...facts,
    rolledOutFor: inputsId(inputs),
    converged: isAsConverged ? converged : { ...converged, renderKey: '' },
    health: isUnderWay ? 'Progressing' : memory.health,
    unawaited: isUnderWay ? undefined : memory.unawaited,
    endTold: undefined,
  };
}

/** The environment's file says for how long a roll-out may take. Shortens `rollout`; clears nothing. */
export function rolloutBounded(memory: Memory, { timeout }: { timeout: number }): Memory {
  const { rollout } = memory;
  return rollout === undefined ? memory : { ...memory, rollout: withinTimeout(rollout, { timeout }) };
}

/** Its hooks are through: from now on its objects have their time. Replaces the roll-out; clears nothing. */
export function hooksPassed(memory: Memory, { rollout }: { rollout: Rollout }): Memory {
  return { ...memory, rollout };
}

/**
 * What differed was applied and what was in the way pruned. Clears nothing, but of `heals` the fights about what a
 * commit changed: they were about what Git said before. What was pruned is forgotten: where a commit brings it back
 * before this one converged, it is made, and nobody removed it. What was pruned for later is `left`, so that no later
 * look takes it for what somebody added.
 *
 * @param facts.committed keys of what a commit changed
 * @param facts.rolledOut what was done for these inputs
 * @param facts.pending keys of what the next look tries to prune again
 */
export function changesMade(
  memory: Memory,
  { committed, rolledOut, pending }: { committed: readonly string[]; rolledOut: RolledOut; pending: readonly string[] },
): Memory {
  const gone = new Set([...rolledOut.pruned, ...(rolledOut.released ?? [])]);
  return {
    ...memory,
    objects: Object.fromEntries(Object.entries(memory.objects).filter(([key]) => !gone.has(key))),
    heals: confirmHeals(withoutHeals({ heals: memory.heals, keys: committed })),
    rolledOut,
    left: pending.length === 0 ? memory.left : [...new Set([...memory.left, ...pending])].sort(),
  };
}

/**
 * The run leaves what takes its time to a run of its own. Clears `unawaited`, and `rollout` where something else than
 * that is waited for.
 *
 * @param facts.message what it waits for
 * @param facts.id of the wait; as it is, where absent
 */
export function leftWaiting(
  memory: Memory,
  {
    revision,
    attempted,
    message,
    rollout,
    id = memory.waiting?.id,
  }: {
    revision: string;
    attempted: AttemptedRevision;
    message: string;
    rollout: Rollout | undefined;
    id: string | undefined;
  },
): Memory {
  return {
    ...memory,
    attempted,
    rollout,
    health: 'Progressing',
    unawaited: undefined,
    waiting: { revision, message, id },
  };
}

/**
 * A removed environment leaves what is still being deleted to the next run. Health and the attempt stay those of the
 * environment that was. Clears nothing.
 *
 * @param facts.message what it waits for
 * @param facts.id of the wait; as it is, where absent
 */
export function deletionAwaited(
  memory: Memory,
  {
    revision,
    message,
    rollout,
    id = memory.waiting?.id,
  }: { revision: string; message: string; rollout: Rollout; id: string | undefined },
): Memory {
  return { ...memory, rollout, waiting: { revision, message, id } };
}

/**
 * Drift was healed in the pause before what failed is tried again: it has passed, where the heals succeeded, and what
 * was told of the failure stands. Clears nothing.
 */
export function healedInPause(memory: Memory, { isHealed }: { isHealed: boolean }): Memory {
  const incidents = passIncidents(memory, ({ reason }) => isHealed && reason === 'Drifted');
  return { ...incidents, heals: confirmHeals(memory.heals) };
}
