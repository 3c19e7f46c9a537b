import { wholeObjectDiff } from '../../../drift/divergence.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { renderKeyAnnotation } from '../../../inventory/applyset.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { ObjectId } from '../../../objects/object-id.ts';
import type { Suspension } from '../../../ownership/suspended-object.ts';
import type { PlannedAction, RememberedObjects } from '../../../plan/plan.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Run } from '../run/run.ts';
import type { Target } from '../run/target.ts';
import { leftAlone, suspendedDrift } from './suspended-drift.ts';
import { verifyObject, type Drift, type Finding } from './verify-object.ts';

/** The plan after the dry runs: what turned out to agree is kept, and what drifted is named. */
export interface Verified {
  readonly actions: readonly PlannedAction[];
  /** What differs though no commit changed it. */
  readonly drift: readonly Drift[];
  /** New fingerprints of objects that agree after all: a dry run changes none of their fields. */
  readonly renewed: RememberedObjects;
  /** What is told once, and keeps nothing from converging. */
  readonly notices: readonly ObjectDiff[];
}

/**
 * Asks the API server, by a dry run of the apply, what each object whose fingerprint says nothing or something else
 * would become. Nothing is written.
 *
 * Where the memory is lost, the inventory's parent still tells whether a commit changed anything since it converged.
 */
export async function verifyPlan(
  { run, cluster, api }: Pick<Target, 'cluster' | 'api'> & { readonly run: Pick<Run, 'memoryFile'> },
  {
    plan,
    observed,
    renderKey,
    suspensions,
  }: {
    plan: readonly PlannedAction[];
    observed: ObservedState;
    renderKey: string;
    /** What is left alone, by key: it is kept, and told to drift where it differs, whoever made it differ. */
    suspensions: ReadonlyMap<string, Suspension>;
  },
): Promise<Verified> {
  const { objects: remembered, left } = run.memoryFile.memory();
  const recorded = observed.parent?.metadata.annotations?.[renderKeyAnnotation] === renderKey;
  const isUnexpected = (key: string) =>
    Object.keys(remembered).length > 0 && remembered[key] === undefined && !left.includes(key);
  const findings = await inParallel(plan, async (action): Promise<Finding> => {
    if (action.action === 'recreate')
      return { action, drift: wholeDrift({ ...action.desired, change: 'missing', message: 'is missing' }) };
    if (action.action === 'prune' && isUnexpected(action.observed.key))
      return {
        action,
        drift: wholeDrift({ ...action.observed, change: 'unexpected', message: 'is in the inventory, but not in Git' }),
      };
    if (action.action !== 'verify' && action.action !== 'leave') return { action };
    const { key, hash } = action.desired;
    const before = remembered[key];
    if (action.action === 'leave')
      return await leftAlone({ cluster, api }, { action, before, isMember: observed.objects.has(key) });
    return await verifyObject(
      { cluster, api },
      {
        action,
        before,
        isUnchangedByCommits: before === undefined ? recorded : before.desired === hash,
        isMember: observed.objects.has(key),
      },
    );
  });
  return {
    actions: findings.map(({ action }) => action),
    drift: findings.flatMap(({ drift }) => (drift === undefined ? [] : suspendedDrift(drift, suspensions))),
    renewed: Object.fromEntries(findings.flatMap(({ renewed }) => (renewed === undefined ? [] : [renewed]))),
    notices: findings.flatMap(({ notices }) => notices ?? []),
  };
}

/** An object that is there against Git, or is not. */
function wholeDrift({
  key,
  id,
  object,
  source,
  change,
  message,
}: {
  key: string;
  id: ObjectId;
  object: KubernetesObject;
  source?: string;
  change: 'missing' | 'unexpected';
  message: string;
}): Drift {
  return { key, diff: wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message, source }) };
}
