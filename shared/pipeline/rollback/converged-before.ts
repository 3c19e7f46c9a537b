import { withoutSuspension } from '../../environment/suspension.ts';
import { hashJson } from '../../objects/canonical-json.ts';
import { declaredPaths, sameInputs, type Inputs } from '../../environment/inputs.ts';
import { commitOf, shortRevision } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import { environmentPath } from '../../environment/environment-file.ts';
import type { AttemptedRevision, Memory } from '../../memory/memory.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { parseRevert } from '../../source/revert.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { convergencesAt, openNotes } from '../common/notes.ts';
import { provenanceOf } from '../common/provenance.ts';
import { readInputs } from '../common/render-inputs.ts';
import { commitsBetween, findOnBranch, youngCommits } from './commits-between.ts';
import { rememberedPaths } from './readers.ts';

interface Of {
  readonly repository: Repository;
  readonly environment: string;
  readonly head: Commit;
  readonly memory: Memory;
}

/**
 * The revision that converged with other inputs before the one that the environment is at, or last where that one has
 * not converged: by its memory, and where that does not tell, by the notes of commits that are no older than two
 * months. `because` says for people how it is known. Undefined where neither tells.
 *
 * @param of.at the commit that the environment is at
 */
export async function convergedBefore({
  at,
  ...of
}: Of & { at: string }): Promise<{ readonly to: Commit; readonly because: string } | undefined> {
  const { repository, head, memory } = of;
  const current = await findOnBranch({ repository, head, id: at });
  for (const { revision, because } of remembered(memory)) {
    const to = await findOnBranch({ repository, head, id: revision.commit });
    if (to === undefined) continue;
    // What holds the same is no way back: a memory that was lost learns the paths of its inputs anew.
    const { inputs } = revision;
    if (current !== undefined && (await isSameButSuspended(of, { one: to, other: current, inputs }))) continue;
    return { to, because };
  }
  return current === undefined ? undefined : await noted({ ...of, current });
}

function remembered({ attempted, converged, previous }: Memory): { revision: AttemptedRevision; because: string }[] {
  const isConverged =
    attempted !== undefined &&
    converged !== undefined &&
    sameInputs({ attempted: converged.inputs, current: attempted.inputs });
  const last = attempted === undefined || isConverged ? undefined : converged;
  return [
    ...(last === undefined ? [] : [{ revision: last, because: 'it converged last (as Converge recorded)' }]),
    ...(previous === undefined
      ? []
      : [{ revision: previous, because: 'it converged before the current one (as Converge recorded)' }]),
  ];
}

async function noted({
  current,
  ...of
}: Of & { current: Commit }): Promise<{ to: Commit; because: string } | undefined> {
  const { repository, environment, memory } = of;
  const declared = await readEnvironment({ repository, commit: current.id, name: environment });
  // Of a file that is wrong, what is remembered of it counts alone.
  const named = declared.state === 'declared' ? declaredPaths(declared.environment) : [environmentPath(environment)];
  const paths = [...new Set([...named, ...rememberedPaths(memory)])];
  const inputs = await readInputs({ repository, commit: current.id, paths });
  const notes = await openNotes(repository);
  for await (const commit of youngCommits({ repository, from: current })) {
    if ((await convergencesAt(commit.id, { environment, memory, notes })).length === 0) continue;
    if (!(await isSameButSuspended(of, { one: current, other: commit, inputs })))
      return { to: commit, because: 'it converged before the current one (as noted in Git)' };
  }
  return undefined;
}

/**
 * Whether an environment is made of the same at two commits, but for what its file says of its suspension: to go back over
 * that alone is none of a rollback.
 *
 * @param at.inputs at `one`
 */
async function isSameButSuspended(
  { repository, environment: name }: Pick<Of, 'repository' | 'environment'>,
  { one, other, inputs }: { one: Commit; other: Commit; inputs: Inputs },
): Promise<boolean> {
  const { [environmentPath(name)]: own = null, ...rest } = inputs;
  if (!(await holds(repository, { commit: other, inputs: rest }))) return false;
  if (await holds(repository, { commit: other, inputs: { [environmentPath(name)]: own } })) return true;
  const [before, after] = await Promise.all(
    [one, other].map(async ({ id: commit }) => readEnvironment({ repository, commit, name })),
  );
  return (
    before?.state === 'declared' &&
    after?.state === 'declared' &&
    hashJson(withoutSuspension(before.environment)) === hashJson(withoutSuspension(after.environment))
  );
}

async function holds(repository: Repository, { commit, inputs }: { commit: Commit; inputs: Inputs }): Promise<boolean> {
  const current = await readInputs({ repository, commit: commit.id, paths: Object.keys(inputs) });
  return sameInputs({ attempted: inputs, current });
}

/**
 * That nobody rolled back what an environment (undefined: the whole repository) is about to go back to: whoever asks
 * twice, and names no revision, would bring back what was wrong. Throws `RollbackRefused` (refuse), which names it.
 *
 * @param of.paths that may change
 */
export async function refuseRolledBack({
  key,
  repository,
  environment,
  head,
  to,
  paths,
}: Pick<Of, 'repository' | 'head'> & {
  key: string;
  environment: string | undefined;
  to: Commit;
  paths: readonly string[];
}): Promise<void> {
  const wanted = await readInputs({ repository, commit: to.id, paths });
  for (const commit of await commitsBetween({ repository, to, from: head.id, head: head.id, paths })) {
    const undone = await undoneBy(commit, { repository, environment });
    // Of a repository, nothing but its last commit is undone without a revision.
    if (
      undone === undefined ||
      (environment !== undefined &&
        !(await isSameButSuspended({ repository, environment }, { one: to, other: undone.commit, inputs: wanted })))
    )
      continue;
    const { subject } = provenanceOf({ commit });
    throw new ConvergeError({
      code: 'RollbackRefused',
      subject: key,
      message: `would bring back ${shortRevision(undone.revision)}, which ${commit.id.slice(0, 12)} rolled back (${subject})`,
      remedy: `name a revision with --to; --to ${undone.commit.id} brings that back all the same`,
      disposition: 'refuse',
    });
  }
}

/** What a commit rolled back of an environment, or of the repository, where it is a rollback. */
async function undoneBy(
  commit: Commit,
  { repository, environment }: Pick<Of, 'repository'> & { environment: string | undefined },
): Promise<{ commit: Commit; revision: string } | undefined> {
  const { environment: of, from: revision } = parseRevert(commit.message);
  if (revision === undefined || (of !== undefined && environment !== undefined && of !== environment)) return undefined;
  const undone = await repository.findCommit(commitOf(revision));
  return undone === undefined ? undefined : { commit: undone, revision };
}
