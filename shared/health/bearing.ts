import { z } from 'zod';
import { isTarget } from '../objects/rule-target.ts';
import type { HealthExpressions } from './expression-rule.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../objects/object-id.ts';
import { readConditions, trueCondition } from './conditions.ts';
import type { Health } from './health.ts';
import { autoscalerConditions } from './horizontal-pod-autoscaler.ts';

/**
 * What an object's health means for a roll-out. `reached`: nothing is left to do. `shown`: what it waits for may never
 * come, or nobody can tell; it holds nobody and is told by no alert. `late`: it speaks of what was before the roll-out,
 * and holds none; a look that finds it for longer than a roll-out may take tells it. `awaited`: time may heal it, and
 * it is told when the roll-out's time is over. `failing`: a person has to act.
 */
export type Bearing = 'reached' | 'shown' | 'late' | 'awaited' | 'failing';

/**
 * The bearing of one observed object on the roll-out it is in; the table in docs/contracts.md gives the reasons.
 *
 * @param facts.object undefined where it was read and was not there
 * @param facts.health as `assessHealth` judged it with the same expressions
 * @param facts.waitsForConsumer whether it is a claim that gets no volume before a Pod uses it
 */
export function bearingOf({
  object,
  health,
  expressions,
  waitsForConsumer,
}: {
  object: KubernetesObject | undefined;
  health: Health;
  expressions: readonly HealthExpressions[];
  waitsForConsumer: boolean;
}): Bearing {
  switch (health.state) {
    case 'Healthy':
    case 'Suspended':
      return 'reached';
    case 'Unknown':
      return 'shown';
    case 'Missing':
      return 'awaited';
    case 'Progressing':
    case 'Degraded':
  }
  if (object === undefined) return 'awaited';
  // What its author asks for is waited for, whatever the kind.
  if (expressions.some(({ target }) => isTarget({ target, id: objectIdOf(object) })))
    return health.state === 'Degraded' ? 'failing' : 'awaited';
  if (object.metadata.deletionTimestamp !== undefined) return 'awaited';
  if (health.state === 'Progressing') return waitsForConsumer || waitsForAddress(object) ? 'shown' : 'awaited';
  return bearingOfDegraded(object);
}

const addressedSchema = z.object({ status: z.object({ addresses: z.array(z.unknown()).min(1) }) });

/** A route that a controller has taken on says so for each of its parents. */
const takenOnSchema = z.object({
  status: z.union([
    z.object({ parents: z.array(z.unknown()).min(1) }),
    z.object({ ingress: z.array(z.unknown()).min(1) }),
  ]),
});

/** An address comes from a controller that a cluster need not have. A ClusterIP Service is never `Progressing`. */
function waitsForAddress(object: KubernetesObject): boolean {
  switch (groupKind(objectIdOf(object))) {
    case 'Service':
    case 'Ingress.networking.k8s.io':
      return true;
    case 'Gateway.gateway.networking.k8s.io':
      return !addressedSchema.safeParse(object).success;
    case 'HTTPRoute.gateway.networking.k8s.io':
    case 'GRPCRoute.gateway.networking.k8s.io':
    case 'TLSRoute.gateway.networking.k8s.io':
    case 'TCPRoute.gateway.networking.k8s.io':
    case 'UDPRoute.gateway.networking.k8s.io':
    case 'Route.route.openshift.io':
      return !takenOnSchema.safeParse(object).success;
    // It is issued when its domain leads to the load balancer, whose address is known after the roll-out.
    case 'ManagedCertificate.networking.gke.io':
      return true;
    default:
      return false;
  }
}

/**
 * Reasons of an autoscaler that are there for a minute whenever Pods change, and for ever where there is no metrics
 * API.
 */
const unmeasured = /^FailedGet\w*Metrics?$|^FailedComputeMetricsReplicas$/;

function bearingOfDegraded(object: KubernetesObject): Bearing {
  switch (groupKind(objectIdOf(object))) {
    // Each has an end of its own, which comes once.
    case 'Job.batch':
    case 'PersistentVolumeClaim':
    case 'CustomResourceDefinition.apiextensions.k8s.io':
      return 'failing';
    // Its last run may be one of before, and the next one is hours away.
    case 'CronJob.batch':
      return 'late';
    case 'Pod':
      return podSchema.safeParse(object).success ? 'failing' : 'awaited';
    case 'HorizontalPodAutoscaler.autoscaling': {
      const troubles = autoscalerConditions(object).filter(
        ({ type, status }) => (type === 'AbleToScale' || type === 'ScalingActive') && status === 'False',
      );
      if (troubles.some(({ reason }) => reason?.startsWith('Invalid') === true)) return 'failing';
      return troubles.every(({ reason }) => unmeasured.test(reason ?? '') || reason === 'ScalingDisabled')
        ? 'shown'
        : 'awaited';
    }
    default: {
      // By kstatus' word, a stalled object is not tried again before somebody changes it.
      const conditions = readConditions(object['status']);
      return ['Stalled', 'Failed'].some((type) => trueCondition(conditions, type) !== undefined)
        ? 'failing'
        : 'awaited';
    }
  }
}

const podSchema = z.object({ status: z.object({ phase: z.literal('Failed') }) });
