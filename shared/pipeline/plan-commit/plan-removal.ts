import { ConvergeError } from '../../base/errors.ts';
import { environmentPath } from '../../environment/environment-file.ts';
import { readHookRecord } from '../../inventory/hook-record.ts';
import type { Commit } from '../../ports/git.ts';
import { freezeOfRemoved } from '../reconcile/accept/freeze.ts';
import { assertRemoved, isRenamed, type DeclaredAt } from '../reconcile/accept/removed-file.ts';
import { openLeave, type OpenedLeave } from '../reconcile/leave/take-apart.ts';
import { deleteObjects } from '../reconcile/leave/uninstall.ts';
import type { ObservedState } from '../reconcile/observe/observed-state.ts';
import { openOtherEnvironments } from '../reconcile/others/other-environments.ts';
import { renderDesired } from '../reconcile/render/desired-state.ts';
import { toAsk } from '../reconcile/render/render-cache.ts';
import type { Run } from '../reconcile/run/run.ts';
import type { Target } from '../reconcile/run/target.ts';
import { atEndOf, heldBy } from './held-plan.ts';
import { nothingPlanned, type Planned, type PlannedObject } from './planned.ts';
import { rehearseHooks } from './rehearse-hooks.ts';
import { rehearse } from './rehearsal.ts';
import type { Sight } from './sight.ts';

interface Removed {
  readonly commit: Commit;
  readonly revision: string;
  /** Whether templates of the other environments may ask the cluster what no earlier render asked. */
  readonly asksCluster: boolean;
}

/**
 * What a run would make of an environment whose file is not at a commit: it releases its objects, or deletes them, as
 * `spec.deletion` said when the file was last there. Throws what is refused of it.
 */
export async function planRemoval(
  run: Run,
  { commit, revision, asksCluster }: Removed,
  sight: Sight,
): Promise<Planned> {
  const { attempted, cluster } = run.memoryFile.memory();
  if (attempted === undefined)
    return nothingPlanned({ outcome: 'absent', message: 'no file declares it at that commit, and no run knows it' });
  if (await isRenamed(run, commit))
    return nothingPlanned({
      outcome: 'removed',
      cluster,
      message: 'another environment has its name among metadata.previousNames, and takes over all that it has',
    });
  await assertRemoved(run, commit);
  const isBegun = attempted.inputs[environmentPath(run.environment)] === null;
  const held = isBegun ? undefined : await freezeOfRemoved(run, { commit, revision });
  const frozen = held === undefined ? undefined : run.memoryFile.memory().frozen;
  return frozen === undefined
    ? await planLeave(run, { commit, revision, attempted, asksCluster }, sight)
    : heldBy(frozen, await planLeave(atEndOf(frozen, run), { commit, revision, attempted, asksCluster }, sight));
}

async function planLeave(
  run: Run,
  { asksCluster, ...of }: Parameters<typeof openLeave>[1] & Pick<Removed, 'asksCluster'>,
  sight: Sight,
): Promise<Planned> {
  const { cluster } = run.memoryFile.memory();
  const opened = await openLeave(run, of);
  if (opened === undefined)
    return nothingPlanned({ outcome: 'removed', cluster, message: 'nobody knows where it has any objects' });
  sight.observed = opened.observed;
  return opened.leave.applySet.deletion === 'prune' ? await planUninstall(opened, { asksCluster }) : releaseAll(opened);
}

function releaseAll({ leave: { cluster, applySet }, observed }: OpenedLeave): Planned {
  return {
    ...nothingPlanned({
      outcome: 'removed',
      cluster: cluster.name,
      message: 'its file goes: its objects are given up, and stay',
    }),
    ...{ applySets: [applySet], secrets: objectsOf(observed) },
    objects: [...observed.objects.values()].map((one) => ofObserved(one, 'release')),
  };
}

/** As `uninstall` does, but for what its hooks do. */
async function planUninstall(
  { leave, observed, last }: OpenedLeave,
  { asksCluster }: Pick<Removed, 'asksCluster'>,
): Promise<Planned> {
  const { cluster, applySet, api } = leave;
  const known = new Map([...observed.objects].map(([key, { object }]) => [key, object] as const));
  const rehearsal = rehearse({ open: cluster, known });
  const { target, releases } = await asItWas({ ...leave, cluster: rehearsal.cluster }, { last, asksCluster });
  const deleted = await deleteObjects(target, observed);
  const said = {
    ...nothingPlanned({
      outcome: 'removed',
      cluster: cluster.name,
      message: 'its file goes, and its objects with it: spec.deletion is prune',
    }),
    hooks: await rehearseHooks(leave, {
      ...{ releases, api, deleting: true, desired: { objects: [] }, notThereYet: new Map<string, string>() },
      record: readHookRecord(observed.parent) ?? {},
    }),
    ...{ applySets: [applySet], secrets: objectsOf(observed) },
  };
  const reasons = reasonsOf(deleted);
  return {
    ...said,
    objects: [...observed.objects.values()].map((one): PlannedObject => {
      const rehearsed = rehearsal.written.get(one.key);
      if (rehearsed?.isDeleted === true) return { ...ofObserved(one, 'prune'), rehearsed };
      const { verdict, ...said } = reasons(one.key);
      return verdict === 'rejected'
        ? { ...ofObserved(one, 'prune'), verdict, message: said.message }
        : { ...ofObserved(one, 'torn' in deleted ? 'left' : 'release'), ...said };
    }),
  };
}

/** Why what is not deleted is not. */
function reasonsOf(
  deleted: Awaited<ReturnType<typeof deleteObjects>>,
): (key: string) => Pick<PlannedObject, 'verdict' | 'message' | 'isGuarded'> {
  if (!('torn' in deleted)) {
    const precious = new Map(deleted.precious.map(({ observed, reason }) => [observed.key, reason]));
    return (key) => ({ verdict: 'accepted', message: precious.get(key) ?? 'is kept, and given up' });
  }
  const message =
    deleted.torn === 'diverged'
      ? deleted.divergence.summary
      : deleted.torn === 'waiting'
        ? deleted.waitsFor
        : 'is looked at again by the next run';
  if (deleted.torn !== 'diverged') return () => ({ verdict: 'accepted', message });
  const isFailing = deleted.divergence.reason === 'Failed';
  return () => ({ verdict: isFailing ? 'rejected' : 'accepted', message, isGuarded: !isFailing });
}

async function asItWas(
  leave: OpenedLeave['leave'],
  { last, asksCluster }: { last: DeclaredAt | undefined } & Pick<Removed, 'asksCluster'>,
): Promise<{ target: Target; releases: Awaited<ReturnType<typeof renderDesired>>['releases'] }> {
  if (last === undefined)
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: leave.run.key,
      message: 'no version of its file can be read, so that its hooks are not known; nothing would be deleted',
      remedy: 'commit the file, and remove it again',
      disposition: 'refuse',
    });
  const asking: Omit<Target, 'others'> = { ...leave, environment: last.environment };
  const { releases } = await renderDesired({ ...asking, commit: { ...leave.commit, id: last.commit } }, toAsk);
  return { target: { ...asking, others: openOtherEnvironments(asking, { asksCluster }) }, releases };
}

function ofObserved(observed: NonNullable<PlannedObject['observed']>, action: PlannedObject['action']): PlannedObject {
  return { action, observed, desired: undefined, verdict: 'accepted', message: '', rehearsed: undefined };
}

function objectsOf({ objects }: ObservedState): Planned['secrets'] {
  return [...objects.values()].map(({ object }) => object);
}
