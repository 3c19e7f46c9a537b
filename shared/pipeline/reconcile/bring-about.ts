import type { ObjectDiff } from '../../events/alert.ts';
import { divergenceOf, wholeObjectDiff, type Divergence } from '../../drift/divergence.ts';
import { confirmHeals, withoutHeals } from '../../drift/fight.ts';
import { sameInputs } from '../../environment/inputs.ts';
import type { AttemptedRevision, Memory } from '../../environment/memory.ts';
import { policyOf } from '../../environment/policy.ts';
import { nextRetry } from '../../environment/retry.ts';
import { beginRollout, isOver, rolloutOf, waitsUntil } from '../../environment/rollout.ts';
import { extentOf, parentObject } from '../../inventory/applyset.ts';
import { areHooksDue, convergedRecord, dueHooks } from '../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectKey, objectTitle, type ObjectId } from '../../objects/object-id.ts';
import { countChanges, failuresOf, type Change } from '../../plan/change-set.ts';
import type { PlannedAction, RememberedObjects } from '../../plan/plan.ts';
import { applyChanges, rememberObjects, writeParent, type Applied, type BeforeOthers } from './apply-changes.ts';
import { awaitHealth } from './await-health.ts';
import { checkpoint } from './checkpoint.ts';
import type { DesiredState } from './desired-state.ts';
import type { ObservedState } from './observed-state.ts';
import { pruneStale, type Pruned } from './prune-stale.ts';
import { renderKeyOf } from './render-inputs.ts';
import { isSuperseded } from './superseded.ts';
import { divergeForGood } from './fail.ts';
import { hookRecordOf, runHooks, type FailedHook, type HooksRun } from './run-hooks.ts';
import { secondsSince, type RunResult, type Target } from './target.ts';
import { diverge, tellConverged, tellNotices } from './tell.ts';

/** What a run is to bring about, and what it starts from. */
export interface Undertaking {
  readonly desired: DesiredState;
  readonly observed: ObservedState;
  readonly actions: readonly PlannedAction[];
  /** Fingerprints that the dry runs renewed. */
  readonly renewed: RememberedObjects;
  /** Drift that is told and left alone: with it, the environment does not converge. */
  readonly unhealed: readonly ObjectDiff[];
  /** What the dry runs found that is told once, and keeps nothing from converging. */
  readonly notices: readonly ObjectDiff[];
}

/** Applies, prunes, waits until everything is healthy, with the hooks that are due in between, and tells what came of it. */
export async function bringAbout(target: Target, { desired, observed, actions, renewed, unhealed, notices }: Undertaking): Promise<RunResult> {
  const { run, revision, environment, cluster } = target;
  const before = run.memoryFile.memory();
  const { releases } = desired;
  let hooks: HooksRun = { record: hookRecordOf(target, { desired, observed }), parent: observed.parent, failed: undefined, left: undefined };
  const due = areHooksDue({ releases, record: hooks.record });
  // Something else changed, in the cluster or beside the inputs: it is no news of this environment, and nothing is written.
  const quiet = observed.parent !== undefined && !due && actions.every((action) => action.action === 'keep') ? revisionWithSameInputs({ before, desired }) : undefined;
  const writes = due || actions.some((action) => action.action !== 'keep' && action.action !== 'prune');
  const isSame = before.attempted !== undefined && sameInputs({ attempted: before.attempted.inputs, current: desired.inputs });
  let rollout = rolloutOf({
    last: before.rollout,
    revision,
    commits: actions.some((action) => isCommitted({ action, before, isSame })),
    sameInputs: isSame,
    now: run.ports.now(),
    timeout: environment.timeout,
  });
  // Saved before the first write: no later run may go back behind this revision.
  if (quiet === undefined) {
    const health = writes || rollout !== before.rollout ? 'Progressing' : before.health;
    const converged = stillConverged({ before, desired });
    await run.memoryFile.save({ ...before, cluster: cluster.name, namespace: environment.namespace, attempted: target.attempted, converged, health, rollout });
  }

  const runPreHooks: BeforeOthers = async ({ changes: definitions, api, parent }) => {
    if (failuresOf(definitions).length > 0) return 'stop';
    const isDue = dueHooks({ releases, record: hooks.record, phase: 'pre' }).length > 0;
    hooks = await runHooks(target, { phase: 'pre', releases, record: hooks.record, api, parent });
    if (hooks.failed !== undefined || hooks.left !== undefined) return 'stop';
    // The hooks had their own time.
    if (isDue) {
      rollout = beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
      await run.memoryFile.save({ ...run.memoryFile.memory(), rollout });
    }
    return 'go on';
  };
  const applied = await applyChanges(target, { actions, observed, beforeOthers: due ? runPreHooks : undefined });
  await rememberObjects(run, { ...renewed, ...applied.remembered });
  if (applied.superseded || hooks.left === 'superseded') return { outcome: 'superseded' };
  if (hooks.left !== undefined) return await checkpoint(target, { message: hooks.left.waitsFor, rollout });
  const isFailing = failuresOf(applied.changes).length > 0 || hooks.failed !== undefined;
  if (!isFailing && actions.some((action) => action.action === 'prune') && (await isSuperseded(target))) return { outcome: 'superseded' };
  const leaving = rollout ?? beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
  const until = waitsUntil({ rollout: leaving, waitUntil: run.waitUntil() });
  const pruned: Pruned = isFailing ? { changes: [], guarded: [], lingering: [], pending: [] } : await pruneStale(target, { actions, observed, api: applied.api, until });
  const changes = [...applied.changes, ...pruned.changes];
  // A fight was about what Git said before.
  const settled = actions.flatMap((action) => (action.action !== 'prune' && isCommitted({ action, before, isSame }) ? [action.desired.key] : []));
  await run.memoryFile.save({ ...run.memoryFile.memory(), heals: confirmHeals(withoutHeals({ heals: run.memoryFile.memory().heals, keys: settled })) });
  const hasFailed = async (): Promise<RunResult> => {
    const now = run.ports.now();
    const since = (isSame ? before.retry?.since : undefined) ?? now.toISOString();
    const retry = { ...nextRetry({ last: run.memoryFile.memory().retry, revision, healing: true, now }), since };
    return await divergeForGood(target, { retry, divergence: failed({ changes, desired, revision, hook: hooks.failed }) });
  };
  if (isFailing || failuresOf(changes).length > 0) return await hasFailed();

  const outcome = await awaitHealth(target, { desired: withoutUnhealed(desired, unhealed), observed: latest({ observed, applied }), api: applied.api, last: rollout });
  if (outcome.outcome === 'superseded') return { outcome: 'superseded' };
  if (outcome.outcome === 'waiting') return await checkpoint(target, outcome);
  if (outcome.outcome === 'unhealthy') {
    const objects = outcome.objects.map(({ desired: { id, object }, health }) => wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unhealthy', message: health.message }));
    return await divergeForGood(target, { rollout: outcome.rollout, divergence: divergenceOf({ reason: 'Unhealthy', revision, objects }) });
  }
  rollout = undefined;
  hooks = await runHooks(target, { phase: 'post', releases, record: hooks.record, api: applied.api, parent: hooks.parent });
  if (hooks.failed !== undefined) return await hasFailed();
  if (hooks.left === 'superseded') return { outcome: 'superseded' };
  if (hooks.left !== undefined) return await checkpoint(target, { message: hooks.left.waitsFor, rollout });
  const left = pruned.changes.flatMap((change) => (change.did === 'skipped' ? [change.id] : []));
  const leftKeys = [...new Set([...left.map(objectKey), ...pruned.pending])].sort();
  const pending = pruned.pending.length === 0 ? undefined : [...pruned.pending];
  if (pruned.guarded.length > 0 || pruned.lingering.length > 0) {
    const objects = [...pruned.guarded, ...pruned.lingering].map(({ observed: { id, object }, reason }) => wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message: reason }));
    await run.memoryFile.save({ ...run.memoryFile.memory(), left: leftKeys, pending });
    // What takes its time to go is waited for like what takes its time to come.
    const [lingering] = pruned.lingering;
    if (lingering !== undefined && pruned.guarded.length === 0 && !isOver({ rollout: leaving, now: run.ports.now() })) {
      return await checkpoint(target, { message: `waits for ${objectTitle(lingering.observed.id)}: ${lingering.reason}`, rollout: leaving });
    }
    const divergence = divergenceOf({ reason: pruned.guarded.length > 0 ? 'Guarded' : 'Unhealthy', revision, objects });
    return await diverge(run, { ...target, rollout: lingering === undefined ? rollout : leaving, divergence });
  }
  if (unhealed.length > 0) {
    const { reason, summary } = divergenceOf({ reason: 'Drifted', revision, objects: unhealed });
    await run.memoryFile.save({ ...run.memoryFile.memory(), health: outcome.health.state, rollout, retry: undefined, waiting: undefined });
    return { outcome: 'diverged', revision, reason, summary };
  }

  const renderKey = renderKeyOf({ environment, inputs: desired.inputs, api: applied.api, renderer: await run.ports.renderer.version() });
  if (quiet === undefined) await recordConverged(target, { applied, desired, left, renderKey });
  await tellNotices(target, [...notices, ...applied.notices]);
  const memory = run.memoryFile.memory();
  await tellConverged(run, {
    memory: {
      ...memory,
      cluster: cluster.name,
      namespace: environment.namespace,
      converged: { ...(quiet ?? target.attempted), renderKey },
      previous: previousOf({ before, desired }),
      objects: onlyDesired({ objects: memory.objects, desired }),
      left: leftKeys,
      pending,
      health: outcome.health.state,
      ...{ rollout, retry: undefined, waiting: undefined },
    },
    converged: { cluster: cluster.name, revision: quiet?.revision ?? revision, seconds: secondsSince(run), changes: countChanges(changes), policy: policyOf(environment) },
  });
  return { outcome: 'converged', revision };
}

/** Whether it applies what is not as it was applied last: anything but the healing of drift. What cannot be remembered is applied each time. */
function isCommitted({ action, before, isSame }: { action: PlannedAction; before: Memory; isSame: boolean }): boolean {
  if (action.action === 'keep' || action.action === 'prune') return false;
  const remembered = before.objects[action.desired.key];
  return remembered === undefined && action.action === 'configure' ? !isSame : remembered?.desired !== action.desired.hash;
}

/** The revision that converged with the very same inputs, if the last one did. */
function revisionWithSameInputs({ before, desired }: { before: Memory; desired: DesiredState }): AttemptedRevision | undefined {
  const { converged } = before;
  return converged !== undefined && sameInputs({ attempted: converged.inputs, current: desired.inputs }) ? converged : undefined;
}

/**
 * What converged last, without the render that the remembered objects stand for where others are about to be applied: if that fails and
 * its inputs come back, they are rendered and compared, and not taken for what is there.
 */
function stillConverged({ before: { converged }, desired }: { before: Memory; desired: DesiredState }): Memory['converged'] {
  if (converged === undefined || sameInputs({ attempted: converged.inputs, current: desired.inputs })) return converged;
  return { ...converged, renderKey: '' };
}

/** The revision that a roll-back from this one goes to: the last that converged with other inputs. */
function previousOf({ before: { converged, previous }, desired }: { before: Memory; desired: DesiredState }): AttemptedRevision | undefined {
  if (converged === undefined || sameInputs({ attempted: converged.inputs, current: desired.inputs })) return previous;
  const { commit, revision, at, inputs } = converged;
  return { commit, revision, at, inputs };
}

/** The inventory as it now is, with the revision and the inputs it stands for. */
async function recordConverged(
  { run, revision, environment, cluster, applySet }: Target,
  { applied, desired, left, renderKey }: { applied: Applied; desired: DesiredState; left: readonly ObjectId[]; renderKey: string },
): Promise<void> {
  const extent = extentOf({ ids: [...desired.objects.map((object) => object.id), ...left], parentNamespace: environment.namespace });
  await run.lease.assertHeld();
  await writeParent({ cluster, observed: applied.parent, desired: parentObject({ applySet, extent, record: { revision, renderKey }, hooks: convergedRecord(desired.releases) }) });
}

function latest({ observed, applied }: { observed: ObservedState; applied: Applied }): Map<string, KubernetesObject> {
  return new Map([...[...observed.objects].map(([key, { object }]) => [key, object] as const), ...applied.observed]);
}

function withoutUnhealed({ objects }: DesiredState, unhealed: readonly ObjectDiff[]): DesiredState['objects'] {
  const same = (object: DesiredState['objects'][number], diff: ObjectDiff) =>
    object.id.kind === diff.kind && object.id.namespace === diff.namespace && object.id.name === diff.name;
  return objects.filter((object) => !unhealed.some((diff) => same(object, diff)));
}

function onlyDesired({ objects, desired }: { objects: Memory['objects']; desired: DesiredState }): Memory['objects'] {
  const keys = new Set(desired.objects.map((object) => object.key));
  return Object.fromEntries(Object.entries(objects).filter(([key]) => keys.has(key)));
}

function failed({ changes, desired, revision, hook }: { changes: readonly Change[]; desired: DesiredState; revision: string; hook: FailedHook | undefined }): Divergence {
  const versions = new Map(desired.objects.map(({ key, object }) => [key, object.apiVersion]));
  const objects = failuresOf(changes).map(({ id, message }) => wholeObjectDiff({ id, apiVersion: versions.get(objectKey(id)) ?? id.group, change: 'failed', message }));
  const hookDiffs = hook === undefined ? [] : [wholeObjectDiff({ id: hook.desired.id, apiVersion: hook.desired.object.apiVersion, change: 'failed', message: hook.message })];
  return divergenceOf({ reason: 'Failed', revision, objects: [...objects, ...hookDiffs] });
}
