import { ConvergeError } from '../../errors.ts';
import { ownEntry } from '../../drift/owned-fields.ts';
import { extentOfParent, extentOf, partOfLabel, sameExtent, unionOf, type ApplySet, type Extent } from '../../inventory/applyset.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { groupKind, groupOf, versionOf } from '../../objects/object-id.ts';
import { observedObjects, type ObservedObject, type RememberedObjects } from '../../plan/plan.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import type { Cluster } from '../ports.ts';

/** The parents of all ApplySets are ConfigMaps. */
export const parentResource: ApiResource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

export interface ObservedState {
  readonly parent: KubernetesObject | undefined;
  /** Where members were looked for. */
  readonly extent: Extent;
  readonly objects: ReadonlyMap<string, ObservedObject>;
  /** The sets of previous names, whose members are among them. */
  readonly previousSets?: readonly string[];
}

/**
 * The inventory as the cluster reports it: one label-selected LIST for each kind and namespace. Where the parent is gone,
 * the memory tells where to look.
 */
export async function observe({
  cluster,
  api,
  applySet,
  remembered,
}: {
  cluster: Cluster;
  api: ClusterApi;
  applySet: ApplySet;
  remembered: RememberedObjects;
}): Promise<ObservedState> {
  const known = extentOfKeys({ keys: Object.keys(remembered), applySet });
  const [parent, members] = await Promise.all([
    cluster.get({ resource: parentResource, namespace: applySet.namespace, name: applySet.name }),
    listMembers({ cluster, api, applySet, extent: known, remembered }),
  ]);
  const extent = unionOf(extentOfParent(parent), known);
  // What only the parent knows of is rare, and a second list of the rest costs little: a memory just lost, a run cut short.
  const objects = sameExtent(extent, known) ? members : await listMembers({ cluster, api, applySet, extent, remembered });
  return { parent, extent, objects: observedObjects(objects) };
}

function extentOfKeys({ keys, applySet }: { keys: readonly string[]; applySet: ApplySet }): Extent {
  const ids = keys.map((key) => {
    const [group = '', kind = '', namespace = '', name = ''] = key.split('/');
    return { group, kind, namespace: namespace === '' ? undefined : namespace, name };
  });
  return extentOf({ ids, parentNamespace: applySet.namespace });
}

/** Every member of the set within an extent. A kind the cluster no longer serves has no members; an unreadable one throws. */
export async function listMembers({
  cluster,
  api,
  applySet,
  extent,
  remembered,
}: {
  cluster: Cluster;
  api: ClusterApi;
  applySet: ApplySet;
  extent: Extent;
  remembered: RememberedObjects;
}): Promise<KubernetesObject[]> {
  const labelSelector = `${partOfLabel}=${applySet.id}`;
  const namespaces = [applySet.namespace, ...extent.additionalNamespaces];
  const versions = appliedVersions(remembered);
  const queries = extent.groupKinds.flatMap((kind) =>
    resourcesToRead({ api, kind, versions: versions.get(kind) }).flatMap((resource) =>
      (resource.namespaced ? namespaces : [undefined]).map((namespace) => ({ resource, namespace })),
    ),
  );
  const lists = await Promise.all(queries.map(async (query) => cluster.list({ ...query, labelSelector, content: 'whole' })));
  return bestVersions(lists.flat());
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
function resourcesToRead({ api, kind, versions }: { api: ClusterApi; kind: string; versions: ReadonlySet<string> | undefined }): ApiResource[] {
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
