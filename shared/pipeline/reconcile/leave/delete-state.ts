import { seedSecretName } from '../../../inventory/seed-secret.ts';
import type { ApplySet } from '../../../inventory/applyset.ts';
import { secretResource } from '../../../objects/core-resources.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import { deleteState } from '../write/delete-object.ts';
import { parentResource } from '../observe/observed-state.ts';
import type { Target } from '../run/target.ts';

/** Deletes the seed of a set that is no more: whatever draws from it again draws other values. */
export async function deleteSeed(
  deleter: Pick<Target, 'run' | 'cluster' | 'api'>,
  { of }: { of: ApplySet },
): Promise<void> {
  const id = { kind: 'Secret', namespace: of.namespace, name: seedSecretName(of) };
  await deleteState(deleter, { resource: secretResource, id, applySets: [of], title: objectTitle(id) });
}

/** Deletes the parent of an inventory. What is not gone then is left as it is: it has no members any more. */
export async function deleteParent({
  applySet,
  ...deleter
}: Pick<Target, 'run' | 'cluster' | 'api' | 'applySet'>): Promise<void> {
  const id = { kind: parentResource.kind, namespace: applySet.namespace, name: applySet.name };
  await deleteState(deleter, { resource: parentResource, id, applySets: [applySet], title: objectTitle(id) });
}
