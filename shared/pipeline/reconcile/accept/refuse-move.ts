import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import type { Run } from '../run/run.ts';

/**
 * Somewhere else, the inventory would be another one, and the objects of the first would stay behind for ever. Throws
 * `NotImplemented` (refuse).
 */
export function refuseMove(run: Run, { name, cluster, namespace }: Environment): void {
  const memory = run.memoryFile.memory();
  const moved = [
    ...(memory.cluster !== '' && memory.cluster !== cluster
      ? [`spec.cluster from ${memory.cluster} to ${cluster}`]
      : []),
    ...(memory.namespace !== '' && memory.namespace !== namespace
      ? [`spec.namespace from ${memory.namespace} to ${namespace}`]
      : []),
  ];
  if (moved.length === 0 || memory.namespace === '') return;
  throw new ConvergeError({
    code: 'NotImplemented',
    subject: environmentPath(name),
    message: `changing ${moved.join(' and ')} is not implemented yet`,
    remedy: 'add a new environment there, and remove this one',
    disposition: 'refuse',
  });
}
