import type { ApiResource } from '../../objects/cluster-api.ts';
import { canonicalJson } from '../../objects/canonical-json.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../objects/kubernetes-object.ts';
import { objectKey } from '../../objects/object-id.ts';
import type { ApplyResult, Cluster } from '../../ports/kubernetes.ts';
import type { Lease } from '../reconcile/run/lease.ts';

/** What a run would have written of one object. */
export interface Rehearsed {
  /** All of it, as it is; undefined where nothing is. */
  readonly before: KubernetesObject | undefined;
  /** As the API server would have left it; undefined where it would be gone. */
  readonly after: KubernetesObject | undefined;
  /** Whether it would have been deleted, whatever came after. */
  readonly isDeleted: boolean;
  /** What each write would have made of who owns which field. */
  readonly managers: readonly (readonly ManagedFieldsEntry[])[];
}

/** A cluster that is told to write, and does not. */
export interface Rehearsal {
  readonly cluster: Cluster;
  /** By object key, what was to be written and would have changed something. */
  readonly written: ReadonlyMap<string, Rehearsed>;
}

/** The version of what was written here alone. */
const rehearsedVersion = 'rehearsed';

interface Place {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * Lets a run's own steps act on a cluster of which nothing can be asked but reads and dry runs. Each apply and each deletion
 * becomes a dry run on the server, so that its admission answers, and later reads of the same object see what would have come
 * of it. Two writes are known without asking: of managed fields, which admission does not judge, and what is made anew in
 * the place of what would be deleted, which the run has asked about under another name before.
 *
 * @param facts.open lets nothing but reads and dry runs through; see `read-only.ts`
 * @param facts.known objects as they were just read, whole, by key
 */
export function rehearse({ open, known }: { open: Cluster; known: ReadonlyMap<string, KubernetesObject> }): Rehearsal {
  const written = new Map<string, Rehearsed>();

  /** As it is in the cluster, in the version of the resource. */
  async function readWhole(place: Place, resourceVersion: string | undefined): Promise<KubernetesObject | undefined> {
    const found = known.get(keyOf(place));
    const isThat =
      found?.apiVersion === apiVersionOf(place.resource) && found.metadata.resourceVersion === resourceVersion;
    return isThat ? found : await open.get(place);
  }

  async function apply(target: Parameters<Cluster['apply']>[0]): Promise<ApplyResult> {
    if (target.dryRun) return await open.apply(target);
    const { fence: _fence, ...asked } = target;
    const { namespace, name = '', uid, resourceVersion } = target.object.metadata;
    const place = { resource: target.resource, namespace, name };
    const earlier = written.get(keyOf(place));
    if (earlier?.isDeleted === true) {
      written.set(keyOf(place), { ...earlier, after: target.object });
      return { outcome: 'applied', object: rehearsed(target.object) };
    }
    const object =
      earlier?.before === undefined
        ? target.object
        : withVersion(target.object, earlier.before.metadata.resourceVersion);
    const result = await open.apply({ ...asked, object, dryRun: true });
    if (result.outcome === 'rejected') return result;
    const before = earlier?.before ?? (uid === undefined ? undefined : await readWhole(place, resourceVersion));
    if (earlier === undefined && before !== undefined && isStoredAlike(before, result.object))
      return { ...result, object: withVersion(result.object, resourceVersion) };
    const after = rehearsed(result.object);
    const managers = [...(earlier?.managers ?? []), after.metadata.managedFields ?? []];
    written.set(keyOf(place), { before, after, isDeleted: false, managers });
    return { outcome: 'applied', object: after };
  }

  async function writeManagedFields(target: Parameters<Cluster['writeManagedFields']>[0]): Promise<ApplyResult> {
    const { uid, resourceVersion, managedFields, without = { labels: [], annotations: [] } } = target;
    const earlier = written.get(keyOf(target));
    const before = earlier?.before ?? (await readWhole(target, resourceVersion));
    const live = earlier?.after ?? before;
    if (live?.metadata.uid !== uid || live.metadata.resourceVersion !== resourceVersion)
      return { outcome: 'rejected', status: 409, reason: 'Conflict', message: 'has been modified', causes: [] };
    const { labels, annotations } = live.metadata;
    const metadata = {
      ...live.metadata,
      managedFields,
      ...(labels === undefined ? {} : { labels: omitted(labels, without.labels) }),
      ...(annotations === undefined ? {} : { annotations: omitted(annotations, without.annotations) }),
    };
    const after = rehearsed({ ...live, metadata });
    const managers = [...(earlier?.managers ?? []), managedFields];
    written.set(keyOf(target), { before, after, isDeleted: false, managers });
    return { outcome: 'applied', object: after };
  }

  async function get(place: Place): Promise<KubernetesObject | undefined> {
    const earlier = written.get(keyOf(place));
    return earlier === undefined ? await open.get(place) : earlier.after;
  }

  const cluster: Cluster = {
    ...open,
    get,
    apply,
    writeManagedFields,
    async delete({ fence: _fence, ...target }) {
      const earlier = written.get(keyOf(target));
      const before = earlier?.before ?? (await readWhole(target, target.resourceVersion));
      const version = earlier?.before?.metadata.resourceVersion ?? target.resourceVersion;
      const result = await open.delete({
        ...target,
        dryRun: true,
        ...(version === undefined ? {} : { resourceVersion: version }),
      });
      if (result.outcome !== 'deleted') return result;
      written.set(keyOf(target), { before, after: undefined, isDeleted: true, managers: [] });
      // Nobody waits here for what holds it.
      return { outcome: 'deleted', gone: true };
    },
  };
  return { cluster, written };
}

const held = async (): Promise<void> => {};

/** A lease of whoever rehearses: nothing is written that it would guard. */
export const rehearsedLease: Lease = {
  claim: held,
  leaveEvidence: held,
  assertHeld: held,
  assertUndisturbed: held,
  recordOnly: held,
  isHeld: () => false,
  hasActed: () => false,
};

function keyOf({ resource: { group, kind }, namespace, name }: Place): string {
  return objectKey({ group, kind, namespace, name });
}

function apiVersionOf({ group, version }: ApiResource): string {
  return group === '' ? version : `${group}/${version}`;
}

function withVersion(object: KubernetesObject, resourceVersion: string | undefined): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

function rehearsed(object: KubernetesObject): KubernetesObject {
  return withVersion(object, rehearsedVersion);
}

function omitted(record: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/**
 * Whether the API server would write nothing: it takes an apply that changes no more than the time of a manager for none.
 * The version in the answer of a dry run tells nothing.
 */
function isStoredAlike(before: KubernetesObject, after: KubernetesObject): boolean {
  return canonicalJson(stored(before)) === canonicalJson(stored(after));
}

function stored({ metadata, ...object }: KubernetesObject): unknown {
  const { resourceVersion: _version, managedFields = [], ...others } = metadata;
  const managers = managedFields.map(({ time: _time, ...entry }) => canonicalJson(entry)).toSorted();
  return { ...object, metadata: others, managers };
}
