import type { Memory } from '../../../memory/memory.ts';
import { isSuspect } from '../../../memory/suspects.ts';
import type { Verified } from './verify-plan.ts';

/**
 * Drift is what somebody else did. What a run left that was ended, or a request without an answer, is put right in
 * silence: all of it that no other manager is known to have written.
 */
export function withoutOurOwn(verified: Verified, { suspects }: Pick<Memory, 'suspects'>): Verified {
  if (suspects === undefined) return verified;
  const drift = verified.drift.flatMap((one) => {
    if (!isSuspect(suspects, one.key)) return [one];
    const fields = one.diff.fields.filter(({ manager }) => manager !== undefined);
    return fields.length === 0 ? [] : [{ ...one, diff: { ...one.diff, fields } }];
  });
  return { ...verified, drift };
}
