import { sameInputs } from '../../environment/inputs.ts';
import { environmentKey } from '../../environment/revision.ts';
import { assessProgress } from '../../health/run-to-end.ts';
import {
  environmentAnnotation,
  extentOfParent,
  hookOfLabel,
  hookRunAnnotation,
  parentObject,
  partOfLabel,
  recordBeside,
  revisionAnnotation,
} from '../../inventory/applyset.ts';
import {
  dueHooks,
  hasFailed,
  isCompleted,
  readHookRecord,
  withCompleted,
  withFailed,
  withFinished,
  type DueHooks,
  type HookRecord,
  type ReleaseHooks,
} from '../../inventory/hook-record.ts';
import { resourceOf, type DesiredObject } from '../../objects/desired.ts';
import { runsToAnEnd, withoutTimeToLive, type DeletePolicy, type Hook, type HookPhase } from '../../objects/hook.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import { maskText } from '../../objects/masking.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, objectTitle } from '../../objects/object-id.ts';
import { parseTime } from '../../time.ts';
import type { DesiredState } from './desired-state.ts';
import type { ObservedState } from './observed-state.ts';
import type { Target } from './target.ts';
import { fenced } from './apply-object.ts';
import { writeParent } from './apply-changes.ts';
import { isSuperseded } from './superseded.ts';

const firstLook = 50;
const slowestLook = 2_000;
/** Milliseconds that cleaning up after hooks may take at the least. */
const cleanUpFor = 10_000;

export interface FailedHook {
  readonly desired: DesiredObject;
  readonly message: string;
}

/** Why hooks are left as they are: a newer commit is there, or this run has waited long enough. */
export type LeftHook = 'superseded' | { readonly waitsFor: string };

type HookEnd = { readonly end: 'through' } | { readonly end: 'failed'; readonly message: string } | { readonly end: 'left'; readonly left: LeftHook };

const through: HookEnd = { end: 'through' };

function failedAs(message: string): HookEnd {
  return { end: 'failed', message };
}

/** Record and parent as they are after the hooks of a phase, and the hook that failed or is not through, if there is one. */
export interface HooksRun {
  readonly record: HookRecord;
  readonly parent: KubernetesObject | undefined;
  readonly failed: FailedHook | undefined;
  readonly left: LeftHook | undefined;
}

/** What has become of the hooks before this run. Where the parent's record is lost, the memory tells what it can. */
export function hookRecordOf({ run }: Pick<Target, 'run'>, { desired, observed }: { desired: DesiredState; observed: ObservedState }): HookRecord {
  const recorded = readHookRecord(observed.parent);
  if (recorded !== undefined) return recorded;
  const { converged } = run.memoryFile.memory();
  const never = converged === undefined && observed.parent?.metadata.annotations?.[revisionAnnotation] === undefined;
  if (never) return {};
  const unchanged = converged !== undefined && sameInputs({ attempted: converged.inputs, current: desired.inputs });
  return Object.fromEntries(desired.releases.map(({ release, key }) => [release, { converged: unchanged ? key : 'unknown' }]));
}

/**
 * Runs the hooks that are due in a phase, release by release, one at a time, each to its end. After each the parent
 * records it, so that a run killed between two of them goes on with the ones that are not through. The first that fails
 * ends it, and runs again at the next attempt.
 *
 * A Job or Pod that takes longer than a run may wait is left running, and the run that goes on waits for it, at most for
 * `spec.timeout` from its own start. A newer commit does not wait for it: where that commit changes the release, its own hooks
 * wait for its end before they delete it as their policies say.
 */
export async function runHooks(
  target: Target,
  {
    phase,
    releases,
    record,
    api,
    parent,
    deleting,
  }: {
    phase: HookPhase;
    releases: readonly ReleaseHooks[];
    record: HookRecord;
    api: ClusterApi;
    parent: KubernetesObject | undefined;
    deleting?: boolean;
  },
): Promise<HooksRun> {
  const journal = openJournal(target, { record, parent });
  for (const due of dueHooks({ releases, record, phase, ...(deleting === undefined ? {} : { deleting }) })) {
    const { failed, left } = await runRelease(target, { due, journal, api });
    if (failed !== undefined || left !== undefined) return { record: journal.record(), parent: journal.parent(), failed, left };
  }
  return { record: journal.record(), parent: journal.parent(), failed: undefined, left: undefined };
}

async function runRelease(
  target: Target,
  { due, journal, api }: { due: DueHooks; journal: Journal; api: ClusterApi },
): Promise<Pick<HooksRun, 'failed' | 'left'>> {
  const { run } = target;
  const until = () => new Date(Math.max(run.waitUntil().getTime(), run.ports.now().getTime() + cleanUpFor));
  for (const [index, hook] of due.hooks.entries()) {
    if (isCompleted({ record: journal.record(), due, hook })) continue;
    const failedBefore = hasFailed({ record: journal.record(), due, hook });
    const end = await runHook(target, { hook, due, failedBefore, api });
    if (end.end === 'left') return { failed: undefined, left: end.left };
    if (end.end === 'through') {
      await journal.write(withCompleted({ record: journal.record(), due, hook }));
      continue;
    }
    const succeeded = due.hooks.slice(0, index).toReversed();
    // What is deleted now has to be there at the next attempt; a Job or a Pod that has succeeded has done its work for good.
    const again = succeeded.filter((one) => mayDelete({ hook: one, policy: 'hook-succeeded' }) && !runsToAnEnd(one.desired));
    await journal.write(withFailed({ record: journal.record(), due, hook, again }));
    await deleteByPolicy(target, { hooks: [hook], policy: 'hook-failed', api, until: until() });
    await deleteByPolicy(target, { hooks: succeeded, policy: 'hook-succeeded', api, until: until() });
    return { failed: { desired: hook.desired, message: `the Helm hook ${due.event} of release ${due.release} failed: ${end.message}` }, left: undefined };
  }
  // As Helm does it: the account that an early hook made serves the later ones.
  await deleteByPolicy(target, { hooks: due.hooks.toReversed(), policy: 'hook-succeeded', api, until: until() });
  await journal.write(withFinished({ record: journal.record(), due }));
  return { failed: undefined, left: undefined };
}

/** Runs one hook to its end, or for as long as this run may wait. */
async function runHook(
  target: Target,
  { hook, due, failedBefore, api }: { hook: Hook; due: DueHooks; failedBefore: boolean; api: ClusterApi },
): Promise<HookEnd> {
  const { run, cluster, environment } = target;
  const { desired } = hook;
  const { object, mark } = marked({ desired, due });
  const resource = await servedResource(target, { desired, api });
  if (resource === undefined) return failedAs(`the cluster does not serve ${desired.id.kind} in ${desired.object.apiVersion}`);
  const live = await read(target, { desired, resource });
  const owner = live === undefined ? undefined : foreignOwner(target, live);
  if (owner !== undefined) return failedAs(`an object of that name is owned by ${owner}`);
  // A run that was killed began it: a migration must neither be cut off nor run twice.
  const begun = !failedBefore && live?.metadata.annotations?.[hookRunAnnotation] === mark && live.metadata.deletionTimestamp === undefined;
  if (begun && runsToAnEnd(desired)) return await awaitEnd(target, { desired, object, resource, due, uid: live?.metadata.uid });
  const mustGo = mayDelete({ hook, policy: 'before-hook-creation' }) || (failedBefore && runsToAnEnd(desired));
  if (live !== undefined && mustGo && isUnderWay({ live, desired })) {
    // That of an earlier revision: a migration is not cut off half-way for a newer one, whatever becomes of it.
    const earlier = await awaitOutcome(target, { desired, object, resource, due, uid: live.metadata.uid });
    if (earlier.end === 'left') return earlier;
  }
  if (live !== undefined && !begun && mustGo) {
    const problem = await remove(target, { desired, resource, until: run.waitUntil() });
    // Its wait may have ended in the moment between the deletion and the next look.
    const left = problem === undefined ? undefined : await read(target, { desired, resource });
    const since = timeOf(left?.metadata.deletionTimestamp);
    if (left !== undefined && since !== undefined && run.ports.now().getTime() < since + environment.timeout) {
      return { end: 'left', left: { waitsFor: `waits for ${titleOf({ desired, due })}: the one of the last run ${problem}` } };
    }
    if (left !== undefined) return failedAs(`the one of the last run ${problem}`);
  }

  await run.lease.assertHeld();
  // Where it was deleted just now, or was never there, nobody else may have made it meanwhile.
  const isNew = live === undefined || (!begun && mustGo);
  const applied = withoutTimeToLive(object);
  const result = await cluster.apply({ resource, object: isNew ? fenced({ object: applied, live: undefined }) : applied, dryRun: false });
  if (result.outcome === 'rejected' && result.status === 409) await run.lease.assertHeld('now');
  if (result.outcome === 'rejected') return failedAs(maskText({ text: result.message, objects: [object] }));
  if (!runsToAnEnd(desired)) return through;
  return await awaitEnd(target, { desired, object, resource, due, uid: result.object.metadata.uid });
}

/** Whether it is a Job or Pod of ours that has not come to its end. */
function isUnderWay({ live, desired }: { live: KubernetesObject; desired: DesiredObject }): boolean {
  const { annotations, deletionTimestamp } = live.metadata;
  return runsToAnEnd(desired) && annotations?.[hookRunAnnotation] !== undefined && deletionTimestamp === undefined && assessProgress(live).state === 'running';
}

function marked({ desired, due }: { desired: DesiredObject; due: DueHooks }): { object: KubernetesObject; mark: string } {
  const mark = `${due.event} ${due.key}`;
  const { metadata } = desired.object;
  return { mark, object: { ...desired.object, metadata: { ...metadata, annotations: { ...metadata.annotations, [hookRunAnnotation]: mark } } } };
}

interface RunningHook {
  readonly desired: DesiredObject;
  readonly object: KubernetesObject;
  readonly resource: ApiResource;
  readonly due: DueHooks;
  readonly uid: string | undefined;
}

/** `the Helm hook pre-upgrade of release shop, Job acme/migrate` */
function titleOf({ desired, due }: { desired: DesiredObject; due: DueHooks }): string {
  return `the Helm hook ${due.event} of release ${due.release}, ${objectTitle(desired.id)}`;
}

/** Milliseconds since 1970, by the API server's clock. */
function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseTime(text);
}

/** Waits for the end of a Job or a Pod; then it may go as soon as Git says. */
async function awaitEnd(target: Target, running: RunningHook): Promise<HookEnd> {
  const { object, resource, uid } = running;
  const end = await awaitOutcome(target, running);
  if (end.end === 'left' || withoutTimeToLive(object) === object) return end;
  await target.run.lease.assertHeld();
  // With its uid, so that one that was deleted meanwhile is not made again, to run again.
  const result = await target.cluster.apply({ resource, object: { ...object, metadata: { ...object.metadata, uid } }, dryRun: false });
  if (result.outcome === 'rejected' && result.status !== 409) {
    const facts = { environment: target.run.key, object: running.desired.key };
    target.run.ports.log('WARNING', `a hook's ttlSecondsAfterFinished was not taken: ${result.message}`, facts);
  }
  return end;
}

async function awaitOutcome(target: Target, running: RunningHook): Promise<HookEnd> {
  const { run, cluster, environment } = target;
  const { desired, resource, uid } = running;
  for (let pause = firstLook; ; pause = Math.min(pause * 1.5, slowestLook)) {
    const live = await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
    if (live === undefined || live.metadata.uid !== uid) return failedAs('it was deleted while it ran');
    const { state, message } = assessProgress(live);
    if (state === 'succeeded') return through;
    if (state === 'failed') return failedAs(message);
    const now = run.ports.now().getTime();
    if (now >= (timeOf(live.metadata.creationTimestamp) ?? now) + environment.timeout) return failedAs(`it has not ended within the environment's timeout: ${message}`);
    if (await isSuperseded(target)) return { end: 'left', left: 'superseded' };
    if (now >= run.waitUntil().getTime()) return { end: 'left', left: { waitsFor: `waits for ${titleOf(running)}: ${message}` } };
    await run.ports.sleep(pause);
    await run.lease.assertHeld();
  }
}

/** Definitions are never deleted, as with Helm: their objects would go with them. */
function mayDelete({ hook, policy }: { hook: Hook; policy: DeletePolicy }): boolean {
  return hook.deletePolicies.includes(policy) && groupKind(hook.desired.id) !== 'CustomResourceDefinition.apiextensions.k8s.io';
}

/** Deletes those of the hooks that have that policy. What cannot be deleted is logged: the outcome of the hook stands. */
async function deleteByPolicy(
  target: Target,
  { hooks, policy, api, until }: { hooks: readonly Hook[]; policy: DeletePolicy; api: ClusterApi; until: Date },
): Promise<void> {
  for (const { desired } of hooks.filter((hook) => mayDelete({ hook, policy }))) {
    const resource = await servedResource(target, { desired, api });
    const live = resource === undefined ? undefined : await read(target, { desired, resource });
    if (resource === undefined || live === undefined || foreignOwner(target, live) !== undefined) continue;
    const problem = await remove(target, { desired, resource, until });
    if (problem === undefined) continue;
    target.run.ports.log('WARNING', `a hook's object ${problem}`, { environment: target.run.key, object: desired.key, policy });
  }
}

/** Deletes the object that is there now, and waits until it is gone. Resolves with what is wrong where it is not. */
async function remove(
  { run, cluster }: Target,
  { desired, resource, until }: { desired: DesiredObject; resource: ApiResource; until: Date },
): Promise<string | undefined> {
  const { namespace, name } = desired.id;
  let asked: string | undefined;
  for (let pause = firstLook; ; pause = Math.min(pause * 1.5, slowestLook)) {
    await run.lease.assertHeld();
    const live = await cluster.get({ resource, namespace, name });
    const uid = live?.metadata.uid;
    if (uid === undefined) return undefined;
    if (asked !== undefined && asked !== uid) return undefined;
    if (asked === undefined) {
      const result = await cluster.delete({ resource, namespace, name, uid });
      if (result.outcome === 'rejected') return `could not be deleted: ${result.message}`;
      if (result.outcome !== 'changed') asked = uid;
    }
    if (run.ports.now() >= until) return 'is still being deleted';
    await run.ports.sleep(pause);
  }
}

async function read(
  { cluster }: Target,
  { desired, resource }: { desired: DesiredObject; resource: ApiResource },
): Promise<KubernetesObject | undefined> {
  return await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
}

/** A hook may need what another one has just defined. */
async function servedResource(
  { cluster }: Target,
  { desired, api }: { desired: DesiredObject; api: ClusterApi },
): Promise<ApiResource | undefined> {
  return resourceOf({ api, object: desired.object }) ?? resourceOf({ api: await cluster.api({ refresh: true }), object: desired.object });
}

/** A hook neither replaces nor deletes what is another environment's (rule 10). */
function foreignOwner({ applySet, environment: { previousNames }, run }: Target, { metadata }: KubernetesObject): string | undefined {
  const set = [metadata.labels?.[partOfLabel], metadata.labels?.[hookOfLabel]].find((id) => id !== undefined && id !== applySet.id);
  if (set === undefined) return undefined;
  const environment = metadata.annotations?.[environmentAnnotation];
  if (previousNames.some((name) => environment === environmentKey({ repository: run.repository, environment: name }))) return undefined;
  return environment === undefined ? `the ApplySet ${set}` : `environment ${environment}`;
}

/** The record as it is now, and in the cluster. */
interface Journal {
  record(): HookRecord;
  parent(): KubernetesObject | undefined;
  write(record: HookRecord): Promise<void>;
}

function openJournal({ run, cluster, applySet }: Target, begin: { record: HookRecord; parent: KubernetesObject | undefined }): Journal {
  let { record, parent } = begin;
  return {
    record: () => record,
    parent: () => parent,
    async write(next) {
      await run.lease.assertHeld();
      const desired = parentObject({ applySet, extent: extentOfParent(parent), record: recordBeside(parent), hooks: next });
      await writeParent({ cluster, observed: parent, desired });
      record = next;
      parent = desired;
    },
  };
}
