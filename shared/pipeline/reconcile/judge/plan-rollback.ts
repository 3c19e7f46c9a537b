import type { Quarantine } from '../../../memory/quarantine.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import { commitOf } from '../../../base/revision.ts';
import { ConvergeError } from '../../../base/errors.ts';
import { byItself, conflictWords, type RevertConflict } from '../../../source/revert.ts';
import { fetchBranch } from '../../common/fetch-branch.ts';
import { findWithInputs } from '../../rollback/commits-between.ts';
import { otherReaders, rememberedPaths, type OtherReader } from '../../rollback/readers.ts';
import { revertOnBranch, type Reverted } from '../../rollback/revert-on-branch.ts';
import { readInputs } from '../../common/render-inputs.ts';
import type { Run } from '../run/run.ts';

export type RollbackPlan = { readonly plan: 'possible' } | { readonly plan: 'not possible'; readonly note: string };

/** Whether a failed revision could be rolled back now. Nothing is written. */
export async function planRollback(run: Run, due: Quarantine): Promise<RollbackPlan> {
  try {
    const planned = await revert(run, { quarantine: due, dryRun: true });
    if (planned === undefined) return { plan: 'not possible', note: '' };
    return planned.outcome === 'conflicts'
      ? { plan: 'not possible', note: notRolledBack(planned.conflicts) }
      : { plan: 'possible' };
  } catch (error) {
    // The failure is told now, whatever becomes of its rollback: the next look tries again.
    if (!(error instanceof ConvergeError)) throw error;
    return { plan: 'not possible', note: `not rolled back: ${error.message}` };
  }
}

export type RolledBack = Exclude<Reverted, { outcome: 'nothing' }> & { readonly to: string };

/**
 * Undefined where there is nothing to do: a newer commit changed the inputs, or another environment's rollback did it.
 */
export async function revert(
  run: Run,
  { quarantine, dryRun }: { quarantine: Quarantine; dryRun: boolean },
): Promise<RolledBack | undefined> {
  const { environment, ports } = run;
  const memory = run.memoryFile.memory();
  const { converged, incident } = memory;
  const repository = ports.repository(run.repository);
  const head = await fetchBranch({ repository, state: run.ports.state });
  if (head === undefined || converged === undefined) return undefined;
  const to = await findWithInputs({ repository, head, inputs: converged.inputs });
  if (to === undefined) {
    const message = `no commit of the last two months holds what converged at ${converged.revision}`;
    throw new ConvergeError({ code: 'RollbackRefused', subject: run.key, message, disposition: 'refuse' });
  }
  let readers: readonly OtherReader[] = [];
  const reverted = await revertOnBranch(
    {
      ...{
        repository,
        to,
        dryRun,
        from: commitOf(quarantine.revision),
        paths: rememberedPaths({ ...memory, quarantine }),
      },
      isDue: async ({ id }) =>
        sameInputs({
          attempted: quarantine.inputs,
          current: await readInputs({ repository, commit: id, paths: Object.keys(quarantine.inputs) }),
        }),
      readers: async ({ id }) => (readers = await otherReaders({ repository, commit: id, except: environment, ports })),
      accepts: (conflict) =>
        conflict.reason === 'shared' &&
        conflict.with.every((name) => readers.find((reader) => reader.environment === name)?.asks === true),
      beforePush: async () => run.lease.assertHeld(),
      says: {
        environment,
        what: environment,
        to: converged.revision,
        reason: quarantine.reason,
        incident: incident?.id,
        by: byItself,
      },
    },
    ports,
  );
  return reverted.outcome === 'nothing' ? undefined : { ...reverted, to: converged.revision };
}

export function notRolledBack(conflicts: readonly RevertConflict[]): string {
  const [first, ...others] = conflicts;
  const more = others.length === 0 ? '' : `, and ${others.length} more path${others.length === 1 ? '' : 's'}`;
  return first === undefined ? '' : `not rolled back: ${conflictWords(first)}${more}`;
}
