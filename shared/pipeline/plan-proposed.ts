import { ConvergeError } from '../base/errors.ts';
import { revisionOf } from '../base/revision.ts';
import { environmentPath, looksUpMore, type Environment } from '../environment/environment-file.ts';
import { declaredPaths, sameInputs } from '../environment/inputs.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { listEnvironments, readEnvironment, type Declaration } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { readInputs } from './common/render-inputs.ts';
import { recallMemories } from './common/remembered-environments.ts';
import type { PlanAnswer, PlansAnswer } from './inspect/answers.ts';
import { onlookingRun, recall, type Inspected, type InspectPorts } from './inspect/open-inspection.ts';
import { findProposal, proposalWords, type Proposal } from './plan-commit/find-proposal.ts';
import { planToKeep, type PlanToKeep } from './plan-commit/keep-plan.ts';
import { orRefused } from './plan-commit/or-refused.ts';
import { planDeclared } from './plan-commit/plan-declared.ts';
import { nothingPlanned, type Planned } from './plan-commit/planned.ts';
import { planRemoval } from './plan-commit/plan-removal.ts';
import { rehearsedLease } from './plan-commit/rehearsal.ts';
import { watchSecrets, withoutWrittenError, withoutWrittenWords } from './plan-commit/secretive.ts';
import { tellPlan, withoutOthersFields } from './plan-commit/tell-plan.ts';
import { acceptRule, assertTrusted } from './reconcile/accept/trust.ts';
import type { Run } from './reconcile/run/run.ts';

/** A pull request of a class. */
export interface AskedProposal {
  readonly repository: string;
  /** As the host counts. */
  readonly number: number;
  /** The ref that its head is at; absent: one of those at which hosts keep pull requests. */
  readonly headRef?: string | undefined;
}

/** Throws as `findProposal` does, and `BadRequest` (refuse) for a branch without a commit. */
export async function openProposal(
  { repository: repositoryClass, number, headRef }: AskedProposal,
  ports: Pick<InspectPorts, 'repository' | 'state'>,
): Promise<Proposal> {
  const repository = ports.repository(repositoryClass);
  const base = await fetchBranch({ repository, state: ports.state });
  if (base !== undefined) return await findProposal(repository, { number, base, headRef });
  const message = 'the branch has no commit yet';
  throw new ConvergeError({ code: 'BadRequest', subject: repositoryClass, message, disposition: 'refuse' });
}

/** The environments that a pull request changes, for whoever asks. Throws as `openProposal` does. */
export async function listProposed(
  asked: AskedProposal,
  ports: Pick<InspectPorts, 'repository' | 'state' | 'now'>,
): Promise<PlansAnswer> {
  const { repository } = asked;
  const proposal = await openProposal(asked, ports);
  return {
    repository,
    revision: revisionOf({ branch: 'commit', commit: proposal.planned.id }),
    environments: await affectedBy({ repository, proposal }, ports),
  };
}

/**
 * What a pull request would do to an environment, for whoever asks; that they ask is what a label is on the host. Who may do
 * both need not be one who may push: nothing is told of objects that are not its own but that they are there. Throws as
 * `openProposal` and `planProposed` do.
 */
export async function planPullRequest(
  { number, ...asked }: Inspected & Pick<AskedProposal, 'number'>,
  ports: InspectPorts,
): Promise<PlanAnswer> {
  const proposal = await openProposal({ ...asked, number }, ports);
  const { answer } = await planProposed({ ...asked, proposal }, ports);
  const { branch } = ports.repository(asked.repository);
  const words = `of pull request ${number}, ${proposalWords(proposal, branch)}`;
  const message = answer.message === '' ? words : `${words}; ${answer.message}`;
  return { ...withoutOthersFields(answer), message };
}

/**
 * The environments that a pull request changes, by name: where the Git object id of an input, or of what says who signs, is
 * another than before it. What an environment is made of, its last run knows; of one that never ran, what its file names. Of an overlay that nobody has
 * rendered, nobody knows what it reads beside.
 */
export async function affectedBy(
  { repository: repositoryClass, proposal: { planned, since } }: { repository: string; proposal: Proposal },
  ports: Pick<InspectPorts, 'repository' | 'state' | 'now'>,
): Promise<string[]> {
  const repository = ports.repository(repositoryClass);
  const [then, before] = await Promise.all(
    [planned.id, since].map(async (commit) => listEnvironments({ repository, commit })),
  );
  const remembered = await recallMemories({ repository: repositoryClass }, ports);
  const affected: string[] = [];
  for (const name of [...new Set([...(then ?? []), ...(before ?? [])])].sort()) {
    const known = remembered.get(name)?.memory.attempted?.inputs;
    const named = await Promise.all([planned.id, since].map(async (commit) => namedAt(repository, { commit, name })));
    if (known === undefined && named.some(({ isOverlay }) => isOverlay)) {
      affected.push(name);
      continue;
    }
    const paths = [...new Set([...Object.keys(known ?? {}), ...named.flatMap((one) => one.paths)])];
    const [one, other] = await Promise.all(
      [planned.id, since].map(async (commit) => readInputs({ repository, commit, paths })),
    );
    if (!sameInputs({ attempted: one ?? {}, current: other ?? {} })) affected.push(name);
  }
  return affected;
}

/** The paths that the file of an environment names, and whether it may read others. */
async function namedAt(
  repository: Repository,
  at: { commit: string; name: string },
): Promise<{ readonly paths: readonly string[]; readonly isOverlay: boolean }> {
  const declared = await readEnvironment({ repository, ...at });
  if (declared.state !== 'declared') return { paths: [environmentPath(at.name)], isOverlay: false };
  const { environment } = declared;
  return {
    paths: [...declaredPaths(environment), ...rulesOf(environment).flatMap((rule) => rule?.path ?? [])],
    isOverlay: environment.sources.some(({ kind }) => kind === 'kustomize'),
  };
}

/**
 * What a pull request would do to an environment once it is merged, as `planCommit` tells it of a commit. Whoever wrote it is
 * not believed: it acts as the environment that the branch declares, by the rule of the branch, and asks no cluster for what a
 * template looks up. Where it changes who the environment is, that is said, and nothing is tried. What is to be kept of it is
 * held against what the run then does, and shown to nobody before.
 *
 * Throws as `planCommit` does.
 */
export async function planProposed(
  { proposal, ...asked }: Inspected & { readonly proposal: Proposal },
  ports: InspectPorts,
): Promise<{ readonly answer: PlanAnswer; readonly keep: PlanToKeep | undefined }> {
  const { repository: repositoryClass, environment } = asked;
  const memory = await recall(asked, ports);
  const repository = ports.repository(repositoryClass);
  const watched = watchSecrets(ports.renderer);
  const there = (commit: Commit): InspectPorts => ({
    ...ports,
    renderer: watched.renderer,
    repository: (name) =>
      name === repositoryClass ? { ...repository, head: async () => commit.id } : ports.repository(name),
  });
  const opened = (commit: Commit): Run => ({
    ...onlookingRun(asked, { memory, commit, ports: there(commit) }),
    lease: rehearsedLease,
  });
  const judging = opened(proposal.base);
  const found: { commit: Commit } = { commit: proposal.planned };
  const told = revisionOf({ branch: 'commit', commit: proposal.planned.id });
  const planned = await orRefused({ run: judging, revision: told }, async (sight) => {
    const [now, then] = await Promise.all(
      [proposal.base, proposal.planned].map(async ({ id: commit }) =>
        readEnvironment({ repository, commit, name: environment }),
      ),
    );
    if (now === undefined || then === undefined || now.state !== 'declared') return untried(now, then);
    found.commit = await believed(judging, { proposal, environment: now.environment });
    const { commit } = found;
    const run: Run = { ...opened(commit), memoryFile: judging.memoryFile };
    const revision = revisionOf({ branch: 'commit', commit: commit.id });
    const declared =
      commit === proposal.planned ? then : await readEnvironment({ repository, commit: commit.id, name: environment });
    if (declared.state === 'absent') return await planRemoval(run, { commit, revision, asksCluster: false }, sight);
    if (declared.state === 'invalid') throw declared.error;
    const changes = await identityChanges(repository, {
      ...{ base: proposal.base, before: now.environment, commit, after: declared.environment },
    });
    if (changes.length > 0)
      return described(
        now.environment.cluster,
        `it changes ${changes.join(', ')}: that is not tried before it is merged`,
      );
    return await planDeclared(run, { commit, revision, asksCluster: false, environment: declared.environment }, sight);
  }).catch((error: unknown) => {
    throw watched.wasToldSecrets() ? withoutWrittenError(error, judging.key) : error;
  });
  const revision = revisionOf({ branch: 'commit', commit: found.commit.id });
  const asOf = { repository: repositoryClass, environment, revision, at: ports.now().toISOString() };
  const answer = tellPlan(isAlone(proposal, found) ? withWords(planned, unsignedMerge) : planned, asOf);
  const { at } = asOf;
  return {
    answer: watched.wasToldSecrets() ? withoutWrittenWords(answer) : answer,
    keep: planToKeep(planned, { repository: repositoryClass, environment, at, pullRequest: proposal.number }),
  };
}

const unsignedMerge = 'the head is planned as it is: no allowed key signed its merge onto the branch';

function isAlone({ planned, head }: Proposal, { commit }: { commit: Commit }): boolean {
  return commit.id === head.id && planned.id !== head.id;
}

function withWords(planned: Planned, words: string): Planned {
  return { ...planned, message: planned.message === '' ? words : `${planned.message}; ${words}` };
}

/** What is planned, once the head satisfies the rule of the branch; a merge that the host did not sign is not believed. */
async function believed(
  run: Run,
  { proposal: { base, head, planned }, environment }: { proposal: Proposal; environment: Environment },
): Promise<Commit> {
  await assertTrusted(run, base);
  await acceptRule(run, { commit: base, environment });
  await assertTrusted(run, head);
  if (planned.id === head.id) return head;
  try {
    await assertTrusted(run, planned);
    return planned;
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'UntrustedRevision') return head;
    throw error;
  }
}

function described(cluster: string, message: string): Planned {
  return nothingPlanned({ outcome: 'described', cluster, message });
}

function untried(now: Declaration | undefined, then: Declaration | undefined): Planned {
  if (now?.state === 'invalid')
    return described(
      '',
      `its file on the branch cannot be read, so that nobody knows as whom to look: ${now.error.message}`,
    );
  switch (then?.state) {
    case 'declared': {
      const { cluster, namespace } = then.environment;
      const message = `it is new: in the cluster ${cluster}, in the namespace ${namespace}; that is not tried before it is merged`;
      return described('', message);
    }
    case 'invalid':
      throw then.error;
    default:
      return nothingPlanned({ outcome: 'absent', message: 'neither the branch nor the pull request declares it' });
  }
}

/** What of who the environment is, of whose commits it believes, and of what its templates may see, is another: in words. */
async function identityChanges(
  repository: Repository,
  { base, before, commit, after }: { base: Commit; before: Environment; commit: Commit; after: Environment },
): Promise<string[]> {
  const moved = (['cluster', 'namespace'] as const).flatMap((key) =>
    before[key] === after[key] ? [] : [`${key} from ${before[key]} to ${after[key]}`],
  );
  const names = after.previousNames.filter((name) => !before.previousNames.includes(name));
  const [one, other] = await Promise.all([
    ruleAt(repository, { commit: base, environment: before }),
    ruleAt(repository, { commit, environment: after }),
  ]);
  return [
    ...moved,
    ...(names.length === 0 ? [] : [`whose objects it takes over (previousNames: ${names.join(', ')})`]),
    ...(one === other ? [] : ['whose signatures it asks for (verify)']),
    ...(looksUpMore(after, before) ? [`what its templates may look up from ${before.lookup} to ${after.lookup}`] : []),
  ];
}

/** The rule, with the Git object ids of the files that it names. */
async function ruleAt(
  repository: Repository,
  { commit, environment }: { commit: Commit; environment: Environment },
): Promise<string> {
  const parts = rulesOf(environment).map(async (rule) =>
    rule?.path === undefined
      ? (rule?.text ?? null)
      : { path: rule.path, id: (await repository.entry({ commit: commit.id, path: rule.path }))?.id ?? null },
  );
  return JSON.stringify(await Promise.all(parts));
}

/** What its file says of who signs: each in its own words, or by the path of a file. */
function rulesOf({
  verify,
}: Environment): readonly ({ readonly path?: string | undefined; readonly text: string } | undefined)[] {
  return [verify?.allowedSigners, verify?.openpgpKeys].map((text) => {
    const path = text?.trim();
    return text === undefined ? undefined : { text, path: path === undefined || /\s/.test(path) ? undefined : path };
  });
}
