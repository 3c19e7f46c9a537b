import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { isMap } from './field-sets.ts';

const isTrue = (type: string, reason: string) => ({ type, status: 'True', reason, message: '' });

/** What controllers that do their work at once say of an object; undefined for kinds without a controller. */
export function statusOf(object: KubernetesObject): unknown {
  switch (object.kind) {
    case 'Deployment':
      return readied(object);
    case 'Job':
      return { succeeded: 1, conditions: [isTrue('Complete', 'CompletionsReached')] };
    case 'CustomResourceDefinition':
      return { conditions: [isTrue('NamesAccepted', 'NoConflicts'), isTrue('Established', 'InitialNamesAccepted')] };
    case 'Namespace':
      return { phase: 'Active' };
    case 'PersistentVolumeClaim':
      return { phase: 'Bound' };
    default:
      return undefined;
  }
}

/** Of a Deployment that is through. */
export function readied({ metadata, spec }: KubernetesObject): unknown {
  const replicas = isMap(spec) && typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  return {
    ...{ observedGeneration: metadata.generation, replicas, updatedReplicas: replicas },
    ...{ readyReplicas: replicas, availableReplicas: replicas },
    conditions: [isTrue('Available', 'MinimumReplicasAvailable'), isTrue('Progressing', 'NewReplicaSetAvailable')],
  };
}

/** Of a Deployment whose Pods do not come. */
export function unready({ metadata: { generation } }: KubernetesObject): unknown {
  return {
    ...{ observedGeneration: generation, replicas: 1, updatedReplicas: 1, readyReplicas: 0, unavailableReplicas: 1 },
    conditions: [{ ...isTrue('Available', 'MinimumReplicasUnavailable'), status: 'False' }],
  };
}

/** Of a Job that failed for good. */
export function failedJob(): unknown {
  const message = 'Job has reached the specified backoff limit';
  return { failed: 1, conditions: [{ ...isTrue('Failed', 'BackoffLimitExceeded'), message }] };
}

/** Of a Job that runs. */
export const runningJob = (): unknown => ({ active: 1 });

/** Of an object whose controller does not look at it. */
export const unseen = (): unknown => undefined;
