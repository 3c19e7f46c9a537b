import { ConvergeError } from '../../base/errors.ts';
import { environmentPath, looksUpMore } from '../../environment/environment-file.ts';
import type { Commit } from '../../ports/git.ts';
import { readEnvironment, type Declaration } from '../common/declared-environments.ts';
import type { Run } from '../reconcile/run/run.ts';

/**
 * Where a folder may have a cluster asked: where the environment is that the branch declares. Whoever may push says where
 * that is, and a folder is anybody's who may see the environment.
 *
 * Throws `NotAllowed` (refuse).
 */
export async function assertPlace(
  run: Run,
  { declared, head }: { declared: Declaration; head: Commit },
): Promise<void> {
  if (declared.state !== 'declared') return;
  const repository = run.ports.repository(run.repository);
  const now = await readEnvironment({ repository, commit: head.id, name: run.environment });
  if (now.state !== 'declared') throw elsewhere(run, 'is not declared by the branch yet, or cannot be read there');
  const [one, other] = [now.environment, declared.environment];
  if (one.cluster !== other.cluster)
    throw elsewhere(run, `has spec.cluster ${one.cluster} there, and another one here`);
  if (one.namespace !== other.namespace)
    throw elsewhere(run, `has spec.namespace ${one.namespace} there, and another one here`);
  if (one.previousNames.join() !== other.previousNames.join())
    throw elsewhere(run, 'has other metadata.previousNames there');
  if (looksUpMore(other, one)) throw elsewhere(run, `has spec.lookup ${one.lookup} there, and may look up more here`);
}

function elsewhere({ environment }: Run, message: string): ConvergeError {
  return new ConvergeError({
    ...{ code: 'NotAllowed', subject: environmentPath(environment), disposition: 'refuse' },
    message: `${message}: a folder is planned where the branch has the environment`,
    remedy: 'push a branch, and plan that with --revision',
  });
}
