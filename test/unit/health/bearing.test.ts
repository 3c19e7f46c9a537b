import { describe, expect, it } from 'vitest';
import { assessHealth } from '../../../shared/health/assess-health.ts';
import { bearingOf, type Bearing } from '../../../shared/health/bearing.ts';
import { bindsToFirstConsumer, classThatMayWait } from '../../../shared/health/storage-class.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const of = (apiVersion: string, kind: string, rest: object = {}): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x' },
  ...rest,
});
const conditions = (...list: readonly (readonly [type: string, status: string, reason?: string])[]) => ({
  status: { conditions: list.map(([type, status, reason]) => ({ type, status, reason, message: reason })) },
});

const bearings: readonly (readonly [what: string, object: KubernetesObject, state: string, bearing: Bearing])[] = [
  [
    'an Ingress without an address',
    of('networking.k8s.io/v1', 'Ingress', { status: { loadBalancer: {} } }),
    'Progressing',
    'shown',
  ],
  [
    'a LoadBalancer Service without one',
    of('v1', 'Service', { spec: { type: 'LoadBalancer' } }),
    'Progressing',
    'shown',
  ],
  [
    'a Gateway that nobody has seen',
    of('gateway.networking.k8s.io/v1', 'Gateway', conditions(['Accepted', 'Unknown', 'Pending'])),
    'Progressing',
    'shown',
  ],
  [
    'a Gateway that is refused for a moment',
    of('gateway.networking.k8s.io/v1', 'Gateway', conditions(['Accepted', 'False'])),
    'Degraded',
    'awaited',
  ],
  [
    'a route that no Gateway has taken on',
    of('gateway.networking.k8s.io/v1', 'HTTPRoute', { status: { parents: [] } }),
    'Progressing',
    'shown',
  ],
  [
    'a route that a Gateway looks at',
    of('gateway.networking.k8s.io/v1', 'HTTPRoute', {
      status: { parents: [{ conditions: [{ type: 'Accepted', status: 'Unknown' }] }] },
    }),
    'Progressing',
    'awaited',
  ],
  ['a route of a cluster without a router', of('route.openshift.io/v1', 'Route'), 'Progressing', 'shown'],
  [
    'a certificate whose domain leads nowhere yet',
    of('networking.gke.io/v1', 'ManagedCertificate', { status: { certificateStatus: 'Provisioning' } }),
    'Progressing',
    'shown',
  ],
  [
    'a claim that binds at once',
    of('v1', 'PersistentVolumeClaim', { status: { phase: 'Pending' } }),
    'Progressing',
    'awaited',
  ],
  [
    'a claim whose volume is lost',
    of('v1', 'PersistentVolumeClaim', { status: { phase: 'Lost' } }),
    'Degraded',
    'failing',
  ],
  [
    'an autoscaler without a metrics API',
    of(
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      conditions(['AbleToScale', 'True'], ['ScalingActive', 'False', 'FailedGetResourceMetric']),
    ),
    'Degraded',
    'shown',
  ],
  [
    'an autoscaler of an external metric',
    of('autoscaling/v2', 'HorizontalPodAutoscaler', conditions(['ScalingActive', 'False', 'FailedGetExternalMetric'])),
    'Degraded',
    'shown',
  ],
  [
    'an autoscaler whose target comes later',
    of('autoscaling/v2', 'HorizontalPodAutoscaler', conditions(['AbleToScale', 'False', 'FailedGetScale'])),
    'Degraded',
    'awaited',
  ],
  [
    'an autoscaler with an impossible metric',
    of('autoscaling/v2', 'HorizontalPodAutoscaler', conditions(['ScalingActive', 'False', 'InvalidMetricSourceType'])),
    'Degraded',
    'failing',
  ],
  [
    'a Deployment that is slow',
    of('apps/v1', 'Deployment', conditions(['Progressing', 'False', 'ProgressDeadlineExceeded'])),
    'Degraded',
    'awaited',
  ],
  [
    'a ReplicaSet that is refused',
    of('apps/v1', 'ReplicaSet', conditions(['ReplicaFailure', 'True', 'FailedCreate'])),
    'Degraded',
    'awaited',
  ],
  [
    'a Job that has failed',
    of('batch/v1', 'Job', conditions(['Failed', 'True', 'BackoffLimitExceeded'])),
    'Degraded',
    'failing',
  ],
  [
    'a CronJob whose last run failed',
    of('batch/v1', 'CronJob', {
      status: { lastScheduleTime: '2026-11-21T03:00:00Z', lastSuccessfulTime: '2026-11-20T03:00:00Z' },
    }),
    'Degraded',
    'late',
  ],
  [
    'a bare Pod that restarts',
    of('v1', 'Pod', {
      status: { phase: 'Running', containerStatuses: [{ name: 'web', lastState: { terminated: { exitCode: 1 } } }] },
    }),
    'Degraded',
    'awaited',
  ],
  [
    'a Pod that has failed',
    of('v1', 'Pod', { spec: { restartPolicy: 'Never' }, status: { phase: 'Failed' } }),
    'Degraded',
    'failing',
  ],
  [
    'an APIService whose backend starts',
    of('apiregistration.k8s.io/v1', 'APIService', conditions(['Available', 'False', 'MissingEndpoints'])),
    'Progressing',
    'awaited',
  ],
  [
    'a definition whose names are taken',
    of('apiextensions.k8s.io/v1', 'CustomResourceDefinition', conditions(['NamesAccepted', 'False'])),
    'Degraded',
    'failing',
  ],
  [
    'a Certificate on its way',
    of('cert-manager.io/v1', 'Certificate', conditions(['Ready', 'False', 'DoesNotExist'])),
    'Progressing',
    'awaited',
  ],
  [
    'a secret whose store is not ready',
    of('external-secrets.io/v1', 'ExternalSecret', conditions(['Ready', 'False', 'SecretSyncedError'])),
    'Degraded',
    'awaited',
  ],
  [
    'an unknown kind that is degraded',
    of('example.com/v1', 'Thing', conditions(['Degraded', 'True'])),
    'Degraded',
    'awaited',
  ],
  [
    'an unknown kind that is stalled',
    of('example.com/v1', 'Thing', conditions(['Stalled', 'True'])),
    'Degraded',
    'failing',
  ],
  [
    'an unknown kind with a word of failure',
    of('example.com/v1', 'Thing', { status: { phase: 'Failed' } }),
    'Unknown',
    'shown',
  ],
  [
    'an unknown kind with a word of work',
    of('example.com/v1', 'Thing', { status: { state: 'Provisioning' } }),
    'Progressing',
    'awaited',
  ],
  [
    'an unknown kind with a word of success',
    of('example.com/v1', 'Thing', { status: { health: 'green' } }),
    'Unknown',
    'shown',
  ],
  [
    'an unknown kind with a status of its own',
    of('example.com/v1', 'Thing', { status: { shards: 3 } }),
    'Unknown',
    'shown',
  ],
  ['an unknown kind with an empty status', of('example.com/v1', 'Thing', { status: {} }), 'Healthy', 'reached'],
  ['an unknown kind without a status', of('example.com/v1', 'Thing'), 'Healthy', 'reached'],
  ['a Namespace', of('v1', 'Namespace', { status: { phase: 'Active' } }), 'Healthy', 'reached'],
];

describe('the bearing of a health on a roll-out', () => {
  it.for(bearings)('of %s', ([, object, state, bearing]) => {
    const health = assessHealth(object);
    expect(health.state).toBe(state);
    expect(bearingOf({ object, health, expressions: [], waitsForConsumer: false })).toBe(bearing);
  });

  it('is that of what its author asks for where the environment has a rule', () => {
    const object = of('networking.k8s.io/v1', 'Ingress');
    const rule = {
      target: { group: 'networking.k8s.io', kind: 'Ingress' },
      healthy: 'size(status.loadBalancer.ingress) > 0',
      degraded: undefined,
    };
    expect(
      bearingOf({ object, health: assessHealth(object, [rule]), expressions: [rule], waitsForConsumer: false }),
    ).toBe('awaited');
    const refused = { ...rule, degraded: 'true' };
    expect(
      bearingOf({ object, health: assessHealth(object, [refused]), expressions: [refused], waitsForConsumer: false }),
    ).toBe('failing');
  });

  it('is none of a claim that waits for its first consumer', () => {
    const claim = of('v1', 'PersistentVolumeClaim', {
      spec: { storageClassName: 'slow' },
      status: { phase: 'Pending' },
    });
    expect(bearingOf({ object: claim, health: assessHealth(claim), expressions: [], waitsForConsumer: true })).toBe(
      'shown',
    );
    expect(classThatMayWait(claim)).toBe('slow');
    expect(
      classThatMayWait({
        ...claim,
        metadata: { name: 'x', annotations: { 'volume.kubernetes.io/selected-node': 'a' } },
      }),
    ).toBeUndefined();
    expect(classThatMayWait({ ...claim, status: { phase: 'Bound' } })).toBeUndefined();
    expect(
      bindsToFirstConsumer(of('storage.k8s.io/v1', 'StorageClass', { volumeBindingMode: 'WaitForFirstConsumer' })),
    ).toBe(true);
    expect(bindsToFirstConsumer(of('storage.k8s.io/v1', 'StorageClass', { volumeBindingMode: 'Immediate' }))).toBe(
      false,
    );
  });
});
