import type { FieldDiff } from './object-diff.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { extraFields } from '../ownership/extra-fields.ts';
import { describe, describeExtra } from './field-diff.ts';
import type { FieldPath } from '../fields/field-path.ts';
import { withoutIgnored } from '../fields/ignored-fields.ts';
import { otherwise } from './mutated-fields.ts';

/**
 * The fields in which an object differs from what is applied where no dry run tells what it would become: what Git says
 * and is otherwise, and what kubectl added.
 *
 * @returns sorted by path
 */
export function refusedFields({
  applied,
  observed,
  ignored = [],
}: {
  applied: KubernetesObject;
  observed: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): FieldDiff[] {
  const differences = otherwise({ applied: withoutIgnored(applied, ignored), stored: observed });
  const changed = differences.map(({ path, applied: desired, stored }) =>
    describe({ difference: { path, desired, observed: stored }, observed }),
  );
  const added = extraFields(observed, ignored).flatMap((extra) =>
    extra.kind === 'drift' ? [describeExtra(extra)] : [],
  );
  return [...changed, ...added].sort((a, b) => (a.path < b.path ? -1 : 1));
}
