import { ConvergeError } from '../../base/errors.ts';
import { sameInputs } from '../../environment/inputs.ts';
import type { Cause } from '../../events/alert.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { authorOf } from '../../source/commit-object.ts';
import { parseAction, requestedBy } from '../../source/action-message.ts';
import { parseProvenance } from '../../source/commit-message.ts';
import { revertedTo } from '../../source/revert.ts';
import { lastChange } from './last-change.ts';
import { provenanceOf, type CommitProvenance } from './provenance.ts';
import { readInputs } from './render-inputs.ts';

/** Where what a commit left at some paths came from: through reverts, from what they brought back. */
export interface Origin extends CommitProvenance {
  /**
   * Who uploaded it, as was said, or who asked for it by a verb, or, of anything else, the author of the commit: `Ana
   * <ana@example.com>`. That of a copy is Converge, which changed nothing.
   */
  readonly author: string | null;
  /** Of a commit that took others back, the one whose state came back: all that is said but the commit is of that. */
  readonly restores: Cause['restores'];
  /** Of a commit that a person asked for by a verb: who, and why. */
  readonly requested?: NonNullable<Cause['requested']>;
}

/** A revert may bring back what a revert brought back. */
const mostReverts = 10;

/**
 * @param paths what is asked for: artifacts that go elsewhere are left out
 * Of a revert, what is not in the history that is here stays unknown.
 */
export async function originOf(
  { repository, commit, paths }: { repository: Repository; commit: Commit; paths: readonly string[] },
  depth = 0,
): Promise<Origin> {
  const own = provenanceOf({ commit, paths });
  const request = requestedBy(commit.message);
  const requested = request === undefined ? {} : { requested: request };
  const author =
    own.uploadedBy[0] ??
    (parseAction(commit.message) === undefined ? undefined : request?.by) ??
    (isCopy(commit) ? undefined : await committedBy({ repository, commit }));
  const plain: Origin = { ...own, author: author ?? null, restores: null, ...requested };
  const before = depth < mostReverts ? await broughtBack({ repository, commit, paths }) : undefined;
  if (before === undefined) return plain;
  const {
    commit: id,
    subject,
    committedAt: _committedAt,
    requested: _requested,
    ...origin
  } = await originOf({ repository, commit: before, paths }, depth + 1);
  return { ...plain, ...origin, restores: origin.restores ?? { commit: id, subject } };
}

function isCopy({ message }: Commit): boolean {
  return parseProvenance(message).artifacts.length > 0;
}

/**
 * The last commit that had made these paths what a revert made of them; undefined where it is none, or is not found: what
 * only stood there then had no part in it.
 */
async function broughtBack({ repository, commit, paths }: Parameters<typeof originOf>[0]): Promise<Commit | undefined> {
  const reverted = revertedTo(commit.message);
  if (reverted === undefined) return undefined;
  const id = 'commit' in reverted ? reverted.commit : (await repository.findCommit(reverted.before))?.parents[0];
  const head = id === undefined ? undefined : await repository.findCommit(id);
  if (head === undefined) return undefined;
  const [attempted, current] = await Promise.all(
    [head.id, commit.id].map(async (at) => await readInputs({ repository, commit: at, paths })),
  );
  if (attempted === undefined || current === undefined || !sameInputs({ attempted, current })) return undefined;
  return await lastChange({ repository, head, paths, seen: undefined });
}

async function committedBy({
  repository,
  commit,
}: {
  repository: Repository;
  commit: Commit;
}): Promise<string | undefined> {
  try {
    return authorOf(await repository.rawCommit(commit.id));
  } catch (error) {
    if (error instanceof ConvergeError) return undefined;
    throw error;
  }
}
