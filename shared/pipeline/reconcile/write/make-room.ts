import { assessProgress } from '../../../health/run-to-end.ts';
import { environmentAnnotation } from '../../../inventory/applyset.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { runsToAnEnd } from '../../../desired/hook.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { mayFollow, type Refusal } from '../../../ownership/deletion-guard.ts';
import { deleteHookObject, readHookObject, type KeptObjects } from './delete-hooks.ts';
import { awaitOutcome, failedAs, timeOf, titleOf, type HookEnd, type RunningHook } from './hook-end.ts';
import { ownSets, type Target } from '../run/target.ts';

export const handRemedy = 'delete it by hand, or give the hook another name';

/**
 * Whether a hook finds its place free, finds there what stays and is applied over, with why it stays, or has to end
 * there.
 */
export type Room =
  | { readonly room: 'free' }
  | { readonly room: 'taken'; readonly refusal: Refusal | undefined }
  | { readonly room: 'none'; readonly end: HookEnd };

/** Deletes what is there under a hook's name, where it may be deleted, and waits for that. */
export async function makeRoom(
  target: Target,
  {
    live,
    isMade,
    running,
    api,
    kept,
  }: { live: KubernetesObject; isMade: boolean; running: Omit<RunningHook, 'uid'>; api: ClusterApi; kept: KeptObjects },
): Promise<Room> {
  const { run, environment, applySet } = target;
  const { desired, resource } = running;
  const none = (end: HookEnd): Room => ({ room: 'none', end });
  const { adopt } = environment;
  if (isUnderWay({ live, desired }) && (isMade || mayFollow({ object: live, applySets: ownSets(target), adopt }))) {
    // That of an earlier revision: a migration is not cut off half-way for a newer one, whatever becomes of it.
    const earlier = await awaitOutcome(target, { ...running, uid: live.metadata.uid });
    if (earlier.end === 'left') return none(earlier);
  }
  const deleted = await deleteHookObject(target, { desired, resource, api, until: run.waitUntil() });
  switch (deleted.outcome) {
    case 'gone':
      return { room: 'free' };
    case 'leaving': {
      // Its wait may have ended in the moment between the deletion and the next look.
      const left = await readHookObject(target, { desired, resource });
      const since = timeOf(left?.metadata.deletionTimestamp);
      if (left === undefined) return { room: 'free' };
      if (since === undefined || run.ports.now().getTime() >= since + environment.timeout)
        return none(failedAs('the one of the last run is still being deleted'));
      return none({
        end: 'left',
        left: { waitsFor: `waits for ${titleOf(running)}: the one of the last run is still being deleted` },
      });
    }
    case 'rejected':
      return none(failedAs(`the one of the last run could not be deleted: ${deleted.message}`));
    case 'changed':
      return none(failedAs(`the one of the last run could not be deleted: it ${deleted.message}`));
    case 'refused': {
      const { refusal } = deleted;
      if (runsToAnEnd(desired)) {
        const isHelms = !adopt && mayFollow({ object: live, applySets: ownSets(target), adopt: true });
        const remedy = isHelms
          ? `set spec.adopt: true where it is of Helm's earlier release, ${handRemedy}`
          : handRemedy;
        return none(failedAs(`what is there ${refusal.message}, and is not deleted (${remedy})`));
      }
      // What was there before is told once: then it names this environment.
      const isNews =
        refusal.why !== 'not-made' || live.metadata.annotations?.[environmentAnnotation] !== applySet.environment;
      if (isNews) kept.add(desired, `is not deleted before the hook, but applied over: it ${refusal.message}`);
      return { room: 'taken', refusal };
    }
  }
}

/** Whether it is a Job or Pod that has not come to its end. */
function isUnderWay({ live, desired }: { live: KubernetesObject; desired: DesiredObject }): boolean {
  return (
    runsToAnEnd(desired) && live.metadata.deletionTimestamp === undefined && assessProgress(live).state === 'running'
  );
}
