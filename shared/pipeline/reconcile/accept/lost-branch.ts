import type { ConvergeError } from '../../../base/errors.ts';
import { revisionOf } from '../../../base/revision.ts';
import { isAboutBranch } from '../../common/fetch-branch.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { diverge } from '../tell/tell.ts';

/**
 * Tells that the branch, or its head, cannot be read: what the environment converged at last is no longer known to be
 * what Git wants. Nothing is written in the cluster, and the revision attempted last stays where later ones are told
 * from it.
 *
 * Throws the error where the environment never ran: nothing of it stands.
 */
export async function tellLostBranch(run: Run, error: ConvergeError): Promise<RunResult> {
  const { attempted, rollout } = run.memoryFile.memory();
  if (attempted === undefined) throw error;
  const repository = run.ports.repository(run.repository);
  const commit = await headOf(repository);
  const revision = commit === undefined ? attempted.revision : revisionOf({ branch: repository.branch, commit });
  run.ports.log('WARNING', 'the branch cannot be read', {
    code: error.code,
    environment: run.key,
    error: error.message,
  });
  return diverge(run, {
    environment: undefined,
    attempted,
    rollout,
    divergence: { reason: 'Failed', revision, summary: `${error.code}: ${error.message}`, objects: [] },
  });
}

/** Where the host says that the branch is; undefined where there is none. */
async function headOf(repository: { head(): Promise<string | undefined> }): Promise<string | undefined> {
  try {
    return await repository.head();
  } catch (error) {
    if (isAboutBranch(error)) return undefined;
    throw error;
  }
}
