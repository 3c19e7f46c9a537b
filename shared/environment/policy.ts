import { z } from 'zod';
import type { Environment } from './environment-file.ts';
import { frozenSchema, frozenWords, type Frozen } from './frozen.ts';

/**
 * What is left undone of an environment on purpose, by its file or a freeze: in every alert and every status, so that nobody takes it for
 * done.
 */
export const policySchema = z.object({
  suspend: z.boolean(),
  /** False: drift is told, not healed. */
  selfHeal: z.boolean(),
  /** False: what Git no longer specifies stays, and is not told. */
  prune: z.boolean(),
  /** How many paths the ignore rules name. */
  ignored: z.int().nonnegative(),
  /** Nothing is applied, healed or pruned until then; absent: it is not frozen. */
  frozen: frozenSchema.optional(),
});
export type Policy = z.infer<typeof policySchema>;

export type PolicyKeys = Pick<Environment, 'suspend' | 'selfHeal' | 'prune' | 'ignore'>;

export function policyOf({ suspend, selfHeal, prune, ignore }: PolicyKeys, frozen?: Frozen): Policy {
  const ignored = ignore.reduce((sum, { paths }) => sum + paths.length, 0);
  return { suspend, selfHeal, prune, ignored, ...(frozen === undefined ? {} : { frozen }) };
}

/** What is not as it is by default, for people: `selfHeal: false`, and by what it is frozen. */
export function policyWords(policy: Policy | null): string[] {
  const frozen = policy?.frozen;
  return [...fileWords(policy), ...(frozen === undefined ? [] : [frozenWords(frozen)])];
}

/** What its file says of that. */
export function fileWords(policy: Policy | null): string[] {
  if (policy === null) return [];
  const { suspend, selfHeal, prune, ignored } = policy;
  return [
    ...(suspend ? ['suspend: true'] : []),
    ...(selfHeal ? [] : ['selfHeal: false']),
    ...(prune ? [] : ['prune: false']),
    ...(ignored === 0 ? [] : [`${ignored} ignored ${ignored === 1 ? 'path' : 'paths'}`]),
  ];
}
