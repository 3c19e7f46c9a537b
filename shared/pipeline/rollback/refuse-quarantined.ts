import { shortRevision } from '../../base/revision.ts';
import { sameInputs } from '../../environment/inputs.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { decodeMemory } from '../../memory/memory.ts';
import { isSameQuarantine, type Quarantine } from '../../memory/quarantine.ts';
import { statePaths } from '../../memory/state-paths.ts';
import { readState, valueOrNone, type StateAccess } from '../common/read-state.ts';
import { readInputs } from '../common/render-inputs.ts';
import { listQuarantines } from './quarantines.ts';

/**
 * Refuses a commit of uploads, before it is pushed, that would bring back what was rolled back because it failed. Only
 * all the inputs of a quarantine together are that: with any other content beside it, the same chart is another
 * revision.
 *
 * @param upload.subject the `gs://` names, for the error
 * Throws `Quarantined` (refuse).
 */
export async function refuseQuarantined({
  subject,
  commit,
  head,
  repository,
  ...access
}: {
  subject: string;
  commit: Commit;
  head: Commit | undefined;
  repository: Repository;
} & StateAccess): Promise<void> {
  for (const { environment, quarantine } of await listQuarantines({
    repository: repository.repositoryClass,
    ...access,
  })) {
    if (quarantine.lifted !== undefined || !(await holds(commit))) continue;
    // What is there already is brought back by nobody.
    if (head !== undefined && (await holds(head))) continue;
    if (await isOver({ repository: repository.repositoryClass, environment, quarantine }, access)) continue;
    const { revision, reason, revert } = quarantine;
    const undone = revert === null ? 'is being rolled back' : `was rolled back by ${revert.slice(0, 12)}`;
    throw new ConvergeError({
      code: 'Quarantined',
      subject,
      message: `would bring back the inputs of ${environment} at ${shortRevision(revision)}, which ${undone}: ${reason}`,
      remedy: 'upload other content, or bring it back by a commit to the repository',
      disposition: 'refuse',
    });

    async function holds({ id }: Commit): Promise<boolean> {
      const current = await readInputs({ repository, commit: id, paths: Object.keys(quarantine.inputs) });
      return sameInputs({ attempted: quarantine.inputs, current });
    }
  }
}

/**
 * Whether the environment's memory says so: it is written before the copy that it is told of, so one that it does not
 * know was written by a run that was taken for dead, and nobody clears it away. With the memory lost, the copy counts.
 */
async function isOver(
  { repository, environment, quarantine }: { repository: string; environment: string; quarantine: Quarantine },
  access: StateAccess,
): Promise<boolean> {
  const path = statePaths({ repository, environment }).memory;
  const memory = valueOrNone(await readState({ path, decode: decodeMemory }, access));
  if (memory?.attempted === undefined || memory.converged === undefined) return false;
  const known = memory.quarantine;
  return known === undefined || known.lifted !== undefined || !isSameQuarantine(known, quarantine);
}
