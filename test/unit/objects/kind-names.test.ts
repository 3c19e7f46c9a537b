import { describe, expect, it } from 'vitest';
import { isKindNamed } from '../../../shared/objects/kind-names.ts';
import { builtInResources } from '../../../shared/rbac/known-resources.ts';

describe('a kind as somebody writes it', () => {
  it.each([
    ['deployment', 'Deployment', 'apps', true],
    ['Deployments', 'Deployment', 'apps', true],
    ['deploy', 'Deployment', 'apps', true],
    ['deploy.apps', 'Deployment', 'apps', true],
    ['deployment.example.com', 'Deployment', 'apps', false],
    ['svc', 'Service', '', true],
    ['svc', 'Service', 'serving.knative.dev', false],
    ['service.serving.knative.dev', 'Service', 'serving.knative.dev', true],
    ['service.serving.knative.dev', 'Service', '', false],
    ['ingresses', 'Ingress', 'networking.k8s.io', true],
    ['networkpolicies', 'NetworkPolicy', 'networking.k8s.io', true],
    ['certificates.cert-manager.io', 'Certificate', 'cert-manager.io', true],
    ['gateways', 'Gateway', 'gateway.networking.k8s.io', true],
    ['svc', 'ServiceAccount', '', false],
    ['', 'Service', '', false],
  ])('%s is %s of %s: %s', (written, kind, group, is) => {
    expect(isKindNamed({ written, kind, group })).toBe(is);
  });

  it.each([
    ...[
      ['cj', 'CronJob', 'batch'],
      ['cm', 'ConfigMap', ''],
      ['deploy', 'Deployment', 'apps'],
      ['ds', 'DaemonSet', 'apps'],
      ['ep', 'Endpoints', ''],
      ['hpa', 'HorizontalPodAutoscaler', 'autoscaling'],
      ['ing', 'Ingress', 'networking.k8s.io'],
      ['limits', 'LimitRange', ''],
      ['netpol', 'NetworkPolicy', 'networking.k8s.io'],
      ['ns', 'Namespace', ''],
      ['pc', 'PriorityClass', 'scheduling.k8s.io'],
      ['pdb', 'PodDisruptionBudget', 'policy'],
      ['po', 'Pod', ''],
      ['pv', 'PersistentVolume', ''],
      ['pvc', 'PersistentVolumeClaim', ''],
      ['quota', 'ResourceQuota', ''],
      ['rs', 'ReplicaSet', 'apps'],
      ['sa', 'ServiceAccount', ''],
      ['sc', 'StorageClass', 'storage.k8s.io'],
      ['sts', 'StatefulSet', 'apps'],
      ['svc', 'Service', ''],
      ['crd', 'CustomResourceDefinition', 'apiextensions.k8s.io'],
    ],
  ])('%s is short for %s, without its group and with it', (written, kind, group) => {
    for (const name of [written, written.toUpperCase(), ...(group === '' ? [] : [`${written}.${group}`])])
      expect(isKindNamed({ written: name, kind, group })).toBe(true);
    expect(isKindNamed({ written, kind, group: 'example.com' })).toBe(false);
  });

  it('is the plural of each kind that Kubernetes has itself', () => {
    const unknown = builtInResources.filter(
      ({ plural, kind, group }) => !isKindNamed({ written: plural, kind, group }),
    );
    expect(unknown.map(({ kind }) => kind)).toEqual([]);
  });
});
