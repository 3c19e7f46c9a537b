import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { beforeAll, describe, expect, test } from 'vitest';
import { documentPaths, kindSchemasOf } from '../../build/built-in-kinds.ts';
import { loadBuiltInKinds, problemsOfBuiltIn } from '../../cli/validate/built-in-kinds.ts';
import type { FieldSchema } from '../../cli/validate/field-schema.ts';
import { startKubernetes, type Kubernetes } from '../../local/parts/kubernetes.ts';
import { ensurePrograms } from '../../local/programs.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { builtInResources } from '../../shared/rbac/known-resources.ts';
import { eventually } from '../eventually.ts';
import { valid, withValue, wrong } from './built-in-objects.ts';

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

describe('what converge validate knows of built-in kinds', () => {
  /** What the API server says against an object, applied as `reconcile` does. */
  const refusalOf = async (object: KubernetesObject, agent: Agent): Promise<string | undefined> => {
    const [version = '', group = ''] = object.apiVersion.split('/').toReversed();
    const found = builtInResources.find(
      (one) => one.kind === object.kind && one.version === version && one.group === group,
    );
    if (found === undefined) throw new Error(`${object.kind} is not built in`);
    const root = group === '' ? '/api/v1' : `/apis/${object.apiVersion}`;
    const path = `${root}${found.namespaced ? '/namespaces/default' : ''}/${found.plural}/${object.metadata.name}`;
    const query = 'fieldManager=converge&force=true&fieldValidation=Strict&dryRun=All';
    const { statusCode, body } = await request(`${sandbox.server}${path}?${query}`, {
      ...{ method: 'PATCH', dispatcher: agent, body: JSON.stringify(object) },
      headers: { authorization: `Bearer ${sandbox.token}`, 'content-type': 'application/apply-patch+yaml' },
    });
    const said = await body.text();
    return statusCode < 300 ? undefined : said;
  };
  let agent: Agent;
  beforeAll(async () => {
    agent = new Agent({ connect: { ca: await readFile(join(sandbox.certificates, 'apiserver.crt'), 'utf8') } });
    return async () => agent.close();
  });

  test('is what the API server publishes; else: node build/write-built-in-kinds.ts', async () => {
    const documents: unknown[] = [];
    for (const path of documentPaths) documents.push(JSON.parse(await sandbox.kubectl(['get', '--raw', path])));
    expect(await loadBuiltInKinds()).toEqual(kindSchemasOf(documents));
  });

  test('refuses nothing that the API server takes, and all of these that it refuses', async () => {
    const kinds = await loadBuiltInKinds();
    for (const object of valid)
      expect([object.kind, await refusalOf(object, agent), problemsOfBuiltIn(kinds, object)]).toEqual([
        ...[object.kind, undefined, []],
      ]);
    for (const [kind, path, value] of wrong) {
      const base = valid.find((one) => one.kind === kind);
      if (base === undefined) throw new Error(`there is no ${kind}`);
      const object = withValue(base, path.split('.'), value);
      expect([kind, path, await refusalOf(object, agent)]).toEqual([kind, path, expect.any(String)]);
      expect([kind, path, value, problemsOfBuiltIn(kinds, object)]).toEqual([kind, path, value, [expect.any(String)]]);
    }
  });

  test('misses only what the API server asks for', async () => {
    const kinds = await loadBuiltInKinds();
    const without: KubernetesObject[] = [];
    const walk = (object: KubernetesObject, value: unknown, schema: FieldSchema, path: readonly string[]): void => {
      if (value === null || typeof value !== 'object' || (typeof schema === 'object' && 'enum' in schema)) return;
      if (typeof schema === 'object') {
        for (const [key, item] of Object.entries(value))
          walk(object, item, 'list' in schema ? schema.list : schema.map, [...path, key]);
        return;
      }
      const type = kinds.types[schema.slice(1)];
      for (const [key, item] of Object.entries(value)) {
        if (type === undefined || path[0] === 'status') return;
        if (type.required.includes(key)) without.push(withValue(object, [...path, key], undefined));
        walk(object, item, type.fields[key] ?? 'any', [...path, key]);
      }
    };
    for (const object of valid) walk(object, object, `#${kinds.kinds[`${object.apiVersion}/${object.kind}`]}`, []);
    expect(without.length).toBeGreaterThan(100);
    for (const object of without)
      expect([object, await refusalOf(object, agent), problemsOfBuiltIn(kinds, object)]).toEqual([
        ...[object, expect.any(String), [expect.stringMatching(/: is missing$/)]],
      ]);
  });
});
