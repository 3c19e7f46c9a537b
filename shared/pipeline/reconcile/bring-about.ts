import type { ObjectDiff } from '../../drift/object-diff.ts';
import { divergenceOf, wholeObjectDiff, type Divergence } from '../../drift/divergence.ts';
import { changesMade, hooksPassed } from '../../memory/transitions/roll-out.ts';
import { suspectsTouched } from '../../memory/transitions/fold.ts';
import { nextRetry } from '../../memory/retry.ts';
import { beginRollout, waitsUntil, type Rollout } from '../../memory/rollout.ts';
import { dueHooks } from '../../inventory/hook-record.ts';
import type { EnvironmentHealth } from '../../health/environment-health.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectKey, objectTitle } from '../../objects/object-id.ts';
import { failuresOf, type Change } from '../../plan/change-set.ts';
import { doneBy, joinRolledOut } from '../../plan/rolled-out.ts';
import {
  applyChanges,
  applyDefinitions,
  applyRest,
  withoutRest,
  type Applied,
  type ApplyRequest,
  type DefinitionsApplied,
} from './write/apply-changes.ts';
import { both } from '../common/parallel.ts';
import { keepOnFailure, rememberObjects } from './run/remember-objects.ts';
import { awaitHealth, type UnhealthyObject } from './write/await-health.ts';
import { checkpoint } from './write/checkpoint.ts';
import { claimFor } from './write/claim-for.ts';
import { conclude } from './conclude.ts';
import type { DesiredState } from './render/desired-state.ts';
import { findPlan, howChanged } from './judge/as-planned.ts';
import { changedSince, type ChangedSince } from './judge/changed-since.ts';
import { divergeForGood } from './judge/failed-revision.ts';
import { manifestLines } from './judge/manifest-lines.ts';
import { suspendedDiff } from './judge/suspended-drift.ts';
import { isOursAlone } from './judge/without-our-own.ts';
import { latest, workloadsOf } from './write/latest-objects.ts';
import { inventorySizeOf, pruneLast } from './write/prune-last.ts';
import { pruneStale, type Pruned } from './write/prune-stale.ts';
import { runHooks, type FailedHook, type HooksRun } from './write/run-hooks.ts';
import { beginRevision, type Course, type Undertaking } from './write/begin-revision.ts';
import { isSuperseded } from './run/superseded.ts';
import type { RunResult, Target } from './run/target.ts';

/** What a step made, or how it ended the run. */
type Step<T> = { readonly step: 'done'; readonly made: T } | { readonly step: 'ended'; readonly result: RunResult };

/** What is applied, what became of the hooks before it, and the roll-out that it began. */
interface Written {
  readonly applied: Applied;
  readonly hooks: HooksRun;
  readonly rollout: Rollout | undefined;
}

/**
 * Applies, prunes, waits until everything is healthy, with the hooks that are due in between, and tells what came of
 * it.
 */
export async function bringAbout(target: Target, undertaking: Undertaking): Promise<RunResult> {
  const begun = beginRevision(target, undertaking);
  const claiming = claimFor(target, {
    actions: begun.actions,
    hooks: begun.hooks.due ? begun.desired.releases.flatMap(({ hooks }) => hooks) : [],
  });
  const [, plan] = await both(claiming, findPlan(target.run, begun));
  const course: Course = { ...begun, plan };
  const written = await write(target, course);
  if (written.step === 'ended') return written.result;
  const pruning = await prune(target, course, written.made);
  if (pruning.step === 'ended') return pruning.result;
  const healthy = await reachHealth(target, course, written.made);
  if (healthy.step === 'ended') return healthy.result;
  const finished = await finishHooks(target, course, written.made);
  if (finished.step === 'ended') return finished.result;
  const ending = await finishPrune(target, course, written.made, pruning.made);
  if (ending.step === 'ended') return ending.result;
  return await conclude(target, course, {
    applied: written.made.applied,
    leaving: pruning.made.leaving,
    pruned: ending.made,
    health: healthy.made,
    parent: finished.made,
  });
}

/**
 * Applies what differs, with the hooks that come before it. A failure is told by the next step, which it keeps from
 * pruning.
 */
async function write(target: Target, course: Course): Promise<Step<Written>> {
  const { run } = target;
  const { actions, observed, renewed } = course;
  const { record, due } = course.hooks;
  // Once Helm's record is gone, nobody could tell any more that the release was adopted.
  const adopted = observed.adoptedReleases === undefined ? undefined : record;
  const request: ApplyRequest = { actions, observed, hooks: adopted };
  const written: Written = due
    ? await applyAroundHooks(target, course, request)
    : await applyWithoutHooks(target, course, request);
  rememberObjects(run, { ...renewed, ...written.applied.remembered });
  run.memoryFile.remember(suspectsTouched, { touched: Object.keys(written.applied.remembered), now: run.ports.now() });
  const { left } = written.hooks;
  if (written.applied.superseded || left === 'superseded') return superseded;
  if (left !== undefined) return ended(checkpoint(target, { message: left.waitsFor, rollout: written.rollout }));
  return { step: 'done', made: written };
}

/**
 * The definitions first, which hooks may need; then the hooks; then the rest, unless one of the former failed or a hook
 * is not through.
 */
async function applyAroundHooks(target: Target, course: Course, request: ApplyRequest): Promise<Written> {
  const { run } = target;
  const begun = await applyDefinitions(target, request);
  if (failuresOf(begun.done.changes).length > 0)
    return { applied: withoutRest(begun), hooks: unrun(course, begun), rollout: course.rollout };
  const { hooks, rollout } = await keepOnFailure(run, begun.done.remembered, () => runPreHooks(target, course, begun));
  const isThrough = hooks.failed === undefined && hooks.left === undefined;
  return { applied: isThrough ? await applyRest(target, begun) : withoutRest(begun), hooks, rollout };
}

/** The roll-out begins when they are through: they have their own time. */
async function runPreHooks(
  target: Target,
  { desired, hooks: { record }, rollout }: Course,
  { api, parent }: DefinitionsApplied,
): Promise<Omit<Written, 'applied'>> {
  const { run, revision, environment } = target;
  const { releases } = desired;
  const isDue = dueHooks({ releases, record, phase: 'pre' }).length > 0;
  const secrets = allOf(desired);
  const hooks = await runHooks(target, { phase: 'pre', releases, record, api, parent, secrets });
  if (!isDue || hooks.failed !== undefined || hooks.left !== undefined) return { hooks, rollout };
  const begun = beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
  run.memoryFile.remember(hooksPassed, { rollout: begun });
  return { hooks, rollout: begun };
}

async function applyWithoutHooks(target: Target, course: Course, request: ApplyRequest): Promise<Written> {
  const applied = await applyChanges(target, request);
  return { applied, hooks: unrun(course, applied), rollout: course.rollout };
}

function unrun({ hooks: { record } }: Course, { parent }: Pick<Applied, 'parent'>): HooksRun {
  return { record, parent, failed: undefined, left: undefined };
}

async function prune(
  target: Target,
  course: Course,
  { applied, hooks, rollout }: Written,
): Promise<Step<{ pruned: Pruned; leaving: Rollout }>> {
  const { run, revision, environment } = target;
  const { actions, observed, committed, earlier } = course;
  const isFailing = failuresOf(applied.changes).length > 0 || hooks.failed !== undefined;
  if (!isFailing && actions.some((action) => action.action === 'prune') && (await isSuperseded(target)))
    return superseded;
  const leaving = rollout ?? beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
  const until = waitsUntil({ rollout: leaving, waitUntil: run.waitUntil() });
  const workloads = workloadsOf({ observed, applied });
  const pruned: Pruned = isFailing
    ? { changes: [], guarded: [], lingering: [], pending: [], unwanted: [] }
    : await pruneStale(target, { actions, observed, api: applied.api, workloads, until });
  const how = howChanged(course.plan, { actions, applied });
  const rolledOut = joinRolledOut({ earlier, later: doneBy([...applied.changes, ...pruned.changes], how) });
  const untried = isFailing ? forgottenPrunes(target, actions) : [];
  run.memoryFile.remember(changesMade, { committed, rolledOut, pending: [...pruned.pending, ...untried] });
  if (!isFailing && failuresOf(pruned.changes).length === 0) return { step: 'done', made: { pruned, leaving } };
  return ended(await fail(target, course, { changes: [...applied.changes, ...pruned.changes], hook: hooks.failed }));
}

/** Keys of what is to be pruned, is Converge's own, and was forgotten with the run that was to write it. */
function forgottenPrunes({ run }: Target, actions: Course['actions']): readonly string[] {
  const { objects } = run.memoryFile.memory();
  return actions.flatMap((planned) => {
    if (planned.action !== 'prune' || objects[planned.observed.key] !== undefined) return [];
    return isOursAlone(planned.observed.object) ? [planned.observed.key] : [];
  });
}

/** Prunes what waited for the revision to work. */
async function finishPrune(
  target: Target,
  course: Course,
  { applied }: Written,
  { pruned, leaving }: { pruned: Pruned; leaving: Rollout },
): Promise<Step<Pruned>> {
  if (pruned.deferred === undefined) return { step: 'done', made: pruned };
  if (await isSuperseded(target)) return superseded;
  await claimFor(target, { actions: course.actions });
  const { desired, observed } = course;
  const until = waitsUntil({ rollout: leaving, waitUntil: target.run.waitUntil() });
  const made = await pruneLast(target, {
    pruned,
    api: applied.api,
    workloads: workloadsOf({ observed, applied }),
    inventorySize: inventorySizeOf({ desired, observed }),
    until,
  });
  if (failuresOf(made.changes).length === 0) return { step: 'done', made };
  return ended(await fail(target, course, { changes: [...applied.changes, ...made.changes], hook: undefined }));
}

async function reachHealth(
  target: Target,
  { desired, observed, unhealed, before }: Course,
  { applied, rollout }: Written,
): Promise<Step<EnvironmentHealth>> {
  const healing = {
    desired: withoutUnhealed(desired, unhealed),
    observed: latest({ observed, applied }),
    api: applied.api,
    last: rollout,
  };
  const outcome = await awaitHealth(target, healing);
  switch (outcome.outcome) {
    case 'superseded':
      return superseded;
    case 'waiting':
      return ended(checkpoint(target, outcome));
    case 'unhealthy': {
      const found = await unhealthyDiffs(target, { desired, before, live: healing.observed, found: outcome.objects });
      const objects = found.map((diff) => withSuspension(diff, unhealed));
      const divergence = divergenceOf({ reason: 'Unhealthy', revision: target.revision, objects });
      return ended(await divergeForGood(target, { rollout: outcome.rollout, divergence }));
    }
    case 'healthy':
      return { step: 'done', made: outcome.health };
  }
}

/** An object that differs and is left alone is so, too, where it is not healthy. */
function withSuspension(diff: ObjectDiff, unhealed: readonly ObjectDiff[]): ObjectDiff {
  const alone = unhealed.find((one) => objectTitle(one) === objectTitle(diff) && one.suspended !== undefined);
  return alone?.suspended === undefined ? diff : suspendedDiff(diff, alone.suspended);
}

/** What is not healthy, each with its cause, where it came from, and what was changed of it. */
async function unhealthyDiffs(
  target: Target,
  {
    desired,
    before,
    live,
    found,
  }: Pick<Course, 'desired' | 'before'> & {
    live: ReadonlyMap<string, KubernetesObject>;
    found: readonly UnhealthyObject[];
  },
): Promise<readonly ObjectDiff[]> {
  const of = found.map((object) => object.desired.key);
  const changedOf = await changedSince(target, { desired, converged: before.converged, live, of });
  const lines = await manifestLines(
    target,
    found.map((object) => object.desired),
  );
  return found.map(({ desired: { id, key, object, source }, health: { message }, why }) => {
    const facts = { source, line: lines.get(key), why, changed: changedOf.get(key) };
    return wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unhealthy', message, ...facts });
  });
}

/** The hooks that come after what was applied is healthy. Makes the inventory's parent as it is after them. */
async function finishHooks(
  target: Target,
  course: Course,
  { applied, hooks }: Written,
): Promise<Step<KubernetesObject | undefined>> {
  const { releases } = course.desired;
  const { record } = hooks;
  const due = dueHooks({ releases, record, phase: 'post' });
  await claimFor(target, { actions: [], hooks: due.flatMap((one) => one.hooks) });
  const { failed, left, parent } = await runHooks(target, {
    phase: 'post',
    releases,
    record,
    api: applied.api,
    parent: hooks.parent,
    secrets: allOf(course.desired),
  });
  if (failed !== undefined) return ended(await fail(target, course, { changes: applied.changes, hook: failed }));
  if (left === 'superseded') return superseded;
  if (left !== undefined) return ended(checkpoint(target, { message: left.waitsFor, rollout: undefined }));
  return { step: 'done', made: parent };
}

const superseded: Step<never> = { step: 'ended', result: { outcome: 'superseded' } };

function ended(result: RunResult): Step<never> {
  return { step: 'ended', result };
}

/** Tells every failure at once, and when it is tried again. */
async function fail(
  target: Target,
  { before, isSame, desired, observed }: Course,
  { changes, hook }: { changes: readonly Change[]; hook: FailedHook | undefined },
): Promise<RunResult> {
  const { run, revision } = target;
  const now = run.ports.now();
  const since = (isSame ? before.retry?.since : undefined) ?? now.toISOString();
  const by = { event: run.settings.event, cause: run.cause };
  const retry = {
    ...nextRetry({ last: run.memoryFile.memory().retry, revision, isSame, by, healing: true, now }),
    since,
  };
  const live = new Map([...observed.objects].map(([key, { object }]) => [key, object] as const));
  const of = failuresOf(changes).map(({ id }) => objectKey(id));
  const changedOf = await changedSince(target, { desired, converged: before.converged, live, of });
  const failed = desired.objects.filter(({ key }) => of.includes(key));
  const lines = await manifestLines(target, failed);
  const divergence = failureOf({ changes, desired, revision, hook, changedOf, lines });
  return await divergeForGood(target, { retry, divergence });
}

function failureOf({
  changes,
  desired,
  revision,
  hook,
  changedOf,
  lines,
}: {
  changes: readonly Change[];
  desired: DesiredState;
  revision: string;
  hook: FailedHook | undefined;
  changedOf: ChangedSince;
  lines: ReadonlyMap<string, number>;
}): Divergence {
  const byKey = new Map(desired.objects.map((one) => [one.key, one]));
  const objects = failuresOf(changes).map(({ id, message }) => {
    const key = objectKey(id);
    const { object, source } = byKey.get(key) ?? {};
    const facts = { source, line: lines.get(key), changed: changedOf.get(key) };
    const apiVersion = object?.apiVersion ?? id.group;
    return wholeObjectDiff({ id, apiVersion, change: 'failed', message, ...facts });
  });
  const hookDiffs =
    hook === undefined
      ? []
      : [
          wholeObjectDiff({
            id: hook.desired.id,
            apiVersion: hook.desired.object.apiVersion,
            change: 'failed',
            message: hook.message,
            ...{ source: hook.desired.source, why: hook.why },
          }),
        ];
  return divergenceOf({ reason: 'Failed', revision, objects: [...objects, ...hookDiffs] });
}

/** Everything that Git specifies, hooks included. */
function allOf({ objects, releases }: DesiredState): KubernetesObject[] {
  const hooks = releases.flatMap((release) => release.hooks.map(({ desired }) => desired));
  return [...objects, ...hooks].map(({ object }) => object);
}

function withoutUnhealed({ objects }: DesiredState, unhealed: readonly ObjectDiff[]): DesiredState['objects'] {
  const same = (object: DesiredState['objects'][number], diff: ObjectDiff) =>
    object.id.kind === diff.kind && object.id.namespace === diff.namespace && object.id.name === diff.name;
  // How what is left alone by itself does counts, where it is there.
  const isPassedOver = ({ suspended, change }: ObjectDiff) => suspended === undefined || change === 'missing';
  const passedOver = unhealed.filter(isPassedOver);
  return objects.filter((object) => !passedOver.some((diff) => same(object, diff)));
}
