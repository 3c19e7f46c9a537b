import type { Commit } from '../../ports/git.ts';
import type { ConvergenceNote } from '../../source/convergence-note.ts';

/** The commits that changed what an environment is made of, and what was found at any, by those. */
export interface OwnCommits {
  /** In the order of the commits that were asked for. */
  readonly own: readonly Commit[];
  /** By the commit that had changed it last, by first parents: whoever looks at a later one looks at that. */
  readonly converged: ReadonlyMap<string, readonly ConvergenceNote[]>;
  /** That commit, of any other; undefined where it is not among those that were asked for. */
  ownOf(commit: string): Promise<string | undefined>;
}

/** @param of.commits newest first; @param of.entries how many are wanted at the most */
export async function findOwn(
  { commits, entries }: { commits: readonly Commit[]; entries: number },
  ask: {
    readonly touches: (commit: Commit) => Promise<boolean>;
    readonly convergences: (commit: string) => Promise<readonly ConvergenceNote[]>;
  },
): Promise<OwnCommits> {
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const asked = new Map<string, Promise<boolean>>();
  const touches = async (commit: Commit): Promise<boolean> => {
    const answer = asked.get(commit.id) ?? ask.touches(commit);
    asked.set(commit.id, answer);
    return await answer;
  };
  const ownOf = async (id: string): Promise<string | undefined> => {
    let commit = byId.get(id);
    while (commit !== undefined && !(await touches(commit))) commit = byId.get(commit.parents[0] ?? '');
    return commit?.id;
  };
  const own: Commit[] = [];
  const converged = new Map<string, readonly ConvergenceNote[]>();
  for (const commit of commits) {
    if (own.length >= entries) break;
    if (await touches(commit)) own.push(commit);
    const notes = await ask.convergences(commit.id);
    const at = notes.length === 0 ? undefined : await ownOf(commit.id);
    if (at !== undefined) converged.set(at, [...notes, ...(converged.get(at) ?? [])]);
  }
  return { own, converged, ownOf };
}
