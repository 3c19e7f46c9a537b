import { z } from 'zod';
import type { Environment } from './environment-file.ts';
import { frozenSchema, frozenWords, type Frozen } from './frozen.ts';
import { environmentSuspension, environmentSuspensionWords, type SuspensionKeys } from './suspension.ts';

/**
 * What is left undone of an environment on purpose, by its file or a freeze: in every alert and every status, so that nobody takes it for
 * done.
 */
export const policySchema = z.object({
  /** Whether it is suspended at the moment. */
  suspend: z.boolean(),
  /** Until when, ISO 8601; absent: it is not, or has no end. */
  suspendUntil: z.string().optional(),
  /** Why it is; absent: it is not, or its file does not say. */
  suspendReason: z.string().optional(),
  /** False: drift is told, not healed. */
  selfHeal: z.boolean(),
  /** Whether drift waits for somebody's answer, and is told again until there is one; absent: it does not. */
  asks: z.boolean().optional(),
  /** False: what Git no longer specifies stays, and is not told. */
  prune: z.boolean(),
  /** How many paths the ignore rules name. */
  ignored: z.int().nonnegative(),
  /** Nothing is applied, healed or pruned until then; absent: it is not frozen. */
  frozen: frozenSchema.optional(),
});
export type Policy = z.infer<typeof policySchema>;

export type PolicyKeys = SuspensionKeys & Pick<Environment, 'selfHeal' | 'prune' | 'ignore'>;

export function policyOf({ selfHeal, prune, ignore, ...keys }: PolicyKeys, now: Date, frozen?: Frozen): Policy {
  const suspension = environmentSuspension(keys, now);
  return {
    suspend: suspension !== undefined,
    ...(suspension?.until === undefined ? {} : { suspendUntil: suspension.until }),
    ...(suspension?.reason === undefined ? {} : { suspendReason: suspension.reason }),
    selfHeal: selfHeal === true,
    ...(selfHeal === 'ask' ? { asks: true } : {}),
    prune,
    ignored: ignore.reduce((sum, { paths }) => sum + paths.length, 0),
    ...(frozen === undefined ? {} : { frozen }),
  };
}

/** What is not as it is by default, for people: `selfHeal: false`, and by what it is frozen. */
export function policyWords(policy: Policy | null): string[] {
  const frozen = policy?.frozen;
  return [...fileWords(policy), ...(frozen === undefined ? [] : [frozenWords(frozen)])];
}

/** What its file says of that. */
export function fileWords(policy: Policy | null): string[] {
  if (policy === null) return [];
  const { suspend, suspendUntil: until, suspendReason: reason, selfHeal, asks, prune, ignored } = policy;
  return [
    ...(suspend ? [environmentSuspensionWords({ ...(until && { until }), ...(reason && { reason }) })] : []),
    ...(selfHeal ? [] : [asks === true ? 'selfHeal: ask' : 'selfHeal: false']),
    ...(prune ? [] : ['prune: false']),
    ...(ignored === 0 ? [] : [`${ignored} ignored ${ignored === 1 ? 'path' : 'paths'}`]),
  ];
}
