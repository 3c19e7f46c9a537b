import { ConvergeError } from '../../../base/errors.ts';
import type { Divergence } from '../../../drift/divergence.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import type { Run } from '../run/run.ts';
import { tellDivergence } from '../tell/tell.ts';

/**
 * A run never goes back behind the revision attempted last. Where the branch's head is no descendant of it, the branch
 * was rewritten by force, which is told before the run follows. Throws `GitUnavailable` (retry) where it moved just
 * now.
 */
export async function tellRewrittenBranch(
  run: Run,
  { attempted, environment }: { attempted: AttemptedRevision; environment: Environment },
): Promise<void> {
  const { attempted: last } = run.memoryFile.memory();
  const { commit, revision } = attempted;
  if (last === undefined || last.commit === commit) return;
  const repository = run.ports.repository(run.repository);
  if (await repository.isAncestor({ ancestor: last.commit, descendant: commit })) return;
  if ((await repository.head()) !== commit) {
    throw new ConvergeError({
      code: 'GitUnavailable',
      subject: run.key,
      message: 'the branch moved while it was read',
      disposition: 'retry',
    });
  }
  const summary = `the branch was rewritten: ${last.revision} is no ancestor of ${revision}`;
  const divergence: Divergence = { reason: 'Guarded', revision, summary, objects: [] };
  tellDivergence(run, {
    ...{ divergence, environment, attempted, cluster: environment.cluster, action: 'healing' },
    // Each is told, whatever it changes.
    cause: commit,
  });
}
