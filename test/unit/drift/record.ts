import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKubernetes } from '../../../local/parts/kubernetes.ts';
import { ensurePrograms } from '../../../local/programs.ts';
import { createClusters } from '../../../shared/adapters/kubernetes.ts';
import { configKeysSchema } from '../../../shared/config/config.ts';
import type { ApiResource } from '../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

/*
 * Records what a real API server says of an object after somebody touched it: `recorded/<what happened>.json` holds the
 * answer of our apply (`applied`), the object later (`observed`), and what a dry run of the same apply would make of it
 * (`dryRun`). Run it after a Kubernetes upgrade: node test/unit/drift/record.ts
 */
const folder = join(import.meta.dirname, 'recorded');
const namespace = 'acme';
const configMaps: ApiResource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const secrets: ApiResource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const services: ApiResource = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
const deployments: ApiResource = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

const labels = { app: 'web', tier: 'front' };
const deployment = (name: string): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace, labels },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels },
      spec: {
        initContainers: [
          { name: 'migrate', image: 'shop:1.4.2', args: ['migrate'] },
          { name: 'warm', image: 'shop:1.4.2', args: ['warm'] },
        ],
        containers: [
          {
            name: 'web',
            image: 'shop:1.4.2',
            env: [{ name: 'REGION', value: 'eu' }],
            ports: [{ containerPort: 8080 }],
          },
        ],
      },
    },
  },
});
const service = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
  spec: {
    selector: { app: 'web' },
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  },
});
const secret = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, labels },
  data: { password: Buffer.from('correct horse').toString('base64') },
});
const configMap = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels, annotations: { 'example.com/owner': 'shop' } },
  data: { region: 'eu', size: 'small' },
});

interface Recording {
  readonly name: string;
  readonly resource: ApiResource;
  readonly object: (name: string) => KubernetesObject;
  /** kubectl's arguments, one call each; the object's name is `target`. */
  readonly touch: readonly (readonly string[])[];
  /** Until it rolled out: its status has changed then. */
  readonly rolledOut?: boolean;
}

const initContainersSwapped = JSON.stringify([
  { op: 'move', from: '/spec/template/spec/initContainers/1', path: '/spec/template/spec/initContainers/0' },
]);
const recordings: readonly Recording[] = [
  { name: 'deployment-rolled-out', resource: deployments, object: deployment, touch: [], rolledOut: true },
  {
    name: 'deployment-image-set-by-kubectl',
    resource: deployments,
    object: deployment,
    touch: [['set', 'image', 'deployment/target', 'web=shop:debug']],
  },
  {
    name: 'deployment-env-added-by-kubectl',
    resource: deployments,
    object: deployment,
    touch: [['set', 'env', 'deployment/target', 'DEBUG=1']],
  },
  {
    name: 'deployment-scaled-by-kubectl',
    resource: deployments,
    object: deployment,
    touch: [['scale', 'deployment/target', '--replicas=3']],
  },
  {
    name: 'deployment-restarted-by-kubectl',
    resource: deployments,
    object: deployment,
    touch: [['rollout', 'restart', 'deployment/target']],
  },
  {
    name: 'deployment-annotated-by-kubectl',
    resource: deployments,
    object: deployment,
    touch: [['annotate', 'deployment/target', 'example.com/note=looked at']],
  },
  {
    name: 'deployment-label-removed',
    resource: deployments,
    object: deployment,
    touch: [['label', 'deployment/target', 'tier-']],
  },
  {
    name: 'deployment-init-containers-swapped',
    resource: deployments,
    object: deployment,
    touch: [['patch', 'deployment/target', '--type=json', '--patch', initContainersSwapped]],
  },
  {
    name: 'deployment-managed-fields-cleared',
    resource: deployments,
    object: deployment,
    touch: [['patch', 'deployment/target', '--type=merge', '--patch', '{"metadata":{"managedFields":[{}]}}']],
  },
  {
    name: 'service-port-changed-by-kubectl',
    resource: services,
    object: service,
    touch: [
      [
        'patch',
        'service/target',
        '--type=json',
        '--patch',
        '[{"op":"replace","path":"/spec/ports/1/targetPort","value":5353}]',
      ],
    ],
  },
  {
    name: 'secret-overwritten-by-kubectl',
    resource: secrets,
    object: secret,
    touch: [
      ['patch', 'secret/target', '--patch', `{"data":{"password":"${Buffer.from('stolen').toString('base64')}"}}`],
    ],
  },
  {
    name: 'config-map-key-taken-over-with-the-same-value',
    resource: configMaps,
    object: configMap,
    touch: [['apply', '--server-side', '--field-manager=somebody', '-f', '-']],
  },
  {
    name: 'config-map-annotation-changed-by-two',
    resource: configMaps,
    object: configMap,
    touch: [
      ['annotate', 'configmap/target', 'example.com/owner=kubectl', '--overwrite'],
      [
        'patch',
        'configmap/target',
        '--field-manager=somebody',
        '--type=merge',
        '--patch',
        '{"metadata":{"annotations":{"example.com/owner":"somebody"}}}',
      ],
    ],
  },
];

const scratch = await mkdtemp(join(tmpdir(), 'converge-record-'));
const kubernetes = await startKubernetes({ folder: scratch, programs: await ensurePrograms() });
try {
  const cluster = await createClusters(
    configKeysSchema
      .pick({ clusters: true, google: true })
      .parse({ clusters: { recorder: { kubeconfig: kubernetes.kubeconfig } } }),
  )({ name: 'recorder', repository: 'master', environment: 'nobody' });
  await kubernetes.kubectl(['create', 'namespace', namespace]);
  for (const { name, resource, object, touch, rolledOut } of recordings) {
    const apply = async (dryRun: boolean): Promise<KubernetesObject> => {
      const result = await cluster.apply({ resource, object: object('target'), dryRun });
      if (result.outcome === 'rejected') throw new Error(`${name}: ${result.message}`);
      return result.object;
    };
    const look = async (): Promise<KubernetesObject> => {
      const found = await cluster.get({ resource, namespace, name: 'target' });
      if (found === undefined) throw new Error(`${name}: the object is gone`);
      return found;
    };
    const applied = await apply(false);
    if (rolledOut === true)
      await kubernetes.kubectl(['rollout', 'status', 'deployment/target', '--namespace', namespace]);
    // Times in managedFields have seconds: the touch is to be later than the apply.
    await sleep(1100);
    for (const parameters of touch) {
      const [verb = '', ...rest] = parameters;
      const input = verb === 'apply' ? JSON.stringify({ ...object('target'), data: { region: 'eu' } }) : undefined;
      await kubernetes.kubectl([verb, ...rest, '--namespace', namespace], input);
    }
    const observed = await look();
    const dryRun = await apply(true);
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify({ applied, observed, dryRun }, null, 2)}\n`);
    await kubernetes.kubectl(['delete', `${resource.plural}/target`, '--namespace', namespace, '--wait']);
    console.log(name);
  }
} finally {
  await kubernetes.stop();
  await rm(scratch, { recursive: true, force: true });
}
process.exit(0);
