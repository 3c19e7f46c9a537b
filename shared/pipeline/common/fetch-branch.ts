import { ConvergeError } from '../../base/errors.ts';
import { branchHeadPath } from '../../source/branch-head.ts';
import { decodeLedger, ledgerPath } from '../../source/ledger.ts';
import { readState, valueOrNone } from './read-state.ts';
import { rememberedEnvironments } from './remembered-environments.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import type { StateStore } from '../../ports/storage.ts';

/** Where somebody saw the head of the branch a while ago. */
export interface HeadHint {
  /** Of the message; what is no commit is no hint. */
  readonly commit: string;
  /** The commit that the environment attempted last, which nothing may go back behind; undefined: none is remembered. */
  readonly attempted: string | undefined;
}

/**
 * The head of the branch, brought here, or the commit of the hint, without a request, where that is here already and
 * attempted, or descends from what was: whoever acts on it reads the head once more. Undefined only for a repository that has no branch and never had this one,
 * which the first upload founds. Throws `BranchMissing` (refuse) where the branch is gone: it has others, or the state
 * bucket remembers it.
 */
export async function fetchBranch({
  repository,
  state,
  hint,
}: {
  repository: Repository;
  state: StateStore;
  hint?: HeadHint | undefined;
}): Promise<Commit | undefined> {
  const hinted = hint === undefined ? undefined : await followHint(repository, hint);
  if (hinted !== undefined) return hinted;
  const head = await repository.fetchHead();
  if (head === undefined && (await isRemembered({ repository: repository.repositoryClass, state })))
    throw branchGone(repository);
  return head;
}

async function followHint(repository: Repository, { commit, attempted }: HeadHint): Promise<Commit | undefined> {
  const hinted = isCommitId(commit) ? await repository.findCommit(commit) : undefined;
  if (hinted === undefined || attempted === undefined || attempted === hinted.id) return hinted;
  const before = await repository.findCommit(attempted);
  // A message that came late is of an older commit, whose whole history would be walked for the answer.
  if (before === undefined || before.committedAt > hinted.committedAt) return undefined;
  return (await repository.isAncestor({ ancestor: attempted, descendant: commit })) ? hinted : undefined;
}

function isCommitId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/**
 * Whether anything that is remembered came from the branch: where the schedule saw it, an environment that ran, an
 * upload that is in Git. A head is one that was seen, also where nobody can read which; a ledger that nobody can read
 * says nothing.
 */
export async function isRemembered({ repository, state }: { repository: string; state: StateStore }): Promise<boolean> {
  const [seen, ledger, environments] = await Promise.all([
    state.read(branchHeadPath(repository)),
    readState({ path: ledgerPath({ repositoryClass: repository }), decode: decodeLedger }, { state }),
    rememberedEnvironments({ repository, state }),
  ]);
  return seen !== undefined || environments.length > 0 || (valueOrNone(ledger)?.copied.size ?? 0) > 0;
}

export function branchGone({ url, branch }: Pick<Repository, 'url' | 'branch'>): ConvergeError {
  return new ConvergeError({
    code: 'BranchMissing',
    subject: url,
    message: `the branch ${branch}, which was there before, does not exist, and the repository has no other`,
    remedy: `push ${branch} again; to begin anew, push a first commit to it`,
    disposition: 'refuse',
  });
}

/**
 * Whether an error is about the branch itself: nothing of it can be read until somebody mends it, and each environment
 * has to say so.
 */
export function isAboutBranch(
  error: unknown,
): error is ConvergeError & { readonly code: 'BranchMissing' | 'UnreadableObject' } {
  return error instanceof ConvergeError && (error.code === 'BranchMissing' || error.code === 'UnreadableObject');
}
