import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kubeconfigAccess } from '../../../../shared/adapters/kubernetes/kubeconfig.ts';
import { createClusters } from '../../../../shared/adapters/kubernetes.ts';
import { describeError } from '../../../../shared/base/errors.ts';
import { configKeysSchema } from '../../../../shared/config/config.ts';
import { freePort } from '../../../../local/free-port.ts';
import { rejectionOf } from '../../../refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-kubeconfig-'));
const file = join(folder, 'kubeconfig');
const configMaps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const settings = { namespace: 'acme', name: 'settings', resource: configMaps };

let url = '';
let seen: IncomingMessage[] = [];
let answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void = () => {};
const server = createServer((incoming, outgoing) => {
  seen.push(incoming);
  answer(incoming, outgoing);
});
beforeAll(async () => {
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${port}`;
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function kubeconfig(user: Record<string, unknown>, cluster: Record<string, unknown> = {}): string {
  return dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

const reply = (outgoing: ServerResponse, status: number, body: unknown): void =>
  void outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const status = (code: number, message: string, reason = ''): unknown => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  message,
  reason,
});
const clusterOf = async (more: Record<string, unknown> = {}) => {
  const parsed = configKeysSchema
    .pick({ clusters: true, google: true })
    .parse({ clusters: { sandbox: { kubeconfig: file, ...more } } });
  return createClusters(parsed)({ name: 'sandbox', repository: 'master', environment: 'acme' });
};

describe('a kubeconfig', () => {
  it.each([
    {
      what: 'runs a program',
      user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'gke-gcloud-auth-plugin' } },
      says: 'asks for an exec plugin',
    },
    {
      what: 'names a provider of credentials',
      user: { 'auth-provider': { name: 'gcp' } },
      says: 'asks for an auth-provider',
    },
    { what: 'names a file of tokens', user: { tokenFile: '/var/run/token' }, says: 'has a tokenFile' },
    { what: 'impersonates somebody', user: { token: 't', as: 'admin' }, says: 'impersonates somebody' },
  ])('that $what is refused', async ({ user, says }) => {
    writeFileSync(file, kubeconfig(user));
    const cluster = await clusterOf();
    const refusal = await rejectionOf(cluster.get(settings));
    expect(refusal).toMatchObject({ code: 'SecretUnavailable', disposition: 'retry', subject: file });
    expect(refusal.message).toContain(says);
    expect(seen).toEqual([]);
  });

  const membership = '/v1/projects/7/locations/global/gkeMemberships/prod';
  it.each([
    { server: `https://connectgateway.googleapis.com${membership}` },
    { server: `https://europe-west1-connectgateway.googleapis.com:443${membership}` },
    { server: `https://connectgateway.europe-west1.rep.GOOGLEAPIS.com.${membership}` },
    { server: `https://10.0.0.7${membership}`, 'tls-server-name': 'connectgateway.googleapis.com' },
    { server: `https://gateway.family.example${membership.replace('gkeMemberships', 'memberships')}` },
  ])('of Connect Gateway takes no identity of the environment: $server', async (cluster) => {
    const subject = 'a secret';
    const read = async (): Promise<string> => kubeconfig({ token: 't' }, cluster);
    const source = { subject, folder: undefined, content: 'replaceable', read } as const;
    const accessAs = (identity: 'own' | 'environment') => kubeconfigAccess({ name: 'prod', source, identity });
    const refusal = await rejectionOf(accessAs('environment').endpoint());
    expect(refusal).toMatchObject({ code: 'NotImplemented', disposition: 'refuse', subject });
    expect(refusal.message).toContain('identity: environment');
    expect((await accessAs('own').endpoint()).server).toBe(cluster.server);
  });

  it.each([
    'socks5://10.0.0.9:1080',
    'socks5h://ada:canary@proxy.example',
    'socks4://10.0.0.9',
    'SOCKS5://10.0.0.9:1080',
    ' socks5://10.0.0.9:1080',
    'socks://10.0.0.9',
  ])('with a SOCKS proxy is refused by name: %s', async (proxy) => {
    writeFileSync(file, kubeconfig({ token: 't' }, { 'proxy-url': proxy }));
    const refusal = await rejectionOf((await clusterOf()).get(settings));
    expect(refusal).toMatchObject({ code: 'NotImplemented', disposition: 'refuse', subject: file });
    expect(refusal.message).toMatch(/cluster sandbox .*SOCKS `proxy-url`/);
    expect(describeError(refusal)).not.toContain('canary');
    expect(seen).toEqual([]);
  });

  it('of another host takes one', async () => {
    writeFileSync(file, kubeconfig({ token: 't' }));
    answer = (_incoming, outgoing) => reply(outgoing, 404, status(404, 'not found', 'NotFound'));
    await (await clusterOf({ identity: 'environment' })).get(settings);
    expect(seen[0]?.headers['impersonate-user']).toMatch(/./);
  });

  it.each([
    { what: 'an authority', text: () => kubeconfig({ token: 't' }, { 'certificate-authority': 'ca.crt' }) },
    { what: 'a certificate', text: () => kubeconfig({ 'client-certificate': 'a.crt', 'client-key': 'a.key' }) },
    { what: 'a token', text: () => kubeconfig({ 'token-file': '/etc/passwd' }) },
  ])('of a secret that names a file with $what is refused, and the file is not read', async ({ text }) => {
    const source = {
      subject: 'projects/family/secrets/elsewhere/versions/1',
      folder: undefined,
      content: 'fixed' as const,
      read: async () => text(),
    };
    const refusal = await rejectionOf(kubeconfigAccess({ name: 'elsewhere', source, identity: 'own' }).endpoint());
    expect(refusal).toMatchObject({ code: 'BadConfiguration', disposition: 'refuse', subject: source.subject });
    expect(refusal.message).toContain('names files, which a secret cannot bring');
  });

  it('is read again once, however many requests are refused together', async () => {
    let reads = 0;
    const read = async (): Promise<string> => kubeconfig({ token: `t${++reads}` });
    const access = kubeconfigAccess({
      name: 'elsewhere',
      source: { subject: 'a secret', folder: undefined, content: 'replaceable', read },
      identity: 'own',
    });
    const refused = { endpoint: await access.endpoint(), credentials: await access.credentials() };
    await Promise.all([1, 2, 3].map(async () => access.renewCredentials(refused)));
    expect(await access.renewCredentials(refused)).toBe(true);
    expect(await access.credentials()).toEqual({ authorization: 'Bearer t2' });
    expect(reads).toBe(2);
  });

  it('is quoted in no error', async () => {
    writeFileSync(file, 'users: [{ token: hunter2');
    expect((await rejectionOf((await clusterOf()).get(settings))).message).not.toContain('hunter2');
  });

  it('is read again where the API server no longer takes its token', async () => {
    writeFileSync(file, kubeconfig({ token: 'first' }));
    const found = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } };
    answer = (incoming, outgoing) =>
      incoming.headers.authorization === 'Bearer second'
        ? reply(outgoing, 200, found)
        : reply(outgoing, 401, status(401, 'Unauthorized'));
    const cluster = await clusterOf();
    expect(await rejectionOf(cluster.get(settings))).toMatchObject({ code: 'ClusterRefused' });
    writeFileSync(file, kubeconfig({ token: 'second' }));
    expect(await cluster.get(settings)).toEqual(found);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer first',
      'Bearer first',
      'Bearer second',
    ]);
  });
});

describe('an object', () => {
  beforeEach(() => writeFileSync(file, kubeconfig({ token: 't' })));

  it('is absent where the API server says so', async () => {
    answer = (_incoming, outgoing) => reply(outgoing, 404, status(404, 'not found', 'NotFound'));
    expect(await (await clusterOf()).get(settings)).toBeUndefined();
  });

  it('is not absent where something before the API server says 404', async () => {
    answer = (_incoming, outgoing) =>
      reply(outgoing, 404, { error: { code: 404, message: 'membership not found', status: 'NOT_FOUND' } });
    expect(await rejectionOf((await clusterOf()).get(settings))).toMatchObject({
      code: 'ClusterRefused',
      disposition: 'refuse',
    });
    answer = (_incoming, outgoing) =>
      void outgoing.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>');
    expect(await rejectionOf((await clusterOf()).get(settings))).toMatchObject({ code: 'ClusterRefused' });
    const deletion = (await clusterOf()).delete({ ...settings, uid: 'u' });
    expect(await rejectionOf(deletion)).toMatchObject({ code: 'ClusterRefused' });
  });
});

describe('an environment that acts as itself', () => {
  beforeEach(() => writeFileSync(file, kubeconfig({ token: 't' })));
  const acting = async () => clusterOf({ identity: 'environment' });

  it('makes every request as its own user, discovery included', async () => {
    answer = (incoming, outgoing) =>
      reply(
        outgoing,
        200,
        incoming.url === '/version' ? { gitVersion: 'v1.36.3' } : { items: [], metadata: { name: 'settings' } },
      );
    const cluster = await acting();
    await cluster.api();
    await cluster.get(settings);
    await cluster.list({ resource: configMaps, namespace: 'acme', content: 'whole' });
    await cluster.apply({
      resource: configMaps,
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'acme' } },
      dryRun: true,
    });
    await cluster.delete({ ...settings, uid: 'u' });
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET', 'GET', 'GET', 'PATCH', 'DELETE']);
    for (const { headers } of seen)
      expect(headers).toMatchObject({
        'impersonate-user': 'converge:master:acme',
        'impersonate-group': 'converge:environments',
      });
  });

  it('is told that Converge may not act as it', async () => {
    answer = (_incoming, outgoing) =>
      reply(
        outgoing,
        403,
        status(
          403,
          'users "converge:master:acme" is forbidden: User "c@x.iam" cannot impersonate resource "users" in API group "" at the cluster scope',
          'Forbidden',
        ),
      );
    const refusal = await rejectionOf((await acting()).get(settings));
    expect(refusal).toMatchObject({ code: 'ImpersonationRefused', disposition: 'refuse' });
    expect(refusal.remedy).toContain('converge rbac master/acme');
  });

  it('is told which command prints the rights that it lacks', async () => {
    answer = (_incoming, outgoing) =>
      reply(outgoing, 403, status(403, 'configmaps "settings" is forbidden', 'Forbidden'));
    const cluster = await acting();
    expect((await rejectionOf(cluster.get(settings))).remedy).toContain('converge rbac master/acme');
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'acme' } };
    expect(await cluster.apply({ resource: configMaps, object, dryRun: false })).toMatchObject({
      outcome: 'rejected',
      status: 403,
      message: expect.stringContaining('converge rbac master/acme') as string,
    });
  });
});

it('without an identity of its own an environment sends no such header', async () => {
  writeFileSync(file, kubeconfig({ token: 't' }));
  answer = (_incoming, outgoing) => reply(outgoing, 404, status(404, 'not found', 'NotFound'));
  await (await clusterOf()).get(settings);
  expect(Object.keys(seen[0]?.headers ?? {}).filter((name) => name.startsWith('impersonate'))).toEqual([]);
});

describe('what stands before the API server of a kubeconfig', () => {
  it.each([
    [401, 'retry'],
    [403, 'retry'],
    [400, 'refuse'],
  ])('and answers %i itself: %s, since a grant of IAM takes minutes to hold', async (code, disposition) => {
    writeFileSync(file, kubeconfig({ token: 't' }));
    answer = (_incoming, outgoing) =>
      reply(outgoing, code, { error: { code, message: 'Permission denied', status: 'PERMISSION_DENIED' } });
    expect(await rejectionOf((await clusterOf()).get(settings))).toMatchObject({
      code: 'ClusterRefused',
      disposition,
      subject: 'cluster sandbox',
    });
  });
});

it('a kubeconfig whose proxy cannot be used is named, and its text told nowhere', async () => {
  writeFileSync(file, kubeconfig({ token: 't' }, { 'proxy-url': 'http://ada:can%ZZary@127.0.0.1:1' }));
  const refusal = await rejectionOf((await clusterOf()).get(settings));
  expect(refusal).toMatchObject({ code: 'SecretUnavailable', subject: file, disposition: 'retry' });
  expect(describeError(refusal)).not.toMatch(/can.*ary/);
});
