import { describe, expect, it } from 'vitest';
import type { EnvironmentSource } from '../../../shared/environment/environment-file.ts';
import type { ApiResource, ClusterApi } from '../../../shared/objects/cluster-api.ts';
import { desiredObjects, resourceOf, scopeTable } from '../../../shared/desired/desired.ts';
import type { KubernetesObject, RenderedObject } from '../../../shared/objects/kubernetes-object.ts';
import { sourceInWords } from '../../../shared/environment/source-in-words.ts';

const resource = (group: string, version: string, kind: string, namespaced: boolean): ApiResource => ({
  ...{ group, version, kind, namespaced },
  plural: `${kind.toLowerCase()}s`,
});
const api: ClusterApi = {
  version: 'v1.36.3',
  resources: [
    resource('', 'v1', 'ConfigMap', true),
    resource('', 'v1', 'Namespace', false),
    resource('apps', 'v1', 'Deployment', true),
    resource('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', false),
  ],
  unreadable: [],
};
const marks = { labels: { 'part-of': 'set' }, annotations: { environment: 'master/acme' } };

function rendered(
  object: Partial<KubernetesObject> & { metadata: KubernetesObject['metadata'] },
  source = 'manifests/a.yaml',
): RenderedObject {
  return { object: { apiVersion: 'v1', kind: 'ConfigMap', ...object }, source };
}
const desire = (objects: readonly RenderedObject[]) =>
  desiredObjects({ rendered: objects, namespace: 'acme', scopes: scopeTable({ api, rendered: objects }), marks });
const placed = (one: RenderedObject) => desire([one])[0]?.object.metadata.namespace;

const definition = (scope: 'Namespaced' | 'Cluster') =>
  rendered({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tariffs.example.com' },
    spec: { group: 'example.com', scope, names: { kind: 'Tariff', plural: 'tariffs' } },
  });
const tariff = rendered({ apiVersion: 'example.com/v1', kind: 'Tariff', metadata: { name: 'basic' } });

describe('the namespace of a desired object', () => {
  it('is the environment’s where it names none', () => {
    expect(placed(rendered({ metadata: { name: 'a' } }))).toBe('acme');
  });

  it('is its own where it names one', () => {
    expect(placed(rendered({ metadata: { name: 'a', namespace: 'shared' } }))).toBe('shared');
  });

  // Charts write `namespace: {{ .Values.namespace | quote }}`; Kubernetes reads an empty namespace as none.
  it('is the environment’s where it names an empty one', () => {
    expect(placed(rendered({ metadata: { name: 'a', namespace: '' } }))).toBe('acme');
  });

  it('is none for a cluster-scoped object, whatever it says', () => {
    expect(placed(rendered({ kind: 'Namespace', metadata: { name: 'a', namespace: 'acme' } }))).toBeUndefined();
  });

  it('follows the scope of a CRD of the same render, before the cluster serves it', () => {
    const keys = (scope: 'Namespaced' | 'Cluster') => desire([definition(scope), tariff]).map((object) => object.key);
    expect(keys('Cluster')).toContain('example.com/Tariff//basic');
    expect(keys('Namespaced')).toContain('example.com/Tariff/acme/basic');
  });
});

describe('desired objects', () => {
  it('are marked as members, beside their own labels and annotations', () => {
    const [object] = desire([
      rendered({ metadata: { name: 'a', labels: { app: 'web' }, annotations: { note: 'x' } } }),
    ]);
    expect(object?.object.metadata).toMatchObject({
      labels: { app: 'web', 'part-of': 'set' },
      annotations: { note: 'x', environment: 'master/acme' },
    });
  });

  it('cannot claim to be members of another set', () => {
    const [object] = desire([rendered({ metadata: { name: 'a', labels: { 'part-of': 'stolen' } } })]);
    expect(object?.object.metadata.labels).toEqual({ 'part-of': 'set' });
  });

  it('are sorted by key, in whatever order they were rendered', () => {
    const deployment = rendered({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } });
    const objects = [deployment, rendered({ metadata: { name: 'b' } }), rendered({ metadata: { name: 'a' } })];
    expect(desire(objects).map((object) => object.key)).toEqual([
      '/ConfigMap/acme/a',
      '/ConfigMap/acme/b',
      'apps/Deployment/acme/a',
    ]);
  });

  it('are made anew of a known rendered object where the namespace, the marks or its scope are others', () => {
    const object = rendered({ apiVersion: 'example.com/v1', kind: 'Tariff', metadata: { name: 'basic' } });
    const made = ({ namespace = 'acme', set = 'set', isNamespaced = true }) =>
      desiredObjects({
        rendered: [object],
        namespace,
        scopes: new Map([['example.com/Tariff', isNamespaced]]),
        marks: { labels: { 'part-of': set }, annotations: {} },
      })[0];
    const first = made({});
    expect(made({})).toEqual(first);
    expect(made({ namespace: 'beta' })?.key).toBe('example.com/Tariff/beta/basic');
    expect(made({ set: 'other' })?.object.metadata.labels).toEqual({ 'part-of': 'other' });
    expect(made({ isNamespaced: false })?.key).toBe('example.com/Tariff//basic');
    expect(
      new Set(
        [first, made({ namespace: 'beta' }), made({ set: 'other' }), made({ isNamespaced: false })].map(
          (desired) => desired?.hash,
        ),
      ).size,
    ).toBe(4);
    expect(made({})).toEqual(first);
  });

  it('have equal hashes exactly where they are equal', () => {
    const hash = (data: unknown) => desire([rendered({ metadata: { name: 'a' }, data })])[0]?.hash;
    expect(hash({ a: '1', b: '2' })).toBe(hash({ b: '2', a: '1' }));
    expect(hash({ a: '1' })).not.toBe(hash({ a: '2' }));
  });

  it('name themselves, which is no part of their hash: the version before did not', () => {
    const objects = [
      rendered({ metadata: { name: 'a' } }),
      rendered({ kind: 'Namespace', metadata: { name: 'acme' } }),
    ];
    const naming = desiredObjects({
      rendered: objects,
      namespace: 'acme',
      scopes: scopeTable({ api, rendered: objects }),
      marks: { ...marks, nameAnnotation: 'object' },
    });
    expect(naming.map(({ object }) => object.metadata.annotations?.['object'])).toEqual([
      '/ConfigMap/acme/a',
      '/Namespace//acme',
    ]);
    expect(naming.map(({ hash }) => hash)).toEqual(desire(objects).map(({ hash }) => hash));
  });

  it('are refused where two are one, naming both files', () => {
    const twice = [
      rendered({ metadata: { name: 'a' } }, 'charts/shop/a.yaml'),
      rendered({ metadata: { name: 'a', namespace: 'acme' } }, 'manifests/a.yaml'),
    ];
    expect(() => desire(twice)).toThrow(
      expect.objectContaining({
        code: 'DuplicateObject',
        disposition: 'refuse',
        subject: 'ConfigMap acme/a',
        problem: 'is defined twice, in charts/shop/a.yaml and in manifests/a.yaml',
      }),
    );
  });

  it('are refused where two are one in one file, naming both places in it', () => {
    const [first, other, second] = ['a', 'b', 'a'].map((name) => rendered({ metadata: { name } }, 'manifests/a.yaml'));
    const twice = [first, other, second].flatMap((object) => (object === undefined ? [] : [object]));
    expect(() => desire(twice)).toThrow(
      expect.objectContaining({
        code: 'DuplicateObject',
        problem: 'is defined twice, in manifests/a.yaml (object 1) and in manifests/a.yaml (object 3)',
      }),
    );
  });

  it('are refused where two sources make one of a file, naming both sources', () => {
    const definition = () =>
      rendered(
        { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'a' } },
        'charts/op/crds/a.yaml',
      );
    const sources: EnvironmentSource[] = ['one', 'two'].map((release) => ({
      kind: 'helm',
      chart: 'charts/op',
      release,
      values: [],
    }));
    const twice = () =>
      desiredObjects({
        rendered: [definition(), definition()],
        namespace: 'acme',
        scopes: new Map(),
        marks: { labels: {}, annotations: {} },
        sourceOf: (index) => sourceInWords({ sources, index }),
      });
    expect(twice).toThrow(
      expect.objectContaining({
        code: 'DuplicateObject',
        problem:
          'is defined twice, in charts/op/crds/a.yaml (object 1 by the release one, spec.sources[0]) and in charts/op/crds/a.yaml (object 1 by the release two, spec.sources[1])',
        remedy: expect.stringContaining('helm.crds: skip'),
      }),
    );
  });

  it('are one in whatever version they are written', () => {
    const inVersion = (version: string) =>
      rendered({ apiVersion: `example.com/${version}`, kind: 'Tariff', metadata: { name: 'a' } });
    const twice = ['v1', 'v2'].map(inVersion);
    expect(() => desire(twice)).toThrow(expect.objectContaining({ code: 'DuplicateObject' }));
  });

  it('may share a name across namespaces and groups', () => {
    const objects = [
      rendered({ metadata: { name: 'a' } }),
      rendered({ metadata: { name: 'a', namespace: 'other' } }),
      rendered({ apiVersion: 'example.com/v1', metadata: { name: 'a' } }),
    ];
    expect(desire(objects)).toHaveLength(3);
  });

  it('are refused without a name, naming the file', () => {
    expect(() => desire([rendered({ metadata: { generateName: 'job-' } })])).toThrow(
      expect.objectContaining({ code: 'RenderFailed', subject: 'manifests/a.yaml' }),
    );
  });
});

describe('the resource of an object', () => {
  it('is the one of its version', () => {
    expect(resourceOf({ api, object: { apiVersion: 'apps/v1', kind: 'Deployment' } })?.plural).toBe('deployments');
    expect(resourceOf({ api, object: { apiVersion: 'v1', kind: 'ConfigMap' } })?.plural).toBe('configmaps');
  });

  it('is none where the cluster serves another version or group', () => {
    expect(resourceOf({ api, object: { apiVersion: 'apps/v1beta1', kind: 'Deployment' } })).toBeUndefined();
    expect(resourceOf({ api, object: { apiVersion: 'v1', kind: 'Deployment' } })).toBeUndefined();
  });
});
