import { describe, expect, it } from 'vitest';
import { definitionsOf, dependenciesOf } from '../../../shared/objects/dependencies.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { mayReplace, probeOf, verdictOf } from '../../../shared/objects/replacement.ts';

const namespace = '/Namespace//acme';
const needs = (object: KubernetesObject, definitions: ReadonlyMap<string, string> = new Map()): string[] =>
  dependenciesOf({ object: { ...object, metadata: { ...object.metadata, namespace: 'acme' } }, definitions }).filter(
    (key) => key !== namespace,
  );
const podSpec = {
  serviceAccountName: 'runner',
  containers: [
    {
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'env', key: 'a' } } },
        { name: 'B', value: 'b' },
      ],
      envFrom: [{ secretRef: { name: 'all' } }, { configMapRef: { name: 'perhaps', optional: true } }],
    },
  ],
  volumes: [
    { configMap: { name: 'files' } },
    { secret: { secretName: 'keys' } },
    { secret: { secretName: 'maybe', optional: true } },
    { persistentVolumeClaim: { claimName: 'data' } },
    { emptyDir: {} },
  ],
};
const expected = [
  '/ConfigMap/acme/env',
  '/Secret/acme/all',
  '/ConfigMap/acme/files',
  '/Secret/acme/keys',
  '/PersistentVolumeClaim/acme/data',
  '/ServiceAccount/acme/runner',
];

describe('an object needs', () => {
  it.each([
    ['Deployment', 'apps/v1', { template: { spec: podSpec } }],
    ['Job', 'batch/v1', { template: { spec: podSpec } }],
    ['CronJob', 'batch/v1', { jobTemplate: { spec: { template: { spec: podSpec } } } }],
    ['Pod', 'v1', podSpec],
  ])('what the pods of a %s name, unless it is optional', (kind, apiVersion, spec) => {
    expect(needs({ apiVersion, kind, metadata: { name: 'a' }, spec })).toEqual(expected);
  });

  it('its namespace', () => {
    expect(
      dependenciesOf({
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'acme' } },
        definitions: new Map(),
      }),
    ).toEqual([namespace]);
  });

  it('the definition of its kind, where the environment holds it', () => {
    const object = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'tariffs.family.example' },
      spec: { group: 'family.example', names: { kind: 'Tariff' } },
    };
    const definitions = definitionsOf([{ key: 'the definition', object }]);
    expect(needs({ apiVersion: 'family.example/v2', kind: 'Tariff', metadata: { name: 'a' } }, definitions)).toEqual([
      'the definition',
    ]);
    expect(needs({ apiVersion: 'elsewhere.example/v1', kind: 'Tariff', metadata: { name: 'a' } }, definitions)).toEqual(
      [],
    );
  });

  it.each([
    [
      'ValidatingWebhookConfiguration',
      'admissionregistration.k8s.io/v1',
      {
        webhooks: [
          { clientConfig: { service: { namespace: 'acme', name: 'hook' } } },
          { clientConfig: { url: 'https://x' } },
        ],
      },
    ],
    ['APIService', 'apiregistration.k8s.io/v1', { spec: { service: { namespace: 'acme', name: 'hook' } } }],
  ])('the Service that a %s calls', (kind, apiVersion, fields) => {
    expect(needs({ apiVersion, kind, metadata: { name: 'a' }, ...fields })).toEqual(['/Service/acme/hook']);
  });

  it('nothing where its shape is not that of its kind', () => {
    expect(needs({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: 'nonsense' })).toEqual([]);
  });
});

describe('a replacement', () => {
  const object = (kind: string, apiVersion: string, replace?: string): KubernetesObject => ({
    apiVersion,
    kind,
    metadata: { name: 'a', ...(replace === undefined ? {} : { annotations: { 'converge.dev/replace': replace } }) },
  });

  it.each([
    ['is refused', object('Job', 'batch/v1'), false, false],
    ['is allowed by the object', object('Job', 'batch/v1', 'true'), false, true],
    ['is allowed by the environment', object('Job', 'batch/v1'), true, true],
    ['is refused by the object before the environment', object('Job', 'batch/v1', 'false'), true, false],
    ["of a claim is not the environment's to allow", object('PersistentVolumeClaim', 'v1'), true, false],
    ['of a definition neither', object('CustomResourceDefinition', 'apiextensions.k8s.io/v1'), true, false],
    ["of a claim is the claim's to allow", object('PersistentVolumeClaim', 'v1', 'true'), false, true],
  ])('%s', (_what, desired, replace, allowed) => {
    expect(mayReplace({ object: desired, environment: { replace } })).toBe(allowed);
  });

  it('is tried under a name that is valid for every kind, without the addresses of a Service', () => {
    const name = `${'a'.repeat(60)}.b.example.com`;
    expect(probeOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }).metadata.name).toBe(
      `r-${'a'.repeat(60)}`,
    );
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30080 }] },
    };
    expect(probeOf(service)).toEqual({
      ...service,
      metadata: { name: 'r-web' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    });
  });
});

describe('what a refusal means', () => {
  const immutable = { status: 422, causes: [{ reason: 'FieldValueInvalid', field: 'spec.template' }] };
  it.each<[string, Parameters<typeof verdictOf>[0]]>([
    ['never changes', { refusal: immutable, probe: 'accepted' }],
    ['denied', { refusal: immutable, probe: { status: 403, causes: [] } }],
    [
      'never changes',
      { refusal: immutable, probe: { status: 422, causes: [{ reason: 'FieldValueInvalid', field: 'metadata.name' }] } },
    ],
    [
      'invalid',
      {
        refusal: immutable,
        probe: { status: 422, causes: [{ reason: 'FieldValueInvalid', field: 'metadata.name' }, ...immutable.causes] },
      },
    ],
    ['denied', { refusal: immutable, probe: { status: 422, causes: [] } }],
    ['invalid', { refusal: { status: 422, causes: [] }, probe: 'accepted' }],
    ['invalid', { refusal: { status: 403, causes: [] }, probe: 'accepted' }],
    ['unknown', { refusal: immutable, probe: { status: 500, causes: [] } }],
    ['unknown', { refusal: immutable, probe: { status: 409, causes: [] } }],
    [
      'unknown',
      {
        refusal: immutable,
        probe: { status: 403, causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
      },
    ],
  ])('is %s: %j', (verdict, asked) => {
    expect(verdictOf(asked)).toBe(verdict);
  });

  it('is tried under another group where the name follows from it', () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'a.example.com' },
      spec: { group: 'example.com', scope: 'Cluster' },
    };
    expect(probeOf(definition)).toMatchObject({
      metadata: { name: 'a.r-example.com' },
      spec: { group: 'r-example.com', scope: 'Cluster' },
    });
    const api = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.example.com' },
      spec: { group: 'example.com', version: 'v1' },
    };
    expect(probeOf(api)).toMatchObject({ metadata: { name: 'v1.r-example.com' }, spec: { group: 'r-example.com' } });
  });
});
