import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { readInputs } from './render-inputs.ts';

/** How far back a change is looked for. */
const mostCommits = 200;
const mostMilliseconds = 60 * 86_400_000;

/**
 * The last commit from `head` back, by first parents, that changed what is at one of these paths. Walks what is here of
 * the branch, and asks its host for no more: undefined where that, or the bound of 200 commits and 60 days, ends before.
 *
 * @param seen what was at some of these paths at an earlier commit, whether that is here or not
 */
export async function lastChange({
  repository,
  head,
  paths,
  seen,
}: {
  repository: Repository;
  head: Commit;
  paths: readonly string[];
  seen: { readonly commit: string; readonly inputs: Inputs } | undefined;
}): Promise<Commit | undefined> {
  const oldest = head.committedAt.getTime() - mostMilliseconds;
  let commit = head;
  let current = await readInputs({ repository, commit: head.id, paths });
  for (let visited = 0; visited < mostCommits; visited++) {
    const [parent] = commit.parents;
    if (parent === undefined) return commit;
    const found = await repository.findCommit(parent);
    if (found === undefined) return seen?.commit === parent && differs(seen.inputs, current) ? commit : undefined;
    const before = await readInputs({ repository, commit: parent, paths });
    if (!sameInputs({ attempted: before, current })) return commit;
    if (found.committedAt.getTime() < oldest) return undefined;
    [commit, current] = [found, before];
  }
  return undefined;
}

function differs(before: Inputs, current: Inputs): boolean {
  return Object.entries(current).some(([path, id]) => path in before && before[path] !== id);
}
