import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';

/** How far behind the head a shortened commit is looked for, in milliseconds. */
const searched = 90 * 86_400_000;
/** Where only who may push puts anything. */
const pushed = ['refs/heads/', 'refs/tags/'] as const;

/**
 * The commit that somebody means: one of the branch, or what a branch or a tag of the repository is at (of one name, the
 * branch). An annotated tag is the commit that it is of. Throws `BadRequest` (refuse) where there is none.
 *
 * What stands at any other ref, of a pull request above all, is anybody's who may read: it is nobody's commit here, though it
 * was fetched before.
 *
 * @param asked.head of the environment's branch
 * @param asked.isBase whether it is what a folder is compared with: then any commit that was fetched will do
 */
export async function findCommit(
  repository: Repository,
  asked: { revision: string; head: Commit; isBase?: boolean },
): Promise<Commit> {
  const { revision } = asked;
  const found = (await commitOf(repository, asked)) ?? (await tipOf(repository, revision));
  if (found !== undefined) return found;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: revision,
    message: 'is no commit of the branch, and no branch or tag of its repository',
    remedy: 'push it first, or name a pull request by its number (--pr)',
    disposition: 'refuse',
  });
}

async function commitOf(
  repository: Repository,
  { revision, head, isBase = false }: { revision: string; head: Commit; isBase?: boolean },
): Promise<Commit | undefined> {
  if (!/^[0-9a-f]{7,40}$/.test(revision)) return undefined;
  if (head.id.startsWith(revision)) return head;
  if (revision.length < 40) {
    const found = (await repository.history({ from: head.id, within: searched })).filter(({ id }) =>
      id.startsWith(revision),
    );
    return found.length === 1 ? found[0] : undefined;
  }
  const known = isBase ? await repository.findCommit(revision) : undefined;
  if (known !== undefined) return known;
  const refs = await repository.listRefs(pushed);
  const [ref] = [...refs].find(([, commit]) => commit === revision) ?? [];
  if (ref !== undefined) return await repository.fetchRef(ref);
  // Older commits of the branch come with its history.
  return (await repository.isAncestor({ ancestor: revision, descendant: head.id }))
    ? await repository.findCommit(revision)
    : undefined;
}

async function tipOf(repository: Repository, revision: string): Promise<Commit | undefined> {
  const isWhole = revision.startsWith('refs/');
  const names = isWhole ? [revision] : pushed.map((prefix) => `${prefix}${revision}`);
  if (isWhole && !pushed.some((prefix) => revision.startsWith(prefix))) return undefined;
  for (const name of names) {
    const tip = await repository.fetchRef(name);
    if (tip !== undefined) return tip;
  }
  return undefined;
}
