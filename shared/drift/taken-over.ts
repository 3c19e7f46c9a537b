import type { FieldDiff } from '../events/alert.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { pathsOf } from '../ownership/field-set.ts';
import { isOurs, predecessorOf } from '../ownership/managers.ts';
import { asJson } from './field-diff.ts';
import { pointer, type FieldPath } from './field-path.ts';
import { isIgnored } from './ignored-fields.ts';
import { follow, ownEntry, owns } from './owned-fields.ts';

/**
 * Fields that Git specifies and another manager has taken for itself, though their value is Git's: changed, and changed back.
 * They are no longer ours, so that they would outlive their removal from Git. A write of the tools of the closed table takes
 * nothing for good (rule 11), so a person who undid her own change is not told.
 *
 * @param objects.desired the answer of a dry run of our apply
 * @returns sorted by path; none where our entry is gone altogether (rule 7)
 */
export function takenOverFields({
  desired,
  observed,
  ignored = [],
}: {
  desired: KubernetesObject;
  observed: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): FieldDiff[] {
  const [wanted, is] = [ownEntry(desired), ownEntry(observed)];
  if (wanted?.fieldsV1 === undefined || is?.fieldsV1 === undefined || wanted.apiVersion !== is.apiVersion) return [];
  const owned = is.fieldsV1;
  const others = (observed.metadata.managedFields ?? []).filter((entry) => !isOurs(entry) && entry.apiVersion === is.apiVersion);
  const lost = pathsOf(wanted.fieldsV1).filter((path) => !owns(owned, path) && !isIgnored({ path, ignored }));
  return lost
    .flatMap((path): FieldDiff[] => {
      const owner = others.find(({ fieldsV1 }) => fieldsV1 !== undefined && owns(fieldsV1, path));
      const value = path.reduce<unknown>(follow, observed);
      if (owner === undefined || predecessorOf(owner) !== undefined || owner.manager === undefined || value === undefined) return [];
      const time = owner.time === undefined ? {} : { changedBefore: owner.time };
      return [{ path: pointer(path), desired: asJson(value), observed: asJson(value), manager: owner.manager, ...time }];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
