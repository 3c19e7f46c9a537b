import { visibleText } from '../../base/visible-text.ts';
import { ownEntry } from '../../fields/owned-fields.ts';
import { assessHealth } from '../../health/assess-health.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectIdOf, objectKey, objectTitle } from '../../objects/object-id.ts';
import { suspensionOf } from '../../ownership/suspended-object.ts';
import type { About, ObjectsAnswer, ShownObject, Unread } from './answers.ts';
import type { Hides } from './hides.ts';
import type { Inspection } from './open-inspection.ts';
import { readOwned, type OwnedObjects } from './owned.ts';

/** All objects of the inventory, and with `tree` what they own, down to the Pods. */
export async function showObjects(
  inspection: Inspection,
  { tree, hides }: { tree: boolean; hides: Hides },
): Promise<ObjectsAnswer> {
  const members = membersOf(inspection);
  const owned: OwnedObjects = tree ? await readOwned(inspection, members) : { byOwner: new Map(), unread: [] };
  const seen = new Set<string>();
  const rowsOf = (object: KubernetesObject, at: Pick<ShownObject, 'owner' | 'depth'>): ShownObject[] => {
    const { uid = '' } = object.metadata;
    if (seen.has(uid)) return [];
    seen.add(uid);
    const owner = objectTitle(objectIdOf(object));
    const below = (owned.byOwner.get(uid) ?? []).flatMap((one) => rowsOf(one, { owner, depth: at.depth + 1 }));
    return [{ ...shownObject(inspection, { object, hides }), ...at }, ...below];
  };
  // What an environment owns may be owned by another of its objects, too: then it stands below that.
  const uids = new Set(members.map(({ metadata }) => metadata.uid));
  const isBelow = ({ metadata }: KubernetesObject) =>
    tree && (metadata.ownerReferences ?? []).some(({ uid }) => uids.has(uid));
  const roots = [...members.filter((one) => !isBelow(one)), ...members.filter(isBelow)];
  const objects = roots.flatMap((object) => rowsOf(object, { owner: null, depth: 0 }));
  return { ...aboutOf(inspection, { unread: owned.unread, hides }), objects };
}

/** The objects of the inventory, in order. */
export function membersOf({ observed }: Pick<Inspection, 'observed'>): KubernetesObject[] {
  return [...observed.objects.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ object }) => object);
}

/** Whom an answer is about, with what else could not be read. */
export function aboutOf(
  { target, unread }: Inspection,
  { unread: more, hides }: { unread: readonly Unread[]; hides: Hides },
): About {
  const { run, cluster, revision } = target;
  const readable = ({ what, message }: Unread) => ({ what, message: visibleText(hides.text(message)) });
  return {
    ...{ repository: run.repository, environment: run.environment, cluster: cluster.name, revision },
    at: run.ports.now().toISOString(),
    unread: [...unread, ...more].map(readable),
    unhidden: hides.unhidden.map(readable),
  };
}

/** One object as it is told. Of its content nothing is, but for what its health says. */
export function shownObject(
  { memory, target }: Pick<Inspection, 'memory' | 'target'>,
  { object, hides }: { object: KubernetesObject; hides: Hides },
): Omit<ShownObject, 'owner' | 'depth'> {
  const { apiVersion, kind, metadata } = object;
  const { state, message } = assessHealth(object, target.environment.health);
  return {
    ...{ apiVersion, kind, namespace: metadata.namespace ?? null, name: metadata.name ?? '' },
    health: { state, message: visibleText(hides.text(message)) },
    createdAt: metadata.creationTimestamp ?? null,
    lastAppliedAt: ownEntry(object)?.time ?? null,
    changed: lastChange(object),
    suspended: suspensionOf({ object, in: 'cluster', now: target.run.ports.now() }) ?? null,
    source: memory.objects[objectKey(objectIdOf(object))]?.source ?? null,
  };
}

function lastChange({ metadata }: KubernetesObject): ShownObject['changed'] {
  const [last] = (metadata.managedFields ?? [])
    .filter(({ subresource = '' }) => subresource === '')
    .toSorted((one, other) => (other.time ?? '').localeCompare(one.time ?? ''));
  return last?.manager === undefined || last.time === undefined ? null : { by: last.manager, at: last.time };
}
