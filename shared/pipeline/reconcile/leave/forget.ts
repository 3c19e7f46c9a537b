import type { Converged } from '../../../events/alert.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import { isOpenAndTold } from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import { removeQuarantine } from '../../rollback/quarantines.ts';
import type { Run } from '../run/run.ts';
import { secondsSince } from '../run/target.ts';
import { tellConverged } from '../tell/tell.ts';
import { deleteRef } from '../tell/write-back.ts';
import { noteDeparture } from './departed.ts';

/** What was done for a removed environment, and where. */
export type Done = Pick<Converged, 'cluster' | 'changes'>;

/**
 * Removes what the state bucket holds of an environment that is no more, and its ref. Its end is told before, where
 * anything was done for it, or an incident of it that was told is open, and the memory says so: a run that is killed is
 * made up for by the next one, which tells nothing again.
 *
 * @param at.revision at which it is no more
 */
export async function forget(run: Run, at: { revision: string; done?: Done }): Promise<void> {
  tellEnd(run, at);
  await run.memoryFile.commit({ actsOn: true });
  await noteDeparture(run);
  await removeKept(run);
}

/** Removes what is kept of an environment whose end was told, and its ref. */
export async function removeKept(run: Run): Promise<void> {
  await removeQuarantine({ repository: run.repository, environment: run.environment, state: run.ports.state });
  await deleteRef(run);
  await run.memoryFile.remove();
  await forgetLeftovers(run);
}

function tellEnd(run: Run, { revision, done }: { revision: string; done?: Done }): void {
  const memory = run.memoryFile.memory();
  const [incident] = incidentsOf(memory).filter(isOpenAndTold);
  if (done === undefined && incident === undefined) return;
  const { cluster, changes } = done ?? {
    cluster: memory.incident?.diff?.cluster ?? incident?.diff?.cluster ?? memory.cluster,
    changes: { created: 0, configured: 0, unchanged: 0, pruned: 0 },
  };
  tellConverged(run, {
    reached: { reached: 'removal' },
    converged: { cluster, revision, seconds: secondsSince(run), changes, policy: null },
  });
}

/**
 * Removes what the version before left of an environment that is none: notes that asked for a look, which nobody writes
 * any more.
 */
export async function forgetLeftovers({ ports: { state }, repository, environment }: Run): Promise<void> {
  const path = statePaths({ repository, environment }).wanted;
  const generation = await state.generationOf(path);
  if (generation !== undefined) await state.delete({ path, generation });
}
