import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';
import { whyLingering } from '../../../shared/plan/lingering.ts';

const configMap = (metadata: ObjectMetadata): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
});

describe('an object that is being deleted and still there', () => {
  it('is told by the name of what holds it', () => {
    expect(whyLingering(configMap({ finalizers: ['example.com/hold'] }))).toBe(
      'is being deleted, and its finalizer example.com/hold has not let go',
    );
    expect(whyLingering(configMap({ finalizers: ['example.com/a', 'example.com/b'] }))).toBe(
      'is being deleted, and its finalizers example.com/a, example.com/b have not let go',
    );
  });

  it('is told without a name where nothing holds it but its grace period', () => {
    expect(whyLingering(configMap({}))).toBe('is being deleted, and is still there');
  });

  it('is told, where it is a namespace, with what is left in it', () => {
    const conditions = [
      {
        type: 'NamespaceContentRemaining',
        status: 'True',
        message: 'Some resources are remaining: widgets.example.com has 1 resource instances',
      },
      { type: 'NamespaceDeletionDiscoveryFailure', status: 'False', message: 'All resources successfully discovered' },
    ];
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a' },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Terminating', conditions },
    };
    expect(whyLingering(namespace)).toBe(
      'is being deleted, and its finalizer kubernetes has not let go: Some resources are remaining: widgets.example.com has 1 resource instances',
    );
  });
});
