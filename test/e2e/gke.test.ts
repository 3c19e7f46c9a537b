import * as tls from 'node:tls';
import { CRC32C } from '@google-cloud/storage';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configKeysSchema } from '../../shared/config/config.ts';
import { startGkeFront, type GkeFront } from '../../local/parts/gke-front.ts';
import {
  reconcileAccount,
  scopeNames,
  startGoogleApis,
  type FakeCluster,
  type GoogleApis,
} from '../../local/parts/google-apis.ts';
import { onGoogleCloud } from '../google/surroundings.ts';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { configMap, deployment, environmentFile, eventually, startWorld, type Clone, type World } from './world.ts';

const gke = (name: string): string => `projects/family/locations/europe-west1/clusters/${name}`;
const membership = 'projects/123456789012/locations/global/memberships/prod';
const kubeconfigVersion = 'projects/family/secrets/elsewhere/versions/latest';

let world: World;
let master: Clone;
let google: GoogleApis;
let front: GkeFront;
let inProcess: InProcess;
let undo: () => void;

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  google = await startGoogleApis();
  // As a function has it, and after the pipeline has cleared this process of everything of Google's.
  undo = onGoogleCloud(google.variables);
  const { pipeline } = world;
  // As docs/deploy.md lets Converge's account into a cluster: by its e-mail address. The pipeline does it with its start.
  const start = async (): Promise<GkeFront> => startGkeFront({ ...pipeline.kubernetes, google });
  front = await start();
  restart = start;
  // Plays the public authority of a DNS-based endpoint, of which the container API tells no authority.
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), front.ca]);
  google.clusters.set(gke('by-address'), byAddress());
  google.clusters.set(gke('by-name'), {
    status: 'RUNNING',
    controlPlaneEndpointsConfig: { dnsEndpointConfig: { endpoint: front.address, allowExternalTraffic: true } },
  });
  google.clusters.set(gke('stopping'), { ...byAddress(), status: 'STOPPING' });
  google.members.set('projects/123456789012/locations/global/gkeMemberships/prod', (incoming, outgoing, path) =>
    front.serveGateway(incoming, outgoing, path),
  );
  const kubeconfig = await readFile(pipeline.kubernetes.kubeconfig, 'utf8');
  google.secrets.set(kubeconfigVersion, { data: kubeconfig, crc32c: crc32c(kubeconfig) });
  const beside = configKeysSchema.pick({ clusters: true, google: true }).parse({
    clusters: {
      'by-address': { gke: gke('by-address') },
      'by-name': { gke: gke('by-name') },
      'by-gateway': { gke: gke('private'), endpoint: 'connect-gateway', membership },
      'by-secret': { kubeconfigSecret: kubeconfigVersion },
      'by-another-gateway': {
        gke: gke('private'),
        endpoint: 'connect-gateway',
        membership: membership.replace('prod', 'nowhere'),
      },
      stopping: { gke: gke('stopping') },
      gone: { gke: gke('gone') },
    },
    google: { container: google.url, secretManager: google.url, connectGateway: google.url },
  });
  inProcess = await startInProcess(world, undefined, beside);
});
afterAll(async () => {
  undo();
  await front.stop();
  await google.stop();
  await world.stop();
});

let restart: () => Promise<GkeFront>;

function byAddress(ca = front.ca): FakeCluster {
  return {
    status: 'RUNNING',
    endpoint: front.address,
    masterAuth: { clusterCaCertificate: Buffer.from(ca).toString('base64') },
  };
}

function crc32c(text: string): string {
  const sum = new CRC32C();
  sum.update(Buffer.from(text));
  return String(sum.toBuffer().readUInt32BE());
}

/** A token as the metadata server gives it to who asks for those scopes. */
async function tokenOf(scopes: string): Promise<string> {
  const query = new URLSearchParams({ scopes });
  const answer = await fetch(
    `${google.url}/computeMetadata/v1/instance/service-accounts/default/token?${query.toString()}`,
    {
      headers: { 'metadata-flavor': 'Google' },
    },
  );
  return z.object({ access_token: z.string() }).parse(await answer.json()).access_token;
}

async function ask(
  url: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { headers: { ...headers, authorization: `Bearer ${token}` } });
  return { status: answer.status, text: await answer.text() };
}

/** An environment of a ConfigMap and a Deployment in that cluster, committed. */
async function declare(name: string, cluster: string, data: Record<string, string> = { level: '1' }): Promise<void> {
  await pushUnheard(world, master, {
    [`environments/${name}.yaml`]: environmentFile(name, { cluster }),
    [`manifests/${name}/settings.yaml`]: configMap('settings', data),
    [`manifests/${name}/web.yaml`]: deployment('web', 'shop:1'),
  });
}

describe('a cluster of Google Cloud', () => {
  it.each(['by-address', 'by-name', 'by-gateway', 'by-secret'])(
    'is reached %s, and a second run has nothing to do',
    async (cluster) => {
      await declare(cluster, cluster);
      expect(await inProcess.run(cluster)).toMatchObject({ outcome: 'converged' });
      expect((await world.find('configmap', 'settings', cluster))?.data).toEqual({ level: '1' });
      const { length } = front.requests;
      expect(await inProcess.run(cluster)).toMatchObject({ outcome: 'unchanged' });
      const writes = front.requests.slice(length).filter(({ method }) => method !== 'GET');
      expect(writes).toEqual([]);
    },
  );

  it('knows the caller by the e-mail address that its rights are bound to', () => {
    expect(new Set(front.requests.map(({ caller }) => caller))).toEqual(new Set([google.account.email]));
  });

  it('takes a caller for a number whose token does not tell its address, and RBAC knows no such user', async () => {
    const scopes = scopeNames.cloud;
    const token = await tokenOf(scopes);
    const { status, text } = await ask(`https://${front.address}/api/v1/namespaces/default/configmaps`, token);
    expect(status).toBe(403);
    expect(text).toContain(`User \\"${google.account.uniqueId}\\" cannot list resource`);
    expect(
      (
        await ask(
          `https://${front.address}/api/v1/namespaces/default/configmaps`,
          await tokenOf(`${scopes},${scopeNames.email}`),
        )
      ).status,
    ).toBe(200);
  });

  it('refuses, behind the gateway, to act as anybody else', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const gateway = `${google.url}/v1/projects/123456789012/locations/global/gkeMemberships/prod`;
    const token = await tokenOf(Object.values(scopeNames).join(','));
    expect((await ask(`${gateway}${path}`, token)).status).toBe(200);
    expect((await ask(`${gateway}${path}`, token, { 'impersonate-user': 'converge:master:acme' })).status).toBe(403);
  });

  it('is what the functions of the local pipeline reach, too', async () => {
    const heard = await world.clone();
    await heard.push({
      'environments/local.yaml': environmentFile('local'),
      'manifests/local/settings.yaml': configMap('settings', { level: '1' }),
    });
    await eventually('it converged', () => world.converged.some(({ environment }) => environment === 'local'));
    const { requests } = world.pipeline.gke;
    expect(requests.some(({ method, path }) => method === 'PATCH' && path.includes('/configmaps/settings'))).toBe(true);
    expect(new Set(requests.map(({ caller }) => caller))).toEqual(new Set([reconcileAccount.email]));
  });

  it('is asked for by one look at the container API, however many runs there are', () => {
    expect(google.requests.filter((request) => request.endsWith('/clusters/by-address'))).toHaveLength(1);
    expect(google.requests.filter((request) => request.endsWith('/clusters/private'))).toEqual([]);
  });

  it('goes on with other tokens where those of a run end within it', async () => {
    await declare('tokens', 'by-address');
    const before = google.tokensIssued();
    let calls = 0;
    const result = await inProcess.run('tokens', {
      waits: async ({ name }) => {
        if (name.startsWith('cluster.') && ++calls % 4 === 0) google.endTokens();
      },
    });
    expect(result).toMatchObject({ outcome: 'converged' });
    expect(google.tokensIssued() - before).toBeGreaterThan(1);
  });

  it('is found again at another address', async () => {
    const before = front;
    front = await restart();
    await before.stop();
    google.clusters.set(gke('by-address'), byAddress());
    await declare('moved', 'by-address');
    expect(await inProcess.run('moved')).toMatchObject({ outcome: 'converged' });
  });

  it('is trusted by its authority only, and by the new one after a rotation', async () => {
    const [other = ''] = tls.rootCertificates;
    google.clusters.set(gke('rotated'), byAddress(other));
    const own = await startInProcess(
      world,
      undefined,
      configKeysSchema.pick({ clusters: true, google: true }).parse({
        clusters: { rotated: { gke: gke('rotated'), endpoint: 'ip' } },
        google: { container: google.url, secretManager: google.url },
      }),
    );
    await declare('rotated', 'rotated');
    await expect(own.run('rotated')).rejects.toMatchObject({ code: 'ClusterUnavailable', disposition: 'retry' });
    google.clusters.set(gke('rotated'), byAddress());
    expect(await own.run('rotated')).toMatchObject({ outcome: 'converged' });
  });

  it.each([
    { cluster: 'stopping', says: 'the cluster is STOPPING' },
    { cluster: 'gone', says: 'there is no such cluster' },
    { cluster: 'by-another-gateway', says: 'Connect Gateway knows no such membership' },
  ])(
    'that cannot be used ($cluster) is told of its environment, and nothing is taken for absent',
    async ({ cluster, says }) => {
      await declare(cluster, cluster);
      expect(await inProcess.run(cluster)).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringContaining(says) as string,
      });
    },
  );
});
