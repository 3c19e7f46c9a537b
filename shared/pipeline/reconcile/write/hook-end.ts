import { maskText } from '../../../drift/masking.ts';
import { assessProgress } from '../../../health/run-to-end.ts';
import type { DueHooks } from '../../../inventory/hook-record.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { withoutTimeToLive } from '../../../desired/hook.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import { parseTime } from '../../../base/time.ts';
import type { Why } from '../../../health/first-cause.ts';
import { openExplanations } from '../observe/explain.ts';
import { readHookObject } from './delete-hooks.ts';
import { lookUntil } from '../run/look-until.ts';
import { isSuperseded } from '../run/superseded.ts';
import type { Target } from '../run/target.ts';

/** Why hooks are left as they are: a newer commit is there, or this run has waited long enough. */
export type LeftHook = 'superseded' | { readonly waitsFor: string };

export type HookEnd =
  | { readonly end: 'through' }
  | { readonly end: 'failed'; readonly message: string; readonly why?: Why | undefined }
  | { readonly end: 'left'; readonly left: LeftHook };

export const through: HookEnd = { end: 'through' };

export function failedAs(message: string): Extract<HookEnd, { end: 'failed' }> {
  return { end: 'failed', message };
}

/** A hook's Job or Pod, as it is applied and awaited. */
export interface RunningHook {
  readonly desired: DesiredObject;
  readonly object: KubernetesObject;
  readonly resource: ApiResource;
  readonly due: DueHooks;
  /** Values of the Secrets among these are hidden in what its containers say. */
  readonly secrets: readonly KubernetesObject[];
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

const untimely = "it has not ended within the environment's timeout";

/** With what its pods say, and the events: as long as they are there. */
async function explained(
  target: Target,
  { running, live, message }: { running: RunningHook; live: KubernetesObject; message: string },
): Promise<HookEnd> {
  const hook = { key: running.desired.key, object: live, message };
  const explanations = openExplanations(target, {
    api: target.api,
    hides: (text) => maskText({ text, objects: running.secrets }),
  });
  await explanations.renew([hook]);
  const [said] = await explanations.tell([hook], undefined);
  if (said === undefined || said.message === message) return { ...failedAs(message), why: said?.why };
  return {
    ...failedAs(said.message.startsWith(message) ? said.message : `${message}; ${said.message}`),
    why: said.why,
  };
}

export async function awaitOutcome(target: Target, running: RunningHook): Promise<HookEnd> {
  const { run, cluster, environment } = target;
  const { desired, resource, uid } = running;
  return await lookUntil<HookEnd>(run, async () => {
    const live = await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
    if (live === undefined || live.metadata.uid !== uid) return { end: failedAs('it was deleted while it ran') };
    const { state, message } = assessProgress(live);
    if (state === 'succeeded') return { end: through };
    if (state === 'failed') return { end: await explained(target, { running, live, message }) };
    const now = run.ports.now().getTime();
    if (now >= (timeOf(live.metadata.creationTimestamp) ?? now) + environment.timeout)
      return { end: await explained(target, { running, live, message: `${untimely}: ${message}` }) };
    if (await isSuperseded(target)) return { end: { end: 'left', left: 'superseded' } };
    if (now >= run.waitUntil().getTime())
      return { end: { end: 'left', left: { waitsFor: `waits for ${titleOf(running)}: ${message}` } } };
    return 'again';
  });
}
