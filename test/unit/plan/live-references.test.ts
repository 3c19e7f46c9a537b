import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';
import { liveReferences, referencesOf } from '../../../shared/plan/live-references.ts';
import { isReferable } from '../../../shared/objects/referable.ts';

const pod = (
  spec: unknown,
  status: unknown = { phase: 'Running' },
  metadata: ObjectMetadata = {},
): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'shop', ...metadata },
  spec,
  status,
});
const uses = (name: string): object => ({ containers: [{ envFrom: [{ configMapRef: { name } }] }] });
const keyOf = (name: string): string => `/ConfigMap/shop/${name}`;
const account = '/ServiceAccount/shop/default';
/** Beside the account that pods run as, which name none. */
const referred = (referrers: readonly KubernetesObject[], workloads: readonly KubernetesObject[] = []): string[] =>
  [...liveReferences({ referrers, workloads }).keys()].filter((key) => key !== account);

describe('the specification of a pod', () => {
  it.each<[string, object, string]>([
    [
      'env, from a ConfigMap',
      {
        containers: [{ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'a', key: 'a', optional: true } } }] }],
      },
      'ConfigMap a',
    ],
    [
      'env, from a Secret',
      { initContainers: [{ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a', key: 'a' } } }] }] },
      'Secret a',
    ],
    ['envFrom', { ephemeralContainers: [{ envFrom: [{ secretRef: { name: 'a' } }] }] }, 'Secret a'],
    ['a volume of a ConfigMap', { volumes: [{ name: 'v', configMap: { name: 'a' } }] }, 'ConfigMap a'],
    ['a volume of a Secret', { volumes: [{ name: 'v', secret: { secretName: 'a' } }] }, 'Secret a'],
    [
      'a projected ConfigMap',
      { volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'a' } }] } }] },
      'ConfigMap a',
    ],
    [
      'a projected Secret',
      { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'a' } }] } }] },
      'Secret a',
    ],
    [
      'the Secret of a storage driver',
      { volumes: [{ name: 'v', csi: { driver: 'd', nodePublishSecretRef: { name: 'a' } } }] },
      'Secret a',
    ],
    ['the Secret of a share', { volumes: [{ name: 'v', azureFile: { secretName: 'a' } }] }, 'Secret a'],
    ['a claim', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'a' } }] }, 'PersistentVolumeClaim a'],
    ['the Secret of a registry', { imagePullSecrets: [{ name: 'a' }] }, 'Secret a'],
    ['an account', { serviceAccountName: 'a' }, 'ServiceAccount a'],
  ])('refers by %s', (_what, spec, reference) => {
    expect(referencesOf(spec).map(({ kind, name }) => `${kind} ${name}`)).toEqual([reference]);
  });

  it('refers to nothing by the names of containers, volumes and variables', () => {
    expect(
      referencesOf({
        containers: [{ name: 'secret', env: [{ name: 'secretRef', value: 'a' }] }],
        volumes: [{ name: 'configMap', emptyDir: {} }],
      }),
    ).toEqual([]);
  });
});

describe('what is referred to', () => {
  it('is what a pod that has not ended refers to in its own namespace, with its title', () => {
    expect(liveReferences({ referrers: [pod(uses('a'))], workloads: [] })).toEqual(
      new Map([
        [account, 'Pod shop/web-1'],
        [keyOf('a'), 'Pod shop/web-1'],
      ]),
    );
    expect(
      referred([
        pod(uses('a'), undefined),
        pod(uses('b'), { phase: 'Pending' }),
        pod(uses('c'), { phase: 'Running' }, { deletionTimestamp: '2026-11-21T01:02:03Z' }),
      ]),
    ).toEqual(['a', 'b', 'c'].map(keyOf));
    expect(referred([pod(uses('a'), { phase: 'Succeeded' }), pod(uses('b'), { phase: 'Failed' })])).toEqual([]);
  });

  it('is what a ReplicaSet that has or wants pods refers to', () => {
    const replicaSet = (name: string, replicas: number, has: number): KubernetesObject => ({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name, namespace: 'shop' },
      spec: { replicas, template: { spec: uses(name) } },
      status: { replicas: has },
    });
    expect(referred([replicaSet('wants', 1, 0), replicaSet('has', 0, 1), replicaSet('old', 0, 0)])).toEqual([
      keyOf('wants'),
      keyOf('has'),
    ]);
  });

  it('is what a Job that has not ended refers to', () => {
    const job = (name: string, conditions: readonly object[]): KubernetesObject => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, namespace: 'shop' },
      spec: { template: { spec: uses(name) } },
      status: { conditions },
    });
    expect(
      referred([
        job('runs', []),
        job('done', [{ type: 'Complete', status: 'True' }]),
        job('failed', [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'm' }]),
      ]),
    ).toEqual([keyOf('runs')]);
  });

  it('is what the revisions refer to that pods are made of', () => {
    const revision = (name: string, number: number, hash: string = name): KubernetesObject => ({
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: {
        name,
        namespace: 'shop',
        labels: { 'controller-revision-hash': hash },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'db', controller: true }],
      },
      data: { spec: { template: { $patch: 'replace', spec: uses(name) } } },
      revision: number,
    });
    const statefulSet = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'shop' },
      status: { currentRevision: 'db-2', updateRevision: 'db-4' },
    };
    const of = (hash: string): KubernetesObject =>
      pod({}, { phase: 'Running' }, { labels: { 'controller-revision-hash': hash } });
    expect(
      referred([revision('db-1', 1), revision('db-2', 2), revision('db-3', 3), revision('db-4', 4)], [statefulSet]),
    ).toEqual(['db-2', 'db-4'].map(keyOf));
    expect(referred([of('db-1'), revision('db-1', 1), revision('db-2', 2), revision('db-3', 3)])).toEqual(
      ['db-1', 'db-3'].map(keyOf),
    );
    expect(
      referred([of('7f'), revision('agent-7f', 1, '7f'), revision('agent-8a', 2, '8a'), revision('agent-9b', 3, '9b')]),
    ).toEqual(['agent-7f', 'agent-9b'].map(keyOf));
  });

  it('is the Secret of a registry that the account of a pod names, which every new pod is given', () => {
    const accountOf = (name: string, namespace = 'shop'): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace },
      imagePullSecrets: [{ name: `of-${name}` }],
    });
    const accounts = [accountOf('default'), accountOf('web'), accountOf('idle'), accountOf('web', 'other')];
    expect(referred([pod({ serviceAccountName: 'web' }), ...accounts])).toEqual([
      '/ServiceAccount/shop/web',
      '/Secret/shop/of-web',
    ]);
    expect(referred([pod({ containers: [] }), ...accounts])).toEqual(['/Secret/shop/of-default']);
    expect(referred([pod({ serviceAccountName: 'web' }, { phase: 'Failed' }), ...accounts])).toEqual([]);
  });

  it('is kept where what refers to it has a form that is not known', () => {
    const odd: KubernetesObject = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'odd', namespace: 'shop' },
      spec: { replicas: 'none', template: { spec: uses('odd') } },
    };
    expect(referred([odd])).toEqual([keyOf('odd')]);
  });

  it('can be a ConfigMap, a Secret, a ServiceAccount or a claim, and nothing of another group', () => {
    expect(
      ['ConfigMap', 'Secret', 'ServiceAccount', 'PersistentVolumeClaim', 'Service'].map((kind) =>
        isReferable({ group: '', kind }),
      ),
    ).toEqual([true, true, true, true, false]);
    expect(isReferable({ group: 'example.com', kind: 'Secret' })).toBe(false);
  });
});
