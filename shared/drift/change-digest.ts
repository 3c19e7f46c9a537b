import { hashJson } from '../objects/canonical-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { ObjectId } from '../objects/object-id.ts';
import type { FieldPath } from '../fields/field-path.ts';
import { diffFields } from './field-diff.ts';
import { maskFields } from './masking.ts';

/**
 * A digest of the fields that a write changes, and of their values before and after it: equal where two writes do the same.
 * Of a Secret's fields it knows that they change, and no values.
 */
export function changeDigest({
  id,
  before,
  after,
  ignored,
}: {
  id: Pick<ObjectId, 'group' | 'kind'>;
  before: KubernetesObject;
  after: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): string {
  const fields = maskFields({ id, fields: diffFields({ desired: after, observed: before, ignored }) });
  return hashJson(fields.map(({ path, desired = null, observed = null }) => ({ path, desired, observed })));
}
