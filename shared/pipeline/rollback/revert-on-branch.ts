import { environmentOfPath } from '../../environment/environment-file.ts';
import { revisionOf } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import {
  planRevert,
  revertMessage,
  type RevertConflict,
  type Reader,
  type RevertFacts,
  type RevertPlan,
} from '../../source/revert.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import { commitOnBranch } from '../common/commit-on-branch.ts';
import { changedPaths } from './changed-paths.ts';
import { commitsBetween } from './commits-between.ts';

/**
 * What is to be reverted: the changes of the commits after `to` up to `from`, both on the branch, at or below `paths`.
 */
export interface RevertOrder {
  readonly repository: Repository;
  readonly to: Commit;
  readonly from: string;
  readonly paths: readonly string[];
  /** Of each head that the commit is tried on: the environments that are not to be rolled back. */
  readonly readers: (head: Commit) => Promise<readonly Reader[]>;
  /** Whether a conflict is accepted. */
  readonly accepts: (conflict: RevertConflict) => boolean;
  /** Whether the branch still has what is to be reverted; absent: the conflicts tell. */
  readonly isDue?: (head: Commit) => Promise<boolean>;
  /** What a file is to hold in place of what it held at `to`; undefined: that. Absent: so is each. */
  readonly contentOf?: (path: string, head: Commit) => Promise<Uint8Array | undefined>;
  /** Called before each push. Throws where it must not be. */
  readonly beforePush?: () => Promise<void>;
  /** `to`: another revision that holds the same, to be named in place of the commit's. */
  readonly says: Pick<RevertFacts, 'environment' | 'what' | 'reason' | 'incident' | 'by'> & { readonly to?: string };
  readonly dryRun: boolean;
}

export type Reverted =
  | { readonly outcome: 'conflicts'; readonly conflicts: readonly RevertConflict[] }
  /** The head has all of it as it was, or it is no longer due. */
  | { readonly outcome: 'nothing'; readonly head: Commit }
  | {
      readonly outcome: 'planned' | 'reverted';
      readonly commit: Commit;
      readonly previous: string;
      readonly paths: readonly string[];
      readonly reverts: readonly string[];
    };

/**
 * One commit on top of the branch's head that undoes others, or why there is none. A branch that moves meanwhile is
 * looked at again as it is then: what was changed there since is a conflict, and nothing is ever forced.
 */
export async function revertOnBranch(order: RevertOrder, ports: Pick<Ports, 'sleep'>): Promise<Reverted> {
  const { repository, dryRun, beforePush } = order;
  type Given = Extract<Reverted, { outcome: 'conflicts' | 'nothing' }>;
  const done = await commitOnBranch<{ paths: readonly string[]; reverts: readonly string[] }, Given>(
    {
      ...{ repository, dryRun, beforePush },
      async on(head) {
        if ((await order.isDue?.(head)) === false) return { given: { outcome: 'nothing', head } };
        const plan = await planOn(order, head);
        const conflicts = plan.conflicts.filter((conflict) => !order.accepts(conflict));
        if (conflicts.length > 0) return { given: { outcome: 'conflicts', conflicts } };
        const { restore, kept } = await contentsOf(order, { plan, head });
        if (restore.length === 0) return { given: { outcome: 'nothing', head } };
        const paths = order.paths.filter((path) => !kept.has(path));
        const { message, reverts } = await describe({ ...order, paths }, head);
        return { changes: changesOf(restore), message, facts: { paths: restore.map(({ path }) => path), reverts } };
      },
    },
    ports,
  );
  if (done.outcome === 'given') return done.given;
  if (done.outcome === 'unchanged') return { outcome: 'nothing', head: done.head };
  const { outcome, commit, previous, facts } = done;
  return { outcome: outcome === 'planned' ? outcome : 'reverted', commit, previous, ...facts };
}

/** What the revert would do to that head. Throws `RollbackConflict` (refuse) where the branch was rewritten. */
async function planOn({ repository, to, from, paths, readers }: RevertOrder, head: Commit): Promise<RevertPlan> {
  for (const ancestor of [to.id, from]) {
    if (ancestor === head.id || (await repository.isAncestor({ ancestor, descendant: head.id }))) continue;
    const message = `the branch was rewritten: ${ancestor} is no ancestor of ${head.id}`;
    throw new ConvergeError({
      code: 'RollbackConflict',
      subject: `${repository.repositoryClass}:${repository.branch}`,
      message,
      disposition: 'refuse',
    });
  }
  const changed = await changedPaths({ repository, paths, to: to.id, from, head: head.id });
  return planRevert({
    changed,
    readers: changed.length === 0 ? [] : await readers(head),
    environmentAt: environmentOfPath,
  });
}

async function describe(
  { repository, to, from, paths, says }: RevertOrder,
  head: Commit,
): Promise<{ message: string; reverts: readonly string[] }> {
  const reverts = await commitsBetween({ repository, to, from, head: head.id, paths });
  const revision = (commit: string): string => revisionOf({ branch: repository.branch, commit });
  return {
    message: revertMessage({ ...says, from: revision(from), to: says.to ?? revision(to.id), reverts }),
    reverts: reverts.map(({ id }) => id),
  };
}

type Restored = RevertPlan['restore'][number] & { readonly content?: Uint8Array };

/** What changes, and the paths that stay as they are, since what they are to hold is there. */
async function contentsOf(
  { repository, contentOf }: RevertOrder,
  { plan, head }: { plan: RevertPlan; head: Commit },
): Promise<{ restore: readonly Restored[]; kept: ReadonlySet<string> }> {
  const restore: Restored[] = [];
  const kept = new Set<string>();
  for (const one of plan.restore) {
    const content = one.to === undefined ? undefined : await contentOf?.(one.path, head);
    const there = content && (await repository.readFile({ commit: head.id, path: one.path }));
    if (content === undefined) restore.push(one);
    else if (there !== undefined && Buffer.from(there).equals(content)) kept.add(one.path);
    else restore.push({ ...one, content });
  }
  return { restore, kept };
}

/** A file is replaced whatever stands at its path, a folder too: what is below it was compared. */
function changesOf(restore: readonly Restored[]): readonly TreeChange[] {
  return restore.flatMap(({ path, to, content }) => [
    { path, content: undefined, executable: false },
    ...(to === undefined ? [] : [{ path, content: content ?? { blob: to.id }, executable: to.kind === 'executable' }]),
  ]);
}
