import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupOf } from '../objects/object-id.ts';
import { describeCondition, findCondition, readConditions, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing, unknown, type Health } from './health.ts';

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
 * about itself is healthy once it exists; one whose status says nothing that is known is `Unknown`.
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
    if ((condition.observedGeneration ?? generation) < generation)
      return progressing(`${type} speaks of an earlier specification`);
    return healthy(describeCondition(condition));
  }
  return conditions.length > 0 ? healthy(withoutConditions) : withoutKnownConditions(object);
}

/** Groups of Kubernetes' own kinds. A status of theirs without conditions, such as a quota's, asks for no waiting. */
const ownGroups = new Set([
  '',
  'apps',
  'batch',
  'policy',
  'autoscaling',
  'extensions',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
  'storagemigration.k8s.io',
]);

const words = ['phase', 'state', 'health', 'status'];
const wordsOfWork =
  /^(pending|waiting|creat(e|ing)|updat(e|ing)|upgrading|delet(e|ing)|terminating|initiali[sz](e|ing)|start(ing)?|provisioning|progressing|inprogress|reconciling|installing|configuring|deploying|applying|processing|scaling|binding|new)$/;
/** What every controller writes, and says nothing of the object. */
const bookkeeping = new Set(['observedGeneration', 'conditions']);

const statusSchema = z.record(z.string(), z.unknown());
const wordSchema = z.string().min(1);

/**
 * A word alone means what its controller's author chose: it says that something is under way, or nothing that is known.
 * A status that is empty, or no more than the generation that was seen, is none.
 */
function withoutKnownConditions(object: KubernetesObject): Health {
  const status = statusSchema.safeParse(object['status']).data ?? {};
  if (ownGroups.has(groupOf(object.apiVersion)) || !Object.keys(status).some((key) => !bookkeeping.has(key)))
    return healthy(withoutConditions);
  for (const key of words) {
    const word = wordSchema.safeParse(status[key]).data;
    if (word === undefined) continue;
    return wordsOfWork.test(word.toLowerCase().replaceAll(/[^a-z]/g, ''))
      ? progressing(`its ${key} is ${word}`)
      : unknown(
          `its ${key} is ${word}, which says nothing that is known of its kind; a rule of the environment's health can`,
        );
  }
  return unknown("its status says nothing that is known of its kind; a rule of the environment's health can");
}
