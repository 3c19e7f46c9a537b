import type { ObjectDiff } from '../../events/alert.ts';
import { diffFields } from '../../drift/field-diff.ts';
import { fingerprint } from '../../drift/fingerprint.ts';
import { maskFields } from '../../objects/masking.ts';
import { resourceOf } from '../../objects/desired.ts';
import type { PlannedAction, RememberedObject, RememberedObjects } from '../../plan/plan.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { Cluster } from '../ports.ts';
import { inParallel } from './parallel.ts';

/** The plan after the dry runs: what turned out to agree is kept, and what drifted is named. */
export interface Verified {
  readonly actions: readonly PlannedAction[];
  /** Fields that differ though no commit changed them. */
  readonly drift: readonly ObjectDiff[];
  /** Keys of the objects in `drift`. */
  readonly drifted: ReadonlySet<string>;
  /** New fingerprints of objects that agree after all (rule 7). */
  readonly renewed: Readonly<Record<string, RememberedObject>>;
}

/**
 * Asks the API server, by a dry run of the apply, what each object whose fingerprint says nothing or something else would
 * become. Nothing is written.
 */
export async function verifyPlan({
  plan,
  remembered,
  left,
  cluster,
  api,
}: {
  plan: readonly PlannedAction[];
  remembered: RememberedObjects;
  /** Keys of stale objects that the last run left alone. */
  left: readonly string[];
  cluster: Cluster;
  api: ClusterApi;
}): Promise<Verified> {
  const drift: ObjectDiff[] = [];
  const drifted = new Set<string>();
  const renewed: Record<string, RememberedObject> = {};

  const isUnexpected = (key: string) => Object.keys(remembered).length > 0 && remembered[key] === undefined && !left.includes(key);

  const actions = await inParallel(plan, async (action): Promise<PlannedAction> => {
    if (action.action === 'recreate') {
      drift.push({ ...identity(action.desired.object), change: 'missing', message: 'is missing', fields: [] });
      drifted.add(action.desired.key);
      return action;
    }
    if (action.action === 'prune' && isUnexpected(action.observed.key)) {
      drift.push({ ...identity(action.observed.object), change: 'unexpected', message: 'is in the inventory, but not in Git', fields: [] });
      drifted.add(action.observed.key);
      return action;
    }
    if (action.action !== 'verify') return action;

    const { desired, observed } = action;
    const resource = resourceOf({ api, object: desired.object });
    if (resource === undefined) return { ...action, action: 'configure' };
    const dryRun = await cluster.apply({ resource, object: desired.object, dryRun: true });
    if (dryRun.outcome === 'rejected') return { ...action, action: 'configure' };
    const fields = diffFields({ desired: dryRun.object, observed: observed.object });
    const current = fingerprint(observed.object);
    if (fields.length === 0 && current !== undefined) {
      renewed[desired.key] = { desired: desired.hash, observed: current, apiVersion: desired.object.apiVersion };
      return { ...action, action: 'keep' };
    }
    if (fields.length > 0 && remembered[desired.key]?.desired === desired.hash) {
      const masked = maskFields({ id: desired.id, fields });
      drift.push({ ...identity(desired.object), change: 'modified', message: differs(masked.map((field) => field.path)), fields: masked });
      drifted.add(desired.key);
    }
    return { ...action, action: 'configure' };
  });
  drift.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  return { actions, drift, drifted, renewed };
}

function identity(object: { apiVersion: string; kind: string; metadata: { namespace?: string; name?: string } }): Pick<ObjectDiff, 'apiVersion' | 'kind' | 'namespace' | 'name'> {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }), name: metadata.name ?? '' };
}

function sortKey({ kind, namespace, name }: ObjectDiff): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}

function differs(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  const field = first.slice(first.lastIndexOf('/') + 1);
  return others.length === 0 ? `${field} differs` : `${field} and ${others.length} more field${others.length === 1 ? '' : 's'} differ`;
}
