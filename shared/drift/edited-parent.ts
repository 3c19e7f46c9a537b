import { parentAnnotations } from '../inventory/applyset.ts';
import { isAsApplied } from '../inventory/restored-parent.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf } from '../objects/object-id.ts';
import { describe } from './field-diff.ts';
import { wholeObjectDiff } from './divergence.ts';
import type { ObjectDiff } from './object-diff.ts';

/**
 * What somebody else wrote over in an inventory's parent, with who did; undefined where nobody did: what a killed run
 * of ours left otherwise is nobody's drift.
 *
 * @param restored the parent as it is to be
 */
export function editedParent({
  parent,
  restored,
}: {
  parent: KubernetesObject;
  restored: KubernetesObject;
}): ObjectDiff | undefined {
  const [desired, observed] = [restored.metadata.annotations ?? {}, parent.metadata.annotations ?? {}];
  const names = parentAnnotations.filter((name) => desired[name] !== observed[name]).sort();
  const edited = names.filter((name) => !isAsApplied(parent, name));
  if (edited.length === 0) return undefined;
  const fields = names.map((name) => {
    const path = ['metadata', 'annotations', name].map((step) => ({ step: 'field' as const, name: step }));
    return describe({ difference: { path, desired: desired[name], observed: observed[name] }, observed: parent });
  });
  const message = `the inventory says otherwise of ${edited.join(', ')}`;
  const { apiVersion } = parent;
  return { ...wholeObjectDiff({ id: objectIdOf(parent), apiVersion, change: 'modified', message }), fields };
}
