import { divergenceOf, wholeObjectDiff } from '../../drift/divergence.ts';
import { sameInputs } from '../../environment/inputs.ts';
import type { AttemptedRevision, Memory } from '../../memory/memory.ts';
import { driftStands, leftoversKept } from '../../memory/transitions/end.ts';
import { asPlanned, howChanged } from './judge/as-planned.ts';
import { policyOf } from '../../environment/policy.ts';
import { isOver, type Rollout } from '../../memory/rollout.ts';
import type { EnvironmentHealth } from '../../health/environment-health.ts';
import { extentOf, parentObject, unionOf } from '../../inventory/applyset.ts';
import { convergedRecord } from '../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectKey, objectTitle, type ObjectId } from '../../objects/object-id.ts';
import { countRolledOut, doneBy, joinRolledOut } from '../../plan/rolled-out.ts';
import type { Applied } from './write/apply-changes.ts';
import { writeParent } from './write/write-parent.ts';
import { checkpoint } from './write/checkpoint.ts';
import type { DesiredState } from './render/desired-state.ts';
import type { Pruned } from './write/prune-stale.ts';
import { renderKeyOf } from '../common/render-inputs.ts';
import type { Course } from './write/begin-revision.ts';
import { secondsSince, type RunResult, type Target } from './run/target.ts';
import { releasedDiffs, tellReleased } from './tell/tell-released.ts';
import { hiddenKeys } from './observe/unserved-kinds.ts';
import { diverge, tellConverged, tellNotices } from './tell/tell.ts';

/** What a run has done, all of it healthy. */
interface Done {
  readonly applied: Applied;
  readonly pruned: Pruned;
  readonly health: EnvironmentHealth;
  /** How long what is being deleted may take. */
  readonly leaving: Rollout;
  /** The inventory's parent as it was written last. */
  readonly parent: KubernetesObject | undefined;
}

/** Tells that the environment has converged, or what was left of it on purpose. */
export async function conclude(target: Target, course: Course, done: Done): Promise<RunResult> {
  const { run } = target;
  const { pruned } = done;
  const leftovers = leftoversOf(course, pruned);
  const { left, pending } = leftovers;
  if (pruned.guarded.length > 0 || pruned.lingering.length > 0) {
    run.memoryFile.remember(leftoversKept, { left, pending });
    return await tellLeft(target, done);
  }
  if (course.unhealed.length > 0) return await leaveUnhealed(target, course, { health: done.health, left, pending });
  const renderKey = await renderKeyNow(target, { course, done });
  if (course.quiet === undefined)
    await recordConverged(target, { course, done, skipped: leftovers.skipped, renderKey });
  tellNotices(target, [...course.notices, ...done.applied.notices]);
  tellReleased({ ...target, guarded: pruned.released ?? [] });
  // Before it is told: an environment whose old inventory, or what that holds, cannot be let go of has not converged.
  if (target.previous !== undefined) await run.lease.claim({ keys: [] });
  const divergence = await target.previous?.finish();
  if (divergence !== undefined) {
    run.memoryFile.remember(leftoversKept, { left, pending });
    return diverge(run, { ...target, divergence });
  }
  return await tellEnd(target, { course, done, leftovers, renderKey });
}

/** What the prune left for now, or for good, and what it could not see. */
interface Leftovers {
  readonly skipped: readonly ObjectId[];
  /** Keys of all of it. */
  readonly left: string[];
  /** Keys of what is looked at again. */
  readonly pending: string[] | undefined;
  /** And of those among them that no other environment wants. */
  readonly unwanted: string[] | undefined;
}

function leftoversOf(course: Course, pruned: Pruned): Leftovers {
  const skipped = pruned.changes.flatMap((change) => (change.did === 'skipped' ? [change.id] : []));
  const waiting = [...new Set([...pruned.pending, ...hiddenOf(course)])].sort();
  const pending = waiting.length === 0 ? undefined : waiting;
  return {
    skipped,
    left: [...new Set([...skipped.map(objectKey), ...waiting])].sort(),
    pending,
    unwanted: pending?.filter((key) => pruned.unwanted.includes(key)),
  };
}

/** All is done but for drift that is told and left alone. */
async function leaveUnhealed(
  { run, revision }: Target,
  { unhealed }: Course,
  { health, left, pending }: { health: EnvironmentHealth } & Pick<Leftovers, 'left' | 'pending'>,
): Promise<RunResult> {
  const { reason, summary } = divergenceOf({ reason: 'Drifted', revision, objects: unhealed });
  run.memoryFile.remember(driftStands, { left, pending, health });
  return { outcome: 'diverged', revision, reason, summary };
}

async function renderKeyNow(
  { run, environment }: Target,
  { course: { desired }, done: { applied } }: { course: Course; done: Done },
): Promise<string> {
  const renderer = await run.ports.renderer.version();
  return renderKeyOf({ environment, inputs: desired.inputs, api: applied.api, renderer });
}

async function tellEnd(
  target: Target,
  { course, done, leftovers, renderKey }: { course: Course; done: Done; leftovers: Leftovers; renderKey: string },
): Promise<RunResult> {
  const { run, revision, environment, cluster } = target;
  const { desired, quiet, before, earlier } = course;
  const { applied, pruned } = done;
  const { left, pending, unwanted } = leftovers;
  const keys = desired.objects.map(({ key }) => key);
  const how = howChanged(course.plan, { actions: course.actions, applied });
  const rolledOut = joinRolledOut({ earlier, later: doneBy([...applied.changes, ...pruned.changes], how) });
  const plan = asPlanned(course.plan, { ...course, rolledOut, left });
  const last = before.converged;
  const heldPlan = plan ?? (last !== undefined && isOf(last, desired) ? last.plan : undefined);
  tellConverged(run, {
    reached: {
      reached: 'revision',
      cluster: cluster.name,
      namespace: environment.namespace,
      converged: { ...attemptOf(quiet ?? target.attempted), renderKey, ...(heldPlan && { plan: heldPlan }) },
      previous: previousOf({ before, desired }),
      desired: keys,
      health: done.health,
      ...{ left, pending, unwanted },
    },
    converged: {
      cluster: cluster.name,
      revision: quiet?.revision ?? revision,
      seconds: secondsSince(run),
      changes: countRolledOut({ rolledOut, desired: keys, left }),
      policy: policyOf(environment, run.ports.now()),
      labels: environment.labels,
      ...(plan && { plan }),
    },
  });
  return { outcome: 'converged', revision };
}

function isOf({ inputs }: Pick<AttemptedRevision, 'inputs'>, desired: Pick<DesiredState, 'inputs'>): boolean {
  return sameInputs({ attempted: inputs, current: desired.inputs });
}

function attemptOf({ commit, revision, at, inputs }: AttemptedRevision): AttemptedRevision {
  return { commit, revision, at, inputs };
}

/**
 * What should be gone and is there: guarded, or still being deleted. The latter is waited for like what takes its time
 * to come.
 */
async function tellLeft(
  target: Target,
  { pruned: { guarded, released = [], lingering }, leaving }: Done,
): Promise<RunResult> {
  const { run, revision } = target;
  const [slow] = lingering;
  if (slow !== undefined && guarded.length === 0 && !isOver({ rollout: leaving, now: run.ports.now() })) {
    return checkpoint(target, {
      message: `waits for ${objectTitle(slow.observed.id)}: ${slow.reason}`,
      rollout: leaving,
    });
  }
  const left = [...guarded, ...lingering].map(({ observed: { id, object }, reason }) =>
    wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message: reason }),
  );
  const objects = [...left, ...releasedDiffs(released)];
  const divergence = divergenceOf({ reason: guarded.length > 0 ? 'Guarded' : 'Unhealthy', revision, objects });
  return diverge(run, { ...target, rollout: slow === undefined ? undefined : leaving, divergence });
}

/** The revision that a rollback from this one goes to: the last that converged with other inputs. */
function previousOf({
  before: { converged, previous },
  desired,
}: {
  before: Memory;
  desired: DesiredState;
}): Memory['previous'] {
  if (converged === undefined || isOf(converged, desired)) return previous;
  const { commit, revision, at, inputs, cause } = converged;
  return { commit, revision, at, inputs, ...(cause && { cause }) };
}

/** The inventory as it now is, with the revision and the inputs it stands for. */
async function recordConverged(
  target: Target,
  {
    course,
    done: { parent },
    skipped,
    renderKey,
  }: { course: Course; done: Done; skipped: readonly ObjectId[]; renderKey: string },
): Promise<void> {
  const { run, revision, environment, cluster, applySet } = target;
  const { desired, observed } = course;
  const { unserved = [] } = observed;
  const known = extentOf({
    ids: [...desired.objects.map((object) => object.id), ...skipped],
    parentNamespace: environment.namespace,
  });
  // Where what cannot be read now may be is not forgotten.
  const extent =
    unserved.length === 0
      ? known
      : unionOf(known, {
          groupKinds: unserved.map(({ kind }) => kind),
          additionalNamespaces: observed.extent.additionalNamespaces,
        });
  await mayRecord(target, course);
  await writeParent({
    run,
    cluster,
    observed: parent,
    desired: parentObject({
      applySet,
      extent,
      record: { revision, renderKey },
      hooks: convergedRecord(desired.releases),
    }),
  });
}

/**
 * The record alone needs no lease of its own, where this run acted, or one before it at this revision, and nobody since:
 * its precondition is the parent as that run left it, and whoever acts next writes that first.
 */
async function mayRecord({ run, attempted }: Target, { isSame }: Course): Promise<void> {
  if (run.lease.hasActed() || isSame) return await run.lease.recordOnly();
  await run.lease.claim({ attempted, keys: [] });
}

/** What Git no longer specifies, and cannot be read now: it is pruned when it can. */
function hiddenOf({ before, desired, observed }: Course): string[] {
  const wanted = new Set(desired.objects.map(({ key }) => key));
  return hiddenKeys(before, observed.unserved ?? []).filter((key) => !wanted.has(key));
}
