import { describe, expect, it } from 'vitest';
import { ownedPart } from '../../../shared/fields/owned-fields.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

describe('what of an object we applied', () => {
  it('is the object as it would be made anew: without what the API server and others put into it', () => {
    const live: KubernetesObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: 'import',
        namespace: 'acme',
        uid: 'u',
        resourceVersion: '7',
        labels: { 'applyset.kubernetes.io/part-of': 'a', other: 'b' },
        managedFields: [
          {
            manager: 'converge',
            operation: 'Apply',
            apiVersion: 'batch/v1',
            fieldsV1: {
              'f:metadata': { 'f:labels': { 'f:applyset.kubernetes.io/part-of': {} } },
              'f:spec': {
                'f:template': {
                  'f:spec': {
                    'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:command': {} } },
                    'f:securityContext': {},
                  },
                },
              },
            },
          },
        ],
      },
      spec: {
        selector: { matchLabels: { uid: 'u' } },
        template: {
          spec: {
            restartPolicy: 'Never',
            securityContext: {},
            containers: [
              { name: 'other' },
              { name: 'c', image: 'a:1', command: ['a', 'b'], imagePullPolicy: 'Always' },
            ],
          },
        },
      },
      status: {},
    };
    expect(ownedPart(live)).toEqual({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'import', namespace: 'acme', labels: { 'applyset.kubernetes.io/part-of': 'a' } },
      spec: {
        template: { spec: { securityContext: {}, containers: [{ name: 'c', image: 'a:1', command: ['a', 'b'] }] } },
      },
    });
  });
});
