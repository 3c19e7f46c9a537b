import { beginFreeze } from './accept/freeze.ts';
import { tellLostBranch } from './accept/lost-branch.ts';
import { ConvergeError } from '../../base/errors.ts';
import { environmentPath } from '../../environment/environment-file.ts';
import { declaredPaths } from '../../environment/inputs.ts';
import { suspended } from '../../memory/transitions/accept.ts';
import { driftLeft } from '../../memory/transitions/objects.ts';
import { rolloutBounded } from '../../memory/transitions/roll-out.ts';
import { revisionOf } from '../../base/revision.ts';
import { applySetOf } from '../../inventory/applyset.ts';
import { areHooksDue } from '../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { lookForReleases } from './judge/adopted-releases.ts';
import { bringAbout } from './bring-about.ts';
import { renderDesired } from './render/desired-state.ts';
import { checkDependencies, stopWaiting, waitForDependencies } from './accept/dependencies.ts';
import { comparePlan, withoutLeft } from './judge/compare-plan.ts';
import { lookWhileFrozen } from './judge/look-while-frozen.ts';
import { judgeDrift } from './judge/judge-drift.ts';
import { follow, lookAgain } from './judge/look-again.ts';
import { assertUnused, observe } from './observe/observed-state.ts';
import { readOwnParent, hasWritten } from './observe/own-parent.ts';
import { openOtherEnvironments } from './others/other-environments.ts';
import { both } from '../common/parallel.ts';
import { healBeforeRetry } from './write/heal-before-retry.ts';
import { pausedRetry, stillFailing } from './judge/retry-pause.ts';
import { finishRollback, reviewRollback, shareRollback, takeOverRollback } from './rollback.ts';
import { hookRecordOf } from './judge/hook-record.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import type { Commit } from '../../ports/git.ts';
import { attemptAt, sameAttempt } from './run/attempt.ts';
import { noteCause } from './run/note-cause.ts';
import type { Run } from './run/run.ts';
import { confirmUnchanged, isUnchanged, rendersAsBefore } from './judge/unchanged.ts';
import { openSuccession, refuseContestedNames, type Succession } from './leave/succession.ts';
import type { RunResult, Target } from './run/target.ts';
import { tearDown } from './leave/tear-down.ts';
import { tellDivergence } from './tell/tell.ts';
import { tellDistrusted, tellRefused } from './tell/tell-refused.ts';
import { refuseMove } from './accept/refuse-move.ts';
import { tellRewrittenBranch } from './accept/rewritten-branch.ts';
import { acceptRule, assertTrusted } from './accept/trust.ts';
import { surveyWhenDue } from './observe/survey.ts';
import { rememberUnproven } from './observe/remember-unproven.ts';
import { fenceSuspects } from './write/fence-suspects.ts';
import { restoreParent } from './write/restore-parent.ts';
import { environmentSuspension } from '../../environment/suspension.ts';
import { tellSuspension } from './tell/tell-suspension.ts';

/** Brings one environment to the head of its branch, or says exactly why not. The caller writes what is remembered. */
export async function converge(run: Run): Promise<RunResult> {
  await takeOverRollback(run);
  // What an earlier run left, which died; then what this one found.
  await finishRollback(run);
  const result = await convergeOne(run);
  await finishRollback(run);
  return result;
}

/**
 * Tells that the branch cannot be read, after what an earlier run left: a failure that was to be told with its rollback
 * is told without one.
 */
export async function loseBranch(run: Run, problem: ConvergeError): Promise<RunResult> {
  await finishRollback(run);
  return await tellLostBranch(run, problem);
}

async function convergeOne(run: Run): Promise<RunResult> {
  await shareRollback(run);
  if ((await reviewRollback(run)) === 'superseded') return { outcome: 'superseded' };
  const repository = run.ports.repository(run.repository);
  const commit = run.head;
  // An empty repository declares nothing, and removes nothing either.
  if (commit === undefined) return { outcome: 'absent' };
  const revision = revisionOf({ branch: repository.branch, commit: commit.id });
  // What cannot be read of a commit may pass, and is told of no signature. Nothing of it is believed before that is.
  const declared = await readEnvironment({ repository, commit: commit.id, name: run.environment });
  const distrust = await distrustOf(run, commit);
  if (distrust !== undefined) return await tellDistrusted(run, { commit, revision, distrust });
  if (declared.state === 'absent') return await tearDown(run, commit);
  if ((await pausedRetry(run, { commit, revision }))?.healing === false) return stillFailing(run, revision);

  const attempted = await attemptAt(run, { commit, revision, paths: [environmentPath(run.environment)] });
  if (declared.state === 'invalid')
    return await tellRefused(run, { error: declared.error, attempted, environment: undefined });
  const { environment } = declared;
  try {
    return await convergeDeclared(run, { commit, revision, environment });
  } catch (error) {
    return await tellRefused(run, { error, attempted, environment });
  }
}

/**
 * Brings what an environment file declares about, unless the environment rests, or waits for others. Throws what is
 * refused of it.
 */
async function convergeDeclared(
  run: Run,
  { commit, revision, environment }: Pick<Target, 'commit' | 'revision' | 'environment'>,
): Promise<RunResult> {
  await acceptRule(run, { commit, environment });
  const attempted = await attemptAt(run, { commit, revision, paths: declaredPaths(environment) });
  const suspension = environmentSuspension(environment, run.ports.now());
  tellSuspension(run, { suspension, environment, attempted });
  if (suspension !== undefined) {
    run.memoryFile.remember(suspended, { attempted });
    return { outcome: 'suspended' };
  }
  run.memoryFile.remember(rolloutBounded, { timeout: environment.timeout });
  refuseMove(run, environment);
  await refuseContestedNames(run, { commit, environment });
  await tellRewrittenBranch(run, { attempted, environment });
  const frozen = await beginFreeze(run, { commit, environment, attempted });
  if (frozen !== undefined) {
    const target = await openTarget(run, { commit, revision, environment, attempted: sameAttempt(run, attempted) });
    const result = await lookWhileFrozen(target, { frozen });
    await surveyWhenDue(target, result);
    return result;
  }
  const gate = await checkDependencies(run, { environment, commit: commit.id });
  if (gate.gate !== 'open') {
    await noteCause(run, { commit, paths: declaredPaths(environment) });
    return await waitForDependencies(run, { environment, attempted: sameAttempt(run, attempted), gate });
  }
  await stopWaiting(run);
  return await succeed(
    await openTarget(run, { commit, revision, environment, attempted: sameAttempt(run, attempted) }),
  );
}

/** Opens the cluster, as the environment is to act in it. */
async function openTarget(
  run: Run,
  declared: Pick<Target, 'commit' | 'revision' | 'environment' | 'attempted'>,
): Promise<Target> {
  const { repository, environment: name } = run;
  const { cluster: clusterName, namespace, deletion } = declared.environment;
  const cluster = await run.ports.cluster({ name: clusterName, repository, environment: name });
  const { url } = run.ports.repository(repository);
  const applySet = applySetOf({ repository, environment: name, namespace, deletion, url });
  const target = { run, ...declared, cluster, api: await cluster.api(), applySet };
  return { ...target, others: openOtherEnvironments(target) };
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

/**
 * Converges, and where the environment was renamed, takes over what it owns under its previous names. Whose the
 * inventory is, is read first.
 */
async function succeed(target: Target): Promise<RunResult> {
  const { run, commit } = target;
  const parent = await readOwnParent({ ...target, memory: run.memoryFile.memory(), commit: commit.id });
  const succession = await openSuccession(target);
  try {
    const renamed = succession === undefined ? target : { ...target, previous: succession };
    const result = await convergeTarget(renamed, { succession, parent });
    await surveyWhenDue(target, result);
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
  const own = await restoreParent(declared, found);
  const inventory = await fenceSuspects(declared, succession?.join(own) ?? own);
  await rememberUnproven(run, inventory);
  if (isRendered && isUnchanged(declared, inventory)) return await confirmUnchanged(declared, inventory);

  const desired = rendered ?? (await renderDesired(declared));
  const observed = await lookForReleases(declared, { desired, observed: inventory });
  const target: Target = { ...declared, attempted: { ...declared.attempted, inputs: desired.inputs } };
  await noteCause(run, { commit: declared.commit, paths: Object.keys(desired.inputs), isAll: true });
  if (observed.parent === undefined)
    await assertUnused({ ...target, desired: desired.objects, hasWritten: hasWritten({ memory, cluster, applySet }) });
  const verified = await comparePlan(target, { desired, observed, memory });
  const { actions, renewed, notices } = verified;
  if ((await pausedRetry(run, declared)) !== undefined) return await healBeforeRetry(target, { verified, observed });
  const relooked = await lookAgain(target, desired);
  const drift = [...verified.drift, ...relooked.drift];
  if (drift.length === 0)
    return await bringAbout(target, { desired, observed, actions, renewed, unhealed: [], notices });

  const judged = judgeDrift(run, { environment, revision, drift, request: run.request });
  const { divergence, left, unhealed } = judged;
  tellDivergence(run, { ...target, ...judged, cluster: cluster.name });
  const follows = relooked.drift.length > 0 && relooked.drift.every(({ key }) => !left.has(key));
  if (follows) {
    const followed = await follow(target, relooked);
    const { actions: all, ...compared } = await comparePlan(target, { desired: followed, observed, memory });
    const healed = withoutLeft(all, left);
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
  const committed = withoutLeft(actions, left);
  const hooksAreDue = areHooksDue({ releases: desired.releases, record: hookRecordOf(target, { desired, observed }) });
  // The health of what is left alone by itself counts.
  const isWatched = unhealed.some(({ suspended: alone }) => alone !== undefined);
  if (hooksAreDue || isWatched || committed.some((planned) => planned.action !== 'keep')) {
    return await bringAbout(target, { desired, observed, actions: committed, renewed, unhealed, notices });
  }
  run.memoryFile.remember(driftLeft, { attempted: target.attempted, renewed });
  return { outcome: 'diverged', revision, reason: 'Drifted', summary: divergence.summary };
}
