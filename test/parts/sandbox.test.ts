import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { startKubernetes, type Kubernetes } from '../../local/parts/kubernetes.ts';
import { ensurePrograms } from '../../local/programs.ts';
import { eventually } from '../eventually.ts';

let folder: string;
let sandbox: Kubernetes;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-sandbox-'));
  sandbox = await startKubernetes({ folder, programs: await ensurePrograms() });
  return async () => {
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  };
});

const apply = (...objects: readonly object[]): Promise<string> =>
  sandbox.kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
const get = async (what: string, path: string): Promise<string> =>
  sandbox.kubectl(['get', ...what.split(' '), '--ignore-not-found', `--output=jsonpath=${path}`]);
const becomes = (what: string, path: string, wanted: string | RegExp): Promise<unknown> =>
  eventually(`${what} ${path} is ${String(wanted)}`, async () => {
    const found = await get(what, path);
    return typeof wanted === 'string' ? found === wanted : wanted.test(found);
  });

test('has three nodes, each with room for what Pods keep on a disk', async () => {
  expect(await get('nodes', '{.items[*].status.allocatable.ephemeral-storage}')).toBe('1Ti 1Ti 1Ti');
});

test('gives a claim that names no class a volume, which goes with it', async () => {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  await apply({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec });
  await becomes('pvc data', '{.status.phase} {.spec.storageClassName}', 'Bound standard-rwo');
  await sandbox.kubectl(['delete', 'pvc', 'data']);
  await becomes('pv', '{.items[*].metadata.name}', '');
});

test('gives load balancers and Ingresses an address where nobody answers', async () => {
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
  const backend = { defaultBackend: { service: { name: 'front', port: { number: 80 } } } };
  await apply(
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'front' }, spec },
    { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'front' }, spec: backend },
  );
  await becomes('service front', '{.status.loadBalancer.ingress[*].ip}', '203.0.113.10');
  await becomes('ingress front', '{.status.loadBalancer.ingress[*].ip}', '203.0.113.11');
});

test('tells metrics of Pods by what they ask for', async () => {
  const containers = [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '250m', memory: '64Mi' } } }];
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: { containers },
  });
  await becomes('pod web', '{.status.phase}', 'Running');
  const top = await sandbox.kubectl(['top', 'pods', '--selector=app=web', '--no-headers']);
  expect(top.trim().split(/\s+/)).toEqual(['web', '250m', '64Mi']);
  expect(await sandbox.kubectl(['top', 'pods', '--selector=app=other', '--no-headers']).catch(String)).not.toContain(
    'web',
  );
});

const service = (name: string): readonly object[] => [
  {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } } },
    spec: { containers: [{ name, image: `${name}:1` }] },
  },
  {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
    spec: { selector: { app: name }, ports: [{ port: 443 }] },
  },
];

const api = (group: string, spec: object): object => ({
  ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: `v1.${group}` } },
  spec: { group, version: 'v1', groupPriorityMinimum: 1000, versionPriority: 10, ...spec },
});

const available = '{.status.conditions[?(@.type=="Available")].status}';

test('answers for an API that runs in the cluster, and has no kinds', async () => {
  await apply(...service('quiet'), api('quiet.example.com', { service: { namespace: 'default', name: 'quiet' } }));
  await becomes('apiservice v1.quiet.example.com', available, 'True');
  expect(await sandbox.kubectl(['get', '--raw', '/apis/quiet.example.com/v1'])).toContain('"resources":[]');
});

test('answers for one that says who signs, with the certificate of a Secret beside it, and for none without', async () => {
  const run = promisify(execFile);
  const [key, cert] = [join(folder, 'tls.key'), join(folder, 'tls.crt')];
  const of = ['-subj', '/CN=signed', '-addext', 'subjectAltName=DNS:signed.default.svc'];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
    ...of,
  ]);
  const [tls, caBundle] = [await readFile(key, 'base64'), await readFile(cert, 'base64')];
  const signed = { service: { namespace: 'default', name: 'signed' }, caBundle };
  await apply(...service('signed'), api('signed.example.com', signed));
  await becomes('apiservice v1.signed.example.com', available, 'False');
  await apply({
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'signed' } },
    data: { 'tls.crt': caBundle, 'tls.key': tls },
  });
  await becomes('apiservice v1.signed.example.com', available, 'True');
});

test('refuses a call of a webhook behind a Service, as nobody answers there', async () => {
  const webhook = {
    ...{ name: 'no.example.com', failurePolicy: 'Fail', sideEffects: 'None', admissionReviewVersions: ['v1'] },
    clientConfig: { service: { namespace: 'default', name: 'hook' } },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
    objectSelector: { matchLabels: { hooked: 'yes' } },
  };
  await apply(...service('hook'), {
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
    ...{ metadata: { name: 'no' }, webhooks: [webhook] },
  });
  const refused = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'hooked', labels: { hooked: 'yes' } } };
  await eventually('it is refused', async () =>
    /failed calling webhook "no.example.com"/.test(await apply(refused).catch(String)),
  );
});
