import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { readInputs } from './render-inputs.ts';

/** How far back a change is looked for. */
const mostCommits = 200;
const mostMilliseconds = 60 * 86_400_000;
/** How far a clock that is believed may be ahead. */
const aheadMilliseconds = 86_400_000;
/** So many in a row may look too old for a wrong clock, as long as one behind them is not. */
const mostTooOld = 12;

/**
 * The last commit from `head` back that changed what is at one of these paths. A merge that has there what one of its
 * parents has changed nothing: what that parent has it from did, or, where that is not found, the merge that brought it
 * into the branch. Walks what is here of the branch, and asks its host for no more: undefined where that, or the bound
 * of 200 commits and 60 days, ends before.
 *
 * @param now a head that is of later than this has a clock that was wrong
 * @param seen what was at some of these paths at an earlier commit, whether that is here or not
 */
export async function lastChange({
  repository,
  head,
  paths,
  now,
  seen,
}: {
  repository: Repository;
  head: Commit;
  paths: readonly string[];
  now?: Date;
  seen: { readonly commit: string; readonly inputs: Inputs } | undefined;
}): Promise<Commit | undefined> {
  const latest = (now?.getTime() ?? Number.POSITIVE_INFINITY) + aheadMilliseconds;
  const oldest = Math.min(head.committedAt.getTime(), latest) - mostMilliseconds;
  const current = await readInputs({ repository, commit: head.id, paths });
  let commit = head;
  let brought: Commit | undefined;
  let tooOld = 0;
  for (let visited = 0; visited < mostCommits; visited++) {
    if (commit.parents.length === 0) return tooOld === 0 ? commit : brought;
    const { same, isFirst, unknown } = await parentsOf({ repository, commit, paths, current });
    if (same === undefined && tooOld > 0) return brought;
    if (same === undefined) {
      const isTold = unknown.every((id) => seen?.commit === id && differs(seen.inputs, current));
      // What a side that is not here has, the first parent did not have.
      return isTold || (!unknown.includes(commit.parents[0] ?? '') && commit.parents.length > 1) ? commit : brought;
    }
    if (!isFirst && !unknown.includes(commit.parents[0] ?? '')) brought ??= commit;
    tooOld = same.committedAt.getTime() < oldest ? tooOld + 1 : 0;
    if (tooOld > mostTooOld) return brought;
    commit = same;
  }
  return brought;
}

/** The first parent that has the same at these paths, and the ids of those that are not here. */
async function parentsOf({
  repository,
  commit,
  paths,
  current,
}: {
  repository: Repository;
  commit: Commit;
  paths: readonly string[];
  current: Inputs;
}): Promise<{ same: Commit | undefined; isFirst: boolean; unknown: readonly string[] }> {
  const unknown: string[] = [];
  for (const id of commit.parents) {
    const parent = await repository.findCommit(id);
    if (parent === undefined) unknown.push(id);
    else if (sameInputs({ attempted: await readInputs({ repository, commit: id, paths }), current }))
      return { same: parent, isFirst: id === commit.parents[0], unknown };
  }
  return { same: undefined, isFirst: false, unknown };
}

function differs(before: Inputs, current: Inputs): boolean {
  return Object.entries(current).some(([path, id]) => path in before && before[path] !== id);
}
