import { ConvergeError } from '../../../base/errors.ts';
import { divergenceOf, wholeObjectDiff, type Divergence } from '../../../drift/divergence.ts';
import type { DiffReason } from '../../../drift/object-diff.ts';
import { beginRollout, isOver, waitsUntil, type Rollout } from '../../../memory/rollout.ts';
import { readHookRecord } from '../../../inventory/hook-record.ts';
import { resourceOf } from '../../../desired/desired.ts';
import type { Hook } from '../../../desired/hook.ts';
import { groupKind, objectTitle, objectKey } from '../../../objects/object-id.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { guardPrunes, type GuardedPrune } from '../../../plan/prune-guards.ts';
import { deleteObject } from '../write/delete-object.ts';
import { deleteInOrder } from '../write/delete-in-order.ts';
import { renderDesired, type DesiredState } from '../render/desired-state.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { openOtherEnvironments } from '../others/other-environments.ts';
import { partByWishes } from '../write/prune-stale.ts';
import { releaseObjects } from '../write/release-objects.ts';
import type { DeclaredAt } from '../accept/removed-file.ts';
import { runHooks, type HooksRun } from '../write/run-hooks.ts';
import { deleteSeed } from './delete-state.ts';
import { ownSets, type Target } from '../run/target.ts';
import { tellReleased } from '../tell/tell-released.ts';
import { hiddenKeys, mayBeHidden } from '../observe/unserved-kinds.ts';

/** What leave is taken of: an environment whose file is gone, in its cluster. */
export type Leave = Pick<Target, 'run' | 'revision' | 'cluster' | 'api' | 'applySet' | 'attempted' | 'commit'>;

/** What became of the objects of a removed environment. */
export type TornDown =
  | { readonly torn: 'down'; readonly pruned: number; readonly released: number }
  /** The next run goes on. */
  | { readonly torn: 'waiting'; readonly waitsFor: string }
  | { readonly torn: 'superseded' }
  /** @param rollout for how long the deletion was waited for */
  | { readonly torn: 'diverged'; readonly divergence: Divergence; readonly rollout?: Rollout };

/** As Helm uninstalls: the hooks before, the objects, the hooks after. What is precious or kept is released. */
export async function uninstall(
  leave: Leave,
  { observed, last }: { observed: ObservedState; last: DeclaredAt | undefined },
): Promise<TornDown> {
  // The parent goes last: everything else is through.
  if (observed.parent === undefined && observed.objects.size === 0) return { torn: 'down', pruned: 0, released: 0 };
  const { target, desired } = await lastDesired(leave, last);
  const hooks = { releases: desired.releases, api: leave.api, deleting: true };
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
  await tellReleased({ ...leave, environment: undefined, guarded: precious });
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
async function deleteObjects(target: Target, observed: ObservedState): Promise<Deleted | TornDown> {
  const { run, revision, api, applySet, environment } = target;
  const single = guardPrunes({ stale: [...observed.objects.values()], applySets: [applySet] });
  const { free, wanted, unknown } = await partByWishes(target, { objects: single.allowed, patient: false });
  await target.others.assertNewest();
  // The deletion may take as long as a roll-out may, from the first look at this revision.
  const { rollout: last } = run.memoryFile.memory();
  const rollout =
    last?.revision === revision ? last : beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
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
    const waitsFor = `waits for ${objectTitle(waited.observed.id)}: ${waited.reason}`;
    await run.memoryFile.save({ ...run.memoryFile.memory(), rollout, waiting: { revision, message: waitsFor } });
    return { torn: 'waiting', waitsFor };
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
  // What another environment wants is nobody's until that takes it: this one will soon be forgotten, and could not be asked.
  const precious = [...single.guarded, ...guarded];
  const kept = [...precious.map((one) => one.observed), ...single.kept, ...wanted];
  return { pruned: changes.filter(({ did }) => did === 'pruned').length, kept, precious };
}

/** The definitions of what this environment may have and cannot be read now: with the parent, the last trace of it would go. */
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

/** The objects of its hooks, and its seed. What hooks applied over what was there before is not theirs to delete. */
async function deleteLeftovers(target: Target, { releases }: DesiredState): Promise<TornDown | undefined> {
  const { cluster, api, applySet } = target;
  const failed: GuardedPrune[] = [];
  const precious: GuardedPrune[] = [];
  const kept: ObservedObject[] = [];
  for (const { desired } of releases.flatMap((made) => made.hooks).filter((hook) => !isDefinition(hook))) {
    const { id, key } = desired;
    const resource = resourceOf({ api, object: desired.object });
    if (resource === undefined && (await mayBeHidden(cluster, { id, api })))
      failed.push({
        observed: { key, id, object: desired.object },
        reason: 'could not be deleted: no version of its kind is served',
      });
    const live =
      resource === undefined ? undefined : await cluster.get({ resource, namespace: id.namespace, name: id.name });
    if (resource === undefined || live === undefined) continue;
    const observed = { key, id, object: live };
    const result = await deleteObject(target, {
      resource,
      id,
      live,
      applySets: ownSets(target),
      purpose: 'leftover',
      desired: desired.object,
    });
    if (result.outcome === 'rejected' || result.outcome === 'changed')
      failed.push({ observed, reason: `could not be deleted: ${result.message}` });
    if (result.outcome !== 'refused' || ['not-made', 'foreign', 'state'].includes(result.refusal.why)) continue;
    kept.push(observed);
    if (result.refusal.why !== 'kept') precious.push({ observed, reason: result.refusal.message });
  }
  await tellReleased({ ...target, environment: undefined, guarded: precious });
  const unreleased = failuresOf(await releaseObjects(target, kept));
  const left = [...failed, ...failedObjects(unreleased, kept)];
  if (left.length > 0) return leftOver(target, { reason: 'Failed', objects: left });
  await deleteSeed(target, { of: applySet });
  return undefined;
}

/** Definitions are never deleted, as with Helm. */
function isDefinition({ desired }: Hook): boolean {
  return groupKind(desired.id) === 'CustomResourceDefinition.apiextensions.k8s.io';
}

/** How hooks that are not through end the run, if they do. */
function stoppedBy({ revision }: Leave, { left, failed }: HooksRun): TornDown | undefined {
  if (left === 'superseded') return { torn: 'superseded' };
  if (left !== undefined) return { torn: 'waiting', waitsFor: left.waitsFor };
  if (failed === undefined) return undefined;
  const { id, object } = failed.desired;
  const diff = wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'failed', message: failed.message });
  return { torn: 'diverged', divergence: divergenceOf({ reason: 'Failed', revision, objects: [diff] }) };
}

/** Objects that keep the environment from its end. */
export function leftOver(
  { revision }: Pick<Leave, 'revision'>,
  { reason, objects, ...rollout }: { reason: DiffReason; objects: readonly GuardedPrune[]; rollout?: Rollout },
): TornDown {
  const change = reason === 'Failed' ? 'failed' : 'unexpected';
  const diffs = objects.map(({ observed: { id, object }, reason: message }) =>
    wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message }),
  );
  return { torn: 'diverged', divergence: divergenceOf({ reason, revision, objects: diffs }), ...rollout };
}

/** Each object that a change was not made to, with why. */
export function failedObjects(
  failures: readonly { readonly id: ObservedObject['id']; readonly message: string }[],
  objects: readonly ObservedObject[],
): GuardedPrune[] {
  return failures.flatMap(({ id, message }) =>
    objects.filter((object) => object.id === id).map((observed) => ({ observed, reason: message })),
  );
}
