import { fieldManager } from '../../../../../shared/objects/field-manager.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../../../../shared/objects/kubernetes-object.ts';
import { fieldsOf, isMap, leavesOf, objectOf, pathsIn, sameValue, type Leaves } from './field-sets.ts';

/** A forced server-side apply. */
export function appliedOver({
  live,
  object,
  time,
  manager = fieldManager,
}: {
  live: KubernetesObject | undefined;
  object: KubernetesObject;
  time: string;
  manager?: string | undefined;
}): KubernetesObject {
  const entries = live?.metadata.managedFields ?? [];
  const own = entries.find((entry) => entry.manager === manager && entry.operation === 'Apply');
  const others = entries.filter((entry) => entry !== own);
  const applied = leavesOf(object);
  const before: Leaves = live === undefined ? new Map() : leavesOf(live);
  const isOthers = (path: string) => others.some((entry) => pathsIn(entry).has(path));
  const dropped = [...(own === undefined ? [] : pathsIn(own))].filter((path) => !applied.has(path) && !isOthers(path));
  const after = new Map([...before, ...applied]);
  for (const path of dropped) after.delete(path);
  const changed = [...applied].filter(([path, value]) => !sameValue(before.get(path), value)).map(([path]) => path);
  const fieldsV1 = fieldsOf(applied.keys());
  const isSame = changed.length === 0 && dropped.length === 0 && own !== undefined && sameValue(own.fieldsV1, fieldsV1);
  if (live !== undefined && isSame) return live;
  const entry: ManagedFieldsEntry = {
    ...{
      manager,
      operation: 'Apply',
      apiVersion: object.apiVersion,
      time,
      fieldsType: 'FieldsV1',
      fieldsV1,
    },
  };
  const left = others.flatMap((other) => without(other, changed));
  return rebuilt({ live, object, leaves: after, managedFields: [entry, ...left], time });
}

/** An update by another manager: what it changes is its own. */
export function editedBy({
  live,
  changed,
  manager,
  time,
}: {
  live: KubernetesObject;
  changed: KubernetesObject;
  manager: string;
  time: string;
}): KubernetesObject {
  const [before, after] = [leavesOf(live), leavesOf(changed)];
  const written = [...after].filter(([path, value]) => !sameValue(before.get(path), value)).map(([path]) => path);
  const removed = [...before.keys()].filter((path) => !after.has(path));
  const entries = live.metadata.managedFields ?? [];
  const own = entries.find((entry) => entry.manager === manager);
  const paths = new Set(
    [...(own === undefined ? [] : pathsIn(own)), ...written].filter((path) => !removed.includes(path)),
  );
  const entry: ManagedFieldsEntry = {
    ...{ manager, operation: 'Update', apiVersion: live.apiVersion, time },
    ...{ fieldsType: 'FieldsV1', fieldsV1: fieldsOf(paths) },
  };
  const others = entries.filter((one) => one !== own).flatMap((one) => without(one, [...written, ...removed]));
  return rebuilt({
    live,
    object: changed,
    leaves: after,
    managedFields: paths.size === 0 ? others : [...others, entry],
    time,
  });
}

function without(entry: ManagedFieldsEntry, paths: readonly string[]): ManagedFieldsEntry[] {
  const owned = pathsIn(entry);
  const left = [...owned].filter((path) => !paths.includes(path));
  if (left.length === owned.size) return [entry];
  return left.length === 0 ? [] : [{ ...entry, fieldsV1: fieldsOf(left) }];
}

/** The object of these leaves, with what the API server keeps of it. */
function rebuilt({
  live,
  object,
  leaves,
  managedFields,
  time,
}: {
  live: KubernetesObject | undefined;
  object: KubernetesObject;
  leaves: Leaves;
  managedFields: readonly ManagedFieldsEntry[];
  time: string;
}): KubernetesObject {
  const { metadata: written, ...rest } = objectOf(leaves);
  const { name = '', namespace } = object.metadata;
  const { uid, resourceVersion, generation = 0, creationTimestamp = time, deletionTimestamp } = live?.metadata ?? {};
  const isNewSpec = live === undefined || !sameValue(live['spec'], rest['spec']);
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...rest,
    metadata: {
      ...(isMap(written) ? written : {}),
      ...{ name, creationTimestamp, managedFields, generation: isNewSpec ? generation + 1 : generation },
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(live !== undefined && 'status' in live ? { status: live['status'] } : {}),
  };
}
