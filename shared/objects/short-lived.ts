import type { KubernetesObject } from './kubernetes-object.ts';
import { groupOf } from './object-id.ts';

/**
 * Whether an object is removed by its own controller when it has ended: a Job with `spec.ttlSecondsAfterFinished`
 * (https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/). That it is gone is no drift, and
 * making it anew would run it again at every check.
 */
export function isShortLived({ apiVersion, kind, spec }: KubernetesObject): boolean {
  return (
    groupOf(apiVersion) === 'batch' &&
    kind === 'Job' &&
    spec !== null &&
    typeof spec === 'object' &&
    'ttlSecondsAfterFinished' in spec
  );
}
