import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { ObjectId } from '../objects/object-id.ts';
import { diffFields } from './field-diff.ts';
import { maskFields } from './masking.ts';
import type { ObjectDiff } from './object-diff.ts';

type Changed = NonNullable<ObjectDiff['changed']>;

/** Of one object so many are listed. */
const mostFields = 20;

/**
 * The fields of an object in which two revisions specify it otherwise, secrets hidden. `added` where
 * the earlier one has no such object.
 *
 * @param live the object as it is in the cluster: it tells which lists are keyed
 */
export function changedFields({
  id,
  before,
  after,
  live,
}: {
  id: Pick<ObjectId, 'group' | 'kind'>;
  before: KubernetesObject | undefined;
  after: KubernetesObject;
  live: KubernetesObject | undefined;
}): Pick<Changed, 'added' | 'fields' | 'omittedFields'> {
  if (before === undefined) return { added: true };
  const { managedFields } = live?.metadata ?? {};
  const observed =
    managedFields === undefined ? before : { ...before, metadata: { ...before.metadata, managedFields } };
  const all = maskFields({ id, fields: diffFields({ desired: after, observed }) });
  const left = all.length - mostFields;
  return {
    fields: all.slice(0, mostFields).map(({ path, desired, observed: earlier }) => ({
      path,
      ...(earlier === undefined ? {} : { before: earlier }),
      ...(desired === undefined ? {} : { after: desired }),
    })),
    ...(left > 0 ? { omittedFields: left } : {}),
  };
}
