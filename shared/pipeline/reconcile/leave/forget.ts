import { statePaths } from '../../../memory/state-paths.ts';
import { removeQuarantine } from '../../rollback/quarantines.ts';
import type { Run } from '../run/run.ts';
import { deleteRef } from '../tell/write-back.ts';

/** Removes what the state bucket holds of an environment that is no more, and its ref. */
export async function forget(run: Run): Promise<void> {
  await removeQuarantine({ repository: run.repository, environment: run.environment, state: run.ports.state });
  await deleteRef(run);
  await run.memoryFile.remove();
  await forgetAsking(run);
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
