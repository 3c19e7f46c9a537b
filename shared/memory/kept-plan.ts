import { z } from 'zod';
import { plannedActions } from '../events/alert.ts';
import { inputsId, type Inputs } from '../environment/inputs.ts';
import type { Memory } from './memory.ts';

/** Of so many objects a plan is kept. */
export const mostKept = 1_000;

const keptObjectSchema = z.object({
  key: z.string(),
  does: z.enum([...plannedActions, 'left']),
  verdict: z.enum(['accepted', 'rejected', 'undecided']),
  /** Hash of what it is to be, by which other templates show; absent of a Secret, and of what Git has no more. */
  desired: z.string().optional(),
  /** Digest of the fields that change; absent where they are not known. */
  fields: z.string().optional(),
});

/**
 * What was planned of an environment on a pull request, in the state bucket: no values, and of no more objects than a run reads in
 * a moment. It is found by what the environment is to be made of, so that the commit by which it came does not matter.
 */
const keptPlanSchema = z.object({
  version: z.literal(1),
  /** ISO 8601. */
  at: z.string(),
  /** As the host counts. */
  pullRequest: z.int(),
  /** `inputsId` of what it was made of then: as of the last attempt, and of the last convergence. */
  from: z.array(z.string()).readonly(),
  objects: z.array(keptObjectSchema).max(mostKept).readonly(),
  /** Why it does not say all; absent: it does. */
  lacks: z.string().optional(),
});
export type KeptPlan = Readonly<z.infer<typeof keptPlanSchema>>;
export type KeptObject = Readonly<z.infer<typeof keptObjectSchema>>;

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodeKeptPlan(value: unknown): KeptPlan | undefined {
  return keptPlanSchema.safeParse(value).data;
}

export function keptPlanPath({
  repository,
  environment,
  inputs,
}: {
  repository: string;
  environment: string;
  inputs: Inputs;
}): string {
  return `plans/${repository}/${environment}/${inputsId(inputs)}.json`;
}

/** What an environment is made of as far as runs know, for `from`. */
export function madeOf({ attempted, converged }: Pick<Memory, 'attempted' | 'converged'>): string[] {
  return [...new Set([attempted, converged].flatMap((one) => (one === undefined ? [] : [inputsId(one.inputs)])))];
}

/** Whether a convergence was held against it already: the same content came back, and was not planned again. */
export function isUsedUp({ at }: Pick<KeptPlan, 'at'>, { past }: Pick<Memory, 'past'>): boolean {
  return past?.convergences.some(({ planned }) => planned === at) === true;
}
