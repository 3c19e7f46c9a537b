import { ConvergeError } from '../../../base/errors.ts';
import { ownEntry } from '../../../fields/owned-fields.ts';
import {
  environmentAnnotation,
  extentOfParent,
  extentOf,
  partOfLabel,
  repositoryAnnotation,
  unionOf,
  type ApplySet,
  type Extent,
} from '../../../inventory/applyset.ts';
import { standingOf, type Owner, type Standing, appliedItsLabel } from '../../../inventory/membership.ts';
import { resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind, groupOf, idOfKey, objectTitle, versionOf } from '../../../objects/object-id.ts';
import { observedObjects, type ObservedObject, type RememberedObjects } from '../../../plan/plan.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { isServed as isKindServed, type UnservedKind, unservedKinds } from './unserved-kinds.ts';

/** The parents of all ApplySets are ConfigMaps. */
export const parentResource: ApiResource = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

/** What carries the label of the set, and is no member of it. */
export interface Unproven {
  readonly observed: ObservedObject;
  readonly standing: Exclude<Standing, { standing: 'member' }>;
}

export interface ObservedState {
  readonly parent: KubernetesObject | undefined;
  /** Where members were looked for. */
  readonly extent: Extent;
  /** The members. */
  readonly objects: ReadonlyMap<string, ObservedObject>;
  /** By key. */
  readonly unproven: ReadonlyMap<string, Unproven>;
  /** Kinds of the extent whose objects cannot be read now, though they may be there. */
  readonly unserved?: readonly UnservedKind[];
  /** The sets of previous names, whose members are among them. */
  readonly previousSets?: readonly ApplySet[];
  /** The Helm releases that Helm says it deployed, and that were never brought about here. */
  readonly adoptedReleases?: readonly string[];
}

/**
 * The inventory as the cluster reports it: one label-selected LIST for each kind and namespace. Where the parent is
 * gone, the memory tells where to look.
 *
 * Throws `OwnedByAnother` (refuse) where a member is another environment's.
 *
 * @param parent as `readOwnParent` has read it
 */
export async function observe({
  cluster,
  api,
  applySet,
  remembered,
  parent,
}: {
  cluster: Cluster;
  api: ClusterApi;
  applySet: ApplySet;
  remembered: RememberedObjects;
  parent: KubernetesObject | undefined;
}): Promise<ObservedState> {
  const extent = unionOf(extentOfParent(parent), extentOfKeys({ keys: Object.keys(remembered), applySet }));
  // What an instance knows of the cluster may be older than a version that is served again.
  const current = extent.groupKinds.every((kind) => isKindServed(api, kind))
    ? api
    : await cluster.api({ refresh: true });
  const labelled = await readLabelled({ cluster, api: current, applySet, extent, remembered });
  const unserved = await unservedKinds(cluster, { kinds: extent.groupKinds, api: labelled.api });
  const objects: KubernetesObject[] = [];
  const unproven: (readonly [string, Unproven])[] = [];
  for (const [key, observed] of observedObjects(labelled.objects)) {
    const standing = standingOf({ object: observed.object, applySets: [applySet] });
    // A label that somebody put on an object of another environment stops nobody.
    if (standing.standing === 'foreign' && appliedItsLabel(observed.object))
      throw ownedByAnother({ cluster, applySet, observed, owner: standing.owner });
    if (standing.standing === 'member') objects.push(observed.object);
    else unproven.push([key, { observed, standing }]);
  }
  return {
    parent,
    extent,
    objects: observedObjects(objects),
    unproven: new Map(unproven),
    ...(unserved.length === 0 ? {} : { unserved }),
  };
}

/**
 * Throws `OwnedByAnother` (refuse) where another environment applied objects under the name of a set that has no
 * parent: one that was deleted, say. So are objects of an environment of the same name, where nothing is remembered of
 * writing them: another installation may have it, and only the parent names its repository. Looked for where a run is
 * about to apply without a parent.
 *
 * @param hasWritten whether this installation is known to have written there
 */
export async function assertUnused({
  cluster,
  api,
  applySet,
  desired,
  hasWritten,
}: {
  cluster: Cluster;
  api: ClusterApi;
  applySet: ApplySet;
  desired: readonly DesiredObject[];
  hasWritten: boolean;
}): Promise<void> {
  const ids = desired.flatMap(({ id, object }) => (resourceOf({ api, object }) === undefined ? [] : [id]));
  const extent = extentOf({ ids, parentNamespace: applySet.namespace });
  for (const observed of observedObjects(
    await listLabelled({ cluster, api, applySet, extent, remembered: {} }),
  ).values()) {
    const standing = standingOf({ object: observed.object, applySets: [applySet] });
    if (standing.standing === 'foreign') throw ownedByAnother({ cluster, applySet, observed, owner: standing.owner });
    if (standing.standing === 'member' && !hasWritten) throw ownedByNobodyKnown({ cluster, applySet, observed });
  }
}

function ownedByNobodyKnown({
  cluster,
  applySet,
  observed,
}: {
  cluster: Cluster;
  applySet: ApplySet;
  observed: ObservedObject;
}): ConvergeError {
  const { name, namespace, environment, address = '' } = applySet;
  return new ConvergeError({
    code: 'OwnedByAnother',
    subject: `cluster ${cluster.name}, ${objectTitle(observed.id)}`,
    message: `is owned by environment ${environment}, whose inventory is gone, and nothing is remembered of it here: another installation may have an environment of that name; nothing is written`,
    remedy: `where it is this one's: kubectl create configmap ${name} --namespace ${namespace}, and kubectl annotate it with ${environmentAnnotation}=${environment} ${repositoryAnnotation}=${address}`,
    disposition: 'refuse',
  });
}

/**
 * Only two environments of one name and namespace have one label: their parents may be lost, but not who applied their
 * objects.
 */
function ownedByAnother({
  cluster,
  applySet,
  observed,
  owner,
}: {
  cluster: Cluster;
  applySet: ApplySet;
  observed: ObservedObject;
  owner: Owner;
}): ConvergeError {
  return new ConvergeError({
    code: 'OwnedByAnother',
    subject: `cluster ${cluster.name}, ${objectTitle(observed.id)}`,
    message: `is owned by ${owner.title}, whose inventory has the name and namespace of that of ${applySet.environment}; nothing is written`,
    remedy: 'give one of the two another name or namespace, or remove the other first',
    disposition: 'refuse',
  });
}

function extentOfKeys({ keys, applySet }: { keys: readonly string[]; applySet: ApplySet }): Extent {
  return extentOf({ ids: keys.map(idOfKey), parentNamespace: applySet.namespace });
}

interface LabelledQuery {
  readonly cluster: Cluster;
  readonly api: ClusterApi;
  readonly applySet: ApplySet;
  readonly extent: Extent;
  readonly remembered: RememberedObjects;
}

/**
 * Everything that carries the label of the set within an extent: its members, and what copied it. A kind the cluster no
 * longer serves has no members; an unreadable one throws.
 */
export async function listLabelled(query: LabelledQuery): Promise<KubernetesObject[]> {
  return (await readLabelled(query)).objects;
}

/**
 * As `listLabelled`, with what the cluster serves as it was read by: where a kind turned out to be served no more,
 * anew.
 */
async function readLabelled({
  cluster,
  api,
  applySet,
  extent,
  remembered,
}: LabelledQuery): Promise<{ objects: KubernetesObject[]; api: ClusterApi }> {
  const labelSelector = `${partOfLabel}=${applySet.id}`;
  const namespaces = [applySet.namespace, ...extent.additionalNamespaces];
  const versions = appliedVersions(remembered);
  const queries = extent.groupKinds.flatMap((kind) =>
    resourcesToRead({ api, kind, versions: versions.get(kind) }).flatMap((resource) =>
      (resource.namespaced ? namespaces : [undefined]).map((namespace) => ({ resource, namespace })),
    ),
  );
  try {
    const lists = await Promise.all(
      queries.map(async (query) => cluster.list({ ...query, labelSelector, content: 'whole' })),
    );
    return { objects: bestVersions(lists.flat()), api };
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    // What an instance knows of the cluster may be older than a definition there.
    const fresh = await cluster.api({ refresh: true });
    if (queries.every(({ resource }) => isServed(fresh, resource))) throw error;
    return await readLabelled({ cluster, api: fresh, applySet, extent, remembered });
  }
}

function isServed({ resources }: ClusterApi, { group, version, plural }: ApiResource): boolean {
  return resources.some((served) => served.group === group && served.version === version && served.plural === plural);
}

/** The versions in which objects of each kind were applied. */
function appliedVersions(remembered: RememberedObjects): Map<string, Set<string>> {
  const versions = new Map<string, Set<string>>();
  for (const [key, { apiVersion }] of Object.entries(remembered)) {
    const [group = '', kind = ''] = key.split('/', 2);
    const name = groupKind({ group, kind });
    const known = versions.get(name) ?? new Set();
    versions.set(name, known.add(versionOf(apiVersion)));
  }
  return versions;
}

/** Objects are read in the version they were applied in: the paths that managedFields records hold in no other. */
function resourcesToRead({
  api,
  kind,
  versions,
}: {
  api: ClusterApi;
  kind: string;
  versions: ReadonlySet<string> | undefined;
}): ApiResource[] {
  const served = api.resources.filter((resource) => groupKind(resource) === kind);
  const [preferred] = served;
  if (preferred === undefined) {
    const group = kind.includes('.') ? kind.slice(kind.indexOf('.') + 1) : '';
    if (!api.unreadable.some((version) => groupOf(version) === group)) return [];
    throw new ConvergeError({
      code: 'ClusterUnavailable',
      subject: kind,
      message: 'the API that serves this kind cannot be discovered',
      remedy: 'repair the APIService, whose backend does not answer',
      // Told, because it may last: every later run looks again.
      disposition: 'refuse',
    });
  }
  const applied = served.filter((resource) => versions?.has(resource.version));
  return applied.length === 0 ? [preferred] : applied;
}

/** Of one object read in several versions, the reading in the version it was applied in. */
function bestVersions(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const byUid = new Map<string, KubernetesObject>();
  for (const object of objects) {
    const uid = object.metadata.uid ?? '';
    if (!byUid.has(uid) || ownEntry(object)?.apiVersion === object.apiVersion) byUid.set(uid, object);
  }
  return [...byUid.values()];
}
