import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';

/** How far behind the head a shortened commit is looked for, in milliseconds. */
const searched = 90 * 86_400_000;

/**
 * The commit that somebody means: one of the branch, what a branch or a tag of the repository is at (of one name, the
 * branch), or what any other ref (`refs/…`) is. An annotated tag is the commit that it is of. Throws `BadRequest` (refuse)
 * where there is none.
 *
 * @param head of the environment's branch
 */
export async function findCommit(
  repository: Repository,
  { revision, head }: { revision: string; head: Commit },
): Promise<Commit> {
  const found = (await commitOf(repository, { revision, head })) ?? (await tipOf(repository, revision));
  if (found !== undefined) return found;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: revision,
    message: 'is no commit of the branch, and no branch or tag of its repository',
    remedy: 'push it first',
    disposition: 'refuse',
  });
}

async function commitOf(
  repository: Repository,
  { revision, head }: { revision: string; head: Commit },
): Promise<Commit | undefined> {
  if (!/^[0-9a-f]{7,40}$/.test(revision)) return undefined;
  if (head.id.startsWith(revision)) return head;
  if (revision.length < 40) {
    const found = (await repository.history({ from: head.id, within: searched })).filter(({ id }) =>
      id.startsWith(revision),
    );
    return found.length === 1 ? found[0] : undefined;
  }
  const known = await repository.findCommit(revision);
  if (known !== undefined) return known;
  const refs = await repository.listRefs(['refs/heads/', 'refs/tags/']);
  const [ref] = [...refs].find(([, commit]) => commit === revision) ?? [];
  if (ref !== undefined) return await repository.fetchRef(ref);
  // Older commits of the branch come with its history.
  return (await repository.isAncestor({ ancestor: revision, descendant: head.id }))
    ? await repository.findCommit(revision)
    : undefined;
}

async function tipOf(repository: Repository, revision: string): Promise<Commit | undefined> {
  const names = revision.startsWith('refs/') ? [revision] : [`refs/heads/${revision}`, `refs/tags/${revision}`];
  for (const name of names) {
    const tip = await repository.fetchRef(name);
    if (tip !== undefined) return tip;
  }
  return undefined;
}
