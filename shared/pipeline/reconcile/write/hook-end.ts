import { assessProgress } from '../../../health/run-to-end.ts';
import type { DueHooks } from '../../../inventory/hook-record.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { withoutTimeToLive } from '../../../desired/hook.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import { parseTime } from '../../../base/time.ts';
import { readHookObject } from './delete-hooks.ts';
import { lookUntil } from '../run/look-until.ts';
import { isSuperseded } from '../run/superseded.ts';
import type { Target } from '../run/target.ts';

/** Why hooks are left as they are: a newer commit is there, or this run has waited long enough. */
export type LeftHook = 'superseded' | { readonly waitsFor: string };

export type HookEnd =
  | { readonly end: 'through' }
  | { readonly end: 'failed'; readonly message: string }
  | { readonly end: 'left'; readonly left: LeftHook };

export const through: HookEnd = { end: 'through' };

export function failedAs(message: string): HookEnd {
  return { end: 'failed', message };
}

/** A hook's Job or Pod, as it is applied and awaited. */
export interface RunningHook {
  readonly desired: DesiredObject;
  readonly object: KubernetesObject;
  readonly resource: ApiResource;
  readonly due: DueHooks;
  readonly uid: string | undefined;
}

/** `the Helm hook pre-upgrade of release shop, Job acme/migrate` */
export function titleOf({ desired, due }: { desired: DesiredObject; due: DueHooks }): string {
  return `the Helm hook ${due.event} of release ${due.release}, ${objectTitle(desired.id)}`;
}

/** Milliseconds since 1970, by the API server's clock. */
export function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseTime(text);
}

/** Waits for the end of a Job or a Pod; then it may go as soon as Git says. */
export async function awaitEnd(target: Target, running: RunningHook): Promise<HookEnd> {
  const { object, resource, uid } = running;
  const end = await awaitOutcome(target, running);
  if (end.end === 'left' || withoutTimeToLive(object) === object) return end;
  const live = await readHookObject(target, running);
  await target.run.lease.assertHeld();
  // One that was deleted meanwhile is not made again, to run again.
  if (live === undefined || live.metadata.uid !== uid) return end;
  const result = await target.cluster.apply({ resource, object: fenced({ object, live }), dryRun: false });
  if (result.outcome === 'rejected' && result.status !== 409) {
    const facts = { environment: target.run.key, object: running.desired.key };
    target.run.ports.log('WARNING', `a hook's ttlSecondsAfterFinished was not taken: ${result.message}`, facts);
  }
  return end;
}

export async function awaitOutcome(target: Target, running: RunningHook): Promise<HookEnd> {
  const { run, cluster, environment } = target;
  const { desired, resource, uid } = running;
  return await lookUntil<HookEnd>(run, async () => {
    const live = await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
    if (live === undefined || live.metadata.uid !== uid) return { end: failedAs('it was deleted while it ran') };
    const { state, message } = assessProgress(live);
    if (state === 'succeeded') return { end: through };
    if (state === 'failed') return { end: failedAs(message) };
    const now = run.ports.now().getTime();
    if (now >= (timeOf(live.metadata.creationTimestamp) ?? now) + environment.timeout)
      return { end: failedAs(`it has not ended within the environment's timeout: ${message}`) };
    if (await isSuperseded(target)) return { end: { end: 'left', left: 'superseded' } };
    if (now >= run.waitUntil().getTime())
      return { end: { end: 'left', left: { waitsFor: `waits for ${titleOf(running)}: ${message}` } } };
    return 'again';
  });
}
