import { ConvergeError } from '../../../base/errors.ts';
import { divergenceOf, wholeObjectDiff } from '../../../drift/divergence.ts';
import { isOver, waitsUntil } from '../../../memory/rollout.ts';
import { readHookRecord } from '../../../inventory/hook-record.ts';
import { objectKey } from '../../../objects/object-id.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { guardPrunes, type GuardedPrune } from '../../../plan/prune-guards.ts';
import { deleteInOrder } from '../write/delete-in-order.ts';
import { renderDesired, type DesiredState } from '../render/desired-state.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { openOtherEnvironments } from '../others/other-environments.ts';
import { partByWishes } from '../write/prune-stale.ts';
import { releaseObjects } from '../write/release-objects.ts';
import type { DeclaredAt } from '../accept/removed-file.ts';
import { runHooks, type HooksRun } from '../write/run-hooks.ts';
import type { Target } from '../run/target.ts';
import { tellReleased } from '../tell/tell-released.ts';
import { hiddenKeys } from '../observe/unserved-kinds.ts';
import { deleteLeftovers } from './delete-leftovers.ts';
import { deletionOf, failedObjects, leftOver, waitFor, type Leave, type TornDown } from './leave.ts';

/**
 * As Helm uninstalls: the hooks before, the objects, the hooks after. What is precious or kept is released.
 *
 * @param facts.isSwept it was uninstalled before: what came late of it goes, and no hook runs
 */
export async function uninstall(
  leave: Leave,
  { observed, last, isSwept = false }: { observed: ObservedState; last: DeclaredAt | undefined; isSwept?: boolean },
): Promise<TornDown> {
  // The parent goes last: everything else is through.
  if (!isSwept && observed.parent === undefined && observed.objects.size === 0)
    return { torn: 'down', pruned: 0, released: 0 };
  const { target, desired } = await lastDesired(leave, last);
  const secrets = desired.objects.map(({ object }) => object);
  const hooks = { releases: isSwept ? [] : desired.releases, api: leave.api, deleting: true, secrets };
  const before = await runHooks(target, {
    ...hooks,
    phase: 'pre',
    record: readHookRecord(observed.parent) ?? {},
    parent: observed.parent,
  });
  const stopped = stoppedBy(leave, before);
  if (stopped !== undefined) return stopped;

  const deleted = await deleteObjects(target, observed);
  if ('torn' in deleted) return deleted;
  const { pruned, kept, precious } = deleted;
  tellReleased({ ...leave, environment: undefined, guarded: precious });
  const failures = failuresOf(await releaseObjects(leave, kept));
  if (failures.length > 0) return leftOver(leave, { reason: 'Failed', objects: failedObjects(failures, kept) });

  const after = await runHooks(target, { ...hooks, phase: 'post', record: before.record, parent: before.parent });
  const stoppedAfter = stoppedBy(leave, after);
  if (stoppedAfter !== undefined) return stoppedAfter;
  return (await deleteLeftovers(target, desired)) ?? { torn: 'down', pruned, released: kept.length };
}

/** What the environment was to be when its file was last there: its hooks stand in no cluster. */
async function lastDesired(
  leave: Leave,
  last: DeclaredAt | undefined,
): Promise<{ target: Target; desired: DesiredState }> {
  if (last === undefined) {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: leave.run.key,
      message:
        'no version of its file can be read, so that its hooks before and after the deletion are not known; nothing is deleted',
      remedy: 'commit the file, and remove it again',
      disposition: 'refuse',
    });
  }
  const asking: Omit<Target, 'others'> = { ...leave, environment: last.environment };
  const target: Target = { ...asking, others: openOtherEnvironments(asking) };
  await target.others.assertNewest();
  return { target, desired: await renderDesired({ ...target, commit: { ...leave.commit, id: last.commit } }) };
}

interface Deleted {
  readonly pruned: number;
  /** What stays, and is to be released. */
  readonly kept: readonly ObservedObject[];
  /** Those of them that stay because they are precious. */
  readonly precious: readonly GuardedPrune[];
}

/** Deletes what may be deleted, and waits for it. */
export async function deleteObjects(target: Target, observed: ObservedState): Promise<Deleted | TornDown> {
  const { run, api, applySet } = target;
  const single = guardPrunes({ stale: [...observed.objects.values()], applySets: [applySet], now: run.ports.now() });
  const { free, wanted, unknown } = await partByWishes(target, { objects: single.allowed, patient: false });
  await target.others.assertNewest();
  const rollout = deletionOf(target);
  const { changes, guarded, lingering } = await deleteInOrder(target, {
    doomed: free,
    applySets: [applySet],
    going: single.going,
    api,
    until: waitsUntil({ rollout, waitUntil: run.waitUntil() }),
  });
  const failures = failuresOf(changes);
  const skipped = changes.flatMap((change) => (change.did === 'skipped' ? [change] : []));
  const [slow] = lingering;
  const hidden = hiddenObjects(target, observed);
  const [waited] = [...lingering, ...failedObjects(skipped, [...free, ...single.going]), ...hidden];
  if (
    waited !== undefined &&
    failures.length === 0 &&
    unknown.length === 0 &&
    !isOver({ rollout, now: run.ports.now() })
  ) {
    return await waitFor(target, { waited, rollout });
  }
  const left = [
    ...failedObjects(failures, free),
    ...unknown,
    ...lingering,
    ...failedObjects(skipped, [...free, ...single.going]),
    ...hidden,
  ];
  if (left.length > 0) {
    const reason = failures.length > 0 ? 'Failed' : lingering.length > 0 ? 'Unhealthy' : 'Guarded';
    return leftOver(target, { reason, objects: left, ...(slow === undefined ? {} : { rollout }) });
  }
  // What another environment wants is nobody's until that takes it: this one will soon be forgotten, and could not be
  // asked.
  const precious = [...single.guarded, ...guarded];
  const kept = [
    ...precious.map((one) => one.observed),
    ...single.kept,
    ...single.suspended.map((one) => one.observed),
    ...wanted,
  ];
  return { pruned: changes.filter(({ did }) => did === 'pruned').length, kept, precious };
}

/**
 * The definitions of what this environment may have and cannot be read now: with the parent, the last trace of it would
 * go.
 */
function hiddenObjects({ run }: Target, { unserved = [] }: ObservedState): GuardedPrune[] {
  const memory = run.memoryFile.memory();
  const isKnown = memory.converged !== undefined;
  return unserved
    .filter((one) => !isKnown || hiddenKeys(memory, [one]).length > 0)
    .map(({ kind, definition }) => {
      const id = {
        group: 'apiextensions.k8s.io',
        kind: 'CustomResourceDefinition',
        namespace: undefined,
        name: definition?.metadata.name ?? kind,
      };
      const object = definition ?? {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: id.kind,
        metadata: { name: id.name },
      };
      return {
        observed: { key: objectKey(id), id, object },
        reason: `serves no version, and what this environment has of ${kind} cannot be deleted until it does`,
      };
    });
}

/** How hooks that are not through end the run, if they do. */
function stoppedBy({ revision }: Leave, { left, failed }: HooksRun): TornDown | undefined {
  if (left === 'superseded') return { torn: 'superseded' };
  if (left !== undefined) return { torn: 'waiting', waitsFor: left.waitsFor };
  if (failed === undefined) return undefined;
  const { id, object } = failed.desired;
  const { message, why } = failed;
  const diff = wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'failed', message, why });
  return { torn: 'diverged', divergence: divergenceOf({ reason: 'Failed', revision, objects: [diff] }) };
}
