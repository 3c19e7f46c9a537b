import { sameInputs } from '../../environment/inputs.ts';
import { divergenceOf, wholeObjectDiff } from '../../drift/divergence.ts';
import type { ObjectDiff } from '../../events/alert.ts';
import { assessProgress } from '../../health/run-to-end.ts';
import {
  environmentAnnotation,
  extentOfParent,
  hookOfLabel,
  hookRunAnnotation,
  parentObject,
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
import { hookStandingOf, isMember } from '../../inventory/membership.ts';
import { resourceOf, type DesiredObject } from '../../objects/desired.ts';
import { runsToAnEnd, withoutTimeToLive, type DeletePolicy, type Hook, type HookPhase } from '../../objects/hook.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import { maskText } from '../../objects/masking.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, objectTitle } from '../../objects/object-id.ts';
import { mayFollow, type Refusal } from '../../ownership/deletion-guard.ts';
import { hookRefusal } from '../../ownership/refusal.ts';
import { parseTime } from '../../time.ts';
import { awaitGone, deleteObject, type Deletion } from './delete-object.ts';
import type { DesiredState } from './desired-state.ts';
import type { ObservedState } from './observed-state.ts';
import { ownSets, type Target } from './target.ts';
import { tellDivergence } from './tell.ts';
import { fenced } from './apply-object.ts';
import { writeParent } from './apply-changes.ts';
import type { Run } from './run.ts';
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

/**
 * What has become of the hooks before this run. Where the parent's record is lost, the memory tells what it can. A release that
 * Helm deployed and that is adopted is upgraded.
 */
export function hookRecordOf({ run }: Pick<Target, 'run'>, { desired, observed }: { desired: DesiredState; observed: ObservedState }): HookRecord {
  const adopted = (observed.adoptedReleases ?? []).map((release) => [release, { converged: 'unknown' }] as const);
  return { ...Object.fromEntries(adopted), ...recordedHooks(run, { desired, observed }) };
}

function recordedHooks(run: Run, { desired, observed }: { desired: DesiredState; observed: ObservedState }): HookRecord {
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
  const kept = openKeptObjects(target);
  let end: Pick<HooksRun, 'failed' | 'left'> = { failed: undefined, left: undefined };
  for (const due of dueHooks({ releases, record, phase, ...(deleting === undefined ? {} : { deleting }) })) {
    end = await runRelease(target, { due, journal, api, kept });
    if (end.failed !== undefined || end.left !== undefined) break;
  }
  await kept.tell();
  return { record: journal.record(), parent: journal.parent(), ...end };
}

async function runRelease(
  target: Target,
  { due, journal, api, kept }: { due: DueHooks; journal: Journal; api: ClusterApi; kept: KeptObjects },
): Promise<Pick<HooksRun, 'failed' | 'left'>> {
  const { run } = target;
  const until = () => new Date(Math.max(run.waitUntil().getTime(), run.ports.now().getTime() + cleanUpFor));
  for (const [index, hook] of due.hooks.entries()) {
    if (isCompleted({ record: journal.record(), due, hook })) continue;
    const failedBefore = hasFailed({ record: journal.record(), due, hook });
    const end = await runHook(target, { hook, due, failedBefore, api, kept });
    if (end.end === 'left') return { failed: undefined, left: end.left };
    if (end.end === 'through') {
      await journal.write(withCompleted({ record: journal.record(), due, hook }));
      continue;
    }
    const succeeded = due.hooks.slice(0, index).toReversed();
    // What is deleted now has to be there at the next attempt; a Job or a Pod that has succeeded has done its work for good.
    const again = succeeded.filter((one) => mayDelete({ hook: one, policy: 'hook-succeeded' }) && !runsToAnEnd(one.desired));
    await journal.write(withFailed({ record: journal.record(), due, hook, again }));
    await deleteByPolicy(target, { hooks: [hook], policy: 'hook-failed', api, until: until(), kept });
    await deleteByPolicy(target, { hooks: succeeded, policy: 'hook-succeeded', api, until: until(), kept });
    return { failed: { desired: hook.desired, message: `the Helm hook ${due.event} of release ${due.release} failed: ${end.message}` }, left: undefined };
  }
  // As Helm does it: the account that an early hook made serves the later ones.
  await deleteByPolicy(target, { hooks: due.hooks.toReversed(), policy: 'hook-succeeded', api, until: until(), kept });
  await journal.write(withFinished({ record: journal.record(), due }));
  return { failed: undefined, left: undefined };
}

/** Runs one hook to its end, or for as long as this run may wait. */
async function runHook(
  target: Target,
  { hook, due, failedBefore, api, kept }: { hook: Hook; due: DueHooks; failedBefore: boolean; api: ClusterApi; kept: KeptObjects },
): Promise<HookEnd> {
  const { run, cluster, environment } = target;
  const { desired } = hook;
  const { object, mark } = marked({ desired, due });
  const resource = await servedResource(target, { desired, api });
  if (resource === undefined) return failedAs(`the cluster does not serve ${desired.id.kind} in ${desired.object.apiVersion}`);
  const live = await read(target, { desired, resource });
  const applySets = ownSets(target);
  const refusal = live === undefined ? undefined : hookRefusal({ observed: live, desired: desired.object, applySets, adopt: environment.adopt });
  if (refusal !== undefined) return failedAs(`an object of that name ${refusal}`);
  const isMade = live !== undefined && hookStandingOf({ object: live, applySets }).standing === 'member';
  // A run that was killed began it: a migration must neither be cut off nor run twice.
  const begun = isMade && !failedBefore && live.metadata.annotations?.[hookRunAnnotation] === mark && live.metadata.deletionTimestamp === undefined;
  const running = { desired, object, resource, due };
  if (begun && runsToAnEnd(desired)) return await awaitEnd(target, { ...running, uid: live.metadata.uid });

  const isStrangers = runsToAnEnd(desired) && !isMade;
  const mustGo = !begun && (mayDelete({ hook, policy: 'before-hook-creation' }) || (runsToAnEnd(desired) && failedBefore) || isStrangers);
  const room: Room = live === undefined ? { room: 'free' } : mustGo ? await makeRoom(target, { live, isMade, running, api, kept }) : { room: 'taken', refusal: undefined };
  if (room.room === 'none') return room.end;

  await run.lease.assertHeld();
  // What is there and was not made by this environment stays unmarked, so that no policy ever deletes it.
  const isOurs = live === undefined || room.room === 'free' || isMade || isMember({ object: live, applySets });
  const applied = withoutTimeToLive(isOurs ? object : withoutClaim(object));
  // Where it was deleted just now, or was never there, nobody else may have made it meanwhile.
  const result = await cluster.apply({ resource, object: room.room === 'free' ? fenced({ object: applied, live: undefined }) : applied, dryRun: false });
  if (result.outcome === 'rejected' && result.status === 409) await run.lease.assertHeld('now');
  if (result.outcome === 'rejected') {
    const message = maskText({ text: result.message, objects: [object] });
    return failedAs(room.room === 'taken' && room.refusal !== undefined ? `it ${room.refusal.message}, is not deleted, and cannot be changed into the hook: ${message} (${handRemedy})` : message);
  }
  if (!runsToAnEnd(desired)) return through;
  return await awaitEnd(target, { ...running, uid: result.object.metadata.uid });
}

const handRemedy = 'delete it by hand, or give the hook another name';

/** Whether a hook finds its place free, finds there what stays and is applied over, with why it stays, or has to end there. */
type Room =
  | { readonly room: 'free' }
  | { readonly room: 'taken'; readonly refusal: Refusal | undefined }
  | { readonly room: 'none'; readonly end: HookEnd };

/** Deletes what is there under a hook's name, where it may be deleted, and waits for that. */
async function makeRoom(
  target: Target,
  { live, isMade, running, api, kept }: { live: KubernetesObject; isMade: boolean; running: Omit<RunningHook, 'uid'>; api: ClusterApi; kept: KeptObjects },
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
      const left = await read(target, { desired, resource });
      const since = timeOf(left?.metadata.deletionTimestamp);
      if (left === undefined) return { room: 'free' };
      if (since === undefined || run.ports.now().getTime() >= since + environment.timeout) return none(failedAs('the one of the last run is still being deleted'));
      return none({ end: 'left', left: { waitsFor: `waits for ${titleOf(running)}: the one of the last run is still being deleted` } });
    }
    case 'rejected':
      return none(failedAs(`the one of the last run could not be deleted: ${deleted.message}`));
    case 'changed':
      return none(failedAs(`the one of the last run could not be deleted: it ${deleted.message}`));
    case 'refused': {
      const { refusal } = deleted;
      if (runsToAnEnd(desired)) {
        const isHelms = !adopt && mayFollow({ object: live, applySets: ownSets(target), adopt: true });
        const remedy = isHelms ? `set spec.adopt: true where it is of Helm's earlier release, ${handRemedy}` : handRemedy;
        return none(failedAs(`what is there ${refusal.message}, and is not deleted (${remedy})`));
      }
      // What was there before is told once: then it names this environment.
      const isNews = refusal.why !== 'not-made' || live.metadata.annotations?.[environmentAnnotation] !== applySet.environment;
      if (isNews) kept.add(desired, `is not deleted before the hook, but applied over: it ${refusal.message}`);
      return { room: 'taken', refusal };
    }
  }
}

/** Whether it is a Job or Pod that has not come to its end. */
function isUnderWay({ live, desired }: { live: KubernetesObject; desired: DesiredObject }): boolean {
  return runsToAnEnd(desired) && live.metadata.deletionTimestamp === undefined && assessProgress(live).state === 'running';
}

/** Without the label by which hooks know what they made. */
function withoutClaim(object: KubernetesObject): KubernetesObject {
  const { [hookOfLabel]: _claim, ...labels } = object.metadata.labels ?? {};
  return { ...object, metadata: { ...object.metadata, labels } };
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

/** Deletes those of the hooks that have that policy. What cannot be deleted is told: the outcome of the hook stands. */
async function deleteByPolicy(
  target: Target,
  { hooks, policy, api, until, kept }: { hooks: readonly Hook[]; policy: DeletePolicy; api: ClusterApi; until: Date; kept: KeptObjects },
): Promise<void> {
  for (const { desired } of hooks.filter((hook) => mayDelete({ hook, policy }))) {
    const resource = await servedResource(target, { desired, api });
    if (resource === undefined) continue;
    const deleted = await deleteHookObject(target, { desired, resource, api, until });
    switch (deleted.outcome) {
      case 'gone':
        break;
      case 'leaving':
        target.run.ports.log('WARNING', "a hook's object is still being deleted", { environment: target.run.key, object: desired.key, policy });
        break;
      case 'refused':
        // What was there before was told when the hook was applied over it.
        if (deleted.refusal.why !== 'not-made') kept.add(desired, `is not deleted as ${policy} says: it ${deleted.refusal.message}`);
        break;
      case 'rejected':
        kept.add(desired, `could not be deleted as ${policy} says: ${deleted.message}`);
        break;
      case 'changed':
        kept.add(desired, `could not be deleted as ${policy} says: it ${deleted.message}`);
    }
  }
}

/** Deletes what is there now under a hook's name, and waits until it is gone: `leaving` where it is not by then. */
async function deleteHookObject(
  target: Target,
  { desired, resource, api, until }: { desired: DesiredObject; resource: ApiResource; api: ClusterApi; until: Date },
): Promise<Deletion> {
  const deleter = { ...target, api };
  const { id, object } = desired;
  const deleted = await deleteObject(deleter, { resource, id, applySets: ownSets(target), purpose: 'hook', desired: object, adopt: target.environment.adopt });
  if (deleted.outcome !== 'leaving') return deleted;
  const left = await awaitGone(deleter, { resource, id, uid: deleted.uid, until: until.getTime() });
  return left === undefined ? { outcome: 'gone' } : deleted;
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

/** Objects of hooks that stay though a policy deletes them, told together. */
interface KeptObjects {
  add(desired: DesiredObject, message: string): void;
  tell(): Promise<void>;
}

function openKeptObjects({ run, environment, cluster, attempted, revision }: Target): KeptObjects {
  const kept = new Map<string, ObjectDiff>();
  return {
    add({ key, id, object }, message) {
      if (!kept.has(key)) kept.set(key, wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'unexpected', message }));
    },
    async tell() {
      if (kept.size === 0) return;
      const divergence = divergenceOf({ reason: 'Guarded', revision, objects: [...kept.values()] });
      await tellDivergence(run, { divergence, environment: { ...environment, diffAfter: 0 }, attempted, cluster: cluster.name, action: 'none' });
    },
  };
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
