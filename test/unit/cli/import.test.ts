import { mkdtemp, readdir, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { importEnvironments } from '../../../cli/import.ts';
import type { ClusterNames } from '../../../cli/import/places.ts';
import type { ImportedTool } from '../../../cli/import/tools.ts';
import { importOutputSchema } from '../../../cli/output-schemas.ts';
import { environmentOfPath, parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { writeFiles } from '../../write-files.ts';

type Files = Readonly<Record<string, string>>;
type Output = z.output<typeof importOutputSchema>;

async function folderOf(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-import-'));
  await writeFiles(folder, files);
  return folder;
}

/** What the command makes of files; each environment file passes Converge's own parser. */
async function imported(
  tool: ImportedTool,
  files: Files,
  clusters: ClusterNames = { usual: undefined, renamed: {} },
): Promise<Output & { exit: number; specs: Record<string, unknown>; texts: Record<string, string> }> {
  const folder = await folderOf(files);
  const { exit, json } = await importEnvironments({ tool, folder, out: undefined, clusters, from: '/' });
  const output = importOutputSchema.parse(JSON.parse(JSON.stringify(json)));
  const texts = Object.fromEntries(output.files.map(({ path, text }) => [path, text]));
  const environments = output.files.filter(({ path }) => environmentOfPath(path) !== undefined);
  for (const { path, text } of environments) parseEnvironmentFile({ file: path, text });
  const specs = Object.fromEntries(
    environments.map(({ path, text }) => [
      environmentOfPath(path) ?? '',
      (load(text) as { spec: Record<string, unknown> }).spec,
    ]),
  );
  return { ...output, exit, specs, texts };
}

const places = ({ missing }: Output): string[] =>
  missing.map(({ file, line, name, key }) => `${file}:${line} ${name} ${key}`);

const configMap = (name: string, namespace?: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}${namespace === undefined ? '' : `, namespace: ${namespace}`} }\n`;

const git = `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: { name: flux-system, namespace: flux-system }
spec: { interval: 1m, url: "ssh://git@git.example.com/family/fleet" }
`;

const kustomization = (name: string, path: string, more = ''): string => `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: ${name}, namespace: flux-system }
spec:
  interval: 10m
  prune: true
  path: ${path}
  sourceRef: { kind: GitRepository, name: flux-system }
${more}`;

const release = (name: string, more = '', version = 'v2'): string => `apiVersion: helm.toolkit.fluxcd.io/${version}
kind: HelmRelease
metadata: { name: ${name}, namespace: acme }
spec:
  interval: 5m
  chart: { spec: { chart: ./charts/shop, sourceRef: { kind: GitRepository, name: flux-system, namespace: flux-system } } }
${more}`;

const chart: Files = { 'charts/shop/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n' };

describe('a Kustomization of Flux', () => {
  it('is an environment of its folder, with what both can say', async () => {
    const more = `  targetNamespace: acme
  prune: false
  suspend: true
  force: true
  timeout: 3m0s
  deletionPolicy: Delete
  dependsOn: [{ name: platform }]
  healthCheckExprs:
    - { apiVersion: family.example/v1, kind: Tariff, current: "status.ready == true", failed: "status.failed == true" }
`;
    const output = await imported('flux', {
      'clusters/eu/git.yaml': git,
      'clusters/eu/acme.yaml': kustomization('acme', './manifests/acme', more).replace('  prune: true\n', ''),
      'clusters/eu/platform.yaml': kustomization('platform', './manifests/platform'),
      'manifests/acme/a.yaml': configMap('a'),
      'manifests/platform/b.json': JSON.stringify(load(configMap('b', 'platform'))),
    });
    expect(output).toMatchObject({ exit: 0, missing: [] });
    expect(output.specs['acme']).toEqual({
      cluster: 'eu',
      namespace: 'acme',
      sources: [{ manifests: 'manifests/acme' }],
      dependsOn: ['platform'],
      prune: false,
      suspend: true,
      replace: true,
      deletion: 'prune',
      timeout: '3m',
      health: [
        {
          target: { group: 'family.example', kind: 'Tariff' },
          healthy: 'status.ready == true',
          degraded: 'status.failed == true',
        },
      ],
      adopt: true,
    });
    expect(output.specs['platform']).toMatchObject({ namespace: 'platform', cluster: 'eu' });
  });

  it('is an overlay where it writes something over its folder, a namespace that its objects do not have among it', async () => {
    const more = `  targetNamespace: acme
  namePrefix: x-
  components: [../components/tls]
  commonMetadata: { labels: { team: family } }
  images: [{ name: shop, newTag: "1.5.0" }]
  patches:
    - { patch: "- {op: add, path: /data, value: {a: b}}", target: { kind: ConfigMap } }
`;
    const { specs, texts } = await imported('flux', {
      'sync/git.yaml': git,
      'sync/acme.yaml': kustomization('acme', './overlays/a', more),
      'overlays/a/kustomization.yaml': 'resources: [a.yaml]\n',
      'overlays/a/a.yaml': configMap('a', 'other'),
    });
    expect(specs['acme']).toMatchObject({ namespace: 'acme', sources: [{ kustomize: 'overlays/acme' }] });
    expect(load(texts['overlays/acme/kustomization.yaml'] ?? '')).toEqual({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: 'acme',
      namePrefix: 'x-',
      images: [{ name: 'shop', newTag: '1.5.0' }],
      components: ['../../overlays/components/tls'],
      labels: [{ pairs: { team: 'family' } }],
      resources: ['../../overlays/a'],
      patches: [{ patch: '- {op: add, path: /data, value: {a: b}}', target: { kind: 'ConfigMap' } }],
    });
  });

  it('lists what has no equal by file, line, name and key', async () => {
    const more = `  serviceAccountName: robot
  decryption: { provider: sops }
  postBuild:
    substitute:
      region: eu
      nobody: us
    substituteFrom:
      - { kind: ConfigMap, name: vars }
  inventedKey: 1
`;
    const output = await imported('flux', {
      'sync/git.yaml': git,
      'sync/acme.yaml': `# a comment\n---\n${kustomization('acme', './manifests/acme', more)}`,
      'manifests/acme/a.yaml': `${configMap('a', 'acme')}data: { r: "\${region}" }\n`,
    });
    expect(output.exit).toBe(1);
    expect(places(output)).toEqual([
      'sync/acme.yaml:11 acme spec.serviceAccountName',
      'sync/acme.yaml:12 acme spec.decryption',
      'sync/acme.yaml:15 acme spec.postBuild.substitute.region',
      'sync/acme.yaml:16 acme spec.postBuild.substitute.nobody',
      'sync/acme.yaml:18 acme spec.postBuild.substituteFrom[0]',
      'sync/acme.yaml:19 acme spec.inventedKey',
    ]);
    expect(output.missing.find(({ key }) => key.endsWith('region'))?.message).toContain(
      'used in manifests/acme/a.yaml',
    );
    expect(output.files).toHaveLength(1);
  });

  it('of an artifact that is copied from here is of the folder that it was copied from, in its own cluster', async () => {
    const generator = (cluster: string): string => `apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: { name: all, namespace: flux-system }
spec:
  sources: [{ alias: repo, kind: GitRepository, name: flux-system }]
  artifacts: [{ name: apps, copy: [{ from: "@repo/apps/${cluster}/**", to: "@artifact/own/" }] }]
`;
    const files = Object.fromEntries(
      ['eu', 'us'].flatMap((cluster) => [
        [`clusters/${cluster}/all.yaml`, `${git}---\n${generator(cluster)}`],
        [
          `clusters/${cluster}/apps.yaml`,
          kustomization('apps', './own/shop').replace(
            'kind: GitRepository, name: flux-system',
            'kind: ExternalArtifact, name: apps',
          ),
        ],
        [`apps/${cluster}/shop/a.yaml`, configMap('a', 'shop')],
      ]),
    );
    const { specs, missing } = await imported('flux', files);
    expect(missing).toEqual([]);
    expect(specs).toMatchObject({
      'eu-apps': { cluster: 'eu', sources: [{ manifests: 'apps/eu/shop' }] },
      'us-apps': { cluster: 'us', sources: [{ manifests: 'apps/us/shop' }] },
    });
  });

  it('of another repository or artifact says what is to be brought here', async () => {
    const foreign = kustomization('acme', './kustomize').replace('name: flux-system }', 'name: podinfo }');
    const output = await imported('flux', {
      'sync/git.yaml': `${git}---\n${git.replace('name: flux-system', 'name: podinfo').replace('family/fleet', 'family/podinfo')}`,
      'sync/acme.yaml': foreign,
    });
    expect(places(output)).toEqual(['sync/acme.yaml:8 acme spec.sourceRef']);
    expect(output.missing[0]?.message).toContain('ssh://git@git.example.com/family/podinfo');
    expect(output.specs['acme']).toMatchObject({ sources: [{ kustomize: 'vendor/podinfo/kustomize' }] });
  });

  it('takes objects of Flux out of what it applies, which are environments of their own, as the overlays make them', async () => {
    const clusters = Object.fromEntries(
      ['staging', 'production'].flatMap((cluster) => [
        [`clusters/${cluster}/root.yaml`, `${git}---\n${kustomization('flux-system', `./clusters/${cluster}`)}`],
        [
          `clusters/${cluster}/apps.yaml`,
          kustomization('apps', `./apps/${cluster}`, '  dependsOn: [{ name: infra }]\n'),
        ],
        [`clusters/${cluster}/infra.yaml`, kustomization('infra', './infra')],
        [
          `apps/${cluster}/kustomization.yaml`,
          'resources: [../base]\npatches: [{ path: values.yaml, target: { kind: HelmRelease } }]\n',
        ],
        [
          `apps/${cluster}/values.yaml`,
          `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: { name: any }\nspec: { values: { host: ${cluster} } }\n`,
        ],
      ]),
    );
    const output = await imported(
      'flux',
      {
        ...chart,
        ...clusters,
        'infra/a.yaml': configMap('a', 'infra'),
        'apps/base/kustomization.yaml': 'namespace: shop\nresources: [ns.yaml, release.yaml]\n',
        'apps/base/ns.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n',
        'apps/base/release.yaml': release('shop', '  values: { replicas: 2 }\n'),
      },
      { usual: undefined, renamed: { staging: 'staging-eu' } },
    );
    expect(output.missing).toEqual([]);
    expect(Object.keys(output.specs).toSorted()).toEqual(
      ['production', 'staging-eu'].flatMap((cluster) => [`${cluster}-apps`, `${cluster}-infra`, `${cluster}-shop`]),
    );
    expect(output.specs['production-shop']).toMatchObject({
      cluster: 'production',
      namespace: 'shop',
      dependsOn: ['production-infra'],
      sources: [{ helm: { chart: 'charts/shop', release: 'shop', values: ['config/production-shop.yaml'] } }],
    });
    expect(load(output.texts['config/staging-eu-shop.yaml'] ?? '')).toEqual({ replicas: 2, host: 'staging' });
    expect(load(output.texts['overlays/production-apps/kustomization.yaml'] ?? '')).toMatchObject({
      resources: ['../../apps/production'],
      patches: [{ target: { group: 'helm.toolkit.fluxcd.io', kind: 'HelmRelease' } }],
    });
  });

  it('that applies objects of Flux only is what these became for those that depend on it', async () => {
    const { specs } = await imported('flux', {
      ...chart,
      'sync/all.yaml': [
        git,
        kustomization('releases', './releases'),
        kustomization('later', './later', '  dependsOn: [{ name: releases }]\n'),
      ].join('---\n'),
      'releases/a.yaml': release('a'),
      'releases/b.yaml': release('b', '  dependsOn: [{ name: a }]\n', 'v2beta1'),
      'later/c.yaml': configMap('c', 'c'),
    });
    expect(Object.keys(specs).toSorted()).toEqual(['a', 'b', 'later']);
    expect(specs['later']).toMatchObject({ dependsOn: ['a', 'b'] });
    expect(specs['b']).toMatchObject({ dependsOn: ['a'] });
  });
});

describe('what a Kustomization says beside its folder', () => {
  it('is kept where the folder is not here yet: labels, and an overlay over what is to be brought', async () => {
    const output = await imported('flux', {
      'sync/acme.yaml': kustomization('acme', './kustomize', '  images: [{ name: shop, newTag: "1.5.0" }]\n').replace(
        'namespace: flux-system',
        'namespace: flux-system, labels: { team: family, kustomize.toolkit.fluxcd.io/name: x }',
      ),
    });
    expect(output.specs['acme']).toMatchObject({ sources: [{ kustomize: 'overlays/acme' }] });
    expect(load(output.texts['overlays/acme/kustomization.yaml'] ?? '')).toMatchObject({
      images: [{ name: 'shop', newTag: '1.5.0' }],
      resources: ['../../vendor/flux-system/kustomize'],
    });
    expect(load(output.texts['environments/acme.yaml'] ?? '')).toMatchObject({
      metadata: { name: 'acme', labels: { team: 'family' } },
    });
  });

  it('is listed where it waits for what is not in the folder, or in another cluster only', async () => {
    const output = await imported('flux', {
      'clusters/eu/a.yaml': kustomization('a', './m', '  dependsOn: [{ name: nowhere }, { name: b }]\n'),
      'clusters/us/b.yaml': kustomization('b', './m'),
      'm/a.yaml': configMap('a', 'a'),
    });
    expect(places(output)).toEqual([
      'clusters/eu/a.yaml:9 a spec.dependsOn[0]',
      'clusters/eu/a.yaml:9 a spec.dependsOn[1]',
    ]);
    expect(output.specs['a']).not.toHaveProperty('dependsOn');
  });
});

describe('a HelmRelease of Flux', () => {
  it('is an environment of its chart, with its values in the order of Flux', async () => {
    const more = `  targetNamespace: web
  timeout: 90s
  install: { crds: Skip }
  upgrade: { crds: Skip, force: true, remediation: { retries: 3 } }
  driftDetection: { mode: warn, ignore: [{ paths: [/spec/replicas], target: { group: apps, kind: Deployment } }] }
  valuesFrom:
    - { kind: ConfigMap, name: generated }
    - { kind: ConfigMap, name: plain, valuesKey: more.yaml }
  values: { a: 1 }
`;
    const output = await imported('flux', {
      ...chart,
      'sync/all.yaml': `${git}---\n${kustomization('apps', './apps')}`,
      'apps/kustomization.yaml':
        'resources: [release.yaml, plain.yaml]\nconfigMapGenerator: [{ name: generated, namespace: acme, files: [values.yaml=shop.yaml] }]\n',
      'apps/shop.yaml': 'b: 2\n',
      'apps/plain.yaml': `${configMap('plain', 'acme')}data: { more.yaml: "c: 3\\n" }\n`,
      'apps/release.yaml': release('shop', more),
    });
    expect(output.missing).toEqual([]);
    expect(output.specs['shop']).toEqual({
      cluster: 'default',
      namespace: 'web',
      sources: [
        {
          helm: {
            chart: 'charts/shop',
            release: 'web-shop',
            values: ['apps/shop.yaml', 'config/shop-plain-more.yaml', 'config/shop.yaml'],
            crds: 'skip',
          },
        },
      ],
      timeout: '90s',
      replace: true,
      selfHeal: false,
      ignore: [{ target: { group: 'apps', kind: 'Deployment' }, paths: ['/spec/replicas'] }],
      rollback: { onFailure: 'revert' },
      adopt: true,
    });
    expect(output.texts['config/shop-plain-more.yaml']).toBe('c: 3\n');
  });

  it.each([
    [
      'HelmRepository',
      'https://charts.example.com',
      'helm pull shop --repo https://charts.example.com --version 1.x --untar',
    ],
    [
      'HelmRepository',
      'oci://registry.example.com/charts',
      'helm pull oci://registry.example.com/charts/shop --version 1.x',
    ],
  ])('with a chart of a %s at %s says how to bring it into Git', async (kind, url, command) => {
    const repository = `apiVersion: source.toolkit.fluxcd.io/v1\nkind: ${kind}\nmetadata: { name: family, namespace: acme }\nspec: { url: "${url}" }\n`;
    const chartOf = release('shop').replace(
      /chart: \{ spec: .*\n/,
      `chart: { spec: { chart: shop, version: 1.x, sourceRef: { kind: ${kind}, name: family } } }\n`,
    );
    const output = await imported('flux', { 'a.yaml': `${repository}---\n${chartOf}` });
    expect(places(output)).toEqual(['a.yaml:11 shop spec.chart.spec.chart']);
    expect(output.missing[0]?.remedy).toContain(command);
    expect(output.specs['shop']).toMatchObject({ sources: [{ helm: { chart: 'charts/shop', release: 'shop' } }] });
  });

  it('has a folder of its own for each version of a chart that is asked for', async () => {
    const of = (name: string, version: string): string =>
      release(name).replace(
        /chart: \{ spec: .*\n/,
        `chart: { spec: { chart: shop, version: "${version}", sourceRef: { kind: HelmRepository, name: family } } }\n`,
      );
    const { specs } = await imported('flux', {
      'a.yaml': [of('a', '1.0.0'), of('b', '>=2'), of('c', '1.0.0')].join('---\n'),
    });
    expect(Object.values(specs)).toMatchObject(
      ['charts/shop', 'charts/2/shop', 'charts/shop'].map((folder) => ({ sources: [{ helm: { chart: folder } }] })),
    );
  });

  it('lists what has no equal', async () => {
    const more = `  valuesFrom:
    - { kind: Secret, name: login }
    - { kind: ConfigMap, name: nowhere }
    - { kind: ConfigMap, name: one, targetPath: a.b }
  postRenderers: [{ kustomize: {} }]
  test: { enable: true }
  install: { disableHooks: true }
  driftDetection: { mode: enabled, ignore: [{ paths: [/spec/ports/0/port], target: { kind: Service } }, { paths: [""], target: { kind: Job } }] }
`;
    const output = await imported('flux', { ...chart, 'a.yaml': `${git}---\n${release('shop', more)}` });
    expect(places(output)).toEqual([
      'a.yaml:13 shop spec.valuesFrom[0]',
      'a.yaml:14 shop spec.valuesFrom[1]',
      'a.yaml:15 shop spec.valuesFrom[2].targetPath',
      'a.yaml:16 shop spec.postRenderers',
      'a.yaml:17 shop spec.test',
      'a.yaml:18 shop spec.install.disableHooks',
      'a.yaml:19 shop spec.driftDetection.ignore[0]',
      'a.yaml:19 shop spec.driftDetection.ignore[1]',
    ]);
  });
});

describe('other objects of Flux', () => {
  it('are listed by name: notifications, image automation, receivers, and what this command does not know', async () => {
    const of = (group: string, kind: string): string =>
      `apiVersion: ${group}.toolkit.fluxcd.io/v1\nkind: ${kind}\nmetadata: { name: ${kind.toLowerCase()} }\n`;
    const output = await imported('flux', {
      'a.yaml': [
        of('notification', 'Alert'),
        of('notification', 'Receiver'),
        of('image', 'ImagePolicy'),
        of('kustomize', 'Kustomization').replace('/v1', '/v9'),
        of('helm', 'Invention'),
      ].join('---\n'),
    });
    expect(places(output)).toEqual([
      'a.yaml:2 alert kind',
      'a.yaml:6 receiver kind',
      'a.yaml:10 imagepolicy kind',
      'a.yaml:13 kustomization apiVersion',
      'a.yaml:17 invention apiVersion',
    ]);
    expect(output.files).toEqual([]);
  });
});

const application = (name: string, source: string, more = ''): string => `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: ${name}, namespace: argocd }
spec:
  project: default
  source: ${source}
  destination: { name: eu, namespace: acme }
  syncPolicy: { automated: { prune: true, selfHeal: true } }
${more}`;

describe('an Application of Argo CD', () => {
  it('is an environment of its chart', async () => {
    const helm = `{ repoURL: r, targetRevision: HEAD, path: charts/shop, helm: { valueFiles: [../../config/a.yaml], values: "replicas: 2", parameters: [{ name: image.tag, value: "1.5" }, { name: on, value: "true" }, { name: "hosts[0].name", value: a }, { name: n, value: "7", forceString: true }], skipCrds: true } }`;
    const more = `  ignoreDifferences:
    - { group: apps, kind: Deployment, name: web, jsonPointers: [/spec/replicas], jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "web").image'] }
`;
    const output = await imported('argocd', {
      ...chart,
      'config/a.yaml': 'a: 1\n',
      'apps/shop.yaml': application('shop', helm, more),
    });
    expect(output).toMatchObject({ exit: 0, missing: [] });
    expect(output.specs['shop']).toEqual({
      cluster: 'eu',
      namespace: 'acme',
      sources: [
        {
          helm: { chart: 'charts/shop', release: 'shop', values: ['config/a.yaml', 'config/shop.yaml'], crds: 'skip' },
        },
      ],
      ignore: [
        {
          target: { group: 'apps', kind: 'Deployment', name: 'web' },
          paths: ['/spec/replicas', '/spec/template/spec/containers[name=web]/image'],
        },
      ],
      adopt: true,
    });
    expect(load(output.texts['config/shop.yaml'] ?? '')).toEqual({
      replicas: 2,
      image: { tag: '1.5' },
      on: true,
      hosts: [{ name: 'a' }],
      n: '7',
    });
  });

  it('has several sources, values of another one among them', async () => {
    const several = application('shop', 'x').replace(
      '  source: x\n',
      `  sources:
    - { repoURL: https://charts.example.com, chart: redis, targetRevision: 1.2.3, helm: { valueFiles: [$values/config/redis.yaml] } }
    - { repoURL: r, targetRevision: HEAD, ref: values }
    - { repoURL: r, path: overlays/a, kustomize: { images: ["shop=registry/shop:1.5"], commonLabels: { a: b } } }
`,
    );
    const output = await imported('argocd', {
      'apps/shop.yaml': several,
      'config/redis.yaml': 'a: 1\n',
      'overlays/a/kustomization.yaml': 'resources: [a.yaml]\n',
      'overlays/a/a.yaml': configMap('a'),
    });
    expect(places(output)).toEqual(['apps/shop.yaml:7 shop spec.sources[0].chart']);
    expect(output.specs['shop']).toMatchObject({
      sources: [
        { helm: { chart: 'charts/redis', release: 'shop', values: ['config/redis.yaml'] } },
        { kustomize: 'overlays/shop-2' },
      ],
    });
    expect(load(output.texts['overlays/shop-2/kustomization.yaml'] ?? '')).toMatchObject({
      images: [{ name: 'shop', newName: 'registry/shop', newTag: '1.5' }],
      labels: [{ pairs: { a: 'b' }, includeSelectors: true }],
    });
  });

  it('reads a folder as Argo CD does: those below, and what is left out', async () => {
    const files = Object.fromEntries(
      ['a.yaml', 'b/c.yaml', 'b/test.yaml'].map((path) => [`m/${path}`, configMap(path.replace(/\W/g, '-'))]),
    );
    const sourcesOf = async (directory: string): Promise<unknown> =>
      (await imported('argocd', { ...files, 'apps/m.yaml': application('m', `{ path: m, directory: ${directory} }`) }))
        .specs['m'];
    expect(await sourcesOf('{ recurse: true }')).toMatchObject({ sources: [{ manifests: 'm' }] });
    expect(await sourcesOf('{}')).toMatchObject({ sources: [{ manifests: 'm/a.yaml' }] });
    expect(await sourcesOf('{ recurse: true, exclude: "{*/test.yaml,x}" }')).toMatchObject({
      sources: [{ manifests: 'm/a.yaml' }, { manifests: 'm/b/c.yaml' }],
    });
  });

  it('prunes, heals and deletes by its own defaults, and lists what has no equal', async () => {
    const manual = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: shop, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io] }
spec:
  project: default
  source: { path: m, plugin: { name: own } }
  sources: []
  destination: { server: "https://1.2.3.4:6443" }
  ignoreDifferences:
    - { kind: Service, managedFieldsManagers: [kubectl] }
    - { group: apps, kind: Deployment, jsonPointers: [/spec/template/spec/containers/0/image], jqPathExpressions: [".a[1:]"] }
  syncPolicy:
    syncOptions: [CreateNamespace=true, Validate=false, Invented=true, Replace=true]
    managedNamespaceMetadata: { labels: { a: b } }
`;
    const files = { 'm/a.yaml': configMap('a'), 'apps/a.yaml': manual.replace(', plugin: { name: own }', '') };
    const output = await imported('argocd', files, { usual: undefined, renamed: { 'https://1.2.3.4:6443': 'eu' } });
    expect(output.specs['shop']).toEqual({
      ...{ cluster: 'eu', namespace: 'default', sources: [{ manifests: 'm' }] },
      ...{ prune: false, selfHeal: false, replace: true, deletion: 'prune', adopt: true },
    });
    expect(places(output)).toEqual([
      'apps/a.yaml:10 shop spec.ignoreDifferences[0].managedFieldsManagers',
      'apps/a.yaml:11 shop spec.ignoreDifferences[1]',
      'apps/a.yaml:11 shop spec.ignoreDifferences[1].jqPathExpressions[0]',
      'apps/a.yaml:12 shop spec.syncPolicy.automated',
      'apps/a.yaml:13 shop spec.syncPolicy.syncOptions[1]',
      'apps/a.yaml:13 shop spec.syncPolicy.syncOptions[2]',
      'apps/a.yaml:14 shop spec.syncPolicy.managedNamespaceMetadata',
    ]);
    const plugin = await imported('argocd', { ...files, 'apps/a.yaml': manual });
    expect(plugin.specs).toEqual({});
    expect(places(plugin)).toContain('apps/a.yaml:6 shop spec.source.plugin');
  });

  it('that applies Applications is none, and they are as its overlay makes them', async () => {
    const output = await imported('argocd', {
      'm/a.yaml': configMap('a'),
      'root.yaml': application('root', '{ path: apps }'),
      'apps/kustomization.yaml':
        'resources: [m.yaml]\nnamePrefix: eu-\npatches:\n  - target: { kind: Application }\n    patch: "- {op: replace, path: /spec/destination/name, value: asia}"\n',
      'apps/m.yaml': application('m', '{ path: m }'),
    });
    expect(Object.keys(output.specs)).toEqual(['eu-m']);
    expect(output.specs['eu-m']).toMatchObject({ cluster: 'asia' });
    expect(output.exit).toBe(0);
  });

  it('ends where Applications apply each other', async () => {
    const { specs } = await imported('argocd', {
      'one/a.yaml': `${application('a', '{ path: two }')}---\n${configMap('one')}`,
      'two/b.yaml': `${application('b', '{ path: one }')}---\n${configMap('two')}`,
    });
    expect(Object.keys(specs).toSorted()).toEqual(['a', 'b']);
  });

  it('is not written where its chart makes Applications, which nobody would heed', async () => {
    const output = await imported('argocd', {
      'root.yaml': application('root', '{ path: apps }'),
      'apps/Chart.yaml': 'name: apps\nversion: 1.0.0\n',
      'apps/templates/a.yaml':
        'apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: {{ .Values.a }} }\n',
    });
    expect(output.files).toEqual([]);
    expect(places(output)).toContain('root.yaml:6 root spec.source.path');
  });

  it('lists waves, hooks and options of objects by line, in charts, too, and Applications that a chart makes', async () => {
    const wave = '  annotations:\n    argocd.argoproj.io/sync-wave: "1"\n    argocd.argoproj.io/hook: PreSync\n';
    const output = await imported('argocd', {
      'apps/m.yaml': application('m', '{ path: m }'),
      'm/a.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n${wave}`,
      'chart/Chart.yaml': 'name: x\nversion: 1.0.0\n',
      'chart/templates/a.yaml': `apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: {{ .Values.name }} }\n`,
      'chart/templates/b.yaml': `metadata:\n  name: {{ x }}\n${wave}`,
    });
    expect(output.missing.map(({ file, line, key }) => `${file}:${line} ${key}`)).toEqual([
      'chart/templates/a.yaml:1 ',
      'chart/templates/b.yaml:4 argocd.argoproj.io/sync-wave',
      'chart/templates/b.yaml:5 argocd.argoproj.io/hook',
      'm/a.yaml:6 argocd.argoproj.io/sync-wave',
      'm/a.yaml:7 argocd.argoproj.io/hook',
    ]);
    expect(Object.keys(output.specs)).toEqual(['m']);
  });
});

const set = (generators: string, template: string, more = ''): string => `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: { name: shops, namespace: argocd }
spec:
${more}  generators: ${generators}
  template: ${template}
`;
const templateOf = (name: string, path: string, cluster: string): string =>
  `{ metadata: { name: "${name}" }, spec: { project: default, source: { path: "${path}" }, destination: { name: "${cluster}", namespace: x }, syncPolicy: { automated: { prune: true, selfHeal: true } } } }`;
const teams: Files = { 'teams/red/a.yaml': configMap('a'), 'teams/blue/a.yaml': configMap('b') };

describe('an ApplicationSet of Argo CD', () => {
  it.each([
    {
      what: 'a list',
      generators: '[{ list: { elements: [{ team: red, cluster: eu }, { team: blue, cluster: us }] } }]',
      template: templateOf('{{team}}', 'teams/{{team}}', '{{cluster}}'),
      more: '',
      made: { red: 'eu', blue: 'us' },
    },
    {
      what: 'folders of Git, but for some',
      generators: '[{ git: { repoURL: r, directories: [{ path: teams/* }, { path: teams/blue, exclude: true }] } }]',
      template: templateOf('{{path.basename}}', '{{path}}', '{{path[0]}}'),
      more: '',
      made: { red: 'teams' },
    },
    {
      what: 'files of Git',
      generators: '[{ git: { repoURL: r, files: [{ path: "clusters/**/c.json" }], values: { of: "{{.team}}" } } }]',
      template: templateOf(
        '{{.team}}-{{.values.of}}',
        'teams/{{.team}}',
        '{{ index .path.segments 1 | upper | lower }}',
      ),
      more: '  goTemplate: true\n',
      made: { 'red-red': 'eu' },
    },
    {
      what: 'a matrix of both',
      generators:
        '[{ matrix: { generators: [{ git: { repoURL: r, directories: [{ path: teams/* }] } }, { list: { elements: [{ cluster: eu }, { cluster: us }] } }] } }]',
      template: templateOf('{{.path.basename}}-{{ normalize .cluster }}', '{{.path.path}}', '{{.cluster}}'),
      more: '  goTemplate: true\n',
      made: { 'blue-eu': 'eu', 'blue-us': 'us', 'red-eu': 'eu', 'red-us': 'us' },
    },
  ])('makes one for each of $what', async ({ generators, template, more, made }) => {
    const output = await imported('argocd', {
      ...teams,
      'clusters/eu/c.json': '{ "team": "red" }',
      'set.yaml': set(generators, template, more),
    });
    expect(output.missing).toEqual([]);
    expect(
      Object.fromEntries(
        Object.entries(output.specs).map(([name, spec]) => [name, (spec as { cluster: string }).cluster]),
      ),
    ).toEqual(made);
  });

  it.each([
    ['clusters', '[{ clusters: {} }]', 'spec.generators[0].clusters'],
    ['pullRequest', '[{ pullRequest: { github: {} } }]', 'spec.generators[0].pullRequest'],
    ['merge', '[{ merge: { mergeKeys: [a], generators: [] } }]', 'spec.generators[0].merge'],
    ['git', '[{ git: { repoURL: r, directories: [{ path: nowhere/* }] } }]', 'spec.generators[0].git'],
  ])('lists what files do not say: %s', async (_kind, generators, key) => {
    const output = await imported('argocd', {
      ...teams,
      'set.yaml': set(generators, templateOf('a', 'teams/red', 'eu')),
    });
    expect(output.missing.map((finding) => finding.key)).toEqual([key]);
  });

  it('lists an expression that it does not know, a patch, and names that meet', async () => {
    const list = '[{ list: { elements: [{ a: x }, { a: y }] } }]';
    const odd = await imported('argocd', {
      ...teams,
      'set.yaml': set(
        list,
        templateOf('{{ .a | sha256sum }}', 'teams/red', 'eu'),
        '  goTemplate: true\n  templatePatch: x\n',
      ),
    });
    expect(places(odd)).toEqual(['set.yaml:6 shops spec.templatePatch', 'set.yaml:8 shops spec.template']);
    const same = await imported('argocd', { ...teams, 'set.yaml': set(list, templateOf('same', 'teams/red', 'eu')) });
    expect(same.missing[0]?.message).toBe('same is the name of several');
  });
});

describe('what the environments are made of', () => {
  const text = async (tool: ImportedTool, files: Files): Promise<string[]> => {
    const folder = await folderOf(files);
    const clusters = { usual: undefined, renamed: {} };
    const { lines } = await importEnvironments({ tool, folder: '.', out: undefined, clusters, from: folder });
    return lines.map((line) => line.text);
  };

  it('is listed by its path in the repository: what the checkout has, what it has not, what overlays name outside of them', async () => {
    const files = {
      ...chart,
      'git.yaml': git,
      'a.yaml': kustomization('a', './overlays/a', '  namePrefix: x-\n'),
      'b.yaml': kustomization('b', './manifests/b'),
      'c.yaml': release('c', '  values: { a: 1 }\n'),
      'd.yaml': release('d').replace('./charts/shop', './charts/gone'),
      'overlays/a/kustomization.yaml':
        'resources: [../../base, here, "https://example.com/x?ref=1"]\ncomponents: [../tls]\n',
      'overlays/a/here/kustomization.yaml': 'resources: [a.yaml]\n',
      'overlays/a/here/a.yaml': configMap('h'),
      'overlays/tls/kustomization.yaml': 'kind: Component\n',
      'base/kustomization.yaml': 'resources: [a.yaml, ../base]\n',
      'base/a.yaml': configMap('a', 'x'),
      'manifests/b/b.yaml': configMap('b', 'y'),
    };
    const { needed } = await imported('flux', files);
    expect(needed).toEqual([
      { path: 'base', isThere: true },
      { path: 'charts/gone', isThere: false },
      { path: 'charts/shop', isThere: true },
      { path: 'manifests/b', isThere: true },
      { path: 'overlays/a', isThere: true },
      { path: 'overlays/tls', isThere: true },
    ]);
    const said = await text('flux', files);
    expect(said).toContain('sources, to be put into the repository at these paths first: 6');
    expect(said).toContain('  charts/gone   is not in .: see what has no equal');
    expect(said).toContain('  manifests/b   is in . at that path');
  });

  it('needs nothing only where the object says it: what it leaves out is told by itself', async () => {
    const files = {
      ...chart,
      'git.yaml': git,
      'a.yaml': kustomization('a', './manifests/a'),
      'b.yaml': release('b'),
      'manifests/a/a.yaml': configMap('a', 'x'),
    };
    const { defaults, settled, notes, exit } = await imported('flux', files, { usual: 'eu', renamed: {} });
    expect(defaults.map(({ key, count }) => `${key} ${count}`)).toEqual([
      'HelmRelease spec.driftDetection 1',
      'HelmRelease spec.upgrade.crds 1',
      'Kustomization spec.deletionPolicy 1',
    ]);
    expect(settled.map(({ key }) => key)).toEqual([
      'GitRepository',
      'HelmRelease spec.interval',
      'Kustomization spec.interval',
    ]);
    expect({ notes, exit }).toEqual({ notes: [], exit: 0 });
    expect(await text('flux', files)).toContain('look at where it is not said');
    const explicit = {
      ...files,
      'a.yaml': kustomization('a', './manifests/a', '  deletionPolicy: MirrorPrune\n'),
      'b.yaml': release('b', '  driftDetection: { mode: disabled }\n  upgrade: { crds: Skip }\n'),
    };
    const other = await imported('flux', explicit, { usual: 'eu', renamed: {} });
    expect(other.defaults).toEqual([]);
    expect(other.notes.map(({ key }) => key)).toEqual([
      'spec.deletionPolicy',
      'spec.driftDetection.mode',
      'spec.upgrade.crds',
    ]);
  });
});

describe('what strangers write', () => {
  it('is told apart where two namespaces have one name', async () => {
    const in_ = (namespace: string): string => release('shop').replace('namespace: acme', `namespace: ${namespace}`);
    const { specs } = await imported('flux', { ...chart, 'a.yaml': [git, in_('red'), in_('blue')].join('---\n') });
    expect(Object.keys(specs).toSorted()).toEqual(['blue-shop', 'red-shop']);
  });

  it('is read with a byte order mark, CRLF, anchors, merge keys, lists, and as JSON', async () => {
    const { specs, missing } = await imported('flux', {
      ...chart,
      'git.yaml': `\uFEFF${git}`.replaceAll('\n', '\r\n'),
      'a.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [load(release('a')), load(release('b'))] }),
      'c.yaml': release('c', '  values:\n    base: &base { x: 1 }\n    other: { <<: *base, y: 2 }\n'),
    });
    expect(missing).toEqual([]);
    expect(Object.keys(specs).toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('harms nobody: aliases that multiply, themselves among them, are listed as not read', async () => {
    const levels = Array.from({ length: 30 }, (_, level) =>
      level === 0 ? 'a0: &a0 [x, x]' : `a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`,
    );
    const output = await imported('flux', {
      ...chart,
      'git.yaml': git,
      'bomb.yaml': `${release('a')}\n---\n${levels.join('\n')}\n`,
      'loop.yaml': 'apiVersion: helm.toolkit.fluxcd.io/v2\na: &a { b: *a }\n',
      'broken.yaml': `${release('c')}  values: [\n`,
    });
    expect(output.exit).toBe(1);
    expect(output.missing.map(({ file }) => file)).toEqual(['bomb.yaml', 'broken.yaml', 'loop.yaml']);
    expect(Object.keys(output.specs)).toEqual(['a']);
  });

  it('follows no link, and says where one leads out', async () => {
    const folder = await folderOf({ ...chart, 'git.yaml': git, 'a.yaml': release('a') });
    await symlink('/etc', join(folder, 'out'));
    await symlink('a.yaml', join(folder, 'in.yaml'));
    const { json } = await importEnvironments({
      ...{ tool: 'flux', folder, out: undefined, from: '/' },
      clusters: { usual: 'eu', renamed: {} },
    });
    const output = importOutputSchema.parse(json);
    expect(output.missing.map(({ file }) => file)).toEqual(['out']);
    expect(output.notes.map(({ file }) => file)).toContain('in.yaml');
  });

  it('ends where kustomizations are made of themselves, and Kustomizations apply each other', async () => {
    const output = await imported('flux', {
      'a/kustomization.yaml': 'resources: [../b, flux.yaml]\n',
      'b/kustomization.yaml': 'resources: [../a]\n',
      'a/flux.yaml': `${git}---\n${kustomization('one', './a')}---\n${kustomization('two', './b')}`,
    });
    expect(output.missing.map(({ message }) => message)).toContain('is made of itself');
  });

  it('is read in seconds where it is much', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 2500 }, (_, index) => [
        [`apps/a${index}/release.yaml`, release(`shop-${index}`)],
        [`sync/k${index}.yaml`, kustomization(`apps-${index}`, `./apps/a${index}`)],
      ]).flat(),
    );
    const output = await imported('flux', { ...chart, 'sync/git.yaml': git, ...files });
    expect(output.environments).toHaveLength(2500);
  });

  it('never names an environment in a way that Kubernetes refuses', async () => {
    const names = ['x'.repeat(80), `${'x'.repeat(80)}y`, 'A.b_c', 'a-b-c'];
    const { specs } = await imported('argocd', {
      'm/a.yaml': configMap('a'),
      'a.yaml': names.map((name) => application(name, '{ path: m }')).join('---\n'),
    });
    expect(Object.keys(specs)).toHaveLength(4);
    for (const name of Object.keys(specs)) expect(name).toMatch(/^[a-z0-9-]{1,53}$/);
  });
});

describe('what is written', () => {
  const files: Files = { ...chart, 'git.yaml': git, 'a.yaml': release('a', '  values: { a: 1 }\n') };
  const into = async (folder: string, out: string | undefined) =>
    await importEnvironments({ tool: 'flux', folder, out, clusters: { usual: 'eu', renamed: {} }, from: folder });

  it('is nothing without --out', async () => {
    const folder = await folderOf(files);
    const before = await readdir(folder, { recursive: true });
    const { lines } = await into(folder, undefined);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    expect(lines.at(-1)?.text).toBe('nothing was written: --out FOLDER writes it');
  });

  it('is written once, and never over what is there', async () => {
    const folder = await folderOf(files);
    await into(folder, 'out');
    expect(await readFile(join(folder, 'out/config/a.yaml'), 'utf8')).toBe('a: 1\n');
    await expect(into(folder, 'out')).rejects.toMatchObject({
      exit: 2,
      problem: expect.stringContaining('there already'),
    });
  });

  it('has names that the checkout has not, and says where it has an environment of that name already', async () => {
    const { missing, specs } = await imported('flux', {
      ...files,
      'config/a.yaml': 'b: 2\n',
      'config/a-converge.yaml': 'b: 3\n',
      'environments/a.yaml': '# another\n',
    });
    expect(missing.map(({ file, message }) => `${file} ${message}`)).toEqual([
      'environments/a.yaml is in the checkout already, with other content',
    ]);
    expect(specs['a']).toMatchObject({ sources: [{ helm: { values: ['config/a-converge-2.yaml'] } }] });
  });

  it('stays below --out, whatever strangers call their objects', async () => {
    const name = '"../../../../../tmp/converge-escaped"';
    const from = `  releaseName: shop\n  valuesFrom: [{ kind: ConfigMap, name: ${name} }]\n`;
    const { files: written } = await imported('flux', {
      ...chart,
      'git.yaml': git,
      'a.yaml': `${release(name, from)}---\n${configMap(name, 'acme')}data: { values.yaml: "a: 1" }\n`,
    });
    expect(written.map(({ path }) => path)).toHaveLength(2);
    for (const { path } of written) expect(path).not.toContain('..');
  });

  it.each([
    ['is not there', 'nowhere', {}],
    ['is no folder', 'a.txt', { 'a.txt': '' }],
    ['holds nothing of Flux', '.', { 'a.yaml': configMap('a') }],
  ])('is nothing where the folder %s', async (message, name, content) => {
    const folder = await folderOf(content);
    await expect(into(join(folder, name), undefined)).rejects.toMatchObject({ exit: 2, problem: message });
  });
});
