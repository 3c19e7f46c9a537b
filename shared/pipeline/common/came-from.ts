import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { readInputs } from './render-inputs.ts';

/** Where a commit has what is at some paths from. */
export type CameFrom =
  /** From itself: no parent has the same there. Of the first commit, where anything is there. */
  | { readonly from: 'itself' }
  /** The id of the first parent that has the same; undefined where nothing was there ever. */
  | { readonly from: 'parent'; readonly parent: string | undefined };

/**
 * As `git log -- PATH …` follows a branch: a merge that is at these paths what one of its parents is changed nothing
 * there, and what its other parents have there came to nothing.
 * https://git-scm.com/docs/git-log#_history_simplification
 */
export async function cameFrom({
  repository,
  commit,
  paths,
}: {
  repository: Repository;
  commit: Commit;
  paths: readonly string[];
}): Promise<CameFrom> {
  const at = async (id: string): Promise<Inputs> => readInputs({ repository, commit: id, paths });
  const current = await at(commit.id);
  if (commit.parents.length === 0)
    return Object.values(current).every((id) => id === null)
      ? { from: 'parent', parent: undefined }
      : { from: 'itself' };
  for (const parent of commit.parents)
    if (sameInputs({ attempted: await at(parent), current })) return { from: 'parent', parent };
  return { from: 'itself' };
}
