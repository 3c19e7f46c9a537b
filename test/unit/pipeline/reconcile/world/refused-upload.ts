import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { refuseQuarantined } from '../../../../../shared/pipeline/rollback/refuse-quarantined.ts';
import type { Changes } from './repository.ts';
import type { World } from './world.ts';

/** Whether an upload of these files, on top of the branch, is refused for a quarantine. */
export async function isRefused(world: World, changes: Changes): Promise<boolean> {
  const head = await world.git.fetchHead();
  const { id } = world.git.add(changes);
  const commit = await world.git.findCommit(id);
  if (head === undefined || commit === undefined) throw new Error('the branch is gone');
  world.git.reset(head.id);
  try {
    await refuseQuarantined({ subject: 'an upload', commit, head, repository: world.git, state: world.ports.state });
    return false;
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'Quarantined') return true;
    throw error;
  }
}
