import { coOwnedFields } from '../../drift/field-diff.ts';
import { desiredBeside, withoutIgnored } from '../../drift/ignored-fields.ts';
import { mutatedFields } from '../../drift/mutated-fields.ts';
import { noticesOf, type Notices } from '../../drift/notices.ts';
import { environmentKey } from '../../environment/revision.ts';
import type { ApplySet } from '../../inventory/applyset.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { DesiredObject } from '../../objects/desired.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { maskText } from '../../objects/masking.ts';
import { mayReplace, probeOf } from '../../objects/replacement.ts';
import { foreignOwnerOf, ownersRefusal, refusalOf } from '../../ownership/refusal.ts';
import { keptByOthers, managedFieldsToWrite } from '../../ownership/take-over.ts';
import type { ApplyResult } from '../ports.ts';
import { awaitGone, deleteObject } from './delete-object.ts';
import { ownSets, type Target } from './target.ts';

/** How often an object that others change meanwhile is looked at anew. */
const looks = 6;
/** Milliseconds before the next look, doubling. */
const firstPause = 50;
const slowestPause = 1_000;

/** etcd counts from 1, and takes the first write as 2: https://etcd.io/docs/v3.6/learning/api/ */
const noVersion = '1';

/** One object to apply, and what is there of it: its metadata at least, all of it where fields are ignored, undefined where nothing is. */
export interface ObjectToApply {
  readonly desired: DesiredObject;
  readonly resource: ApiResource;
  readonly present: KubernetesObject | undefined;
  /** Paths that were told of it before. */
  readonly noted: readonly string[] | undefined;
}

export type ObjectOutcome =
  | { readonly outcome: 'applied'; readonly did: 'created' | 'configured' | 'unchanged'; readonly object: KubernetesObject; readonly notices: Notices }
  | { readonly outcome: 'failed'; readonly message: string };

/**
 * Applies one object: refuses what is somebody else's, takes over what earlier tools own of it, and writes only the
 * incarnation that was read (rule 15). Where the API server says that it changed, the lease is looked at again, then the
 * object. What it refuses for good is told in its own words.
 */
export async function applyObject(target: Target, toApply: ObjectToApply): Promise<ObjectOutcome> {
  const { run, cluster } = target;
  const { desired, resource } = toApply;
  let present = toApply.present;
  for (let look = 1; ; look++) {
    const attempt = await attemptApply(target, { ...toApply, present });
    if (attempt.outcome === 'applied') return attempt;
    if (attempt.outcome === 'failed' || look === looks) return { outcome: 'failed', message: maskText({ text: attempt.message, objects: [desired.object, present] }) };
    await run.ports.sleep(pause(look));
    await run.lease.assertHeld('now');
    present = await cluster.get({ resource, namespace: desired.id.namespace, name: desired.id.name });
  }
}

/** With jitter: several writers that met once are not to meet again. */
function pause(look: number): number {
  return Math.min(firstPause * 2 ** look, slowestPause) * (0.5 + Math.random());
}

type Conflict = { readonly outcome: 'conflict'; readonly message: string };

async function attemptApply(target: Target, toApply: ObjectToApply): Promise<ObjectOutcome | Conflict> {
  const { cluster, applySet, environment, others } = target;
  const { desired, resource, present, noted } = toApply;
  const { id, ignored = [] } = desired;
  const givenUp: Pick<ApplySet, 'id' | 'environment'>[] = [];
  if (present !== undefined) {
    const owner = foreignOwnerOf({ observed: present, applySet });
    const message =
      owner === undefined
        ? refusalOf({ observed: present, desired: desired.object, adopt: environment.adopt })
        : ownersRefusal({ owner, said: await others.answerOf({ owner, key: desired.key }) });
    if (message !== undefined) return { outcome: 'failed', message };
    if (owner !== undefined) await others.assertNewest();
    if (owner?.environment !== undefined) givenUp.push({ id: owner.set, environment: environmentKey({ repository: target.run.repository, environment: owner.environment }) });
  }
  const object = present === undefined ? desired.object : desiredBeside({ desired: desired.object, observed: present, ignored, purpose: 'apply' });
  const taken = await takeOver(target, { ...toApply, object });
  if (taken?.outcome === 'rejected') return failureOf(taken);
  const live = taken?.object ?? present;
  const result = await cluster.apply({ resource, object: fenced({ object, live }), dryRun: false });
  if (result.outcome === 'rejected') return result.status === 422 && live !== undefined ? await replace(target, { ...toApply, live, givenUp, message: result.message }) : failureOf(result);

  const coOwned = coOwnedFields({ observed: result.object, kept: live === undefined ? [] : keptByOthers({ before: live, after: result.object, ignored }), ignored });
  const mutated = mutatedFields({ applied: withoutIgnored(object, ignored), stored: result.object });
  const notices = noticesOf({ id, apiVersion: object.apiVersion, mutated, coOwned, noted });
  const untouched = present !== undefined && present.metadata.resourceVersion === result.object.metadata.resourceVersion;
  return { outcome: 'applied', did: present === undefined ? 'created' : untouched ? 'unchanged' : 'configured', object: result.object, notices };
}

/** Makes the fields of earlier tools ours, where there are any, and resolves with the object as it then is. */
async function takeOver({ cluster }: Target, { desired, object, resource, present }: ObjectToApply & { object: KubernetesObject }): Promise<ApplyResult | undefined> {
  const { uid, resourceVersion } = present?.metadata ?? {};
  if (present === undefined || uid === undefined || resourceVersion === undefined) return undefined;
  const managedFields = managedFieldsToWrite({ desired: object, observed: present, ignored: desired.ignored });
  if (managedFields === undefined) return undefined;
  return await cluster.writeManagedFields({ resource, namespace: desired.id.namespace, name: desired.id.name, uid, resourceVersion, managedFields });
}

/**
 * Writes the incarnation that was read, or none. With the uid too: a resourceVersion alone makes a deleted object anew. That is
 * how a create is fenced: by a version that no object has, it succeeds where nothing is and is a 409 where something is. What it
 * cannot tell is an object that was never there from one that a newer revision deleted: the next look prunes that.
 */
export function fenced({ object, live }: { object: KubernetesObject; live: KubernetesObject | undefined }): KubernetesObject {
  if (live === undefined) return { ...object, metadata: { ...object.metadata, resourceVersion: noVersion } };
  const { uid, resourceVersion } = live.metadata;
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion } };
}

function failureOf({ status, message }: { status: number; message: string }): ObjectOutcome | Conflict {
  return status === 409 ? { outcome: 'conflict', message } : { outcome: 'failed', message };
}

/**
 * A 422 says either that the object is invalid or that a field of it never changes. If it could be created under another
 * name it is the latter (rule 13): then it is made anew, where Git says that it may be, and this environment made it.
 *
 * @param givenUp the set that owned it, where its environment does not want it any more
 */
async function replace(
  target: Target,
  { desired, resource, live, givenUp, message }: ObjectToApply & { live: KubernetesObject; givenUp: readonly Pick<ApplySet, 'id' | 'environment'>[]; message: string },
): Promise<ObjectOutcome | Conflict> {
  const { run, cluster, environment } = target;
  const { id } = desired;
  const probe = await cluster.apply({ resource, object: probeOf(desired.object), dryRun: true });
  if (probe.outcome === 'rejected') return { outcome: 'failed', message };
  if (!mayReplace({ object: desired.object, environment })) {
    return { outcome: 'failed', message: `needs replacement: ${message} (the annotation converge.dev/replace: "true" allows it)` };
  }
  const deleted = await deleteObject(target, { resource, id, live, applySets: [...ownSets(target), ...givenUp], purpose: 'replace', desired: desired.object });
  switch (deleted.outcome) {
    case 'refused':
      return { outcome: 'failed', message: `needs replacement, and is not deleted for it, since it ${deleted.refusal.message}: ${message} (delete it by hand, and the next run makes it anew)` };
    case 'rejected':
      return { outcome: 'failed', message: `needs replacement, and could not be deleted: ${deleted.message}` };
    case 'changed':
      return { outcome: 'conflict', message };
    case 'leaving':
      if ((await awaitGone(target, { resource, id, uid: deleted.uid, until: run.waitUntil().getTime() })) === undefined) break;
      return { outcome: 'failed', message: 'needs replacement, and is still being deleted; the next run goes on' };
    case 'gone':
  }
  const result = await cluster.apply({ resource, object: fenced({ object: desired.object, live: undefined }), dryRun: false });
  if (result.outcome === 'rejected') return failureOf(result);
  const notices = noticesOf({ id: desired.id, apiVersion: desired.object.apiVersion, mutated: mutatedFields({ applied: withoutIgnored(desired.object, desired.ignored ?? []), stored: result.object }), coOwned: [] });
  return { outcome: 'applied', did: 'configured', object: result.object, notices };
}
