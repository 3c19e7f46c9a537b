import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { diffSchema, type Diff } from '../../shared/events/alert.ts';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { probeOf } from '../../shared/objects/replacement.ts';
import { resourceOf } from '../../shared/desired/desired.ts';
import { environmentFile, startWorld, type Clone, type World } from './world.ts';

/*
 * Every choice between alternatives (a union) that the built-in kinds have, and of a custom resource: an object of the
 * one, applied by a commit, becomes the other by the next, and the one again by a third. What the API server defaulted
 * goes with its choice.
 */

interface Pair {
  readonly title: string;
  readonly from: Manifest;
  readonly to: Manifest;
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const labels = { app: 'choice' };
const podOf = (container: object, spec: object) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'shop:1', ...container }], ...spec },
});
const deployment = ({
  container = {},
  pod = {},
  ...spec
}: {
  container?: object;
  pod?: object;
  [field: string]: unknown;
}): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  spec: { replicas: 0, selector: { matchLabels: labels }, template: podOf(container, pod), ...spec },
});
const statefulSet = (spec: object): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  spec: { replicas: 0, serviceName: 'x', selector: { matchLabels: labels }, template: podOf({}, {}), ...spec },
});
const daemonSet = (spec: object): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  spec: { selector: { matchLabels: labels }, template: podOf({}, { nodeSelector: { no: 'node' } }), ...spec },
});
const cronJob = (container: object, pod: object): Manifest => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  spec: {
    schedule: '0 0 1 1 *',
    jobTemplate: { spec: { template: podOf(container, { restartPolicy: 'Never', ...pod }) } },
  },
});
const service = (spec: object): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  spec: { selector: labels, ports: [{ port: 80 }], ...spec },
});
const ingress = (spec: object): Manifest => ({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec });
const networkPolicy = (spec: object): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  spec: { podSelector: { matchLabels: labels }, ...spec },
});
const budget = (spec: object): Manifest => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  spec: { selector: { matchLabels: labels }, ...spec },
});
const autoscaler = (spec: object): Manifest => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nothing' }, ...spec },
});
const webhook = (kind: string, clientConfig: object): Manifest => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  webhooks: [
    {
      name: 'choice.unions.example',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      failurePolicy: 'Ignore',
      rules: [{ apiGroups: ['none.example'], apiVersions: ['v1'], resources: ['nothings'], operations: ['CREATE'] }],
      clientConfig,
    },
  ],
});
const anything = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const definition = ({
  plural,
  schema = anything,
  ...spec
}: {
  plural: string;
  schema?: object;
  [field: string]: unknown;
}): Manifest => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.unions.example` },
  spec: {
    group: 'unions.example',
    names: { kind: plural, listKind: `${plural}list`, plural, singular: plural },
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, storage: true, schema }],
    ...spec,
  },
});
const hookService = { service: { namespace: 'nowhere', name: 'hook' } };

const httpGet = { httpGet: { path: '/', port: 80 } };
const tcpSocket = { tcpSocket: { port: 80 } };
const exec = { exec: { command: ['true'] } };
const grpc = { grpc: { port: 80 } };
const handlers: readonly (readonly [string, object, object])[] = [
  ['tcpSocket and httpGet', tcpSocket, httpGet],
  ['exec and httpGet', exec, httpGet],
  ['grpc and httpGet', grpc, httpGet],
  ['exec and grpc', exec, grpc],
  ['tcpSocket and grpc', tcpSocket, grpc],
];
const lifecycles: readonly (readonly [string, object, object])[] = [
  ['exec and httpGet', exec, httpGet],
  ['sleep and httpGet', { sleep: { seconds: 1 } }, httpGet],
];

const token = { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
/** Each with the fields that have no default. */
const volumeSources: Readonly<Record<string, object>> = {
  'no source': {},
  configMap: { configMap: { name: 'a' } },
  secret: { secret: { secretName: 'a' } },
  'an optional secret': { secret: { secretName: 'a', optional: true } },
  projected: token,
  downwardAPI: { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  hostPath: { hostPath: { path: '/tmp' } },
  persistentVolumeClaim: { persistentVolumeClaim: { claimName: 'a' } },
  ephemeral: {
    ephemeral: {
      volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    },
  },
  csi: { csi: { driver: 'csi.example' } },
  image: { image: { reference: 'registry.example/data:1' } },
  nfs: { nfs: { server: 'nfs.example', path: '/' } },
  iscsi: { iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.example:a', lun: 0 } },
  rbd: { rbd: { monitors: ['10.0.0.1'], image: 'a' } },
  cephfs: { cephfs: { monitors: ['10.0.0.1'] } },
  fc: { fc: { targetWWNs: ['500a0982991b8dc5'], lun: 0 } },
  azureDisk: { azureDisk: { diskName: 'a', diskURI: 'https://disk.example/a' } },
  scaleIO: { scaleIO: { gateway: 'https://gateway.example', system: 's', secretRef: { name: 'a' }, volumeName: 'v' } },
};
const volume = (source: object) => ({ pod: { volumes: [{ name: 'v', ...source }] } });

const sources: Readonly<Record<string, object>> = {
  value: { value: 'fixed' },
  fieldRef: { valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  resourceFieldRef: { valueFrom: { resourceFieldRef: { resource: 'limits.cpu', containerName: 'c' } } },
  secretKeyRef: { valueFrom: { secretKeyRef: { name: 'a', key: 'k' } } },
  configMapKeyRef: { valueFrom: { configMapKeyRef: { name: 'a', key: 'k', optional: true } } },
};
const variable = (source: object) => ({ container: { env: [{ name: 'A', ...source }] } });

/** Every two of them, once. */
function everyTwo(of: Readonly<Record<string, object>>): [string, object, object][] {
  const all = Object.entries(of);
  return all.flatMap(([a, from], at) =>
    all.slice(at + 1).map(([b, to]): [string, object, object] => [`${a} and ${b}`, from, to]),
  );
}

const resourceMetric = (target: object) => ({ metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }] });
const backend = { resource: { apiGroup: 'storage.example', kind: 'Bucket', name: 'b' } };
const route = (to: object) => ({
  rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: to }] } }],
});

const picker = (spec: object): Manifest => ({ apiVersion: 'unions.example/v1', kind: 'pickers', spec });
const pickers = definition({
  plural: 'pickers',
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          oneOf: [{ required: ['first'] }, { required: ['second'] }],
          properties: {
            first: { type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer', default: 1 } } },
            second: { type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer', default: 2 } } },
          },
        },
      },
    },
  },
});
const mode = (spec: object): Manifest => ({ apiVersion: 'unions.example/v1', kind: 'modes', spec });
const modes = definition({
  plural: 'modes',
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          'x-kubernetes-validations': [
            { rule: "self.mode == 'Auto' || self.level == 0", message: 'level is for Auto only' },
          ],
          properties: {
            mode: { type: 'string', default: 'Auto' },
            level: { type: 'integer', default: 0 },
            note: { type: 'string' },
          },
        },
      },
    },
  },
});

const pairs: readonly Pair[] = [
  {
    title: 'Deployment strategy, by default and Recreate',
    from: deployment({}),
    to: deployment({ strategy: { type: 'Recreate' } }),
  },
  {
    title: 'Deployment strategy, RollingUpdate and Recreate',
    from: deployment({ strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2 } } }),
    to: deployment({ strategy: { type: 'Recreate' } }),
  },
  {
    title: 'StatefulSet updateStrategy, by default and OnDelete',
    from: statefulSet({}),
    to: statefulSet({ updateStrategy: { type: 'OnDelete' } }),
  },
  {
    title: 'StatefulSet updateStrategy, RollingUpdate and OnDelete',
    from: statefulSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }),
    to: statefulSet({ updateStrategy: { type: 'OnDelete' } }),
  },
  {
    title: 'DaemonSet updateStrategy, by default and OnDelete',
    from: daemonSet({}),
    to: daemonSet({ updateStrategy: { type: 'OnDelete' } }),
  },
  {
    title: 'DaemonSet updateStrategy, RollingUpdate and OnDelete',
    from: daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } }),
    to: daemonSet({ updateStrategy: { type: 'OnDelete' } }),
  },
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) => [
    ...handlers.map(([title, from, to]): Pair => ({
      title: `${probe}, ${title}`,
      from: deployment({ container: { [probe]: from } }),
      to: deployment({ container: { [probe]: to } }),
    })),
    {
      title: `${probe}, with one and without`,
      from: deployment({ container: { [probe]: httpGet } }),
      to: deployment({}),
    },
  ]),
  ...['preStop', 'postStart'].flatMap((hook) => [
    ...lifecycles.map(([title, from, to]): Pair => ({
      title: `${hook}, ${title}`,
      from: deployment({ container: { lifecycle: { [hook]: from } } }),
      to: deployment({ container: { lifecycle: { [hook]: to } } }),
    })),
    {
      title: `${hook}, with one and without`,
      from: deployment({ container: { lifecycle: { [hook]: httpGet } } }),
      to: deployment({}),
    },
  ]),
  ...everyTwo(volumeSources)
    .filter(([title]) => /^(no source|secret) and|and secret$/.test(title))
    .map(([title, from, to]): Pair => ({
      title: `volume, ${title}`,
      from: deployment(volume(from)),
      to: deployment(volume(to)),
    })),
  ...everyTwo(sources).map(([title, from, to]): Pair => ({
    title: `env, ${title}`,
    from: deployment(variable(from)),
    to: deployment(variable(to)),
  })),
  {
    title: 'seccompProfile, Localhost and RuntimeDefault',
    from: deployment({
      pod: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' } } },
    }),
    to: deployment({ pod: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } } }),
  },
  {
    title: 'CronJob probe and volume',
    from: cronJob({ livenessProbe: httpGet }, { volumes: [{ name: 'v', secret: { secretName: 'a' } }] }),
    to: cronJob({ livenessProbe: tcpSocket }, { volumes: [{ name: 'v', configMap: { name: 'a' } }] }),
  },
  {
    title: 'Service sessionAffinity, by default and ClientIP',
    from: service({}),
    to: service({ sessionAffinity: 'ClientIP' }),
  },
  {
    title: 'Service sessionAffinity, None and ClientIP',
    from: service({ sessionAffinity: 'None' }),
    to: service({ sessionAffinity: 'ClientIP' }),
  },
  { title: 'Service type, by default and NodePort', from: service({}), to: service({ type: 'NodePort' }) },
  {
    title: 'Service type, ClusterIP and LoadBalancer',
    from: service({ type: 'ClusterIP' }),
    to: service({ type: 'LoadBalancer' }),
  },
  {
    title: 'Service type, ClusterIP and ExternalName',
    from: service({ type: 'ClusterIP' }),
    to: service({ type: 'ExternalName', externalName: 'shop.example' }),
  },
  {
    title: 'Service type, NodePort and ExternalName',
    from: service({ type: 'NodePort' }),
    to: service({ type: 'ExternalName', externalName: 'shop.example' }),
  },
  {
    title: 'Ingress backend, service and resource',
    from: ingress({ defaultBackend: { service: { name: 'a', port: { number: 80 } } } }),
    to: ingress({ defaultBackend: backend }),
  },
  {
    title: 'Ingress backend, by port number and name',
    from: ingress({ defaultBackend: { service: { name: 'a', port: { number: 80 } } } }),
    to: ingress({ defaultBackend: { service: { name: 'a', port: { name: 'web' } } } }),
  },
  {
    title: 'Ingress path, service and resource',
    from: ingress(route({ service: { name: 'a', port: { number: 80 } } })),
    to: ingress(route(backend)),
  },
  {
    title: 'NetworkPolicy peer, ipBlock and podSelector',
    from: networkPolicy({ ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] }),
    to: networkPolicy({ ingress: [{ from: [{ podSelector: { matchLabels: labels } }] }] }),
  },
  {
    title: 'NetworkPolicy, ingress and egress',
    from: networkPolicy({ ingress: [{}] }),
    to: networkPolicy({ ingress: [{}], egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] }),
  },
  {
    title: 'PodDisruptionBudget, maxUnavailable and minAvailable',
    from: budget({ maxUnavailable: 1 }),
    to: budget({ minAvailable: 1 }),
  },
  {
    title: 'HorizontalPodAutoscaler metric, by default and averageValue',
    from: autoscaler({}),
    to: autoscaler(resourceMetric({ type: 'AverageValue', averageValue: '1' })),
  },
  {
    title: 'HorizontalPodAutoscaler metric, Utilization and AverageValue',
    from: autoscaler(resourceMetric({ type: 'Utilization', averageUtilization: 50 })),
    to: autoscaler(resourceMetric({ type: 'AverageValue', averageValue: '1' })),
  },
  {
    title: 'HorizontalPodAutoscaler metric, Pods and External',
    from: autoscaler({
      metrics: [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } } }],
    }),
    to: autoscaler({
      metrics: [{ type: 'External', external: { metric: { name: 'm' }, target: { type: 'Value', value: '1' } } }],
    }),
  },
  {
    title: 'HorizontalPodAutoscaler behavior, with one and without',
    from: autoscaler({ behavior: { scaleUp: { stabilizationWindowSeconds: 5 } } }),
    to: autoscaler({}),
  },
  ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].map((kind): Pair => ({
    title: `${kind}, url and service`,
    from: webhook(kind, { url: 'https://hook.example/x' }),
    to: webhook(kind, hookService),
  })),
  {
    title: 'ValidatingAdmissionPolicyBinding paramRef, name and selector',
    from: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: {
        policyName: 'none.example',
        validationActions: ['Deny'],
        paramRef: { name: 'a', parameterNotFoundAction: 'Deny' },
      },
    },
    to: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: {
        policyName: 'none.example',
        validationActions: ['Deny'],
        paramRef: { selector: { matchLabels: labels }, parameterNotFoundAction: 'Deny' },
      },
    },
  },
  {
    title: 'CustomResourceDefinition conversion, None and Webhook',
    from: definition({ plural: 'convs', conversion: { strategy: 'None' } }),
    to: definition({
      plural: 'convs',
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: hookService } },
    }),
  },
  {
    title: 'CustomResourceDefinition conversion, by default and Webhook',
    from: definition({ plural: 'plains' }),
    to: definition({
      plural: 'plains',
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: hookService } },
    }),
  },
  {
    title: 'CustomResourceDefinition conversion, by url and service',
    from: definition({
      plural: 'urls',
      conversion: {
        strategy: 'Webhook',
        webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://hook.example/x' } },
      },
    }),
    to: definition({
      plural: 'urls',
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: hookService } },
    }),
  },
  {
    title: 'custom resource, one of two with defaults',
    from: picker({ first: { name: 'a' } }),
    to: picker({ second: { name: 'b' } }),
  },
  { title: 'custom resource, a default that a rule forbids', from: mode({ level: 3 }), to: mode({ mode: 'Manual' }) },
];

const named = pairs.map(({ title, from, to }, at) => {
  const name = (manifest: Manifest): Manifest => ({ ...manifest, metadata: { name: `u${at}`, ...manifest.metadata } });
  return { title, from: name(from), to: name(to) };
});

let world: World;
let master: Clone;
let stage: InProcess;
/** The objects as they are after each of the commits, in the order of the pairs. */
const after: Live[][] = [];
const fresh: Record<'from' | 'to', Live[]> = { from: [], to: [] };

const liveSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), uid: z.string(), generation: z.number().optional() }),
});
type Live = z.infer<typeof liveSchema>;

async function readAll(manifests: readonly Manifest[], namespace: string): Promise<Live[]> {
  const names = manifests.map(
    ({ apiVersion, kind, metadata }) =>
      `${kind}.${apiVersion.includes('/') ? apiVersion.replace(/^(.*)\/(.*)$/, '$2.$1') : `${apiVersion}.`}/${String(metadata?.['name'])}`,
  );
  const text = await world.kubectl('get', '--namespace', namespace, '--output', 'json', ...names);
  return z
    .union([
      z.object({ items: z.array(liveSchema) }).transform(({ items }) => items),
      liveSchema.transform((only) => [only]),
    ])
    .parse(JSON.parse(text));
}

async function commit(of: 'from' | 'to'): Promise<void> {
  const manifests = [pickers, modes, ...named.map((pair) => pair[of])];
  await pushUnheard(world, master, {
    'environments/unions.yaml': environmentFile('unions', { timeout: '1s' }),
    'manifests/unions/all.yaml': manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n'),
  });
  await stage.run('unions');
  after.push(
    await readAll(
      named.map((pair) => pair[of]),
      'unions',
    ),
  );
}

/** What is Git's and the API server's alone: no marks, no addresses that are given to one object only. */
function comparable({ metadata: _metadata, status: _status, ...rest }: Live): unknown {
  return JSON.parse(
    JSON.stringify(rest, (key, value: unknown) =>
      ['clusterIP', 'clusterIPs', 'nodePort', 'group'].includes(key) ? undefined : value,
    ),
  );
}

/** What the API server makes of an object of this choice that was never of another. */
async function madeAnew(manifest: Manifest): Promise<Live> {
  const resource = resourceOf({ api: await stage.cluster.api(), object: manifest });
  if (resource === undefined) throw new Error(`${manifest.kind} is not served`);
  const object = probeOf({
    ...manifest,
    metadata: { ...manifest.metadata, ...(resource.namespaced ? { namespace: 'unions' } : {}) },
  });
  const result = await stage.cluster.apply({ resource, object, dryRun: true });
  if (result.outcome === 'rejected') throw new Error(`${manifest.kind}: ${result.message}`);
  return liveSchema.parse(result.object);
}

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
  await commit('from');
  await commit('to');
  await commit('from');
  for (const of of ['from', 'to'] as const) {
    for (const manifest of named.map((pair) => pair[of])) fresh[of].push(await madeAnew(manifest));
  }
});
afterAll(async () => {
  await world.stop();
});

const diffs = (): Diff[] => stage.published.flatMap(({ event }) => diffSchema.safeParse(event.data).data ?? []);
const failures = (): unknown =>
  Object.fromEntries(
    diffs()
      .flatMap(({ environment, objects }) => (environment === 'unions' ? objects : []))
      .flatMap(({ kind, name, change, message }) => (change === 'failed' ? [[`${kind} ${name}`, message]] : [])),
  );

describe('a choice that a commit changes is changed in place, in one generation, to what it would be if made anew', () => {
  it('and none of them fails', () => {
    expect(failures()).toEqual({});
  });

  it.each(named.map(({ title }, at) => ({ title, at })))('$title', ({ at }) => {
    const [before, then, back] = after.map((objects) => objects[at]);
    expect(before && comparable(before)).toEqual(fresh.from[at] && comparable(fresh.from[at]));
    expect(then && comparable(then)).toEqual(fresh.to[at] && comparable(fresh.to[at]));
    expect(back && comparable(back)).toEqual(fresh.from[at] && comparable(fresh.from[at]));
    expect([then?.metadata.uid, back?.metadata.uid]).toEqual([before?.metadata.uid, before?.metadata.uid]);
    const generation = before?.metadata.generation;
    if (generation !== undefined)
      expect([then?.metadata.generation, back?.metadata.generation]).toEqual([generation + 1, generation + 2]);
  });
});

describe('a choice', () => {
  const environment = async (
    name: string,
    manifests: readonly Manifest[],
    spec: Record<string, unknown> = {},
  ): Promise<unknown> => {
    await pushUnheard(world, master, {
      [`environments/${name}.yaml`]: environmentFile(name, { timeout: '1s', ...spec }),
      [`manifests/${name}/all.yaml`]: manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n'),
    });
    return stage.run(name);
  };
  const withName = (name: string, manifest: Manifest): Manifest => ({ ...manifest, metadata: { name } });

  it('that a person changed is told, and healed in place', async () => {
    const recreated = withName('recreated', deployment({ strategy: { type: 'Recreate' } }));
    const deleted = withName('deleted', statefulSet({ updateStrategy: { type: 'OnDelete' } }));
    const mounted = withName('mounted', deployment(volume({ configMap: { name: 'a' } })));
    const all = [recreated, deleted, mounted];
    expect(await environment('drifted', all, { timeout: '5m' })).toMatchObject({ outcome: 'converged' });
    const before = await readAll(all, 'drifted');
    const patch = async (target: string, body: unknown) =>
      world.kubectl('patch', target, '--namespace', 'drifted', '--type', 'json', '--patch', JSON.stringify(body));
    await patch('deployment/recreated', [{ op: 'replace', path: '/spec/strategy', value: { type: 'RollingUpdate' } }]);
    await patch('statefulset/deleted', [
      { op: 'replace', path: '/spec/updateStrategy', value: { type: 'RollingUpdate' } },
    ]);
    await patch('deployment/mounted', [{ op: 'replace', path: '/spec/template/spec/volumes', value: [{ name: 'v' }] }]);
    await stage.run('drifted');
    const told = diffs().filter((diff) => diff.environment === 'drifted');
    expect(told).toMatchObject([{ reason: 'Drifted', action: 'healing' }]);
    const paths = Object.fromEntries(
      (told[0]?.objects ?? []).map(({ name, change, fields }) => [
        name,
        [change, ...(fields ?? []).map(({ path, manager }) => `${path} ${manager ?? ''}`)],
      ]),
    );
    expect(paths['recreated']).toEqual(expect.arrayContaining(['modified', '/spec/strategy/type kubectl-patch']));
    expect(paths['deleted']).toEqual(expect.arrayContaining(['modified', '/spec/updateStrategy/type kubectl-patch']));
    expect(paths['mounted']).toEqual(expect.arrayContaining(['modified']));
    const after = await readAll(all, 'drifted');
    expect(after.map(comparable)).toEqual(before.map(comparable));
    expect(after.map(({ metadata }) => [metadata.uid, metadata.generation])).toEqual(
      before.map(({ metadata }) => [metadata.uid, (metadata.generation ?? 0) + 2]),
    );
  });

  it('that an object was made with by others is changed when it is adopted', async () => {
    const manifests = [withName('a', deployment(volume({}))), withName('b', deployment({}))];
    await world.kubectl('create', 'namespace', 'adopted');
    for (const manifest of manifests)
      await world.pipeline.kubernetes.kubectl(
        ['apply', '--server-side', '--namespace', 'adopted', '--filename', '-'],
        JSON.stringify(manifest),
      );
    const wanted = [
      withName('a', deployment(volume({ secret: { secretName: 'a' } }))),
      withName('b', deployment({ strategy: { type: 'Recreate' } })),
    ];
    expect(await environment('adopted', wanted, { timeout: '5m' })).toMatchObject({ outcome: 'converged' });
    const after = await readAll(wanted, 'adopted');
    expect(after.map(({ metadata }) => metadata.generation)).toEqual([2, 2]);
    for (const [at, manifest] of wanted.entries())
      expect(after.slice(at, at + 1).map(comparable)).toEqual([comparable(await madeAnew(manifest))]);
  });

  it('that another manager made is not taken from it, nor the object made anew: the owner is named', async () => {
    await environment('held', [withName('a', deployment({}))], { timeout: '5m' });
    const [before] = await readAll([withName('a', deployment({}))], 'held');
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--server-side', '--field-manager', 'tuner', '--namespace', 'held', '--filename', '-'],
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'a' },
        spec: { strategy: { rollingUpdate: { maxSurge: 3 } } },
      }),
    );
    const recreated = withName('a', deployment({ strategy: { type: 'Recreate' } }));
    await environment('held', [recreated], { timeout: '5m', replace: true });
    const [failed] = diffs().filter((diff) => diff.environment === 'held');
    expect(failed?.objects[0]?.message).toContain('/spec/strategy/rollingUpdate is set by tuner');
    expect((await readAll([withName('a', deployment({}))], 'held'))[0]?.metadata.uid).toBe(before?.metadata.uid);
  });
});
