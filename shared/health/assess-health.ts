import { isTarget } from '../objects/rule-target.ts';
import type { HealthExpressions } from './expression-rule.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupOf, objectIdOf } from '../objects/object-id.ts';
import { assessApiService } from './api-service.ts';
import { assessCronJob } from './cron-job.ts';
import { assessCustomResourceDefinition } from './custom-resource-definition.ts';
import { assessDaemonSet } from './daemon-set.ts';
import { assessDeployment } from './deployment.ts';
import { expressionRule } from './expression-rule.ts';
import { assessGeneric } from './generic.ts';
import { oneLine, progressing, type Health, type HealthRule } from './health.ts';
import { assessHorizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { assessIngress } from './ingress.ts';
import { assessJob } from './job.ts';
import { knownKindRule } from './known-kind-rule.ts';
import { assessPersistentVolumeClaim } from './persistent-volume-claim.ts';
import { assessPod } from './pod.ts';
import { assessReplicaSet } from './replica-set.ts';
import { assessService } from './service.ts';
import { assessStatefulSet } from './stateful-set.ts';

/** By group and kind, whatever the version: `/Pod` is a kind of the core group. */
const rules: ReadonlyMap<string, HealthRule> = new Map([
  ['apps/Deployment', assessDeployment],
  ['apps/StatefulSet', assessStatefulSet],
  ['apps/DaemonSet', assessDaemonSet],
  ['apps/ReplicaSet', assessReplicaSet],
  ['batch/Job', assessJob],
  ['batch/CronJob', assessCronJob],
  ['/Pod', assessPod],
  ['/Service', assessService],
  ['/PersistentVolumeClaim', assessPersistentVolumeClaim],
  ['networking.k8s.io/Ingress', assessIngress],
  ['autoscaling/HorizontalPodAutoscaler', assessHorizontalPodAutoscaler],
  ['apiextensions.k8s.io/CustomResourceDefinition', assessCustomResourceDefinition],
  ['apiregistration.k8s.io/APIService', assessApiService],
]);

/**
 * Judges one observed object by its own status: by the first rule of the environment file that is about it, else by the
 * rule of its kind, else by the conventions of the API. Words and verdicts are Argo CD's (its built-in rules, where
 * peers differ). `Missing` is for the caller, who knows that an object was read and was not there.
 *
 * @param expressions the `health` of the object's environment
 */
export function assessHealth(object: KubernetesObject, expressions: readonly HealthExpressions[] = []): Health {
  if (object.metadata.deletionTimestamp !== undefined) return progressing('it is being deleted');
  const own = expressions.find(({ target }) => isTarget({ target, id: objectIdOf(object) }));
  const { state, message } = own === undefined ? ruleOf(object)(object) : expressionRule(own)(object);
  return { state, message: oneLine(message) };
}

function ruleOf(object: KubernetesObject): HealthRule {
  return rules.get(`${groupOf(object.apiVersion)}/${object.kind}`) ?? knownKindRule(object) ?? assessGeneric;
}
