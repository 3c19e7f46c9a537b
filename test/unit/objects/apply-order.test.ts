import { describe, expect, it } from 'vitest';
import { applyStageOf, applyStages } from '../../../shared/objects/apply-order.ts';

const place = (kind: string, group = '') => applyStages.indexOf(applyStageOf({ group, kind }));

describe('the order of apply', () => {
  it.each([
    ['Namespace', 'ConfigMap'],
    ['CustomResourceDefinition.apiextensions.k8s.io', 'Tariff.example.com'],
    ['ServiceAccount', 'Deployment.apps'],
    ['Secret', 'StatefulSet.apps'],
    ['PersistentVolumeClaim', 'Pod'],
    ['PriorityClass.scheduling.k8s.io', 'DaemonSet.apps'],
    ['RoleBinding.rbac.authorization.k8s.io', 'Job.batch'],
    ['Service', 'Certificate.cert-manager.io'],
    ['Deployment.apps', 'Certificate.cert-manager.io'],
    ['Deployment.apps', 'ValidatingWebhookConfiguration.admissionregistration.k8s.io'],
    ['Certificate.cert-manager.io', 'MutatingWebhookConfiguration.admissionregistration.k8s.io'],
    ['Service', 'APIService.apiregistration.k8s.io'],
  ])('puts %s before %s', (first, second) => {
    const [before, after] = [first, second].map((name) =>
      place(name.split('.')[0] ?? '', name.split('.').slice(1).join('.')),
    );
    expect(before).toBeLessThan(after ?? -1);
  });

  it('tells a kind of somebody else’s group from ours of that name', () => {
    expect(applyStageOf({ group: 'serving.knative.dev', kind: 'Service' })).toBe('custom');
    expect(applyStageOf({ group: 'example.com', kind: 'Namespace' })).toBe('custom');
    expect(applyStageOf({ group: 'cluster.x-k8s.io', kind: 'Cluster' })).toBe('custom');
  });

  it('knows every built-in kind that it does not list', () => {
    expect(applyStageOf({ group: 'autoscaling', kind: 'HorizontalPodAutoscaler' })).toBe('workloads');
    expect(applyStageOf({ group: 'networking.k8s.io', kind: 'Ingress' })).toBe('workloads');
    expect(applyStageOf({ group: '', kind: 'PodTemplate' })).toBe('workloads');
  });
});
