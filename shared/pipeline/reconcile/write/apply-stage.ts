import { isUndiscoverable, resourceOf } from '../../../desired/desired.ts';
import { fingerprint } from '../../../drift/fingerprint.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { dependenciesOf, type Definitions } from '../../../objects/dependencies.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import { isShortLived } from '../../../objects/short-lived.ts';
import type { Change } from '../../../plan/change-set.ts';
import type { AppliedAction, RememberedObject } from '../../../plan/plan.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';
import { applyObject } from './apply-object.ts';

/** What the stages of an apply go by. */
export interface Groundwork {
  /** Which kinds the desired objects define. */
  readonly definitions: Definitions;
  /** What the cluster held of the objects that are new to the inventory, by key. */
  readonly present: ReadonlyMap<string, KubernetesObject>;
  /** The API as it was before anything was defined. */
  readonly api: ClusterApi;
}

/** What an apply has done so far. It grows object by object, so that what a failure interrupts is not lost. */
export interface Done {
  readonly changes: Change[];
  readonly remembered: Record<string, RememberedObject>;
  readonly notices: ObjectDiff[];
  /** What the API server answered for each object that was applied, by key. */
  readonly answers: Map<string, KubernetesObject>;
  /** What others cannot build on, by key, and why. */
  readonly broken: Map<string, string>;
}

/** Applies the objects of one stage side by side, and adds them to what is done. */
export async function applyStage(
  target: Target,
  request: { due: readonly AppliedAction[]; groundwork: Groundwork; done: Done; api: ClusterApi },
): Promise<void> {
  const { due, done } = request;
  await inParallel(due, async (action) => {
    const change = await applyOne(target, { ...request, action });
    done.changes.push(change);
    if (change.did === 'failed' || change.did === 'blocked')
      done.broken.set(
        action.desired.key,
        `${objectTitle(change.id)}, which ${change.did === 'failed' ? 'failed' : 'is blocked'}`,
      );
  });
}

async function applyOne(
  target: Target,
  {
    action,
    groundwork: { definitions, present, api: apiBefore },
    done,
    api,
  }: { action: AppliedAction; groundwork: Groundwork; done: Done; api: ClusterApi },
): Promise<Change> {
  const { run } = target;
  const { desired } = action;
  await run.lease.assertHeld();
  const failed = (message: string): Change => ({ id: desired.id, did: 'failed', message });
  const needed = dependenciesOf({ object: desired.object, definitions }).find(
    (key) => key !== desired.key && done.broken.has(key),
  );
  if (needed !== undefined)
    return { id: desired.id, did: 'blocked', message: `Blocked: needs ${done.broken.get(needed) ?? needed}` };
  if (isUndiscoverable({ desired, api: apiBefore }))
    return failed(`the API ${desired.object.apiVersion} cannot be discovered: its backend does not answer`);
  const resource = resourceOf({ api, object: desired.object });
  if (resource === undefined)
    return failed(
      `the cluster does not serve ${desired.id.kind} in ${desired.object.apiVersion}; is its CRD installed?`,
    );
  const result = await applyObject(target, {
    desired,
    resource,
    present:
      action.action === 'configure' || action.action === 'verify' ? action.observed.object : present.get(desired.key),
    noted: run.memoryFile.memory().objects[desired.key]?.noted,
  });
  if (result.outcome === 'failed') return failed(result.message);
  const { diffs, noted } = result.notices;
  done.notices.push(...diffs);
  done.answers.set(desired.key, result.object);
  const observed = fingerprint(result.object);
  if (observed !== undefined) {
    done.remembered[desired.key] = {
      desired: desired.hash,
      observed,
      apiVersion: desired.object.apiVersion,
      ...(noted.length === 0 ? {} : { noted }),
      ...(isShortLived(desired.object) ? { shortLived: true } : {}),
      ...{ source: desired.source, commit: target.commit.id },
    };
  }
  return { id: desired.id, did: result.did };
}
