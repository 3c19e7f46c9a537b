import { groupKind, type ObjectId } from './object-id.ts';

const referable = ['ConfigMap', 'Secret', 'ServiceAccount', 'PersistentVolumeClaim'];

/** Whether pods may refer to an object of this kind. */
export function isReferable(id: Pick<ObjectId, 'group' | 'kind'>): boolean {
  return referable.includes(groupKind(id));
}
