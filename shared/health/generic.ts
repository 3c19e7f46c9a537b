import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { describeCondition, findCondition, readConditions, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing, type Health } from './health.ts';

/** True: something is wrong, and waiting will not mend it. */
const failureConditions = ['Stalled', 'Failed', 'Degraded'];
/** True: the controller is still at work. */
const activityConditions = ['Reconciling'];
/** True: the object is what it should be. The first one that it has decides. */
const successConditions = ['Ready', 'Available', 'Established', 'Healthy', 'Programmed', 'Accepted'];

const withoutConditions = 'it exists, and has no conditions to wait for';

const observedSchema = z.object({ observedGeneration: z.number() });

/**
 * Judges an object of any kind by the conventions of the Kubernetes API, as kstatus reads them
 * (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus): a status that lags behind the spec is
 * progressing, abnormal conditions speak first, then the one that stands for the whole. An object that says nothing
 * about itself is healthy once it exists.
 */
export function assessGeneric(object: KubernetesObject): Health {
  const status = object['status'];
  if (status === undefined) return healthy(withoutConditions);
  const generation = object.metadata.generation ?? 0;
  const observed = observedSchema.safeParse(status);
  if (observed.success && observed.data.observedGeneration < generation) {
    return progressing('its controller has not seen the latest specification yet');
  }
  const conditions = readConditions(status);
  for (const type of failureConditions) {
    const condition = trueCondition(conditions, type);
    if (condition !== undefined) return degraded(describeCondition(condition));
  }
  for (const type of activityConditions) {
    const condition = trueCondition(conditions, type);
    if (condition !== undefined) return progressing(describeCondition(condition));
  }
  for (const type of successConditions) {
    const condition = findCondition(conditions, type);
    if (condition === undefined) continue;
    if (condition.status !== 'True') return progressing(describeCondition(condition));
    if ((condition.observedGeneration ?? generation) < generation) return progressing(`${type} speaks of an earlier specification`);
    return healthy(describeCondition(condition));
  }
  return healthy(withoutConditions);
}
