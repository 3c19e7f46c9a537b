import { statePaths } from '../../../memory/state-paths.ts';
import { isOpen } from '../../../memory/incident.ts';
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
  await tellEnd(run, revision);
  await removeQuarantine({ repository: run.repository, environment: run.environment, state: run.ports.state });
  await deleteRef(run);
  await run.memoryFile.remove();
  await forgetAsking(run);
}

/** Nothing was done for it: whoever did something has told so, and ended the incident with it. */
async function tellEnd(run: Run, revision: string): Promise<void> {
  const memory = run.memoryFile.memory();
  const { incident } = memory;
  if (!isOpen(incident) || !incident.told) return;
  const changes = { created: 0, configured: 0, unchanged: 0, pruned: 0 };
  const cluster = incident.diff?.cluster ?? memory.cluster;
  await tellConverged(run, {
    reached: { reached: 'removal' },
    converged: { cluster, revision, seconds: secondsSince(run), changes, policy: null },
  });
}

/**
 * Removes a note that asked for a look, and this run's lease. A note left meanwhile, and the lease of a run that took
 * over, stay; so does a memory, which may be one that this version cannot read.
 */
export async function forgetAsking({ ports, settings, repository, environment }: Run): Promise<void> {
  const paths = statePaths({ repository, environment });
  const [wanted, lease] = await Promise.all([ports.state.read(paths.wanted), ports.state.read(paths.lease)]);
  if (wanted !== undefined) await ports.state.delete({ path: paths.wanted, generation: wanted.generation });
  if (lease !== undefined && 'value' in lease && isHeldBy(lease.value, settings))
    await ports.state.delete({ path: paths.lease, generation: lease.generation });
}

function isHeldBy(lease: unknown, { holder, event }: Run['settings']): boolean {
  return (
    lease !== null &&
    typeof lease === 'object' &&
    'holder' in lease &&
    'event' in lease &&
    lease.holder === holder &&
    lease.event === event
  );
}
