import { ConvergeError } from '../../errors.ts';
import { divergenceOf, wholeObjectDiff, type Divergence } from '../../drift/divergence.ts';
import type { DiffReason } from '../../events/alert.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { revisionOf } from '../../environment/revision.ts';
import { beginRollout, isOver, waitsUntil, type Rollout } from '../../environment/rollout.ts';
import { applySetOf, deletionAnnotation, hookOfLabel, type ApplySet } from '../../inventory/applyset.ts';
import { readHookRecord } from '../../inventory/hook-record.ts';
import { resourceOf } from '../../objects/desired.ts';
import type { Hook } from '../../objects/hook.ts';
import { groupKind, objectTitle } from '../../objects/object-id.ts';
import { failuresOf, type Change } from '../../plan/change-set.ts';
import type { ObservedObject } from '../../plan/plan.ts';
import { guardPrunes, type GuardedPrune } from '../../plan/prune-guards.ts';
import type { Commit } from '../ports.ts';
import { deleteInOrder } from './delete-in-order.ts';
import { renderDesired, type DesiredState } from './desired-state.ts';
import { forget, forgetAsking } from './forget.ts';
import { observe, parentResource, type ObservedState } from './observed-state.ts';
import { openOtherEnvironments } from './other-environments.ts';
import { partByWishes } from './prune-stale.ts';
import { releaseObjects } from './release-objects.ts';
import { assertRemoved, isRenamed, lastAttempted, lastVersion, type DeclaredAt } from './removed-file.ts';
import type { Run } from './run.ts';
import { runHooks, type LeftHook } from './run-hooks.ts';
import { deleteSeed } from './seed.ts';
import { secondsSince, type RunResult, type Target } from './target.ts';
import { diverge, tellConverged, tellDivergence } from './tell.ts';

/** What was done to the objects of a removed environment; `divergence` tells why it is not at its end. */
interface TornDown {
  readonly pruned: number;
  readonly released: number;
  readonly divergence?: Divergence;
  /** For how long the deletion was waited for. */
  readonly rollout?: Rollout;
  /** A hook runs longer than this run may wait: the next one goes on. */
  readonly waits?: LeftHook;
}

/**
 * Takes leave of an environment whose file is no longer at the branch's head: its objects are released, or, with
 * `spec.deletion: prune`, deleted, between its hooks. The parent of its inventory goes last, then what is remembered of it:
 * a run that is killed in between is finished by the next one.
 *
 * Nothing is done for an environment that was renamed: the new one takes everything over.
 */
export async function tearDown(run: Run, commit: Commit): Promise<RunResult> {
  const memory = run.memoryFile.memory();
  const { attempted } = memory;
  if (attempted === undefined) {
    await forgetAsking(run);
    return { outcome: 'absent' };
  }
  if (await isRenamed(run, commit)) return { outcome: 'absent' };
  const revision = revisionOf({ branch: run.ports.repository(run.repository).branch, commit: commit.id });
  try {
    await assertRemoved(run, commit);
    const last = await lastAttempted(run);
    const place = memory.cluster === '' ? last?.environment : memory;
    if (place === undefined) {
      await forget(run);
      return { outcome: 'absent' };
    }
    const cluster = await run.ports.cluster(place.cluster);
    const api = await cluster.api();
    const identity = { repository: run.repository, environment: run.environment, namespace: place.namespace };
    const observed = await observe({ cluster, api, applySet: applySetOf(identity), remembered: memory.objects });
    const said = observed.parent?.metadata.annotations?.[deletionAnnotation] === 'prune' ? 'prune' : 'release';
    const deletion = ((await lastVersion(run, commit)) ?? last?.environment)?.deletion ?? said;
    const applySet = applySetOf({ ...identity, deletion });
    const facts = { run, revision, cluster, api, applySet, attempted, commit };

    const torn = deletion === 'release' ? await release(facts, observed) : await prune(facts, { observed, last });
    if (torn.waits === 'superseded') return { outcome: 'superseded' };
    if (torn.waits !== undefined) return { outcome: 'waiting', revision, message: torn.waits.waitsFor, goesOn: true };
    if (torn.divergence !== undefined) return await diverge(run, { environment: undefined, attempted, divergence: torn.divergence, rollout: torn.rollout });
    await deleteParent(facts);
    const changes = { created: 0, configured: 0, unchanged: 0, pruned: torn.pruned, released: torn.released };
    // Its fights end with it.
    await tellConverged(run, { memory: { ...run.memoryFile.memory(), heals: undefined }, converged: { cluster: cluster.name, revision, seconds: secondsSince(run), changes, policy: null } });
    await forget(run);
    return { outcome: 'removed', revision };
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    const reason = error.code === 'RemovalGuarded' ? 'Guarded' : 'Failed';
    return await diverge(run, { environment: undefined, attempted, divergence: { reason, revision, summary: error.message, objects: [] } });
  }
}

type Facts = Pick<Target, 'run' | 'revision' | 'cluster' | 'api' | 'applySet' | 'attempted' | 'commit'>;

async function release(facts: Facts, observed: ObservedState): Promise<TornDown> {
  const objects = [...observed.objects.values()];
  if (objects.length > 0) await assertHead(facts);
  const failures = failuresOf(await releaseObjects(facts, objects));
  return { pruned: 0, released: objects.length - failures.length, ...divergent('Failed', facts, asGuarded(failures, objects)) };
}

/** As Helm uninstalls: the hooks before, the objects, the hooks after. What is precious or kept is released. */
async function prune(facts: Facts, { observed, last }: { observed: ObservedState; last: DeclaredAt | undefined }): Promise<TornDown> {
  const { run, api, applySet } = facts;
  // The parent goes last: everything else is through.
  if (observed.parent === undefined && observed.objects.size === 0) return { pruned: 0, released: 0 };
  if (last === undefined) {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: run.key,
      message: 'no version of its file can be read, so that its hooks before and after the deletion are not known; nothing is deleted',
      remedy: 'commit the file, and remove it again',
      disposition: 'refuse',
    });
  }
  const asking: Omit<Target, 'others'> = { ...facts, environment: last.environment };
  const target: Target = { ...asking, others: openOtherEnvironments(asking) };
  await target.others.assertNewest();
  const desired = await renderDesired({ ...target, commit: { ...facts.commit, id: last.commit } });
  const hooks = { releases: desired.releases, api, deleting: true };
  const before = await runHooks(target, { ...hooks, phase: 'pre', record: readHookRecord(observed.parent) ?? {}, parent: observed.parent });
  if (before.left !== undefined) return { pruned: 0, released: 0, waits: before.left };
  if (before.failed !== undefined) return { pruned: 0, released: 0, divergence: hookFailed(facts, before.failed) };

  const single = guardPrunes({ stale: [...observed.objects.values()], applySetIds: [applySet.id] });
  const { free, wanted, unknown } = await partByWishes(target, { objects: single.allowed, patient: false });
  await target.others.assertNewest();
  const rollout = rolloutOfRemoval(facts, last.environment);
  const until = waitsUntil({ rollout, waitUntil: run.waitUntil() });
  const { changes, lingering } = await deleteInOrder(target, { doomed: free, going: single.going, api, until });
  const pruned = changes.filter(({ did }) => did === 'pruned').length;
  const [slow] = lingering;
  if (slow !== undefined && failuresOf(changes).length === 0 && unknown.length === 0 && !isOver({ rollout, now: run.ports.now() })) {
    const waitsFor = `waits for ${objectTitle(slow.observed.id)}: ${slow.reason}`;
    await run.memoryFile.save({ ...run.memoryFile.memory(), rollout, waiting: { revision: facts.revision, message: waitsFor } });
    return { pruned, released: 0, waits: { waitsFor } };
  }
  const left = [...asGuarded(failuresOf(changes), free), ...unknown, ...lingering, ...changed(changes, free)];
  if (left.length > 0) {
    const reason = failuresOf(changes).length > 0 ? 'Failed' : lingering.length > 0 ? 'Unhealthy' : 'Guarded';
    return { pruned, released: 0, ...divergent(reason, facts, left), ...(slow === undefined ? {} : { rollout }) };
  }
  // What another environment wants is nobody's until that takes it: this one will soon be forgotten, and could not be asked.
  const kept = [...single.guarded.map((guarded) => guarded.observed), ...single.kept, ...wanted];
  await tellReleased(facts, single.guarded);
  const failures = failuresOf(await releaseObjects(facts, kept));
  if (failures.length > 0) return { pruned, released: kept.length - failures.length, ...divergent('Failed', facts, asGuarded(failures, kept)) };

  const after = await runHooks(target, { ...hooks, phase: 'post', record: before.record, parent: before.parent });
  if (after.left !== undefined) return { pruned, released: kept.length, waits: after.left };
  if (after.failed !== undefined) return { pruned, released: kept.length, divergence: hookFailed(facts, after.failed) };
  await deleteLeftovers(target, desired);
  return { pruned, released: kept.length };
}

/** The deletion may take as long as a roll-out may, from the first look at this revision. */
function rolloutOfRemoval({ run, revision }: Facts, { timeout }: Pick<Environment, 'timeout'>): Rollout {
  const { rollout } = run.memoryFile.memory();
  return rollout?.revision === revision ? rollout : beginRollout({ revision, now: run.ports.now(), timeout });
}

/** The objects of its hooks, and its seed. */
async function deleteLeftovers({ run, cluster, api, applySet }: Target, { releases }: DesiredState): Promise<void> {
  const isDefinition = ({ desired }: Hook) => groupKind(desired.id) === 'CustomResourceDefinition.apiextensions.k8s.io';
  for (const { desired } of releases.flatMap((made) => made.hooks).filter((hook) => !isDefinition(hook))) {
    const resource = resourceOf({ api, object: desired.object });
    const { namespace, name } = desired.id;
    const live = resource === undefined ? undefined : await cluster.get({ resource, namespace, name });
    const uid = live?.metadata.uid;
    if (resource === undefined || uid === undefined || live?.metadata.labels?.[hookOfLabel] !== applySet.id) continue;
    await run.lease.assertHeld();
    await cluster.delete({ resource, namespace, name, uid });
  }
  await deleteSeed({ run, cluster }, { of: applySet });
}

/** Deletes the parent of an inventory. What is not gone then is left as it is: it has no members any more. */
export async function deleteParent({ run, cluster, applySet }: Pick<Target, 'run' | 'cluster'> & { applySet: Pick<ApplySet, 'name' | 'namespace'> }): Promise<void> {
  const parent = { resource: parentResource, namespace: applySet.namespace, name: applySet.name };
  const uid = (await cluster.get(parent))?.metadata.uid;
  if (uid === undefined) return;
  await run.lease.assertHeld();
  const result = await cluster.delete({ ...parent, uid });
  if (result.outcome !== 'rejected') return;
  throw new ConvergeError({ code: 'ClusterRefused', subject: `cluster ${cluster.name}, ConfigMap ${applySet.namespace}/${applySet.name}`, message: result.message, disposition: 'refuse' });
}

async function assertHead({ run, commit }: Facts): Promise<void> {
  if ((await run.ports.repository(run.repository).head()) === commit.id) return;
  throw new ConvergeError({ code: 'GitUnavailable', subject: run.key, message: 'the branch moved on before the objects were released', disposition: 'retry' });
}

async function tellReleased({ run, revision, cluster, attempted }: Facts, guarded: readonly GuardedPrune[]): Promise<void> {
  if (guarded.length === 0) return;
  const objects = guarded.map(({ observed: { id, object }, reason }) => wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message: `is released, not deleted: ${reason}` }));
  await tellDivergence(run, { divergence: divergenceOf({ reason: 'Guarded', revision, objects }), environment: undefined, attempted, cluster: cluster.name, action: 'none' });
}

function hookFailed({ revision }: Facts, { desired: { id, object }, message }: { desired: DesiredState['objects'][number]; message: string }): Divergence {
  return divergenceOf({ reason: 'Failed', revision, objects: [wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'failed', message })] });
}

function divergent(reason: DiffReason, { revision }: Facts, objects: readonly GuardedPrune[]): { divergence?: Divergence } {
  if (objects.length === 0) return {};
  const change = reason === 'Failed' ? 'failed' : 'unexpected';
  return { divergence: divergenceOf({ reason, revision, objects: objects.map(({ observed: { id, object }, reason: message }) => wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message })) }) };
}

function asGuarded(failures: readonly { readonly id: ObservedObject['id']; readonly message: string }[], objects: readonly ObservedObject[]): GuardedPrune[] {
  return failures.flatMap(({ id, message }) => objects.filter((object) => object.id === id).map((observed) => ({ observed, reason: message })));
}

function changed(changes: readonly Change[], objects: readonly ObservedObject[]): GuardedPrune[] {
  return asGuarded(changes.flatMap((change) => (change.did === 'skipped' ? [change] : [])), objects);
}
