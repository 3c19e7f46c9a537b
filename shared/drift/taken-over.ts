import type { FieldDiff } from './object-diff.ts';
import { exactNumber } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { pathsOf } from '../fields/field-set.ts';
import { isOurs, predecessorOf } from '../ownership/managers.ts';
import { asJson } from './field-diff.ts';
import { pointer, type FieldPath } from '../fields/field-path.ts';
import { isIgnored } from '../fields/ignored-fields.ts';
import { follow, ownEntry, owns } from '../fields/owned-fields.ts';

/** What Git specifies and our manager no longer owns, though the value is Git's. */
export interface LostFields {
  /** Another manager took these for itself: changed them, and changed them back. Sorted by path. */
  readonly takenOver: readonly FieldDiff[];
  /** Whether there are any, told or not: a fingerprint would not show that they change. */
  readonly any: boolean;
}

/**
 * Fields that an apply would make ours again though it changes no value. A write of the tools of the closed table takes
 * nothing for good, since the next apply takes over what they own, so a person who undid her own change is not told.
 *
 * @param objects.desired the answer of a dry run of our apply
 * @param objects.applied what was sent: an empty map there (`resources: {}`) claims nothing of what others put into it
 * @returns none where our entry is gone altogether: such an object is applied again without a word about each of its
 * fields
 */
export function lostFields({
  desired,
  observed,
  applied,
  ignored = [],
}: {
  desired: KubernetesObject;
  observed: KubernetesObject;
  applied: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): LostFields {
  const [wanted, is] = [ownEntry(desired), ownEntry(observed)];
  if (wanted?.fieldsV1 === undefined || is?.fieldsV1 === undefined || wanted.apiVersion !== is.apiVersion)
    return { takenOver: [], any: false };
  const owned = is.fieldsV1;
  const others = (observed.metadata.managedFields ?? []).filter(
    (entry) => !isOurs(entry) && entry.apiVersion === is.apiVersion,
  );
  const lost = pathsOf(wanted.fieldsV1).filter(
    (path) => !owns(owned, path) && !isIgnored({ path, ignored }) && !isEmpty(path.reduce<unknown>(follow, applied)),
  );
  const takenOver = lost.flatMap((path): FieldDiff[] => {
    const owner = others.find(({ fieldsV1 }) => fieldsV1 !== undefined && owns(fieldsV1, path));
    const value = path.reduce<unknown>(follow, observed);
    if (
      owner?.manager === undefined ||
      predecessorOf(owner) !== undefined ||
      value === undefined ||
      holdsIgnored({ path, ignored })
    )
      return [];
    const time = owner.time === undefined ? {} : { changedBefore: owner.time };
    return [{ path: pointer(path), desired: asJson(value), observed: asJson(value), manager: owner.manager, ...time }];
  });
  return { takenOver: takenOver.sort((a, b) => (a.path < b.path ? -1 : 1)), any: lost.length > 0 };
}

function isEmpty(value: unknown): boolean {
  return (
    value !== null && typeof value === 'object' && exactNumber(value) === undefined && Object.keys(value).length === 0
  );
}

/** A list that is owned as a whole belongs to whoever writes the place in it that is ignored. */
function holdsIgnored({ path, ignored }: { path: FieldPath; ignored: readonly FieldPath[] }): boolean {
  return ignored.some(
    (rule) => rule.length > path.length && isIgnored({ path, ignored: [rule.slice(0, path.length)] }),
  );
}
