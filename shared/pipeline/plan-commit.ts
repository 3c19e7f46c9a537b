import { ConvergeError } from '../base/errors.ts';
import { revisionOf } from '../base/revision.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { listEnvironments, readEnvironment } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import type { PlanAnswer, PlansAnswer } from './inspect/answers.ts';
import { onlookingRun, recall, type Inspected, type InspectPorts } from './inspect/open-inspection.ts';
import { findCommit } from './plan-commit/find-commit.ts';
import { orRefused } from './plan-commit/or-refused.ts';
import { planDeclared } from './plan-commit/plan-declared.ts';
import type { Planned } from './plan-commit/planned.ts';
import { planRemoval } from './plan-commit/plan-removal.ts';
import { rehearsedLease } from './plan-commit/rehearsal.ts';
import { tellPlan } from './plan-commit/tell-plan.ts';
import { assertTrusted } from './reconcile/accept/trust.ts';
import type { Run } from './reconcile/run/run.ts';

/**
 * What a commit would do to an environment, were the branch at it: what a run decides with decides here, on a cluster that
 * answers reads and dry runs alone. Nothing is written, in the cluster or the state, and no lease is taken.
 *
 * Throws `BadRequest` (refuse) where nobody knows the commit, and what Git, the state bucket and the cluster throw; what a run
 * would refuse is an answer. Values of Secrets are hidden in both, as in any answer.
 *
 * @param asked.revision a commit, a branch or a tag; undefined: the head of the branch
 */
export async function planCommit(
  { revision: named, ...asked }: Inspected & { readonly revision: string | undefined },
  ports: InspectPorts,
): Promise<PlanAnswer> {
  const memory = await recall(asked, ports);
  const { repository, commit, head, revision } = await openRevision({ repository: asked.repository, named }, ports);
  const isHead = commit.id === head.id;
  // Whoever asks where the branch is, is told that it is there already: that is what is planned.
  const there = { ...repository, head: async () => commit.id };
  const seeing: InspectPorts = {
    ...ports,
    repository: (name) => (name === asked.repository ? there : ports.repository(name)),
  };
  const run = { ...onlookingRun(asked, { memory, commit, ports: seeing }), lease: rehearsedLease };
  const planned = await planRun(run, { commit, revision, asksCluster: isHead });
  const { repository: of, environment } = asked;
  return tellPlan(planned, { repository: of, environment, revision, at: ports.now().toISOString() });
}

/**
 * The environments of a class that a commit declares, and those that the branch does, by name: of the latter some may be
 * removed at that commit. Throws as `planCommit` does.
 */
export async function listPlanned(
  { repository: repositoryClass, revision: named }: { repository: string; revision: string | undefined },
  ports: Pick<InspectPorts, 'repository' | 'state'>,
): Promise<PlansAnswer> {
  const { repository, commit, head, revision } = await openRevision({ repository: repositoryClass, named }, ports);
  const [there, now] = await Promise.all(
    [commit, head].map(async ({ id }) => listEnvironments({ repository, commit: id })),
  );
  return {
    repository: repositoryClass,
    revision,
    environments: [...new Set([...(there ?? []), ...(now ?? [])])].sort(),
  };
}

interface OpenedRevision {
  readonly repository: Repository;
  readonly head: Commit;
  readonly commit: Commit;
  readonly revision: string;
}

async function openRevision(
  { repository: repositoryClass, named }: { repository: string; named: string | undefined },
  ports: Pick<InspectPorts, 'repository' | 'state'>,
): Promise<OpenedRevision> {
  const repository = ports.repository(repositoryClass);
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) throw noCommit(repositoryClass);
  const commit = named === undefined ? head : await findCommit(repository, { revision: named, head });
  const branch = commit.id === head.id ? repository.branch : 'commit';
  return { repository, head, commit, revision: revisionOf({ branch, commit: commit.id }) };
}

async function planRun(
  run: Run,
  { commit, revision, asksCluster }: { commit: Commit; revision: string; asksCluster: boolean },
): Promise<Planned> {
  const repository = run.ports.repository(run.repository);
  return await orRefused({ run, revision }, async (sight) => {
    const declared = await readEnvironment({ repository, commit: commit.id, name: run.environment });
    await assertTrusted(run, commit);
    switch (declared.state) {
      case 'absent':
        return await planRemoval(run, { commit, revision }, sight);
      case 'invalid':
        throw declared.error;
      case 'declared':
        return await planDeclared(run, { commit, revision, asksCluster, environment: declared.environment }, sight);
    }
  });
}

function noCommit(subject: string): ConvergeError {
  return new ConvergeError({
    code: 'BadRequest',
    subject,
    message: 'the branch has no commit yet',
    disposition: 'refuse',
  });
}
