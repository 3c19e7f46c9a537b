import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';

/** What is planned of a pull request, and beside which commit of the branch. */
export interface Proposal {
  readonly number: number;
  /** Where the branch is. */
  readonly base: Commit;
  /** What is proposed. */
  readonly head: Commit;
  /** What is planned: the head, or the commit by which the host has merged it onto the branch. */
  readonly planned: Commit;
  /**
   * `ahead`: the head has all of the branch. `merged`: it is merged onto where the branch is. `merged before`: onto where it
   * was. `behind`: the host has no merge of it, and the branch has what the head has not.
   */
  readonly standing: 'ahead' | 'merged' | 'merged before' | 'behind';
  /** The commit to which the planned one adds what is proposed. */
  readonly since: string;
}

/**
 * Where hosts keep pull requests. GitHub and Gitea (which keeps no merges), GitLab, Bitbucket Data Center; Bitbucket Cloud
 * keeps none. https://docs.gitlab.com/user/project/merge_requests/#checkout-merge-requests-locally-through-the-head-ref
 */
const refsOf = (number: number): readonly { readonly head: string; readonly merge: string }[] => [
  { head: `refs/pull/${number}/head`, merge: `refs/pull/${number}/merge` },
  { head: `refs/merge-requests/${number}/head`, merge: `refs/merge-requests/${number}/merge` },
  { head: `refs/pull-requests/${number}/from`, merge: `refs/pull-requests/${number}/merge` },
];

/** How far behind both heads the commit is looked for that they have in common. Milliseconds. */
const searched = 90 * 86_400_000;

/** A pull request as the host keeps it in Git, or at the branch that its head is of. Throws `BadRequest` (refuse) where it keeps none, and what Git throws. */
export async function findProposal(
  repository: Repository,
  { number, base, headRef }: { number: number; base: Commit; headRef?: string | undefined },
): Promise<Proposal> {
  for (const refs of headRef === undefined ? refsOf(number) : [{ head: headRef, merge: undefined }]) {
    const head = await repository.fetchRef(refs.head);
    if (head !== undefined) return await proposalOf(repository, { number, base, head, mergeRef: refs.merge });
  }
  throw new ConvergeError({
    code: 'BadRequest',
    subject: `pull request ${number}`,
    message: 'the repository has no ref of it',
    remedy: 'see its number; Bitbucket Cloud keeps none: plan its branch by --revision',
    disposition: 'refuse',
  });
}

async function proposalOf(
  repository: Repository,
  { number, base, head, mergeRef }: { number: number; base: Commit; head: Commit; mergeRef: string | undefined },
): Promise<Proposal> {
  const of = { number, base, head };
  if (await repository.isAncestor({ ancestor: base.id, descendant: head.id }))
    return { ...of, planned: head, standing: 'ahead', since: base.id };
  const merge = mergeRef === undefined ? undefined : await repository.fetchRef(mergeRef);
  const [onto] = merge?.parents ?? [];
  if (merge !== undefined && onto !== undefined && merge.parents.includes(head.id)) {
    if (onto === base.id) return { ...of, planned: merge, standing: 'merged', since: base.id };
    // What it is merged onto is of the branch, or the merge is of no use.
    if (await repository.isAncestor({ ancestor: onto, descendant: base.id }))
      return { ...of, planned: merge, standing: 'merged before', since: await hereOr(repository, onto, base) };
  }
  const common = await commonCommit(repository, { base, head });
  return { ...of, planned: head, standing: 'behind', since: await hereOr(repository, common, base) };
}

async function hereOr(repository: Repository, commit: string | undefined, base: Commit): Promise<string> {
  return commit !== undefined && (await repository.findCommit(commit)) !== undefined ? commit : base.id;
}

/** The newest commit that both have; undefined where it is older than the search goes. */
async function commonCommit(
  repository: Repository,
  { base, head }: { base: Commit; head: Commit },
): Promise<string | undefined> {
  const ofBranch = new Set((await repository.history({ from: base.id, within: searched })).map(({ id }) => id));
  return (await repository.history({ from: head.id, within: searched })).find(({ id }) => ofBranch.has(id))?.id;
}

const lead = 12;

/** What was planned of it, in a sentence. */
export function proposalWords({ standing, base, head, planned }: Proposal, branch: string): string {
  const [of, at] = [head.id.slice(0, lead), base.id.slice(0, lead)];
  switch (standing) {
    case 'ahead':
      return `the head ${of}, which has all of ${branch} (${at})`;
    case 'merged':
      return `the head ${of} merged onto ${branch} (${at})`;
    case 'merged before':
      return `the head ${of} merged onto ${(planned.parents[0] ?? '').slice(0, lead)}: ${branch} has moved on since, to ${at}`;
    case 'behind':
      return `the head ${of} as it is: the host has no merge of it, and it is behind ${branch} (${at})`;
  }
}
