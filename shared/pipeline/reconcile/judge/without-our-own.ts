import type { Memory } from '../../../memory/memory.ts';
import { isSuspect, mayComeLate } from '../../../memory/suspects.ts';
import { fieldManager } from '../../../objects/field-manager.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { Drift } from './verify-object.ts';
import type { Verified } from './verify-plan.ts';

/**
 * Drift is what somebody else did. What a run left that was ended, or a request without an answer, is put right in
 * silence: all of it that no other manager is known to have written, and what nobody but Converge wrote and Git does not
 * have, as long as a request to make it may be late.
 */
export function withoutOurOwn(
  verified: Verified,
  {
    memory,
    now,
    objects,
  }: {
    readonly memory: Pick<Memory, 'suspects' | 'lateUntil'>;
    readonly now: Date;
    readonly objects: ReadonlyMap<string, ObservedObject>;
  },
): Verified {
  const { suspects } = memory;
  const isLate = mayComeLate(memory, now);
  if (suspects === undefined && !isLate) return verified;
  const drift = verified.drift.flatMap((one): Drift[] => {
    if (isSuspect(suspects, one.key)) {
      const fields = one.diff.fields.filter(({ manager }) => manager !== undefined);
      return fields.length === 0 ? [] : [{ ...one, diff: { ...one.diff, fields } }];
    }
    const cameLate = isLate && one.diff.change === 'unexpected' && isOursAlone(objects.get(one.key)?.object);
    return cameLate ? [] : [one];
  });
  return { ...verified, drift };
}

/** Whether nobody but Converge wrote an object, as far as its managers of fields tell. */
function isOursAlone(object: KubernetesObject | undefined): boolean {
  const writers = (object?.metadata.managedFields ?? []).filter(({ subresource = '' }) => subresource === '');
  return writers.length > 0 && writers.every(({ manager }) => manager === fieldManager);
}
