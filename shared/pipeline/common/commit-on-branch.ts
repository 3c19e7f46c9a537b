import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { pauseBeforePush, triesToPush } from './pauses.ts';

/** What is to be committed on a head of the branch, or why nothing is. */
export type OnHead<Facts, Given> =
  | { readonly given: Given }
  | { readonly changes: readonly TreeChange[]; readonly message: string; readonly facts: Facts };

export type CommitOnBranch<Facts, Given> =
  | { readonly outcome: 'given'; readonly given: Given }
  /** The head has all of it already. */
  | { readonly outcome: 'unchanged'; readonly head: Commit; readonly facts: Facts }
  | {
      readonly outcome: 'planned' | 'pushed';
      readonly commit: Commit;
      readonly previous: string;
      readonly facts: Facts;
    };

/**
 * One commit on top of the branch's head, or none. A branch that moves meanwhile is looked at again as it is then, and
 * nothing is ever forced. Throws `GitUnavailable` (retry) where it moves each time, or is gone.
 *
 * @param order.beforePush called before each push; throws where it must not be
 */
export async function commitOnBranch<Facts, Given>(
  order: {
    readonly repository: Repository;
    readonly dryRun: boolean;
    readonly on: (head: Commit) => Promise<OnHead<Facts, Given>>;
    readonly beforePush?: (() => Promise<void>) | undefined;
  },
  ports: Pick<Ports, 'sleep'>,
): Promise<CommitOnBranch<Facts, Given>> {
  const { repository, dryRun } = order;
  for (let attempt = 0; attempt < triesToPush.revert; attempt++) {
    if (attempt > 0) await ports.sleep(pauseBeforePush(attempt));
    const head = await repository.fetchHead();
    if (head === undefined) break;
    const wanted = await order.on(head);
    if ('given' in wanted) return { outcome: 'given', given: wanted.given };
    const { changes, message, facts } = wanted;
    const commit = await repository.commit({ parent: head.id, changes, message });
    if (commit === 'unchanged') return { outcome: 'unchanged', head, facts };
    if (dryRun) return { outcome: 'planned', commit, previous: head.id, facts };
    await order.beforePush?.();
    if ((await repository.push(commit)) === 'pushed') return { outcome: 'pushed', commit, previous: head.id, facts };
  }
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: repository.url,
    message: `the branch ${repository.branch} moved during each of ${triesToPush.revert} pushes, or is gone`,
    disposition: 'retry',
  });
}
