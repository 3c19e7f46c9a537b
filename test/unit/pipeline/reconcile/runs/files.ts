import type { Changes } from '../world/repository.ts';

/** An object as a file of the repository declares it. */
export type Declared = Readonly<Record<string, unknown>>;

interface Metadata {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export function configMap(
  name: string,
  data: Readonly<Record<string, string>> = { color: 'red' },
  metadata: Metadata = {},
): Declared {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function deployment(name: string, { image = 'shop:1', uses }: { image?: string; uses?: string } = {}): Declared {
  const volumes = uses === undefined ? {} : { volumes: [{ name: 'config', configMap: { name: uses } }] };
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name, image }], ...volumes } };
  const selector = { matchLabels: { app: name } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas: 1, selector, template } };
}

export function hookJob(name: string, event: string, annotations: Readonly<Record<string, string>> = {}): Declared {
  return {
    ...{
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, annotations: { 'helm.sh/hook': event, ...annotations } },
    },
    spec: { template: { spec: { containers: [{ name, image: 'shop:1' }], restartPolicy: 'Never' } } },
  };
}

export function list(...objects: readonly Declared[]): string {
  return JSON.stringify(objects);
}

/** An environment file; `spec` replaces or adds lines. */
export function environment(
  name: string,
  spec: readonly string[] = [],
  { previously }: { previously?: string } = {},
): string {
  const given = new Set(spec.map((line) => line.split(':')[0]));
  const lines = ['cluster: sandbox', 'namespace: acme', `sources: [{ manifests: manifests/${name} }]`];
  const previousNames = previously === undefined ? '' : `, previousNames: [${previously}]`;
  return [
    'apiVersion: converge.dev/v1',
    'kind: Environment',
    `metadata: { name: ${name}${previousNames} }`,
    'spec:',
    ...[...lines.filter((line) => !given.has(line.split(':')[0])), ...spec].map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** The environment `shop` of these manifests. */
export function shop(objects: readonly Declared[], spec: readonly string[] = []): Changes {
  return { 'environments/shop.yaml': environment('shop', spec), 'manifests/shop/all.json': list(...objects) };
}

/** The environment `shop` of one Helm release. */
export function release(objects: readonly Declared[], spec: readonly string[] = []): Changes {
  const source = 'sources: [{ helm: { chart: charts/shop, release: shop } }]';
  return { 'environments/shop.yaml': environment('shop', [source, ...spec]), 'charts/shop/all.json': list(...objects) };
}

/** Defines `Widget`. */
export const definition: Declared = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    ...{ group: 'example.com', scope: 'Namespaced', names: { kind: 'Widget', plural: 'widgets' } },
    versions: [{ name: 'v1', served: true, storage: true }],
  },
};
