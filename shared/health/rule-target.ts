import type { RuleTarget } from '../environment/environment-file.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupOf } from '../objects/object-id.ts';

/** Whether a rule of the environment file is about the object: they agree in everything that the target names. */
export function isTarget({ target, object }: { target: RuleTarget; object: KubernetesObject }): boolean {
  const { group, kind, namespace, name } = target;
  return (
    (group === undefined || group === groupOf(object.apiVersion)) &&
    (kind === undefined || kind === object.kind) &&
    (namespace === undefined || namespace === (object.metadata.namespace ?? '')) &&
    (name === undefined || name === object.metadata.name)
  );
}
