import { noteDeparture } from './departed.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import { isOpenAndTold } from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import { removeQuarantine } from '../../rollback/quarantines.ts';
import type { Run } from '../run/run.ts';
import { secondsSince } from '../run/target.ts';
import { tellConverged } from '../tell/tell.ts';
import { deleteRef } from '../tell/write-back.ts';

/**
 * Removes what the state bucket holds of an environment that is no more, and its ref. An incident of it that was told
 * and is open ends here, which is told before.
 *
 * @param at.revision at which it is no more
 */
export async function forget(run: Run, { revision }: { revision: string }): Promise<void> {
  tellEnd(run, revision);
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

/** Nothing was done for it: whoever did something has told so, and ended the incident with it. */
function tellEnd(run: Run, revision: string): void {
  const memory = run.memoryFile.memory();
  const [incident] = incidentsOf(memory).filter(isOpenAndTold);
  if (incident === undefined) return;
  const changes = { created: 0, configured: 0, unchanged: 0, pruned: 0 };
  const cluster = memory.incident?.diff?.cluster ?? incident.diff?.cluster ?? memory.cluster;
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
