import { z } from 'zod';
import type { Environment } from './environment-file.ts';

/**
 * What an environment's file leaves undone on purpose: in every alert and every status, so that nobody takes it for
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
});
export type Policy = z.infer<typeof policySchema>;

export type PolicyKeys = Pick<Environment, 'suspend' | 'selfHeal' | 'prune' | 'ignore'>;

export function policyOf({ suspend, selfHeal, prune, ignore }: PolicyKeys): Policy {
  return { suspend, selfHeal, prune, ignored: ignore.reduce((sum, { paths }) => sum + paths.length, 0) };
}

/** What is not as it is by default, for people: `selfHeal: false`. */
export function policyWords(policy: Policy | null): string[] {
  if (policy === null) return [];
  const { suspend, selfHeal, prune, ignored } = policy;
  return [
    ...(suspend ? ['suspend: true'] : []),
    ...(selfHeal ? [] : ['selfHeal: false']),
    ...(prune ? [] : ['prune: false']),
    ...(ignored === 0 ? [] : [`${ignored} ignored ${ignored === 1 ? 'path' : 'paths'}`]),
  ];
}
