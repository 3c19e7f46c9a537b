import { divergenceOf, wholeObjectDiff } from '../../drift/divergence.ts';
import { sameInputs } from '../../environment/inputs.ts';
import type { AttemptedRevision, Memory } from '../../memory/memory.ts';
import { policyOf } from '../../environment/policy.ts';
import { isOver, type Rollout } from '../../memory/rollout.ts';
import type { EnvironmentHealth } from '../../health/environment-health.ts';
import { extentOf, parentObject, unionOf } from '../../inventory/applyset.ts';
import { convergedRecord } from '../../inventory/hook-record.ts';
import { objectKey, objectTitle, type ObjectId } from '../../objects/object-id.ts';
import { countRolledOut, doneBy, joinRolledOut } from '../../plan/rolled-out.ts';
import { writeParent, type Applied } from './write/apply-changes.ts';
import { checkpoint } from './write/checkpoint.ts';
import type { DesiredState } from './render/desired-state.ts';
import type { Pruned } from './write/prune-stale.ts';
import { renderKeyOf } from '../common/render-inputs.ts';
import type { Course } from './write/begin-revision.ts';
import { secondsSince, type RunResult, type Target } from './run/target.ts';
import { releasedDiffs, tellReleased } from './tell/tell-released.ts';
import { diverge, tellConverged, tellNotices } from './tell/tell.ts';
import type { ObservedState } from './observe/observed-state.ts';
import { hiddenKeys } from './observe/unserved-kinds.ts';

/** What a run has done, all of it healthy. */
interface Done {
  readonly applied: Applied;
  readonly pruned: Pruned;
  readonly health: EnvironmentHealth;
  /** How long what is being deleted may take. */
  readonly leaving: Rollout;
}

/** Tells that the environment has converged, or what was left of it on purpose. */
export async function conclude(target: Target, course: Course, done: Done): Promise<RunResult> {
  const { run, revision, environment, cluster } = target;
  const { desired, quiet, before, notices } = course;
  const {
    applied,
    pruned,
    health: { state: health, unawaited },
  } = done;
  const skipped = pruned.changes.flatMap((change) => (change.did === 'skipped' ? [change.id] : []));
  const waiting = [...new Set([...pruned.pending, ...hiddenOf(course)])].sort();
  const left = [...new Set([...skipped.map(objectKey), ...waiting])].sort();
  const pending = waiting.length === 0 ? undefined : waiting;
  const unwanted = pending?.filter((key) => pruned.unwanted.includes(key));
  if (pruned.guarded.length > 0 || pruned.lingering.length > 0) {
    await run.memoryFile.save({ ...run.memoryFile.memory(), left, pending });
    return await tellLeft(target, done);
  }
  if (course.unhealed.length > 0) {
    const { reason, summary } = divergenceOf({ reason: 'Drifted', revision, objects: course.unhealed });
    await run.memoryFile.save({
      ...run.memoryFile.memory(),
      left,
      pending,
      health,
      unawaited,
      rollout: undefined,
      retry: undefined,
      waiting: undefined,
    });
    return { outcome: 'diverged', revision, reason, summary };
  }

  const renderKey = renderKeyOf({
    environment,
    inputs: desired.inputs,
    api: applied.api,
    renderer: await run.ports.renderer.version(),
  });
  if (quiet === undefined)
    await recordConverged(target, { applied, desired, observed: course.observed, left: skipped, renderKey });
  await tellNotices(target, [...notices, ...applied.notices]);
  await tellReleased({ ...target, guarded: pruned.released ?? [] });
  const memory = run.memoryFile.memory();
  const rolledOut = joinRolledOut({ earlier: course.earlier, later: doneBy([...applied.changes, ...pruned.changes]) });
  await tellConverged(run, {
    memory: {
      ...memory,
      cluster: cluster.name,
      namespace: environment.namespace,
      converged: { ...(quiet ?? target.attempted), renderKey },
      previous: previousOf({ before, desired }),
      objects: onlyDesired({ objects: memory.objects, desired }),
      ...{
        left,
        pending,
        unwanted,
        health,
        unawaited,
        rollout: undefined,
        rolledOut: undefined,
        retry: undefined,
        waiting: undefined,
      },
    },
    converged: {
      cluster: cluster.name,
      revision: quiet?.revision ?? revision,
      seconds: secondsSince(run),
      changes: countRolledOut({ rolledOut, desired: desired.objects.map(({ key }) => key), left }),
      policy: policyOf(environment),
    },
  });
  return { outcome: 'converged', revision };
}

/** What should be gone and is there: guarded, or still being deleted. The latter is waited for like what takes its time to come. */
async function tellLeft(
  target: Target,
  { pruned: { guarded, released = [], lingering }, leaving }: Done,
): Promise<RunResult> {
  const { run, revision } = target;
  const [slow] = lingering;
  if (slow !== undefined && guarded.length === 0 && !isOver({ rollout: leaving, now: run.ports.now() })) {
    return await checkpoint(target, {
      message: `waits for ${objectTitle(slow.observed.id)}: ${slow.reason}`,
      rollout: leaving,
    });
  }
  const left = [...guarded, ...lingering].map(({ observed: { id, object }, reason }) =>
    wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message: reason }),
  );
  const objects = [...left, ...releasedDiffs(released)];
  const divergence = divergenceOf({ reason: guarded.length > 0 ? 'Guarded' : 'Unhealthy', revision, objects });
  return await diverge(run, { ...target, rollout: slow === undefined ? undefined : leaving, divergence });
}

/** The revision that a roll-back from this one goes to: the last that converged with other inputs. */
function previousOf({
  before: { converged, previous },
  desired,
}: {
  before: Memory;
  desired: DesiredState;
}): AttemptedRevision | undefined {
  if (converged === undefined || sameInputs({ attempted: converged.inputs, current: desired.inputs })) return previous;
  const { commit, revision, at, inputs } = converged;
  return { commit, revision, at, inputs };
}

/** The inventory as it now is, with the revision and the inputs it stands for. */
async function recordConverged(
  { run, revision, environment, cluster, applySet }: Target,
  {
    applied,
    desired,
    observed,
    left,
    renderKey,
  }: { applied: Applied; desired: DesiredState; observed: ObservedState; left: readonly ObjectId[]; renderKey: string },
): Promise<void> {
  const { unserved = [] } = observed;
  const known = extentOf({
    ids: [...desired.objects.map((object) => object.id), ...left],
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
  await run.lease.assertHeld();
  await writeParent({
    cluster,
    observed: applied.parent,
    desired: parentObject({
      applySet,
      extent,
      record: { revision, renderKey },
      hooks: convergedRecord(desired.releases),
    }),
  });
}

/** What Git no longer specifies, and cannot be read now: it is pruned when it can. */
function hiddenOf({ before, desired, observed }: Course): string[] {
  const wanted = new Set(desired.objects.map(({ key }) => key));
  return hiddenKeys(before, observed.unserved ?? []).filter((key) => !wanted.has(key));
}

function onlyDesired({ objects, desired }: { objects: Memory['objects']; desired: DesiredState }): Memory['objects'] {
  const keys = new Set(desired.objects.map((object) => object.key));
  return Object.fromEntries(Object.entries(objects).filter(([key]) => keys.has(key)));
}
