import type { ObjectId } from './object-id.ts';

/** Which objects a rule is about: those that agree in everything it names. An empty group is the core group. */
export interface RuleTarget {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

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
