import type { Commit } from '../../ports/git.ts';
import type { ConvergenceNote } from '../../source/convergence-note.ts';
import type { CameFrom } from './came-from.ts';

/** The commits that changed what an environment is made of, and what was found at any, by those. */
export interface OwnCommits {
  /** In the order of the commits that were asked for. */
  readonly own: readonly Commit[];
  /** By the commit that had changed it last: whoever looks at a later one looks at that. */
  readonly converged: ReadonlyMap<string, readonly ConvergenceNote[]>;
  /** That commit, of any other; undefined where it is not among those that were asked for. */
  ownOf(commit: string): Promise<string | undefined>;
}

/**
 * What came to nothing, since a merge left it out, is none of them.
 *
 * @param of.commits newest first, the head before all; @param of.entries how many are wanted at the most
 */
export async function findOwn(
  { commits, entries }: { commits: readonly Commit[]; entries: number },
  ask: {
    readonly cameFrom: (commit: Commit) => Promise<CameFrom>;
    readonly convergences: (commit: string) => Promise<readonly ConvergenceNote[]>;
  },
): Promise<OwnCommits> {
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const asked = new Map<string, Promise<CameFrom>>();
  const cameFrom = async (commit: Commit): Promise<CameFrom> => {
    const answer = asked.get(commit.id) ?? ask.cameFrom(commit);
    asked.set(commit.id, answer);
    return await answer;
  };
  const ownOf = async (id: string): Promise<string | undefined> => {
    for (let commit = byId.get(id); commit !== undefined;) {
      const came = await cameFrom(commit);
      if (came.from === 'itself') return commit.id;
      commit = byId.get(came.parent ?? '');
    }
    return undefined;
  };
  const own: Commit[] = [];
  const converged = new Map<string, readonly ConvergenceNote[]>();
  const followed = new Set(commits.slice(0, 1).map(({ id }) => id));
  for (const commit of childrenFirst(commits)) {
    if (own.length >= entries) break;
    if (followed.has(commit.id)) {
      const came = await cameFrom(commit);
      if (came.from === 'itself') own.push(commit);
      for (const id of came.from === 'itself' ? commit.parents : [came.parent ?? '']) followed.add(id);
    }
    const notes = await ask.convergences(commit.id);
    const at = notes.length === 0 ? undefined : await ownOf(commit.id);
    if (at !== undefined) converged.set(at, [...notes, ...(converged.get(at) ?? [])]);
  }
  return { own, converged, ownOf };
}

/** In the order that they are in, but that none comes before what it is a parent of, whatever their clocks said. */
function childrenFirst(commits: readonly Commit[]): readonly Commit[] {
  const children = new Map<string, number>();
  for (const { parents } of commits) for (const id of parents) children.set(id, (children.get(id) ?? 0) + 1);
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const passed = new Set<string>();
  const sorted: Commit[] = [];
  for (const commit of commits) {
    passed.add(commit.id);
    const due = (children.get(commit.id) ?? 0) === 0 ? [commit] : [];
    for (let next = due.pop(); next !== undefined; next = due.pop()) {
      sorted.push(next);
      for (const id of next.parents) {
        const left = (children.get(id) ?? 0) - 1;
        children.set(id, left);
        const parent = byId.get(id);
        if (left === 0 && parent !== undefined && passed.has(id)) due.push(parent);
      }
    }
  }
  return sorted;
}
