import type { Commit, Repository } from '../../ports/git.ts';
import { parseProvenance } from '../../source/commit-message.ts';
import { parseRevert } from '../../source/revert.ts';

/** A commit of the branch that changed what stands at a path. */
export interface PathChange {
  readonly commit: Commit;
  /** Its first parent, which has `before` at the path: the Git object there, null for none. */
  readonly parent: Commit;
  readonly before: string | null;
  /** Whether uploads, or a rollback, made it: who took an upload back wants the next one. */
  readonly isOurs: boolean;
}

/**
 * The commits of the branch, by first parents, that changed a path, newest first: from the head to the commit
 * `until`, which is left out, or to the end of the history that is given. What the last of that changed is among them,
 * though its parent is not in the history: on a branch that rested, nothing else may be.
 */
export async function* changesOfPath({
  path,
  head,
  until,
  history,
  repository,
}: {
  path: string;
  head: Commit;
  until: string | undefined;
  history: readonly Commit[];
  repository: Pick<Repository, 'entry' | 'findCommit'>;
}): AsyncGenerator<PathChange> {
  const known = new Map(history.map((commit) => [commit.id, commit]));
  let after = await contentAt({ commit: head.id, path, repository });
  let commit: Commit | undefined = head;
  while (commit !== undefined && commit.id !== until) {
    const [id] = commit.parents;
    const parent: Commit | undefined =
      id === undefined ? undefined : (known.get(id) ?? (await repository.findCommit(id)));
    if (parent === undefined) return;
    const before = await contentAt({ commit: parent.id, path, repository });
    if (before !== after) yield { commit, parent, before, isOurs: isOurs(commit) };
    after = before;
    commit = known.get(parent.id);
  }
}

/** The id of what stands at a path of a commit: a blob, or the tree of a folder. */
export async function contentAt({
  commit,
  path,
  repository,
}: {
  commit: string;
  path: string;
  repository: Pick<Repository, 'entry'>;
}): Promise<string | null> {
  return (await repository.entry({ commit, path }))?.id ?? null;
}

function isOurs({ message }: Commit): boolean {
  return parseProvenance(message).artifacts.length > 0 || parseRevert(message).from !== undefined;
}
