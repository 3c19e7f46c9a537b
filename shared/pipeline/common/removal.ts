import { environmentPath } from '../../environment/environment-file.ts';
import type { Commit, Repository } from '../../ports/git.ts';

/** Since when a branch does not declare an environment any more: by its first parents. */
export interface Removal {
  /** The commit that removed its file. */
  readonly commit: Commit;
  /** The last one with it. */
  readonly before: string;
}

/** `declared`: its file is at the head; undefined: it was not there in the time that is looked at. */
export async function findRemoval({
  repository,
  head,
  name,
  milliseconds,
}: {
  repository: Repository;
  head: Commit;
  name: string;
  /** How far behind the head to look. */
  milliseconds: number;
}): Promise<Removal | 'declared' | undefined> {
  if (await isDeclared({ repository, commit: head.id, name })) return 'declared';
  const commits = new Map(
    (await repository.history({ from: head.id, within: milliseconds })).map((commit) => [commit.id, commit]),
  );
  let commit = head;
  for (;;) {
    const [before] = commit.parents;
    if (before === undefined) return undefined;
    const parent = commits.get(before);
    if (parent === undefined) return undefined;
    if (await isDeclared({ repository, commit: before, name })) return { commit, before };
    commit = parent;
  }
}

async function isDeclared({
  repository,
  commit,
  name,
}: {
  repository: Repository;
  commit: string;
  name: string;
}): Promise<boolean> {
  const entry = await repository.entry({ commit, path: environmentPath(name) });
  return entry?.kind === 'file' || entry?.kind === 'executable';
}
