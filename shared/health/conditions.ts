import { z } from 'zod';

/** An entry of `status.conditions`, as the Kubernetes API conventions describe it. */
const conditionSchema = z.object({
  type: z.string(),
  /** Some controllers write a boolean where the conventions ask for the words. */
  status: z.union([z.string(), z.boolean().transform((status) => (status ? 'True' : 'False'))]).default('Unknown'),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  observedGeneration: z.number().nullish(),
});
export type Condition = z.infer<typeof conditionSchema>;

/** The conditions of a built-in kind. */
export const conditionList = z
  .array(conditionSchema)
  .nullish()
  .transform((conditions) => conditions ?? []);

/** The conditions of a kind whose author may have ignored the conventions: what is no condition is left out. */
export function readConditions(status: unknown): readonly Condition[] {
  const parsed = z.object({ conditions: z.array(z.unknown()) }).safeParse(status);
  if (!parsed.success) return [];
  return parsed.data.conditions.flatMap((item) => {
    const condition = conditionSchema.safeParse(item);
    return condition.success ? [condition.data] : [];
  });
}

export function findCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** The condition of that type where its status is `True`. */
export function trueCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type && condition.status === 'True');
}

/** The condition in the controller's words: its message, else its reason, else its type. */
export function describeCondition({ type, status, reason, message }: Condition): string {
  return message || reason || `${type} is ${status}`;
}
