import { coOwnedFields } from '../../../drift/field-diff.ts';
import { pointer } from '../../../fields/field-path.ts';
import { ownedPart } from '../../../fields/owned-fields.ts';
import { desiredBeside, withoutIgnored } from '../../../fields/ignored-fields.ts';
import { fingerprint } from '../../../drift/fingerprint.ts';
import { mutatedFields } from '../../../drift/mutated-fields.ts';
import { noticesOf, type Notices } from '../../../drift/notices.ts';
import { environmentKey } from '../../../base/revision.ts';
import type { ApplySet } from '../../../inventory/applyset.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { RefusalCause } from '../../../objects/refusal-cause.ts';
import { maskText } from '../../../drift/masking.ts';
import { goesAlong, mayReplace, probeOf, verdictOf } from '../../../objects/replacement.ts';
import { madeBy } from '../../../ownership/deletion-guard.ts';
import { refusedBeside } from '../../../ownership/outlived-defaults.ts';
import { foreignOwnerOf, ownersRefusal, refusalOf } from '../../../ownership/refusal.ts';
import { suspensionOf, suspensionProblem, suspensionWords } from '../../../ownership/suspended-object.ts';
import { keptByOthers, managedFieldsToWrite } from '../../../ownership/take-over.ts';
import type { ApplyResult } from '../../../ports/kubernetes.ts';
import { awaitGone, deleteObject } from './delete-object.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';
import { ownSets, type Target } from '../run/target.ts';

/**
 * One object to apply, and what is there of it: its metadata at least, all of it where fields are ignored, undefined
 * where nothing is.
 */
export interface ObjectToApply {
  readonly desired: DesiredObject;
  readonly resource: ApiResource;
  readonly present: KubernetesObject | undefined;
  /** Paths that were told of it before. */
  readonly noted: readonly string[] | undefined;
}

export type ObjectOutcome =
  | {
      readonly outcome: 'applied';
      readonly did: 'created' | 'configured' | 'unchanged';
      readonly object: KubernetesObject;
      readonly notices: Notices;
    }
  | { readonly outcome: 'failed'; readonly message: string };

/**
 * Applies one object: refuses what is somebody else's, takes over what earlier tools own of it, and writes only the
 * incarnation that was read: what was deleted and made anew meanwhile has other owners, which nobody judged. Where the
 * API server says that it changed, the lease is looked at again, then the object. What it refuses for good is told in
 * its own words.
 */
export async function applyObject(target: Target, toApply: ObjectToApply): Promise<ObjectOutcome> {
  const { run, cluster } = target;
  const { desired, resource } = toApply;
  let present = toApply.present;
  for (let look = 1; ; look++) {
    const attempt = await attemptApply(target, { ...toApply, present });
    if (attempt.outcome === 'applied') {
      const isLater = look > 1 && attempt.did === 'unchanged';
      return isLater ? { ...attempt, did: didSince(toApply.present, attempt.object) } : attempt;
    }
    if (attempt.outcome === 'failed' || look === conflictLooks)
      return { outcome: 'failed', message: maskText({ text: attempt.message, objects: [desired.object, present] }) };
    await run.ports.sleep(conflictPause(look));
    present = await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
    await run.lease.assertHeld('now');
  }
}

/**
 * What was done to what was read first, where nothing is left to do: by a request whose answer was lost, as only what is
 * ours is as we would apply it.
 */
function didSince(
  first: KubernetesObject | undefined,
  object: KubernetesObject,
): 'created' | 'configured' | 'unchanged' {
  if (first === undefined) return 'created';
  return fingerprint(first) === fingerprint(object) ? 'unchanged' : 'configured';
}

type Conflict = { readonly outcome: 'conflict'; readonly message: string };

async function attemptApply(target: Target, toApply: ObjectToApply): Promise<ObjectOutcome | Conflict> {
  const { applySet, environment, others } = target;
  const { desired, present, noted } = toApply;
  const { id, ignored = [] } = desired;
  const givenUp: Pick<ApplySet, 'id' | 'environment'>[] = [];
  if (present !== undefined) {
    // It was not, when this run looked; or it is no member yet.
    const suspension = suspensionOf({ object: present, in: 'cluster', now: target.run.ports.now() });
    if (suspension !== undefined) return { outcome: 'failed', message: `is ${suspensionWords(suspension)}` };
    const owner = foreignOwnerOf({ observed: present, applySet });
    const message =
      owner === undefined
        ? refusalOf({ observed: present, desired: desired.object, adopt: environment.adopt })
        : ownersRefusal({ owner, said: await others.answerOf({ owner, key: desired.key }) });
    if (message !== undefined) return { outcome: 'failed', message };
    if (owner !== undefined) await others.assertNewest();
    if (owner?.environment !== undefined)
      givenUp.push({
        id: owner.set,
        environment: environmentKey({ repository: target.run.repository, environment: owner.environment }),
      });
  }
  const object =
    present === undefined
      ? desired.object
      : desiredBeside({ desired: desired.object, observed: present, ignored, purpose: 'apply' });
  const written = await writeOver(target, { ...toApply, object });
  if (written.outcome === 'conflict') return written;
  const { live, result } = written;
  if (result.outcome === 'rejected')
    return result.status === 422 && live !== undefined
      ? await explain(target, { ...toApply, object, live, givenUp, refusal: result })
      : failureOf(result);

  const coOwned = coOwnedFields({
    observed: result.object,
    kept: live === undefined ? [] : keptByOthers({ before: live, after: result.object, ignored }),
    ignored,
  });
  const mutated = mutatedFields({ applied: withoutIgnored(object, ignored), stored: result.object });
  const problem = suspensionProblem(result.object);
  const notices = noticesOf({ id, apiVersion: object.apiVersion, mutated, coOwned, problem, noted });
  const untouched =
    present !== undefined && present.metadata.resourceVersion === result.object.metadata.resourceVersion;
  return {
    outcome: 'applied',
    did: present === undefined ? 'created' : untouched ? 'unchanged' : 'configured',
    object: result.object,
    notices,
  };
}

/** How often what the API server refuses beside Git's fields is taken over: it may name one after another. */
const rounds = 3;

type Written = {
  readonly outcome: 'written';
  readonly live: KubernetesObject | undefined;
  readonly result: ApplyResult;
};

/**
 * Applies an object over what is there, once the fields that are to go are ours. What a refusal then names beside Git's
 * fields, and nobody owns, was defaulted for what Git no longer says: it is made ours, too.
 */
async function writeOver(
  target: Target,
  toApply: ObjectToApply & { object: KubernetesObject },
): Promise<Written | Conflict> {
  const { cluster } = target;
  const { desired, resource, object } = toApply;
  let live = toApply.present;
  const taken = await takeOver(target, { ...toApply, live });
  if (taken?.outcome === 'rejected') return { outcome: 'written', live, result: taken };
  live = taken?.object ?? live;
  for (let round = 1; ; round++) {
    const result = await cluster.apply({ resource, object: fenced({ object, live }), dryRun: false });
    if (
      live === undefined ||
      result.outcome === 'applied' ||
      result.status !== 422 ||
      result.causes.length === 0 ||
      round === rounds
    )
      return { outcome: 'written', live, result };
    const whole = isWhole(live)
      ? live
      : await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
    if (whole?.metadata.uid !== live.metadata.uid || whole?.metadata.resourceVersion !== live.metadata.resourceVersion)
      return { outcome: 'conflict', message: result.message };
    live = whole;
    const claimed = await takeOver(target, { ...toApply, live, causes: result.causes });
    if (claimed?.outcome !== 'applied') return { outcome: 'written', live, result: claimed ?? result };
    live = claimed.object;
  }
}

/** Of objects that are new to the inventory, only the metadata was read. */
function isWhole(object: KubernetesObject): boolean {
  return Object.keys(object).some((field) => !['apiVersion', 'kind', 'metadata'].includes(field));
}

/**
 * Makes the fields that are to go ours, where there are any that are not, and resolves with the object as it then is.
 */
async function takeOver(
  { cluster }: Target,
  {
    desired,
    object,
    resource,
    live,
    causes,
  }: Pick<ObjectToApply, 'desired' | 'resource'> & {
    object: KubernetesObject;
    live: KubernetesObject | undefined;
    causes?: readonly RefusalCause[];
  },
): Promise<ApplyResult | undefined> {
  const { uid, resourceVersion } = live?.metadata ?? {};
  if (live === undefined || uid === undefined || resourceVersion === undefined) return undefined;
  const managedFields = managedFieldsToWrite({ desired: object, observed: live, ignored: desired.ignored, causes });
  if (managedFields === undefined) return undefined;
  return await cluster.writeManagedFields({
    resource,
    namespace: desired.id.namespace,
    name: desired.id.name,
    uid,
    resourceVersion,
    managedFields,
  });
}

function failureOf({ status, message }: { status: number; message: string }): ObjectOutcome | Conflict {
  return status === 409 ? { outcome: 'conflict', message } : { outcome: 'failed', message };
}

type Rejected = Extract<ApplyResult, { outcome: 'rejected' }>;
interface Refused extends ObjectToApply {
  readonly object: KubernetesObject;
  readonly live: KubernetesObject;
  /** The set that owned it, where its environment does not want it any more. */
  readonly givenUp: readonly Pick<ApplySet, 'id' | 'environment'>[];
  readonly refusal: Rejected;
}

/**
 * What a 422 means: another manager's field is in the way, the object is invalid, or a field that never changes did. A
 * dry run under another name tells the last two apart.
 */
async function explain(target: Target, refused: Refused): Promise<ObjectOutcome | Conflict> {
  const { environment } = target;
  const { desired, resource, object, live, refusal } = refused;
  const { message, causes } = refusal;
  const [beside] = refusedBeside({ desired: object, observed: live, ignored: desired.ignored, causes });
  if (beside !== undefined)
    return {
      outcome: 'failed',
      message: `${message} (${pointer(beside.path)} is set by ${beside.manager}, and goes only where that gives it up)`,
    };
  const probe = await tryAnew(target, { resource, object: desired.object });
  const verdict = verdictOf({ refusal, probe: probe.outcome === 'applied' ? 'accepted' : probe });
  if (verdict === 'invalid') return { outcome: 'failed', message };
  if (verdict !== 'never changes' && probe.outcome === 'rejected') {
    // A quota that is full, or a policy on names, denies what is there under another name as well; what denies only
    // Git's would deny it after the deletion.
    const same = verdict === 'denied' ? await tryAnew(target, { resource, object: ownedPart(live) }) : undefined;
    if (same?.outcome !== 'rejected' || same.status !== probe.status)
      return {
        outcome: 'failed',
        message: `${message} (whether it could be made anew cannot be told: ${probe.message})`,
      };
  }
  if (!mayReplace({ object: desired.object, environment })) {
    const along = goesAlong(desired.id);
    return {
      outcome: 'failed',
      message: `needs replacement: ${message} (the annotation converge.dev/replace: "true" allows it${along === undefined ? '' : `; ${along}`})`,
    };
  }
  return await replace(target, refused);
}

/** A dry run of making an object under another name. */
async function tryAnew(
  { cluster }: Target,
  { resource, object }: { resource: ApiResource; object: KubernetesObject },
): Promise<ApplyResult> {
  return await cluster.apply({ resource, object: fenced({ object: probeOf(object), live: undefined }), dryRun: true });
}

/** How often an object that was deleted is made anew: a quota counts what is gone for a moment still. */
const creations = 10;

/** Deletes an object, where this environment made it, and makes it anew. */
async function replace(
  target: Target,
  { desired, resource, present, live, givenUp, refusal: { message } }: Refused,
): Promise<ObjectOutcome | Conflict> {
  const { run, cluster } = target;
  const { id } = desired;
  const deleted = await deleteObject(target, {
    resource,
    id,
    live,
    applySets: [...ownSets(target), ...givenUp],
    purpose: 'replace',
    desired: desired.object,
    maker: present === undefined ? undefined : madeBy(present),
  });
  switch (deleted.outcome) {
    case 'refused':
      return {
        outcome: 'failed',
        message: `needs replacement, and is not deleted for it, since it ${deleted.refusal.message}: ${message} (delete it by hand, and the next run makes it anew)`,
      };
    case 'rejected':
      return { outcome: 'failed', message: `needs replacement, and could not be deleted: ${deleted.message}` };
    case 'changed':
      return { outcome: 'conflict', message };
    case 'leaving':
      if ((await awaitGone(target, { resource, id, uid: deleted.uid, until: run.waitUntil().getTime() })) === undefined)
        break;
      return { outcome: 'failed', message: 'needs replacement, and is still being deleted; the next run goes on' };
    case 'gone':
  }
  let result = await cluster.apply({
    resource,
    object: fenced({ object: desired.object, live: undefined }),
    dryRun: false,
  });
  for (let creation = 1; creation < creations && result.outcome === 'rejected' && result.status === 403; creation++) {
    await run.ports.sleep(conflictPause(creation));
    await run.lease.assertHeld();
    result = await cluster.apply({
      resource,
      object: fenced({ object: desired.object, live: undefined }),
      dryRun: false,
    });
  }
  if (result.outcome === 'rejected')
    return failureOf({ ...result, message: `was deleted to be made anew, which is refused: ${result.message}` });
  const notices = noticesOf({
    id: desired.id,
    apiVersion: desired.object.apiVersion,
    mutated: mutatedFields({ applied: withoutIgnored(desired.object, desired.ignored ?? []), stored: result.object }),
    coOwned: [],
  });
  return { outcome: 'applied', did: 'configured', object: result.object, notices };
}
