import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { readInputs } from '../common/render-inputs.ts';

const day = 86_400_000;
/** How many days back a revision is looked for, before all there are: most rollbacks undo what is young. */
const windows = [1, 8, 64, 512];

/**
 * The commit of the branch that a full or abbreviated id names (7 digits at least), or undefined where no commit from
 * `head` back has that id. Brings the history here up to it. Throws `RollbackRefused` (refuse) for an abbreviation of
 * several.
 */
export async function findOnBranch({
  repository,
  head,
  id,
}: {
  repository: Repository;
  head: Commit;
  id: string;
}): Promise<Commit | undefined> {
  for (const days of [...windows, undefined]) {
    const range = days === undefined ? { since: new Date(0) } : { within: days * day };
    const [found, ...others] = (await repository.history({ from: head.id, ...range })).filter((commit) =>
      commit.id.startsWith(id),
    );
    if (others.length > 0) {
      throw new ConvergeError({
        code: 'RollbackRefused',
        subject: id,
        message: 'begins the ids of several commits',
        remedy: 'give more digits',
        disposition: 'refuse',
      });
    }
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The newest commit from `head` back that holds these inputs, within two months: an environment may have converged
 * thousands of commits ago, of which none changed it, and they are not fetched for that. Undefined where there is none.
 */
export async function findWithInputs({
  repository,
  head,
  inputs,
}: {
  repository: Repository;
  head: Commit;
  inputs: Inputs;
}): Promise<Commit | undefined> {
  const paths = Object.keys(inputs);
  for await (const commit of youngCommits({ repository, from: head }))
    if (sameInputs({ attempted: inputs, current: await readInputs({ repository, commit: commit.id, paths }) }))
      return commit;
  return undefined;
}

/** A commit and those before it, newest first, within two months: fetched as far as they are asked for. */
export async function* youngCommits({
  repository,
  from,
}: {
  repository: Repository;
  from: Commit;
}): AsyncGenerator<Commit, void> {
  const seen = new Set<string>();
  for (const days of windows.slice(0, -1)) {
    for (const commit of await repository.history({ from: from.id, within: days * day })) {
      if (seen.has(commit.id)) continue;
      seen.add(commit.id);
      yield commit;
    }
  }
}

/**
 * The commits that led from one commit of the branch to a later one and changed one of these paths (`''`: anything)
 * beside their first parent, newest first.
 */
export async function commitsBetween({
  repository,
  to,
  from,
  head,
  paths,
}: {
  repository: Repository;
  to: Commit;
  from: string;
  head: string;
  paths: readonly string[];
}): Promise<readonly Commit[]> {
  // A person's clock may be behind: a commit may look older than its parent.
  const visited = await repository.history({ from: head, since: new Date(to.committedAt.getTime() - day) });
  const known = new Map(visited.map((commit) => [commit.id, commit]));
  const before = ancestorsOf(to.id, known);
  const until = ancestorsOf(from, known);
  const between = visited.filter(({ id }) => until.has(id) && !before.has(id));
  const touching: Commit[] = [];
  for (const commit of between) if (await touches(commit)) touching.push(commit);
  return touching;

  async function touches({ id, parents: [parent] }: Commit): Promise<boolean> {
    // What lies behind the window came from a side branch that is older than all of this.
    if (parent !== undefined && !known.has(parent)) return false;
    for (const path of paths) {
      const before = parent === undefined ? undefined : await repository.entry({ commit: parent, path });
      if ((await repository.entry({ commit: id, path }))?.id !== before?.id) return true;
    }
    return false;
  }
}

/** A commit and its ancestors, as far as they are known. */
function ancestorsOf(id: string, known: ReadonlyMap<string, Commit>): ReadonlySet<string> {
  const found = new Set([id]);
  for (const next of found)
    for (const parent of known.get(next)?.parents ?? []) if (known.has(parent)) found.add(parent);
  return found;
}
