import { describe, expect, it } from 'vitest';
import { assessHealth } from '../../../shared/health/assess-health.ts';
import { compileCel } from '../../../shared/health/cel.ts';
import type { HealthState } from '../../../shared/health/health.ts';
import { knownKinds } from '../../../shared/health/known-kinds/known-kinds.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const expressions = knownKinds.flatMap(({ kinds, ...texts }) =>
  Object.entries(texts).map(([key, text]) => [`${kinds[0]} ${key}`, text] as const),
);

const is = (type: string, status: string, reason?: string) => ({ type, status, reason });

function object(
  kind: string,
  { spec, status, generation }: { spec?: object; status?: object; generation?: number },
): KubernetesObject {
  const [group, name] = kind.split('/');
  const metadata = { name: 'x', ...(generation === undefined ? {} : { generation }) };
  return {
    apiVersion: `${group}/v1`,
    kind: name ?? '',
    metadata,
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  };
}

const verdicts: readonly (readonly [kind: string, observed: Parameters<typeof object>[1], state: HealthState])[] = [
  ['cert-manager.io/Issuer', {}, 'Progressing'],
  ['cert-manager.io/Issuer', { status: { conditions: [is('Ready', 'False')] } }, 'Degraded'],
  ['cert-manager.io/Issuer', { status: { conditions: [is('Ready', 'False', 'ErrGetKeyPair')] } }, 'Progressing'],
  ['cert-manager.io/Certificate', { status: { conditions: [is('Ready', 'False')] } }, 'Progressing'],
  ['external-secrets.io/ExternalSecret', { status: { conditions: [is('Ready', 'True')] } }, 'Healthy'],
  [
    'kustomize.toolkit.fluxcd.io/Kustomization',
    { status: { observedGeneration: -1, conditions: [is('Ready', 'False', 'BuildFailed')] }, generation: 1 },
    'Degraded',
  ],
  [
    'kustomize.toolkit.fluxcd.io/Kustomization',
    { status: { conditions: [is('Ready', 'False', 'DependencyNotReady')] } },
    'Progressing',
  ],
  [
    'helm.toolkit.fluxcd.io/HelmRelease',
    { spec: { suspend: true }, status: { conditions: [is('Ready', 'False')] } },
    'Suspended',
  ],
  ['source.toolkit.fluxcd.io/HelmRepository', { spec: { type: 'oci' } }, 'Healthy'],
  ['notification.toolkit.fluxcd.io/Provider', { spec: { type: 'slack' } }, 'Healthy'],
  [
    'sql.gcp.upbound.io/DatabaseInstance',
    { status: { conditions: [is('Synced', 'True'), is('Ready', 'False', 'Creating')] } },
    'Progressing',
  ],
  [
    'sql.gcp.upbound.io/DatabaseInstance',
    { status: { conditions: [is('Synced', 'False', 'ReconcilePaused'), is('Ready', 'True')] } },
    'Suspended',
  ],
  [
    'sql.gcp.upbound.io/Database',
    {
      status: {
        conditions: [
          {
            ...is('Synced', 'False', 'ReconcileError'),
            message: 'cannot resolve references: the referenced field was empty',
          },
        ],
      },
    },
    'Progressing',
  ],
  ['gcp.upbound.io/ProviderConfig', { spec: {} }, 'Healthy'],
  ['apiextensions.crossplane.io/Composition', { spec: {} }, 'Healthy'],
  [
    'pubsub.cnrm.cloud.google.com/PubSubTopic',
    { status: { conditions: [is('Ready', 'False', 'UpdateFailed')] } },
    'Degraded',
  ],
  [
    'pubsub.cnrm.cloud.google.com/PubSubTopic',
    { status: { conditions: [is('Ready', 'False', 'DependencyNotReady')] } },
    'Progressing',
  ],
  [
    'networking.gke.io/ManagedCertificate',
    { status: { certificateStatus: 'Provisioning', domainStatus: [{ domain: 'a', status: 'FailedNotVisible' }] } },
    'Degraded',
  ],
  [
    'gateway.networking.k8s.io/HTTPRoute',
    { status: { parents: [{ conditions: [is('Accepted', 'True'), is('ResolvedRefs', 'False')] }] } },
    'Degraded',
  ],
  [
    'gateway.networking.k8s.io/HTTPRoute',
    { status: { parents: [{ conditions: [{ ...is('Accepted', 'True'), observedGeneration: 1 }] }] }, generation: 2 },
    'Progressing',
  ],
  ['gateway.networking.k8s.io/HTTPRoute', { status: { parents: [] } }, 'Progressing'],
  ['keda.sh/ScaledObject', { status: { conditions: [is('Ready', 'Unknown'), is('Paused', 'False')] } }, 'Progressing'],
  ['keda.sh/ScaledObject', { status: { conditions: [is('Ready', 'True'), is('Paused', 'True')] } }, 'Suspended'],
  ['kafka.strimzi.io/Kafka', { status: { conditions: [is('NotReady', 'True', 'Creating')] } }, 'Progressing'],
  ['kafka.strimzi.io/Kafka', { status: { conditions: [is('NotReady', 'True')] } }, 'Degraded'],
  [
    'kafka.strimzi.io/Kafka',
    { status: { observedGeneration: 1, conditions: [is('Ready', 'True')] }, generation: 2 },
    'Progressing',
  ],
  [
    'elasticsearch.k8s.elastic.co/Elasticsearch',
    { status: { health: 'green', phase: 'ApplyingChanges' } },
    'Progressing',
  ],
  [
    'karpenter.sh/NodePool',
    { status: { conditions: [{ ...is('Ready', 'False'), observedGeneration: 1 }] }, generation: 2 },
    'Progressing',
  ],
  ['promoter.argoproj.io/ScmProvider', { status: { conditions: [{ type: 'Ready', status: true }] } }, 'Healthy'],
  [
    'policy/PodDisruptionBudget',
    { status: { currentHealthy: 0, conditions: [is('DisruptionAllowed', 'False', 'InsufficientPods')] } },
    'Healthy',
  ],
  [
    'cassandra.rook.io/Cluster',
    { status: { racks: { a: { members: 3, readyMembers: 3 }, b: { members: 3 } } } },
    'Progressing',
  ],
  [
    'apps.kruise.io/CloneSet',
    { status: { replicas: 4, expectedUpdatedReplicas: 1, updatedAvailableReplicas: 1 } },
    'Healthy',
  ],
];

describe('the table of known kinds', () => {
  it.for(expressions)('has an expression that compiles for %s', ([, text]) => {
    expect(compileCel(text)).toMatchObject({ ok: true });
  });

  it('has one row for a kind', () => {
    const kinds = knownKinds.flatMap((row) => row.kinds);
    expect(kinds).toHaveLength(new Set(kinds).size);
  });

  it.for(verdicts)('judges %s with %j as %s', ([kind, observed, state]) => {
    expect(assessHealth(object(kind, observed)).state).toBe(state);
  });

  it('says why in the words of the controller, in one line', () => {
    const status = {
      conditions: [
        { ...is('DependenciesInstalled', 'True'), message: 'all there' },
        { ...is('Ready', 'False'), message: 'no such\nkey\n' },
      ],
    };
    expect(assessHealth(object('external-secrets.io/ExternalSecret', { status }))).toEqual({
      state: 'Degraded',
      message: 'no such key',
    });
    expect(assessHealth(object('external-secrets.io/ExternalSecret', {}))).toEqual({
      state: 'Progressing',
      message: 'its controller has not reported yet',
    });
    expect(assessHealth(object('objectbucket.io/ObjectBucketClaim', { status: { phase: 'Failed' } }))).toEqual({
      state: 'Degraded',
      message: 'its phase is Failed',
    });
  });
});
