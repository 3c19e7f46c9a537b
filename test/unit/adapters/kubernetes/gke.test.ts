import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTokens, type Tokens } from '../../../../shared/adapters/google/tokens.ts';
import { gatewayLocation, locateCluster, type EndpointChoice } from '../../../../shared/adapters/kubernetes/gke.ts';
import { startGoogleApis, type FakeCluster, type GoogleApis } from '../../../../local/parts/google-apis.ts';
import { onGoogleCloud } from '../../../google/surroundings.ts';
import { rejectionOf } from '../../../refusal.ts';

const cluster = 'projects/family/locations/europe-west1/clusters/prod';
const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const running: FakeCluster = {
  status: 'RUNNING',
  endpoint: '203.0.113.10',
  masterAuth: { clusterCaCertificate: Buffer.from(pem).toString('base64') },
};
const dns = { endpoint: 'gke-4711-77.europe-west1.gke.goog', allowExternalTraffic: true };

let google: GoogleApis;
let tokens: Tokens;
let undo: () => void;
beforeAll(async () => {
  google = await startGoogleApis();
  undo = onGoogleCloud(google.variables);
  tokens = createTokens();
});
beforeEach(() => google.fail(() => undefined));
afterAll(async () => {
  undo();
  await google.stop();
});

async function locate(found: FakeCluster | undefined, endpoint: EndpointChoice = 'auto') {
  google.clusters.clear();
  if (found !== undefined) google.clusters.set(cluster, found);
  return locateCluster({ cluster, endpoint, api: google.url, tokens });
}

describe('a GKE cluster', () => {
  it('is reached by its DNS-based endpoint, whose certificate is public, where that takes external traffic', async () => {
    const found = { ...running, controlPlaneEndpointsConfig: { dnsEndpointConfig: dns } };
    expect(await locate(found)).toEqual({ server: 'https://gke-4711-77.europe-west1.gke.goog', ca: undefined });
    expect(await locate(found, 'dns')).toEqual(await locate(found));
    expect(await locate(found, 'ip')).toEqual({ server: 'https://203.0.113.10', ca: pem });
  });

  it('is reached by its address, and the authority of its own, where it is older than DNS-based endpoints or keeps them closed', async () => {
    expect(await locate(running)).toEqual({ server: 'https://203.0.113.10', ca: pem });
    expect(
      await locate({
        ...running,
        controlPlaneEndpointsConfig: { dnsEndpointConfig: { ...dns, allowExternalTraffic: false } },
      }),
    ).toEqual({ server: 'https://203.0.113.10', ca: pem });
  });

  it('is reached by its private address where it has no public one', async () => {
    const ipEndpointsConfig = {
      enabled: true,
      enablePublicEndpoint: false,
      publicEndpoint: '203.0.113.10',
      privateEndpoint: '10.0.0.2',
    };
    expect(await locate({ ...running, controlPlaneEndpointsConfig: { ipEndpointsConfig } })).toMatchObject({
      server: 'https://10.0.0.2',
    });
    expect(await locate({ ...running, endpoint: '2001:db8::1' })).toMatchObject({ server: 'https://[2001:db8::1]' });
  });

  it.each([
    {
      what: 'that was asked for by a name it has not',
      found: running,
      choice: 'dns',
      says: 'has no DNS-based endpoint',
    },
    {
      what: 'whose name takes no external traffic',
      found: {
        ...running,
        controlPlaneEndpointsConfig: { dnsEndpointConfig: { ...dns, allowExternalTraffic: false } },
      },
      choice: 'dns',
      says: 'takes no external traffic',
    },
    {
      what: 'that has no address',
      found: { ...running, controlPlaneEndpointsConfig: { ipEndpointsConfig: { enabled: false } } },
      choice: 'auto',
      says: 'has no IP-based endpoint',
    },
  ] as const)('$what is refused with what to do', async ({ found, choice, says }) => {
    const refusal = await rejectionOf(locate(found, choice));
    expect(refusal).toMatchObject({ code: 'NoSuchEndpoint', disposition: 'refuse', subject: cluster });
    expect(refusal.message).toContain(says);
    expect(refusal.remedy).toContain('--enable-dns-access');
  });

  it.each(['STOPPING', 'ERROR'])('that is %s is refused', async (status) => {
    expect(await rejectionOf(locate({ ...running, status, statusMessage: 'quota' }))).toMatchObject({
      code: 'ClusterStopped',
      disposition: 'refuse',
      problem: `the cluster is ${status}: quota`,
    });
  });

  it('that is being made is asked again', async () => {
    expect(await rejectionOf(locate({ ...running, status: 'PROVISIONING' }))).toMatchObject({
      code: 'ClusterUnavailable',
      disposition: 'retry',
    });
  });

  it.each(['RECONCILING', 'DEGRADED'])('that is %s is used', async (status) => {
    expect(await locate({ ...running, status })).toMatchObject({ server: 'https://203.0.113.10' });
  });

  it('that is not there is told with its name', async () => {
    expect(await rejectionOf(locate(undefined))).toMatchObject({
      code: 'ClusterNotFound',
      disposition: 'refuse',
      subject: cluster,
    });
  });

  it.each([
    { status: 403, code: 'ClusterRefused', disposition: 'retry', says: 'roles/container.clusterViewer' },
    { status: 400, code: 'ClusterRefused', disposition: 'refuse', says: 'answered 400' },
    { status: 503, code: 'ClusterUnavailable', disposition: 'retry', says: 'cannot be asked: it answered 503' },
  ])('of which the API answers $status is told as such', async ({ status, code, disposition, says }) => {
    google.fail((request) => (request.includes('/clusters/') ? { status, message: 'in its own words' } : undefined));
    const refusal = await rejectionOf(locate(running));
    expect(refusal).toMatchObject({ code, disposition });
    expect(refusal.message).toContain(says);
    expect(refusal.message).toContain('in its own words');
  });
});

describe('a member of a fleet', () => {
  it('is reached at the host of its region', () => {
    const at = (location: string) =>
      gatewayLocation({ membership: `projects/123/locations/${location}/memberships/prod`, api: undefined }).server;
    expect(at('global')).toBe(
      'https://connectgateway.googleapis.com/v1/projects/123/locations/global/gkeMemberships/prod',
    );
    expect(at('europe-west1')).toBe(
      'https://europe-west1-connectgateway.googleapis.com/v1/projects/123/locations/europe-west1/gkeMemberships/prod',
    );
  });
});
