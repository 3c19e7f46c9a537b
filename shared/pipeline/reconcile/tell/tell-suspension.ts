import { environmentSuspensionWords, type EnvironmentSuspension } from '../../../environment/suspension.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { openIncidents } from '../../../memory/incidents.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import { suspensionPassed } from '../../../memory/transitions/accept.ts';
import type { Run } from '../run/run.ts';
import { tellDivergence } from './tell.ts';

/**
 * Tells that an environment is suspended without an end, once that has lasted a day, and once a day from then on. Where it
 * is so no more, that ends with the next convergence.
 *
 * @param facts.suspension undefined: it is not suspended
 */
export function tellSuspension(
  run: Run,
  {
    suspension,
    environment,
    attempted,
  }: { suspension: EnvironmentSuspension | undefined; environment: Environment; attempted: AttemptedRevision },
): void {
  if (suspension !== undefined && suspension.until === undefined) {
    const words = environmentSuspensionWords(suspension);
    const summary = `is suspended without an end: ${words}; nothing is applied or healed until its file says otherwise`;
    const { cluster } = environment;
    const divergence = { reason: 'Suspended', revision: attempted.revision, summary, objects: [] } as const;
    tellDivergence(run, { divergence, cluster, environment, attempted, action: 'none' });
    return;
  }
  const isTold = openIncidents(run.memoryFile.memory()).some(
    ({ reason, passed }) => reason === 'Suspended' && passed !== true,
  );
  if (isTold) run.memoryFile.remember(suspensionPassed);
}
