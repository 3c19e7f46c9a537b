import { ConvergeError } from '../base/errors.ts';
import { revisionOf } from '../base/revision.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { listEnvironments, readEnvironment } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { assertPlace } from './plan-commit/assert-place.ts';
import { commitFolder } from './plan-commit/folder.ts';
import type { PlannedTree } from './inspect/question.ts';
import type { PlanAnswer, PlansAnswer } from './inspect/answers.ts';
import { onlookingRun, recall, type Inspected, type InspectPorts } from './inspect/open-inspection.ts';
import { findCommit } from './plan-commit/find-commit.ts';
import { orRefused } from './plan-commit/or-refused.ts';
import { planDeclared } from './plan-commit/plan-declared.ts';
import type { Planned } from './plan-commit/planned.ts';
import { planRemoval } from './plan-commit/plan-removal.ts';
import { rehearsedLease } from './plan-commit/rehearsal.ts';
import { watchSecrets, withoutWrittenError, withoutWrittenWords } from './plan-commit/secretive.ts';
import { tellPlan, withoutOthersFields } from './plan-commit/tell-plan.ts';
import { assertTrusted } from './reconcile/accept/trust.ts';
import type { Run } from './reconcile/run/run.ts';

/**
 * What a commit would do to an environment, were the branch at it: what a run decides with decides here, on a cluster that
 * answers reads and dry runs alone. Nothing is written, in the cluster or the state, and no lease is taken.
 *
 * Throws `BadRequest` (refuse) where nobody knows the commit, and what Git, the state bucket and the cluster throw; what a run
 * would refuse is an answer. Values of Secrets are hidden in both, as in any answer; where templates that are not on the branch
 * are told what is secret, so is all that they may have written it into.
 *
 * @param asked.revision a commit, a branch or a tag; undefined: the head of the branch
 * @param asked.folder what is planned in the stead of a commit: by what the branch says of the environment's place alone, and
 * nothing is told of objects that are not its own but that they are there
 */
export async function planCommit(
  { tree, ...asked }: Inspected & { readonly tree: PlannedTree },
  ports: InspectPorts,
): Promise<PlanAnswer> {
  const memory = await recall(asked, ports);
  const opened = await openTree({ repository: asked.repository, tree }, ports);
  const { repository, commit, head, revision } = opened;
  // Whoever asks where the branch is, is told that it is there already: that is what is planned.
  const there = { ...repository, head: async () => commit.id };
  const watched = watchSecrets(ports.renderer);
  const isAtHead = commit.id === head.id;
  const seeing: InspectPorts = {
    ...ports,
    ...(isAtHead ? {} : { renderer: watched.renderer }),
    repository: (name) => (name === asked.repository ? there : ports.repository(name)),
  };
  const run = { ...onlookingRun(asked, { memory, commit, ports: seeing }), lease: rehearsedLease };
  const planned = await planRun(run, { commit, revision, head, isFolder: 'folder' in tree }).catch((error: unknown) => {
    throw watched.wasToldSecrets() ? withoutWrittenError(error, run.key) : error;
  });
  const { repository: of, environment } = asked;
  const told = tellPlan(planned, { repository: of, environment, revision, at: ports.now().toISOString() });
  const said = 'folder' in tree ? withoutOthersFields(told) : told;
  const isTrusted =
    !watched.wasToldSecrets() || (await repository.isAncestor({ ancestor: commit.id, descendant: head.id }));
  return isTrusted ? said : withoutWrittenWords(said);
}

/**
 * The environments of a class that a commit declares, and those that the branch does, by name: of the latter some may be
 * removed at that commit. Throws as `planCommit` does.
 */
export async function listPlanned(
  { repository: repositoryClass, revision: named }: { repository: string; revision: string | undefined },
  ports: Pick<InspectPorts, 'repository' | 'state'>,
): Promise<PlansAnswer> {
  const { repository, commit, head, revision } = await openTree(
    { repository: repositoryClass, tree: { revision: named } },
    ports,
  );
  const [there, now] = await Promise.all(
    [commit, head].map(async ({ id }) => listEnvironments({ repository, commit: id })),
  );
  return {
    repository: repositoryClass,
    revision,
    environments: [...new Set([...(there ?? []), ...(now ?? [])])].sort(),
  };
}

interface OpenedTree {
  readonly repository: Repository;
  readonly head: Commit;
  readonly commit: Commit;
  readonly revision: string;
}

async function openTree(
  { repository: repositoryClass, tree }: { repository: string; tree: PlannedTree },
  ports: Pick<InspectPorts, 'repository' | 'state'>,
): Promise<OpenedTree> {
  const repository = ports.repository(repositoryClass);
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) throw noCommit(repositoryClass);
  if ('folder' in tree) {
    const made = await commitFolder(repository, { folder: tree.folder, head });
    return { ...made, head, revision: revisionOf({ branch: 'working-tree', commit: made.commit.id }) };
  }
  const commit = tree.revision === undefined ? head : await findCommit(repository, { revision: tree.revision, head });
  const branch = commit.id === head.id ? repository.branch : 'commit';
  return { repository, head, commit, revision: revisionOf({ branch, commit: commit.id }) };
}

const unsignedFolder =
  'files that nobody signed are not planned where signatures are asked for (commit and push them, and plan that with --revision)';

async function planRun(
  run: Run,
  { commit, revision, head, isFolder }: Pick<OpenedTree, 'commit' | 'revision' | 'head'> & { isFolder: boolean },
): Promise<Planned> {
  const repository = run.ports.repository(run.repository);
  const asksCluster = commit.id === head.id;
  return await orRefused({ run, revision, unsigned: isFolder ? unsignedFolder : undefined }, async (sight) => {
    const declared = await readEnvironment({ repository, commit: commit.id, name: run.environment });
    await assertTrusted(run, commit);
    if (isFolder) await assertPlace(run, { declared, head });
    switch (declared.state) {
      case 'absent':
        return await planRemoval(run, { commit, revision, asksCluster }, sight);
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
