import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { normalise } from '../../../shared/objects/normalise.ts';

const object = (apiVersion: string, kind: string, rest: Record<string, unknown> = {}): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name: 'web', namespace: 'acme' },
  ...rest,
});

describe('a desired object, cleared of what Git must not own', () => {
  it('has no null values: replicas: null would scale a Deployment to 1', () => {
    const spec = { replicas: null, template: { metadata: { creationTimestamp: null } } };
    expect(normalise(object('apps/v1', 'Deployment', { spec }))['spec']).toEqual({ template: { metadata: {} } });
  });

  it('has no null labels', () => {
    const metadata = parseJson(
      '{"name":"web","labels":null,"annotations":{"a":null,"b":"1"}}',
    ) as KubernetesObject['metadata'];
    expect(normalise({ apiVersion: 'v1', kind: 'ConfigMap', metadata }).metadata).toEqual({
      name: 'web',
      annotations: { b: '1' },
    });
  });

  it('keeps empty values, which Git means', () => {
    const spec = { selector: {}, args: [], command: '', replicas: 0, paused: false };
    expect(normalise(object('apps/v1', 'Deployment', { spec }))['spec']).toEqual(spec);
  });

  it('has no status: that is the cluster’s to say', () => {
    expect(normalise(object('apps/v1', 'Deployment', { status: { replicas: 7 } }))).not.toHaveProperty('status');
  });

  it('keeps a field called status below the spec', () => {
    const spec = { status: 'active' };
    expect(normalise(object('example.com/v1', 'Contract', { spec }))['spec']).toEqual(spec);
  });

  it('has none of the server’s metadata: a uid of yesterday would be refused, a resourceVersion would fence the apply', () => {
    const metadata = {
      name: 'web',
      creationTimestamp: '2026-11-21T01:02:03Z',
      uid: 'u',
      resourceVersion: '7',
      generation: 3,
      managedFields: [],
    };
    expect(normalise({ apiVersion: 'v1', kind: 'ConfigMap', metadata }).metadata).toEqual({ name: 'web' });
  });

  it.each(['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'])(
    'has no empty caBundle in a %s: it would erase the injected one',
    (kind) => {
      const webhooks = [
        { name: 'a', clientConfig: { caBundle: '', service: { name: 'hook' } } },
        { name: 'b', clientConfig: { caBundle: 'Q0E=' } },
      ];
      expect(normalise(object('admissionregistration.k8s.io/v1', kind, { webhooks }))['webhooks']).toEqual([
        { name: 'a', clientConfig: { service: { name: 'hook' } } },
        { name: 'b', clientConfig: { caBundle: 'Q0E=' } },
      ]);
    },
  );

  it('has no empty caBundle in the conversion of a CRD, nor in an APIService', () => {
    const conversion = { strategy: 'Webhook', webhook: { clientConfig: { caBundle: '', url: 'https://hook' } } };
    expect(
      normalise(object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', { spec: { conversion } }))['spec'],
    ).toEqual({
      conversion: { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://hook' } } },
    });
    const spec = { caBundle: '', version: 'v1' };
    expect(normalise(object('apiregistration.k8s.io/v1', 'APIService', { spec }))['spec']).toEqual({ version: 'v1' });
  });

  it('keeps an empty caBundle elsewhere: in a ConfigMap it is data', () => {
    expect(normalise(object('v1', 'ConfigMap', { data: { caBundle: '' } }))['data']).toEqual({ caBundle: '' });
  });

  it('has no rules beside an aggregationRule: they would empty the aggregated role', () => {
    const role = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [] };
    expect(normalise(object('rbac.authorization.k8s.io/v1', 'ClusterRole', role))).not.toHaveProperty('rules');
    expect(normalise(object('rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: [] }))).toHaveProperty('rules', []);
  });

  it('has data for stringData, which would hide from every later comparison', () => {
    const secret = normalise(
      object('v1', 'Secret', { data: { user: 'YQ==', password: 'b2xk' }, stringData: { password: 'grün' } }),
    );
    expect(secret).not.toHaveProperty('stringData');
    expect(secret['data']).toEqual({ user: 'YQ==', password: Buffer.from('grün').toString('base64') });
  });

  it('keeps a Secret without data without data: others fill it', () => {
    expect(normalise(object('v1', 'Secret', { type: 'Opaque' }))).not.toHaveProperty('data');
    expect(normalise(object('v1', 'Secret', { stringData: null }))).not.toHaveProperty('stringData');
  });

  it('leaves the stringData of another kind alone', () => {
    expect(normalise(object('example.com/v1', 'Secret', { stringData: { a: 'b' } }))).toHaveProperty('stringData', {
      a: 'b',
    });
  });

  it('is refused with a number in stringData, without telling the value', () => {
    const attempt = () => normalise(object('v1', 'Secret', { stringData: { pin: 4711 } }));
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'RenderFailed',
        subject: 'Secret acme/web',
        problem: 'stringData.pin is no string',
      }),
    );
    expect(attempt).not.toThrow(/4711/);
  });

  it('keeps numbers exact', () => {
    const spec = parseJson('{"id":9007199254740993}');
    expect(JSON.stringify(normalise(object('example.com/v1', 'Contract', { spec }))['spec'])).toBe(
      '{"id":9007199254740993}',
    );
  });

  it('leaves what it was given as it was', () => {
    const given = object('apps/v1', 'Deployment', { spec: { replicas: null }, status: {} });
    const before = structuredClone(given);
    normalise(given);
    expect(given).toEqual(before);
  });
});
