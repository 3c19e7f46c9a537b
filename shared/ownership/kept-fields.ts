import type { PathStep } from '../fields/owned-fields.ts';

/*
 * Fields that stay as they are where Git does not specify them, whoever wrote them.
 */

/** Undoing what `kubectl rollout restart` wrote would roll every pod again. */
const restartedAt = 'kubectl.kubernetes.io/restartedAt';

/** `metadata` and `status`: labels, annotations and finalizers have many writers; a status is its controller's. */
export function isBesideTheSpec([first]: readonly PathStep[]): boolean {
  return first?.step === 'field' && ['metadata', 'status', 'apiVersion', 'kind'].includes(first.name);
}

/** Whether a field keeps its value though Git says nothing about it: the number of replicas, and a restart. */
export function isKept(path: readonly PathStep[]): boolean {
  const last = path.at(-1);
  return isReplicas(path) || (last?.step === 'field' && last.name === restartedAt);
}

/** `/spec/replicas`. Without an owner it falls back to 1, under an autoscaler too. */
export function isReplicas(path: readonly PathStep[]): boolean {
  const [spec, replicas] = path;
  return (
    path.length === 2 &&
    spec?.step === 'field' &&
    spec.name === 'spec' &&
    replicas?.step === 'field' &&
    replicas.name === 'replicas'
  );
}
