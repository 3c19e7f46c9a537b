import { ConvergeError, describeError, refusalOf, type ErrorCode } from '../../base/errors.ts';
import type { Divergence } from '../../drift/divergence.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from '../../environment/environment-file.ts';
import { declaredPaths } from '../../environment/inputs.ts';
import type { AttemptedRevision } from '../../memory/memory.ts';
import { nextRetry } from '../../memory/retry.ts';
import { revisionOf } from '../../base/revision.ts';
import { applySetOf } from '../../inventory/applyset.ts';
import { areHooksDue } from '../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { planChanges, type PlannedAction } from '../../plan/plan.ts';
import { lookForReleases } from './judge/adopted-releases.ts';
import { bringAbout } from './bring-about.ts';
import { renderDesired, type DesiredState } from './render/desired-state.ts';
import { checkDependencies, stopWaiting, waitForDependencies } from './accept/dependencies.ts';
import { judgeDrift } from './judge/judge-drift.ts';
import { follow, lookAgain } from './judge/look-again.ts';
import { assertUnused, observe, type ObservedState } from './observe/observed-state.ts';
import { readOwnParent, hasWritten } from './observe/own-parent.ts';
import { openOtherEnvironments } from './others/other-environments.ts';
import { both } from '../common/parallel.ts';
import { readStrays } from './observe/read-strays.ts';
import { readInputs } from '../common/render-inputs.ts';
import { healBeforeRetry } from './write/heal-before-retry.ts';
import { pausedRetry, stillFailing } from './judge/retry-pause.ts';
import { finishRollback, reviewRollback } from './roll-back.ts';
import { hookRecordOf } from './judge/hook-record.ts';
import { isAboutBranch } from '../common/fetch-branch.ts';
import type { Commit } from '../../ports/git.ts';
import type { Run } from './run/run.ts';
import { confirmUnchanged, isUnchanged, rendersAsBefore } from './judge/unchanged.ts';
import { openSuccession, refuseContestedNames, type Succession } from './leave/succession.ts';
import type { RunResult, Target } from './run/target.ts';
import { tearDown } from './leave/tear-down.ts';
import { diverge, publishUntold, tellDivergence } from './tell/tell.ts';
import { tellDependents } from './tell/tell-dependents.ts';
import { acceptRule, assertTrusted } from './accept/trust.ts';
import { rememberUnproven } from './observe/remember-unproven.ts';
import { verifyPlan, type Verified } from './judge/verify-plan.ts';
import { nameParent } from './write/name-parent.ts';

/** What only a commit mends. */
const ofTheCommit: readonly ErrorCode[] = ['InvalidEnvironment', 'RenderFailed', 'DuplicateObject', 'EmptyRender'];

/** Brings one environment to the head of its branch, or says exactly why not. The caller holds the lease. */
export async function converge(run: Run): Promise<RunResult> {
  // What an earlier run left, which died; then what this one found.
  await rollBackAndTell(run);
  const result = await convergeOne(run);
  await rollBackAndTell(run);
  await tellDependents(run, result);
  return result;
}

/** Commits the roll-back that is under way, if there is one, and tells the failure with what became of it. */
async function rollBackAndTell(run: Run): Promise<void> {
  await finishRollback(run);
  await publishUntold(run);
}

async function convergeOne(run: Run): Promise<RunResult> {
  if ((await reviewRollback(run)) === 'superseded') return { outcome: 'superseded' };
  const repository = run.ports.repository(run.repository);
  const commit = run.head;
  const file = environmentPath(run.environment);
  const bytes = commit === undefined ? undefined : await repository.readFile({ commit: commit.id, path: file });
  // An empty repository declares nothing, and removes nothing either.
  if (commit === undefined) return { outcome: 'absent' };
  const revision = revisionOf({ branch: repository.branch, commit: commit.id });
  const distrust = await distrustOf(run, commit);
  if (distrust !== undefined) return await refuseRevision(run, { commit, revision, distrust });
  if (bytes === undefined) return await tearDown(run, commit);
  if (pausedRetry(run, revision)?.healing === false) return stillFailing(run, revision);
  const inputsAt = async (paths: readonly string[]) => readInputs({ repository, commit: commit.id, paths });

  let environment: Environment | undefined;
  let attempted: AttemptedRevision = {
    commit: commit.id,
    revision,
    at: run.startedAt.toISOString(),
    inputs: await inputsAt([file]),
  };
  try {
    environment = parseEnvironmentFile({ file, text: Buffer.from(bytes).toString('utf8') });
    await acceptRule(run, { commit, environment });
    attempted = { ...attempted, inputs: await inputsAt(declaredPaths(environment)) };
    if (environment.suspend) {
      await run.memoryFile.save({ ...run.memoryFile.memory(), attempted, held: undefined });
      return { outcome: 'suspended' };
    }
    refuseMove(run, environment);
    await refuseContestedNames(run, { commit, environment });
    await tellRewrittenBranch(run, { attempted, environment });
    const gate = await checkDependencies(run, { environment, commit: commit.id });
    if (gate.gate !== 'open')
      return await waitForDependencies(run, { environment, attempted: sameAttempt(run, attempted), gate });
    await stopWaiting(run);
    const cluster = await run.ports.cluster({
      name: environment.cluster,
      repository: run.repository,
      environment: run.environment,
    });
    const target = {
      run,
      commit,
      revision,
      attempted: sameAttempt(run, attempted),
      environment,
      cluster,
      api: await cluster.api(),
      applySet: applySetOf({
        repository: run.repository,
        environment: run.environment,
        namespace: environment.namespace,
        deletion: environment.deletion,
        url: repository.url,
      }),
    };
    return await succeed({ ...target, others: openOtherEnvironments(target) });
  } catch (error) {
    const refused = refusalOf(error, run.key);
    // What cannot be read of the branch is no attempt at this commit: later ones are still told from the last.
    if (refused === undefined || isAboutBranch(error)) throw error;
    if (refused.code === 'Unforeseen')
      run.ports.log('ERROR', 'a run met an error that nobody foresaw', {
        environment: run.key,
        error: describeError(refused),
        stack: error instanceof Error ? error.stack : undefined,
      });
    const reason = refused.code === 'EmptyRender' ? 'Guarded' : 'Failed';
    // What a failed render would have read is not known: any commit may mend it.
    if (environment !== undefined) attempted = { ...attempted, inputs: await inputsAt(['']) };
    const { at } = sameAttempt(run, attempted);
    const retry = ofTheCommit.includes(refused.code)
      ? nextRetry({ last: run.memoryFile.memory().retry, revision, healing: false, now: run.ports.now() })
      : undefined;
    return await diverge(run, {
      environment,
      retry,
      attempted: { ...attempted, at },
      divergence: {
        reason,
        revision,
        summary: refused.code === 'UntrustedRevision' ? `${refused.code}: ${refused.message}` : refused.message,
        objects: [],
      },
    });
  }
}

async function distrustOf(run: Run, commit: Commit): Promise<ConvergeError | undefined> {
  try {
    await assertTrusted(run, commit);
    return undefined;
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return error;
    throw error;
  }
}

/** Tells a revision whose signature is not accepted. Nothing of it is believed, its environment file neither. Any other commit may mend it. */
async function refuseRevision(
  run: Run,
  { commit, revision, distrust }: { commit: Commit; revision: string; distrust: ConvergeError },
): Promise<RunResult> {
  const inputs = await readInputs({ repository: run.ports.repository(run.repository), commit: commit.id, paths: [''] });
  const attempted = sameAttempt(run, { commit: commit.id, revision, at: run.startedAt.toISOString(), inputs });
  run.ports.log('WARNING', 'refused a revision', {
    code: distrust.code,
    environment: run.key,
    revision,
    error: distrust.message,
  });
  const divergence: Divergence = {
    reason: 'Failed',
    revision,
    summary: `${distrust.code}: ${distrust.message}`,
    objects: [],
  };
  return await diverge(run, { environment: undefined, attempted, divergence });
}

/** Converges, and where the environment was renamed, takes over what it owns under its previous names. Whose the inventory is, is read first. */
async function succeed(target: Target): Promise<RunResult> {
  const { run, commit } = target;
  const parent = await readOwnParent({ ...target, memory: run.memoryFile.memory(), commit: commit.id });
  const succession = await openSuccession(target);
  try {
    const result = await convergeTarget(target, { succession, parent });
    if (result.outcome === 'converged') await succession?.finish();
    return result;
  } finally {
    await succession?.release();
  }
}

async function convergeTarget(
  declared: Target,
  { succession, parent }: { succession: Succession | undefined; parent: KubernetesObject | undefined },
): Promise<RunResult> {
  const { run, revision, environment, cluster, api, applySet } = declared;
  const memory = run.memoryFile.memory();
  const isRendered = succession === undefined && (await rendersAsBefore(declared));
  // What a commit changed is rendered while the cluster is read.
  const observing = observe({ cluster, api, applySet, remembered: memory.objects, parent });
  const [found, rendered] = await both(observing, isRendered ? Promise.resolve(undefined) : renderDesired(declared));
  const own = await nameParent(declared, found);
  const inventory = succession?.join(own) ?? own;
  await rememberUnproven(run, inventory);
  if (isRendered && isUnchanged(declared, inventory)) return await confirmUnchanged(declared, inventory);

  const desired = rendered ?? (await renderDesired(declared));
  const observed = await lookForReleases(declared, { desired, observed: inventory });
  const target: Target = { ...declared, attempted: { ...declared.attempted, inputs: desired.inputs } };
  if (observed.parent === undefined)
    await assertUnused({ ...target, desired: desired.objects, hasWritten: hasWritten({ memory, cluster, applySet }) });
  const verified = await comparePlan(target, { desired, observed });
  const { actions, renewed, notices } = verified;
  if (pausedRetry(run, revision) !== undefined) return await healBeforeRetry(target, { verified, observed });
  const relooked = await lookAgain(target, desired);
  const drift = [...verified.drift, ...relooked.drift];
  if (drift.length === 0)
    return await bringAbout(target, { desired, observed, actions, renewed, unhealed: [], notices });

  const judged = judgeDrift(run, { environment, revision, drift });
  const { divergence, left, unhealed } = judged;
  await tellDivergence(run, { ...target, ...judged, cluster: cluster.name });
  const follows = relooked.drift.length > 0 && relooked.drift.every(({ key }) => !left.has(key));
  if (follows) {
    const followed = await follow(target, relooked);
    const { actions: all, ...compared } = await comparePlan(target, { desired: followed, observed });
    const healed = all.filter((planned) => !left.has(keyOf(planned)));
    return await bringAbout(target, {
      desired: followed,
      observed,
      actions: healed,
      renewed: compared.renewed,
      unhealed,
      notices: compared.notices,
    });
  }
  if (left.size === 0) return await bringAbout(target, { desired, observed, actions, renewed, unhealed, notices });
  const committed = actions.filter((planned) => !left.has(keyOf(planned)));
  const hooksAreDue = areHooksDue({ releases: desired.releases, record: hookRecordOf(target, { desired, observed }) });
  if (hooksAreDue || committed.some((planned) => planned.action !== 'keep')) {
    return await bringAbout(target, { desired, observed, actions: committed, renewed, unhealed, notices });
  }
  const current = run.memoryFile.memory();
  await run.memoryFile.save({ ...current, attempted: target.attempted, objects: { ...current.objects, ...renewed } });
  return { outcome: 'diverged', revision, reason: 'Drifted', summary: divergence.summary };
}

async function comparePlan(
  target: Target,
  { desired, observed }: { desired: DesiredState; observed: ObservedState },
): Promise<Verified> {
  const strays = await readStrays(target, { desired, observed });
  const plan = planChanges({
    desired: desired.objects,
    observed: observed.objects,
    strays,
    remembered: target.run.memoryFile.memory().objects,
  });
  return await verifyPlan(target, { plan, observed, renderKey: desired.renderKey });
}

function keyOf(planned: PlannedAction): string {
  return planned.action === 'prune' ? planned.observed.key : planned.desired.key;
}

/** Somewhere else, the inventory would be another one, and the objects of the first would stay behind for ever. */
function refuseMove(run: Run, { name, cluster, namespace }: Environment): void {
  const memory = run.memoryFile.memory();
  const moved = [
    ...(memory.cluster !== '' && memory.cluster !== cluster
      ? [`spec.cluster from ${memory.cluster} to ${cluster}`]
      : []),
    ...(memory.namespace !== '' && memory.namespace !== namespace
      ? [`spec.namespace from ${memory.namespace} to ${namespace}`]
      : []),
  ];
  if (moved.length === 0 || memory.namespace === '') return;
  throw new ConvergeError({
    code: 'NotImplemented',
    subject: environmentPath(name),
    message: `changing ${moved.join(' and ')} is not implemented yet`,
    remedy: 'add a new environment there, and remove this one',
    disposition: 'refuse',
  });
}

/**
 * A run never goes back behind the revision attempted last. Where the branch's head is no descendant of it, the branch was
 * rewritten by force, which is told before the run follows.
 */
async function tellRewrittenBranch(
  run: Run,
  { attempted, environment }: { attempted: AttemptedRevision; environment: Environment },
): Promise<void> {
  const { attempted: last } = run.memoryFile.memory();
  const { commit, revision } = attempted;
  if (last === undefined || last.commit === commit) return;
  const repository = run.ports.repository(run.repository);
  if (await repository.isAncestor({ ancestor: last.commit, descendant: commit })) return;
  if ((await repository.head()) !== commit) {
    throw new ConvergeError({
      code: 'GitUnavailable',
      subject: run.key,
      message: 'the branch moved while it was read',
      disposition: 'retry',
    });
  }
  const summary = `the branch was rewritten: ${last.revision} is no ancestor of ${revision}`;
  const divergence: Divergence = { reason: 'Guarded', revision, summary, objects: [] };
  await tellDivergence(run, { divergence, environment, attempted, cluster: environment.cluster, action: 'healing' });
}

/** An attempt at the revision attempted last is that attempt again: with its time, and the inputs it found by rendering. */
function sameAttempt(run: Run, attempted: AttemptedRevision): AttemptedRevision {
  const last = run.memoryFile.memory().attempted;
  return last?.commit === attempted.commit ? last : attempted;
}
