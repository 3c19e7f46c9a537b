import { branchHeadPath, readBranchHead, type BranchHead } from '../../source/branch-head.ts';
import { announceCommit } from './announce-commit.ts';
import { listEnvironments } from './declared-environments.ts';
import { branchGone, isRemembered } from './fetch-branch.ts';
import type { Ports } from '../../ports/ports.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';

/** A branch as the host has it now. */
export interface PolledBranch extends BranchHead {
  /**
   * Writes down what was seen: once all that follows from it is published, so that a tick that dies is made up for by
   * the next.
   */
  remember(): Promise<void>;
}

/**
 * Asks the host where the branch is, and nothing else where that is where it was. A branch that moved is fetched, and
 * the commit announced: nobody may have heard of it, and where somebody has, it is the same event.
 *
 * Undefined for a repository that never had a branch. Throws `BranchMissing`, `UnreadableObject` (refuse).
 */
export async function pollBranch(
  name: string,
  ports: StateAccess & Pick<Ports, 'now' | 'repository' | 'topics'>,
): Promise<PolledBranch | undefined> {
  const { now, repository: repositories, state, topics } = ports;
  const repository = repositories(name);
  const path = branchHeadPath(name);
  const [advertised, stored] = await Promise.all([
    repository.head(),
    readState({ path, decode: readBranchHead }, ports),
  ]);
  if (advertised === undefined && (await isRemembered({ repository: name, state }))) throw branchGone(repository);
  if (advertised === undefined) return undefined;
  const last = valueOrNone(stored);
  if (last?.commit === advertised) return { ...last, remember: async () => {} };

  const head = await repository.fetchHead();
  if (head === undefined) return undefined;
  await announceCommit({ repository, commit: head.id, previous: last?.commit ?? null }, { topics, now });
  const seen: BranchHead = { commit: head.id, environments: await listEnvironments({ repository, commit: head.id }) };
  return {
    ...seen,
    // Where another tick wrote meanwhile, the next one finds out which of the two is right.
    remember: async () =>
      void (await state.write({
        path,
        value: seen,
        ifGeneration: stored === undefined ? 'absent' : { generation: stored.generation },
      })),
  };
}
