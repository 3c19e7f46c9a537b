import { isMap } from '../objects/exact-json.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';

const namespaceConditions = [
  'NamespaceContentRemaining',
  'NamespaceFinalizersRemaining',
  'NamespaceDeletionContentFailure',
];

/** What keeps an object that is being deleted, by name, as far as the object tells. */
export function whyLingering(object: KubernetesObject): string {
  const finalizers = [
    ...(object.metadata.finalizers ?? []),
    ...(object.kind === 'Namespace' ? namespaceFinalizers(object) : []),
  ];
  const [first, ...others] = finalizers;
  const details = object.kind === 'Namespace' ? remaining(object) : [];
  const because = details.length === 0 ? '' : `: ${details.join(' ')}`;
  if (first === undefined) return `is being deleted, and is still there${because}`;
  const what = others.length === 0 ? `its finalizer ${first} has` : `its finalizers ${finalizers.join(', ')} have`;
  return `is being deleted, and ${what} not let go${because}`;
}

function namespaceFinalizers({ spec }: KubernetesObject): string[] {
  const finalizers: unknown = isMap(spec) ? spec['finalizers'] : undefined;
  return Array.isArray(finalizers) ? finalizers.filter((finalizer) => typeof finalizer === 'string') : [];
}

/** The namespace controller's own words about what is left. */
function remaining({ status }: KubernetesObject): string[] {
  const conditions: unknown = isMap(status) ? status['conditions'] : undefined;
  if (!Array.isArray(conditions)) return [];
  return conditions.flatMap((condition: unknown) => {
    if (!isMap(condition) || condition['status'] !== 'True' || !namespaceConditions.includes(String(condition['type'])))
      return [];
    return [String(condition['message'])];
  });
}
