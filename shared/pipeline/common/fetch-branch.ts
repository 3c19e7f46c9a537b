import { ConvergeError } from '../../base/errors.ts';
import { branchHeadPath } from '../../source/branch-head.ts';
import { decodeLedger, ledgerPath } from '../../source/ledger.ts';
import { readState, valueOrNone } from './read-state.ts';
import { rememberedEnvironments } from './remembered-environments.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import type { StateStore } from '../../ports/storage.ts';

/**
 * The head of the branch, brought here. Undefined only for a repository that has no branch and never had this one,
 * which the first upload founds. Throws `BranchMissing` (refuse) where the branch is gone: it has others, or the state
 * bucket remembers it.
 */
export async function fetchBranch({
  repository,
  state,
}: {
  repository: Repository;
  state: StateStore;
}): Promise<Commit | undefined> {
  const head = await repository.fetchHead();
  if (head === undefined && (await isRemembered({ repository: repository.repositoryClass, state })))
    throw branchGone(repository);
  return head;
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
