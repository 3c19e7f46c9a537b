import { readFileSync, readdirSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { assessHealth } from '../../../shared/health/assess-health.ts';
import type { HealthState } from '../../../shared/health/health.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { objectSchema } from './object-schema.ts';

const fixtures = new URL('fixtures/', import.meta.url);

function readFixture(name: string): KubernetesObject {
  return objectSchema.parse(load(readFileSync(new URL(`${name}.yaml`, fixtures), 'utf8')));
}

const verdicts: readonly (readonly [fixture: string, state: HealthState, message: string])[] = [
  ['deployment-rolled-out', 'Healthy', '2 pods are available'],
  ['deployment-scaled-to-zero', 'Healthy', '0 pods are available'],
  ['deployment-never-observed', 'Progressing', 'its controller has not seen the latest specification yet'],
  ['deployment-spec-ahead-of-status', 'Progressing', 'its controller has not seen the latest specification yet'],
  ['deployment-pods-not-updated', 'Progressing', '1 of 3 pods are updated'],
  ['deployment-outdated-pods-left', 'Progressing', '1 outdated pods are still there'],
  ['deployment-pods-not-available', 'Progressing', '2 of 3 updated pods are available'],
  ['deployment-quota-exceeded', 'Progressing', '0 of 2 pods are updated: exceeded quota: compute'],
  ['deployment-progress-deadline-exceeded', 'Degraded', 'ReplicaSet "web-5d4" has timed out progressing.'],
  ['deployment-paused', 'Suspended', 'its roll-out is paused'],
  ['deployment-being-deleted', 'Progressing', 'it is being deleted'],
  ['deployment-unreadable-status', 'Unknown', 'status.availableReplicas has a form that is not known'],
  ['replica-set-available', 'Healthy', '2 pods are available'],
  ['replica-set-not-available', 'Progressing', '1 of 2 pods are available'],
  ['replica-set-cannot-create-pods', 'Degraded', 'serviceaccount "web" not found'],
  ['stateful-set-rolled-out', 'Healthy', '3 pods are ready'],
  ['stateful-set-pods-not-ready', 'Progressing', '2 of 3 pods are ready'],
  ['stateful-set-update-not-begun', 'Progressing', '0 of 3 pods are updated'],
  ['stateful-set-surplus-pods', 'Progressing', '1 surplus pods are still there'],
  ['stateful-set-partition-reached', 'Healthy', '3 pods are ready, 1 of them above the partition and updated'],
  ['stateful-set-partition-not-reached', 'Progressing', '1 of the 2 pods above the partition are updated'],
  ['stateful-set-updated-on-delete', 'Healthy', '1 pods are ready; updated only when deleted'],
  ['daemon-set-rolled-out', 'Healthy', '2 pods are available'],
  ['daemon-set-pods-not-updated', 'Progressing', '1 of 2 pods are updated'],
  ['daemon-set-pods-not-available', 'Progressing', '1 of 2 pods are available'],
  ['daemon-set-updated-on-delete', 'Healthy', '2 pods are available; updated only when deleted'],
  ['job-running', 'Progressing', '1 pods are running, 1 of 2 have succeeded'],
  ['job-completed', 'Healthy', 'it has completed'],
  ['job-failed', 'Degraded', 'Job has reached the specified backoff limit'],
  ['job-suspended', 'Suspended', 'it is suspended'],
  ['cron-job-never-ran', 'Healthy', 'no run has succeeded or failed yet'],
  ['cron-job-last-run-succeeded', 'Healthy', 'its last run succeeded'],
  ['cron-job-last-run-failed', 'Degraded', 'its last run did not succeed'],
  ['cron-job-running', 'Healthy', '1 jobs are running'],
  ['cron-job-suspended', 'Healthy', 'it is suspended'],
  ['pod-ready', 'Healthy', 'it is ready'],
  ['pod-readiness-probe-fails', 'Progressing', 'containers with unready status: [web]'],
  ['pod-unschedulable', 'Progressing', '0/3 nodes are available'],
  ['pod-image-pull-back-off', 'Degraded', 'container web: Back-off pulling image "shop:none"'],
  ['pod-init-container-config-error', 'Degraded', 'container wait: CreateContainerConfigError'],
  ['pod-restarting-after-crash', 'Degraded', 'container web has ended and is being restarted'],
  ['pod-runs-to-an-end', 'Progressing', 'it is running and has not ended yet'],
  ['pod-succeeded', 'Healthy', 'it has ended successfully'],
  ['pod-failed', 'Degraded', 'container migrate: ended with exit code 2'],
  ['pod-node-lost', 'Unknown', 'its phase is Unknown'],
  ['service-cluster-ip', 'Healthy', 'a ClusterIP service needs nothing more'],
  ['service-load-balancer-pending', 'Progressing', 'it waits for its load balancer'],
  ['service-load-balancer-assigned', 'Healthy', 'its load balancer answers at 192.0.2.7'],
  ['ingress-assigned', 'Healthy', 'its load balancer answers at lb.example.com'],
  ['ingress-pending', 'Progressing', 'it waits for its load balancer'],
  ['persistent-volume-claim-bound', 'Healthy', 'it is bound to a volume'],
  ['persistent-volume-claim-pending', 'Progressing', 'it waits for a volume'],
  ['persistent-volume-claim-lost', 'Degraded', 'its volume is lost'],
  ['custom-resource-definition-established', 'Healthy', 'it is established'],
  ['custom-resource-definition-installing', 'Progressing', 'it is not established yet'],
  ['custom-resource-definition-never-observed', 'Progressing', 'it is not established yet'],
  ['custom-resource-definition-names-taken', 'Degraded', '"tariffs" is already in use'],
  ['custom-resource-definition-not-structural', 'Degraded', 'spec: a type is required'],
  ['api-service-available', 'Healthy', 'it is available'],
  ['api-service-without-backend', 'Progressing', 'endpoints for service/quotes have no addresses'],
  ['api-service-never-observed', 'Progressing', 'it is not available yet'],
  ['horizontal-pod-autoscaler-scaling', 'Healthy', 'ReadyForNewScale'],
  ['horizontal-pod-autoscaler-never-observed', 'Progressing', 'it waits for its first measurement'],
  ['horizontal-pod-autoscaler-no-metrics', 'Degraded', 'unable to fetch metrics'],
  ['horizontal-pod-autoscaler-target-scaled-to-zero', 'Healthy', 'SucceededGetScale'],
  ['horizontal-pod-autoscaler-v1-target-missing', 'Degraded', 'deployments.apps "web" not found'],
  ['config-map-exists', 'Healthy', 'it exists, and has no conditions to wait for'],
  ['custom-resource-without-status', 'Healthy', 'it exists, and has no conditions to wait for'],
  ['custom-resource-ready', 'Healthy', 'tariff is published'],
  ['custom-resource-ready-as-boolean', 'Healthy', 'Published'],
  ['custom-resource-spec-ahead-of-status', 'Progressing', 'its controller has not seen the latest specification yet'],
  ['custom-resource-condition-of-earlier-spec', 'Progressing', 'Ready speaks of an earlier specification'],
  ['custom-resource-not-ready', 'Progressing', 'Publishing'],
  ['custom-resource-not-available', 'Progressing', 'no answer yet'],
  ['custom-resource-reconciling', 'Progressing', 'publishing'],
  ['custom-resource-stalled', 'Degraded', 'no such product'],
  ['custom-resource-failed', 'Degraded', 'InvalidTariff'],
  ['custom-resource-strange-conditions', 'Healthy', 'it exists, and has no conditions to wait for'],
];

describe('assessHealth', () => {
  it.for(verdicts)('judges %s as %s', ([fixture, state, message]) => {
    expect(assessHealth(readFixture(fixture))).toEqual({ state, message });
  });

  it('has a verdict for every fixture', () => {
    const files = readdirSync(fixtures).map((file) => file.replace(/\.yaml$/, ''));
    expect(files.toSorted()).toEqual(verdicts.map(([fixture]) => fixture).toSorted());
  });

  it('judges a kind of another group that only shares the name by the generic rule', () => {
    const service = {
      apiVersion: 'services.example.com/v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer' },
    };
    expect(assessHealth(service).state).toBe('Healthy');
  });
});
