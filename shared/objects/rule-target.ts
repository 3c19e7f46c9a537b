import { z } from 'zod';
import type { ObjectId } from './object-id.ts';

/** Which objects a rule is about: those that agree in everything it names. An empty group is the core group. */
export const ruleTargetSchema = z
  .strictObject({
    group: z.string().optional(),
    kind: z.string().min(1).optional(),
    namespace: z.string().min(1).optional(),
    name: z.string().min(1).optional(),
  })
  .refine((target) => Object.values(target).some((value) => value !== undefined), {
    error: 'expected at least one of group, kind, namespace, name',
  });
export type RuleTarget = Readonly<z.output<typeof ruleTargetSchema>>;

/** Whether a rule of the environment file is about the object: they agree in everything that the target names. */
export function isTarget({ target, id }: { target: RuleTarget; id: ObjectId }): boolean {
  const { group, kind, namespace, name } = target;
  return [
    [group, id.group],
    [kind, id.kind],
    [namespace, id.namespace],
    [name, id.name],
  ].every(([wanted, is]) => wanted === undefined || wanted === is);
}
