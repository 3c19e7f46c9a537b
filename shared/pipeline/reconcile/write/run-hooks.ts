import {
  extentOfParent,
  hookOfLabel,
  hookRunAnnotation,
  parentObject,
  recordBeside,
} from '../../../inventory/applyset.ts';
import {
  dueHooks,
  hasFailed,
  isCompleted,
  withCompleted,
  withFailed,
  withFinished,
  type DueHooks,
  type HookRecord,
  type ReleaseHooks,
} from '../../../inventory/hook-record.ts';
import { hookStandingOf, isMember } from '../../../inventory/membership.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { runsToAnEnd, withoutTimeToLive, type Hook, type HookPhase } from '../../../desired/hook.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { maskText } from '../../../drift/masking.ts';
import type { Why } from '../../../health/first-cause.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { hookRefusal } from '../../../ownership/refusal.ts';
import {
  deleteByPolicy,
  mayDelete,
  openKeptObjects,
  readHookObject,
  servedResource,
  type KeptObjects,
} from './delete-hooks.ts';
import { awaitEnd, failedAs, through, type HookEnd, type LeftHook, type RunningHook } from './hook-end.ts';
import { handRemedy, makeRoom, type Room } from './make-room.ts';
import type { ApplyResult } from '../../../ports/kubernetes.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';
import { ownSets, type Target } from '../run/target.ts';
import { writeParent } from './write-parent.ts';

/** Milliseconds that cleaning up after hooks may take at the least. */
const cleanUpFor = 10_000;

export interface FailedHook {
  readonly desired: DesiredObject;
  readonly message: string;
  readonly why?: Why | undefined;
}

/**
 * Record and parent as they are after the hooks of a phase, and the hook that failed or is not through, if there is
 * one.
 */
export interface HooksRun {
  readonly record: HookRecord;
  readonly parent: KubernetesObject | undefined;
  readonly failed: FailedHook | undefined;
  readonly left: LeftHook | undefined;
}

/**
 * Runs the hooks that are due in a phase, release by release, one at a time, each to its end. After each the parent
 * records it, so that a run killed between two of them goes on with the ones that are not through. The first that fails
 * ends it, and runs again at the next attempt.
 *
 * A Job or Pod that takes longer than a run may wait is left running, and the run that goes on waits for it, at most
 * for `spec.timeout` from its own start. A newer commit does not wait for it: where that commit changes the release,
 * its own hooks wait for its end before they delete it as their policies say.
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
    secrets,
  }: {
    phase: HookPhase;
    releases: readonly ReleaseHooks[];
    record: HookRecord;
    api: ClusterApi;
    parent: KubernetesObject | undefined;
    deleting?: boolean;
    /** Values of the Secrets among these are hidden in what containers of hooks say. */
    secrets: readonly KubernetesObject[];
  },
): Promise<HooksRun> {
  const journal = openJournal(target, { record, parent });
  const kept = openKeptObjects(target);
  let end: Pick<HooksRun, 'failed' | 'left'> = { failed: undefined, left: undefined };
  for (const due of dueHooks({ releases, record, phase, ...(deleting === undefined ? {} : { deleting }) })) {
    end = await runRelease(target, { due, journal, api, kept, secrets });
    if (end.failed !== undefined || end.left !== undefined) break;
  }
  await kept.tell();
  return { record: journal.record(), parent: journal.parent(), ...end };
}

async function runRelease(
  target: Target,
  {
    due,
    journal,
    api,
    kept,
    secrets,
  }: { due: DueHooks; journal: Journal; api: ClusterApi; kept: KeptObjects; secrets: readonly KubernetesObject[] },
): Promise<Pick<HooksRun, 'failed' | 'left'>> {
  const { run } = target;
  const until = () => new Date(Math.max(run.waitUntil().getTime(), run.ports.now().getTime() + cleanUpFor));
  for (const [index, hook] of due.hooks.entries()) {
    if (isCompleted({ record: journal.record(), due, hook })) continue;
    const failedBefore = hasFailed({ record: journal.record(), due, hook });
    const end = await runHook(target, { hook, due, failedBefore, api, kept, secrets });
    if (end.end === 'left') return { failed: undefined, left: end.left };
    if (end.end === 'through') {
      await journal.write(withCompleted({ record: journal.record(), due, hook }));
      continue;
    }
    const succeeded = due.hooks.slice(0, index).toReversed();
    // What is deleted now has to be there at the next attempt; a Job or a Pod that has succeeded has done its work for
    // good.
    const again = succeeded.filter(
      (one) => mayDelete({ hook: one, policy: 'hook-succeeded' }) && !runsToAnEnd(one.desired),
    );
    await journal.write(withFailed({ record: journal.record(), due, hook, again }));
    await deleteByPolicy(target, { hooks: [hook], policy: 'hook-failed', api, until: until(), kept });
    await deleteByPolicy(target, { hooks: succeeded, policy: 'hook-succeeded', api, until: until(), kept });
    return {
      failed: {
        ...{ desired: hook.desired, why: end.why },
        message: `the Helm hook ${due.event} of release ${due.release} failed: ${end.message}`,
      },
      left: undefined,
    };
  }
  // As Helm does it: the account that an early hook made serves the later ones.
  await deleteByPolicy(target, { hooks: due.hooks.toReversed(), policy: 'hook-succeeded', api, until: until(), kept });
  await journal.write(withFinished({ record: journal.record(), due }));
  return { failed: undefined, left: undefined };
}

/** Runs one hook to its end, or for as long as this run may wait. */
async function runHook(
  target: Target,
  {
    hook,
    due,
    failedBefore,
    api,
    kept,
    secrets,
  }: {
    hook: Hook;
    due: DueHooks;
    failedBefore: boolean;
    api: ClusterApi;
    kept: KeptObjects;
    secrets: readonly KubernetesObject[];
  },
): Promise<HookEnd> {
  const { environment } = target;
  const { desired } = hook;
  const { object, mark } = marked({ desired, due });
  const resource = await servedResource(target, { desired, api });
  if (resource === undefined)
    return failedAs(`the cluster does not serve ${desired.id.kind} in ${desired.object.apiVersion}`);
  const live = await readHookObject(target, { desired, resource });
  const applySets = ownSets(target);
  const refusal =
    live === undefined
      ? undefined
      : hookRefusal({ observed: live, desired: desired.object, applySets, adopt: environment.adopt });
  if (refusal !== undefined) return failedAs(`an object of that name ${refusal}`);
  const isMade = live !== undefined && hookStandingOf({ object: live, applySets }).standing === 'member';
  // A run that was killed began it: a migration must neither be cut off nor run twice.
  const begun =
    isMade &&
    !failedBefore &&
    live.metadata.annotations?.[hookRunAnnotation] === mark &&
    live.metadata.deletionTimestamp === undefined;
  const running = { desired, object, resource, due, secrets };
  if (begun && runsToAnEnd(desired)) return await awaitEnd(target, { ...running, uid: live.metadata.uid });

  const isStrangers = runsToAnEnd(desired) && !isMade;
  const mustGo =
    !begun &&
    (mayDelete({ hook, policy: 'before-hook-creation' }) || (runsToAnEnd(desired) && failedBefore) || isStrangers);
  const room: Room =
    live === undefined
      ? { room: 'free' }
      : mustGo
        ? await makeRoom(target, { live, isMade, running, api, kept })
        : { room: 'taken', refusal: undefined };
  if (room.room === 'none') return room.end;

  const result = await applyHook(target, { ...running, room: room.room });
  if (result.outcome === 'refused') return failedAs(result.message);
  if (result.outcome === 'rejected') {
    const message = maskText({ text: result.message, objects: [object] });
    return failedAs(
      room.room === 'taken' && room.refusal !== undefined
        ? `it ${room.refusal.message}, is not deleted, and cannot be changed into the hook: ${message} (${handRemedy})`
        : message,
    );
  }
  if (!runsToAnEnd(desired)) return through;
  return await awaitEnd(target, { ...running, uid: result.object.metadata.uid });
}

/** Why an object must not be applied over, or what the API server answered. */
type HookApplied = ApplyResult | { readonly outcome: 'refused'; readonly message: string };

/**
 * Applies a hook: where its place is free, so that nobody else may have made it meanwhile; else over the very
 * incarnation and version that was judged. What is there and was not made by this environment stays unmarked, so that
 * no policy ever deletes it.
 */
async function applyHook(
  target: Target,
  { desired, object, resource, room }: Omit<RunningHook, 'uid' | 'due' | 'secrets'> & { room: 'free' | 'taken' },
): Promise<HookApplied> {
  const { run, cluster, environment } = target;
  const applySets = ownSets(target);
  for (let look = 1; ; look++) {
    const live = room === 'free' ? undefined : await readHookObject(target, { desired, resource });
    const message =
      live === undefined
        ? undefined
        : hookRefusal({ observed: live, desired: desired.object, applySets, adopt: environment.adopt });
    if (message !== undefined) return { outcome: 'refused', message: `an object of that name ${message}` };
    const isOurs =
      live === undefined ||
      hookStandingOf({ object: live, applySets }).standing === 'member' ||
      isMember({ object: live, applySets });
    await run.lease.assertHeld(look === 1 ? undefined : 'now');
    const applied = withoutTimeToLive(isOurs ? object : withoutClaim(object));
    const result = await cluster.apply({ resource, object: fenced({ object: applied, live }), dryRun: false });
    if (result.outcome !== 'rejected' || result.status !== 409) return result;
    const made = room === 'free' ? await madeBefore(target, { desired, object, resource }) : undefined;
    await run.lease.assertHeld('now');
    if (made !== undefined) return { outcome: 'applied', object: made };
    if (room === 'free' || look === conflictLooks) return result;
    await run.ports.sleep(conflictPause(look));
  }
}

/** What a request made whose answer was lost: nothing was there, and now it is what this very run of the hook applies. */
async function madeBefore(
  target: Target,
  { desired, object, resource }: Pick<RunningHook, 'desired' | 'object' | 'resource'>,
): Promise<KubernetesObject | undefined> {
  const live = await readHookObject(target, { desired, resource });
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return undefined;
  const isOfThisRun =
    live.metadata.annotations?.[hookRunAnnotation] === object.metadata.annotations?.[hookRunAnnotation];
  return isOfThisRun && hookStandingOf({ object: live, applySets: ownSets(target) }).standing === 'member'
    ? live
    : undefined;
}

/** Without the label by which hooks know what they made. */
function withoutClaim(object: KubernetesObject): KubernetesObject {
  const { [hookOfLabel]: _claim, ...labels } = object.metadata.labels ?? {};
  return { ...object, metadata: { ...object.metadata, labels } };
}

function marked({ desired, due }: { desired: DesiredObject; due: DueHooks }): {
  object: KubernetesObject;
  mark: string;
} {
  const mark = `${due.event} ${due.key}`;
  const { metadata } = desired.object;
  return {
    mark,
    object: {
      ...desired.object,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [hookRunAnnotation]: mark } },
    },
  };
}

/** The record as it is now, and in the cluster. */
interface Journal {
  record(): HookRecord;
  parent(): KubernetesObject | undefined;
  write(record: HookRecord): Promise<void>;
}

function openJournal(
  { run, cluster, applySet }: Target,
  begin: { record: HookRecord; parent: KubernetesObject | undefined },
): Journal {
  let { record, parent } = begin;
  return {
    record: () => record,
    parent: () => parent,
    async write(next) {
      const desired = parentObject({
        applySet,
        extent: extentOfParent(parent),
        record: recordBeside(parent),
        hooks: next,
      });
      parent = await writeParent({ run, cluster, observed: parent, desired });
      record = next;
    },
  };
}
