import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { assessApiService } from './api-service.ts';
import { assessCronJob } from './cron-job.ts';
import { assessCustomResourceDefinition } from './custom-resource-definition.ts';
import { assessDaemonSet } from './daemon-set.ts';
import { assessDeployment } from './deployment.ts';
import { assessGeneric } from './generic.ts';
import { progressing, type Health, type HealthRule } from './health.ts';
import { assessHorizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { assessIngress } from './ingress.ts';
import { assessJob } from './job.ts';
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
 * Judges one observed object by its own status. Words and verdicts are Argo CD's (its built-in rules, where peers
 * differ); kinds without a rule of their own follow the conventions of the API. `Missing` is for the caller, who knows
 * that an object was read and was not there.
 */
export function assessHealth(object: KubernetesObject): Health {
  if (object.metadata.deletionTimestamp !== undefined) return progressing('it is being deleted');
  const group = object.apiVersion.includes('/') ? object.apiVersion.replace(/\/.*/, '') : '';
  const assess = rules.get(`${group}/${object.kind}`) ?? assessGeneric;
  return assess(object);
}
