import { ConvergeError } from '../../errors.ts';
import type { DiffReason, ObjectDiff } from '../../events/alert.ts';
import { fingerprint } from '../../drift/fingerprint.ts';
import { isOpen, mayHeal, openIncident, summarise, type Divergence } from '../../drift/incident.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from '../../environment/environment-file.ts';
import { sameInputs } from '../../environment/inputs.ts';
import { revisionOf } from '../../environment/revision.ts';
import type { Memory } from '../../environment/memory.ts';
import { assessHealth } from '../../health/assess-health.ts';
import { worstHealth, type HealthState } from '../../health/health.ts';
import { applySetOf, extentOf, parentObject, type ApplySet } from '../../inventory/applyset.ts';
import { objectKey, objectTitle, type ObjectId } from '../../objects/object-id.ts';
import { countChanges, type Change } from '../../plan/change-set.ts';
import { planChanges, type PlannedAction } from '../../plan/plan.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { Cluster, Commit } from '../ports.ts';
import { applyChanges, writeParent } from './apply-changes.ts';
import { awaitHealth } from './await-health.ts';
import { readInputs, renderDesired, renderKeyOf, type DesiredState } from './desired-state.ts';
import { observe, type ObservedState } from './observed-state.ts';
import { pruneStale } from './prune-stale.ts';
import type { Run } from './run.ts';
import { publishUntold, tellConverged, tellDivergence } from './tell.ts';
import { verifyPlan } from './verify.ts';

export type RunResult =
  | { readonly outcome: 'absent' | 'suspended' | 'superseded' }
  | { readonly outcome: 'unchanged' | 'converged'; readonly revision: string }
  | { readonly outcome: 'diverged'; readonly revision: string; readonly reason: DiffReason; readonly summary: string };

/** One environment at one commit, in its cluster. */
interface Target {
  readonly run: Run;
  readonly commit: Commit;
  readonly revision: string;
  readonly environment: Environment;
  readonly cluster: Cluster;
  readonly api: ClusterApi;
  readonly applySet: ApplySet;
  readonly deadline: Date;
}

/** Brings one environment to the head of its branch, or says exactly why not. The caller holds the lease. */
export async function converge(run: Run): Promise<RunResult> {
  await publishUntold(run);
  const repository = run.ports.repository(run.repository);
  const commit = await repository.fetchHead();
  const file = environmentPath(run.environment);
  const bytes = commit === undefined ? undefined : await repository.readFile({ commit: commit.id, path: file });
  if (commit === undefined || bytes === undefined) return { outcome: 'absent' };
  const revision = revisionOf({ branch: repository.branch, commit: commit.id });

  let environment: Environment | undefined;
  try {
    environment = parseEnvironmentFile({ file, text: Buffer.from(bytes).toString('utf8') });
    if (environment.suspend) return { outcome: 'suspended' };
    await tellRewrittenBranch({ run, commit, revision, environment });
    const cluster = await run.ports.cluster(environment.cluster);
    const target: Target = {
      ...{ run, commit, revision, environment, cluster },
      api: await cluster.api(),
      applySet: applySetOf({ repository: run.repository, environment: run.environment, namespace: environment.namespace }),
      deadline: new Date(run.startedAt.getTime() + environment.timeout),
    };
    return await convergeTarget(target);
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    const reason = error.code === 'EmptyRender' ? 'Guarded' : 'Failed';
    return await diverge({ run, environment, divergence: { reason, revision, summary: error.message, objects: [] } });
  }
}

async function convergeTarget(target: Target): Promise<RunResult> {
  const { run, revision, environment, cluster, api, applySet } = target;
  const memory = run.memoryFile.memory();
  const observed = await observe({ cluster, api, applySet, remembered: memory.objects });
  if (await isSettled({ target, observed })) return await settle({ target, observed });

  const desired = await renderDesired(run, { environment, commit: target.commit, applySet, api });
  const plan = planChanges({ desired: desired.objects, observed: observed.objects, remembered: memory.objects });
  const verified = await verifyPlan({ plan, remembered: memory.objects, left: memory.left, cluster, api });
  const objects = { ...memory.objects, ...verified.renewed };
  await run.memoryFile.save({ ...memory, objects, cluster: cluster.name, attempted: attempt(target), health: 'Progressing' });

  let actions = verified.actions;
  if (verified.drift.length > 0) {
    const divergence: Divergence = { reason: 'Drifted', revision, summary: summarise(verified.drift), objects: verified.drift };
    const healing = isHealing({ target, divergence });
    await tellDivergence(run, { divergence, cluster: cluster.name, action: healing ? 'healing' : 'none', ...patience(environment) });
    if (!healing) {
      actions = actions.filter((action) => !verified.drifted.has(action.action === 'prune' ? action.observed.key : action.desired.key));
      if (actions.every((action) => action.action === 'keep')) return { outcome: 'diverged', revision, reason: 'Drifted', summary: divergence.summary };
    }
  }
  const result = await change({ target, desired, observed, actions });
  if (result.outcome !== 'converged' || actions === verified.actions) return result;
  return { outcome: 'diverged', revision, reason: 'Drifted', summary: summarise(verified.drift) };
}

/** Whether cluster and memory agree that this is the converged state: then there is nothing to render. */
async function isSettled({ target, observed }: { target: Target; observed: ObservedState }): Promise<boolean> {
  const { run, commit, api } = target;
  const { converged, objects, left } = run.memoryFile.memory();
  if (converged === undefined || observed.parent === undefined) return false;
  const repository = run.ports.repository(run.repository);
  const inputs = await readInputs({ repository, commit: commit.id, paths: Object.keys(converged.inputs) });
  if (!sameInputs({ attempted: converged.inputs, current: inputs })) return false;
  if (converged.renderKey !== renderKeyOf({ inputs, api })) return false;
  const known = new Set([...Object.keys(objects), ...left]);
  if (![...observed.objects.keys()].every((key) => known.has(key))) return false;
  return Object.entries(objects).every(([key, remembered]) => {
    const object = observed.objects.get(key)?.object;
    return object !== undefined && fingerprint(object) === remembered.observed;
  });
}

/** Nothing differs. What was broken and is not any more, or is and was not, is told; else nothing at all is written. */
async function settle({ target, observed }: { target: Target; observed: ObservedState }): Promise<RunResult> {
  const { run, revision, environment, cluster } = target;
  const memory = run.memoryFile.memory();
  const assessed = [...observed.objects.values()].map(({ id, object }) => ({ id, object, health: assessHealth(object) }));
  const broken = assessed.filter(({ health }) => health.state === 'Degraded');
  if (broken.length > 0) {
    const objects = broken.map(({ id, object, health }) => ({ ...named({ id, apiVersion: object.apiVersion }), change: 'unhealthy' as const, message: health.message, fields: [] }));
    return await diverge({ run, environment, divergence: { reason: 'Unhealthy', revision, summary: summarise(objects), objects } });
  }
  if (isOpen(memory.incident)) {
    const health = worstHealth(assessed.map((object) => object.health));
    const changes = { created: 0, configured: 0, unchanged: observed.objects.size, pruned: 0 };
    const settledAt = memory.converged?.revision ?? revision;
    await tellConverged(run, {
      memory: { ...memory, health: health.state },
      converged: { cluster: cluster.name, revision: settledAt, seconds: secondsSince(run), changes },
    });
  }
  await run.memoryFile.save({ ...run.memoryFile.memory(), attempted: attempt(target) });
  return { outcome: 'unchanged', revision };
}

/** Applies, prunes, waits for health, and says what came of it. */
async function change({ target, desired, observed, actions }: { target: Target; desired: DesiredState; observed: ObservedState; actions: readonly PlannedAction[] }): Promise<RunResult> {
  const { run, revision, environment, cluster, applySet, deadline } = target;
  const applied = await applyChanges(run, { actions, environment, applySet, observed, cluster, api: target.api, deadline });
  await remember({ run, applied: applied.remembered });
  const failures = applied.changes.filter(isFailed);
  if (failures.length > 0) return await diverge({ run, environment, divergence: failed({ failures, desired, revision }) });

  const pruned = await pruneStale(run, { actions, environment, applySet, inventorySize: observed.objects.size, cluster, api: applied.api });
  const notPruned = pruned.changes.filter(isFailed);
  if (notPruned.length > 0) return await diverge({ run, environment, divergence: failed({ failures: notPruned, desired, revision }) });

  const latest = new Map([...[...observed.objects].map(([key, { object }]) => [key, object] as const), ...applied.observed]);
  const { api } = applied;
  const remembered = run.memoryFile.memory().objects;
  const outcome = await awaitHealth(run, { desired: desired.objects, observed: latest, applySet, cluster, api, remembered, deadline });
  if (outcome.outcome === 'superseded') return { outcome: 'superseded' };
  if (outcome.outcome === 'unhealthy') {
    const objects = outcome.objects.map(({ desired: { id, object }, health }) => ({ ...named({ id, apiVersion: object.apiVersion }), change: 'unhealthy' as const, message: health.message, fields: [] }));
    return await diverge({ run, environment, divergence: { reason: 'Unhealthy', revision, summary: summarise(objects), objects } });
  }
  if (pruned.guarded.length > 0) {
    const objects = pruned.guarded.map(({ observed: { id, object }, reason }) => ({ ...named({ id, apiVersion: object.apiVersion }), change: 'unexpected' as const, message: reason, fields: [] }));
    return await diverge({ run, environment, divergence: { reason: 'Guarded', revision, summary: summarise(objects), objects } });
  }

  const left = pruned.changes.flatMap((change) => (change.did === 'skipped' ? [change.id] : []));
  const extent = extentOf({ ids: [...desired.objects.map((object) => object.id), ...left], parentNamespace: environment.namespace });
  const renderKey = renderKeyOf({ inputs: desired.inputs, api });
  await run.lease.assertHeld();
  await writeParent({ cluster, observed: applied.parent, desired: parentObject({ applySet, extent, record: { revision, renderKey } }) });

  const memory = run.memoryFile.memory();
  await tellConverged(run, {
    memory: {
      ...memory,
      cluster: cluster.name,
      converged: { ...attempt(target), inputs: desired.inputs, renderKey },
      objects: pick({ objects: memory.objects, keys: new Set(desired.objects.map((object) => object.key)) }),
      left: left.map(objectKey).sort(),
      health: outcome.health.state,
    },
    converged: { cluster: cluster.name, revision, seconds: secondsSince(run), changes: countChanges([...applied.changes, ...pruned.changes]) },
  });
  return { outcome: 'converged', revision };
}

function pick({ objects, keys }: { objects: Memory['objects']; keys: ReadonlySet<string> }): Memory['objects'] {
  return Object.fromEntries(Object.entries(objects).filter(([key]) => keys.has(key)));
}

async function remember({ run, applied }: { run: Run; applied: Memory['objects'] }): Promise<void> {
  const memory = run.memoryFile.memory();
  await run.memoryFile.save({ ...memory, objects: { ...memory.objects, ...applied } });
}

/** Tells what keeps an environment from converging. */
async function diverge({ run, environment, divergence }: { run: Run; environment: Environment | undefined; divergence: Divergence }): Promise<RunResult> {
  const { revision, reason, summary } = divergence;
  const memory = run.memoryFile.memory();
  const health: HealthState = reason === 'Unhealthy' ? 'Degraded' : 'Unknown';
  await tellDivergence(run, {
    divergence,
    cluster: environment?.cluster ?? memory.cluster,
    health,
    action: 'none',
    diffAfter: environment?.diffAfter ?? 0,
    convergedAfter: environment?.convergedAfter ?? 0,
  });
  return { outcome: 'diverged', revision, reason, summary };
}

/**
 * A run never goes back behind the revision attempted last. Where the branch's head is no descendant of it, the branch was
 * rewritten by force, which is told before the run follows.
 */
async function tellRewrittenBranch({ run, commit, revision, environment }: { run: Run; commit: Commit; revision: string; environment: Environment }): Promise<void> {
  const { attempted } = run.memoryFile.memory();
  if (attempted === undefined || attempted.commit === commit.id) return;
  const repository = run.ports.repository(run.repository);
  if (await repository.isAncestor({ ancestor: attempted.commit, descendant: commit.id })) return;
  if ((await repository.head()) !== commit.id) {
    throw new ConvergeError({ code: 'GitUnavailable', subject: run.key, message: 'the branch moved while it was read', disposition: 'retry' });
  }
  const summary = `the branch was rewritten: ${attempted.revision} is no ancestor of ${revision}`;
  await tellDivergence(run, { divergence: { reason: 'Guarded', revision, summary, objects: [] }, cluster: environment.cluster, action: 'healing', ...patience(environment) });
  await run.memoryFile.save({ ...run.memoryFile.memory(), attempted: { commit: commit.id, revision, at: run.startedAt.toISOString() } });
}

function isHealing({ target, divergence }: { target: Target; divergence: Divergence }): boolean {
  const { run, environment } = target;
  if (!environment.selfHeal) return false;
  const now = run.ports.now();
  const incident = openIncident({ last: run.memoryFile.memory().incident, divergence, environment: run.key, now, convergedAfter: environment.convergedAfter });
  return mayHeal({ incident, now, healAfter: environment.healAfter });
}

function attempt({ run, commit, revision }: Target): { commit: string; revision: string; at: string } {
  const { attempted } = run.memoryFile.memory();
  return attempted?.commit === commit.id ? attempted : { commit: commit.id, revision, at: run.startedAt.toISOString() };
}

function patience({ diffAfter, convergedAfter }: Environment): { diffAfter: number; convergedAfter: number } {
  return { diffAfter, convergedAfter };
}

type Failed = Extract<Change, { did: 'failed' | 'skipped' }>;

function isFailed(change: Change): change is Failed {
  return change.did === 'failed';
}

function failed({ failures, desired, revision }: { failures: readonly Failed[]; desired: DesiredState; revision: string }): Divergence {
  const versions = new Map(desired.objects.map(({ id, object }) => [objectTitle(id), object.apiVersion]));
  const objects = failures
    .map(({ id, message }): ObjectDiff => ({ ...named({ id, apiVersion: versions.get(objectTitle(id)) ?? id.group }), change: 'failed', message, fields: [] }))
    .sort((a, b) => (`${a.kind}/${a.namespace}/${a.name}` < `${b.kind}/${b.namespace}/${b.name}` ? -1 : 1));
  return { reason: 'Failed', revision, summary: summarise(objects), objects };
}

function named({ id, apiVersion }: { id: ObjectId; apiVersion: string }): Pick<ObjectDiff, 'apiVersion' | 'kind' | 'namespace' | 'name'> {
  return { apiVersion, kind: id.kind, ...(id.namespace === undefined ? {} : { namespace: id.namespace }), name: id.name };
}

function secondsSince({ startedAt, ports }: Run): number {
  return Math.round((ports.now().getTime() - startedAt.getTime()) / 10) / 100;
}
