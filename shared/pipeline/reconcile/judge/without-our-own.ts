import type { Memory } from '../../../memory/memory.ts';
import { isSuspect, mayComeLate } from '../../../memory/suspects.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { isOurs } from '../../../ownership/managers.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { keysRolledOut } from '../../../plan/rolled-out.ts';
import type { Drift } from './verify-object.ts';
import type { Verified } from './verify-plan.ts';

/**
 * Drift is what somebody else did. What a run left that was ended, or a request without an answer, is put right in
 * silence: all of it that no other manager is known to have written, and what nobody but Converge wrote and Git does not
 * have, as long as a request to make it may be late, or where a roll-out that is not through set out to write it: of what a run that
 * was ended may have written nothing is remembered.
 */
export function withoutOurOwn(
  verified: Verified,
  {
    memory,
    now,
    objects,
  }: {
    readonly memory: Pick<Memory, 'suspects' | 'lateUntil' | 'rolledOut'>;
    readonly now: Date;
    readonly objects: ReadonlyMap<string, ObservedObject>;
  },
): Verified {
  const { suspects } = memory;
  const isLate = mayComeLate(memory, now);
  const ofRollout = new Set(memory.rolledOut === undefined ? [] : keysRolledOut(memory.rolledOut));
  const drift = verified.drift.flatMap((one): Drift[] => {
    if (isSuspect(suspects, one.key)) {
      const fields = one.diff.fields.filter(({ manager }) => manager !== undefined);
      return fields.length === 0 ? [] : [{ ...one, diff: { ...one.diff, fields } }];
    }
    const mayBeOwn = one.diff.change === 'unexpected' && (isLate || ofRollout.has(one.key));
    return mayBeOwn && isOursAlone(objects.get(one.key)?.object) ? [] : [one];
  });
  return { ...verified, drift };
}

/** Whether nobody but Converge wrote an object, as far as its managers of fields tell. */
export function isOursAlone(object: KubernetesObject | undefined): boolean {
  const writers = (object?.metadata.managedFields ?? []).filter(({ subresource = '' }) => subresource === '');
  return writers.length > 0 && writers.every(isOurs);
}
