import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { getResource } from '../google/api.ts';
import type { Tokens } from '../google/tokens.ts';

/** Where a GKE cluster answers: a URL, and the authority of its certificate (PEM) where that is the cluster's own. */
export interface Location {
  readonly server: string;
  readonly ca: string | undefined;
}

export type EndpointChoice = 'auto' | 'dns' | 'ip';

/**
 * The part of `Cluster` that is used.
 * https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
 */
const clusterSchema = z.object({
  status: z.string().default('STATUS_UNSPECIFIED'),
  statusMessage: z.string().default(''),
  endpoint: z.string().optional(),
  masterAuth: z.object({ clusterCaCertificate: z.base64().optional() }).default({}),
  controlPlaneEndpointsConfig: z
    .object({
      dnsEndpointConfig: z
        .object({ endpoint: z.string().optional(), allowExternalTraffic: z.boolean().default(false) })
        .prefault({}),
      ipEndpointsConfig: z
        .object({
          enabled: z.boolean().optional(),
          enablePublicEndpoint: z.boolean().optional(),
          publicEndpoint: z.string().optional(),
          privateEndpoint: z.string().optional(),
        })
        .default({}),
    })
    .prefault({}),
});
type GkeCluster = z.infer<typeof clusterSchema>;

/**
 * Asks the container API where a cluster answers.
 *
 * @param cluster `projects/PROJECT/locations/LOCATION/clusters/NAME`
 * @param api `https://container.googleapis.com`
 * Throws `ClusterUnavailable` (retry) where the API does not answer or the cluster is being made, `ClusterRefused` (retry)
 * where it may not be asked; `ClusterNotFound`, `ClusterRefused`, `ClusterStopped` and `NoSuchEndpoint` (refuse).
 */
export async function locateCluster({
  cluster,
  endpoint,
  api,
  tokens,
}: {
  cluster: string;
  endpoint: EndpointChoice;
  api: string;
  tokens: Tokens;
}): Promise<Location> {
  const answer = await getResource({ url: `${api}/v1/${cluster}`, tokens });
  switch (answer.answer) {
    case 'none':
      throw new ConvergeError({
        code: 'ClusterUnavailable',
        subject: cluster,
        message: `the container API cannot be asked: ${answer.why}`,
        disposition: 'retry',
      });
    case 'refused':
      throw refusal({ cluster, ...answer });
    case 'ok': {
      const parsed = clusterSchema.safeParse(answer.body);
      if (!parsed.success)
        throw new ConvergeError({
          code: 'ClusterUnavailable',
          subject: cluster,
          message: 'the container API answered with no cluster',
          disposition: 'retry',
          cause: parsed.error,
        });
      assertRunning({ cluster, found: parsed.data });
      return chooseEndpoint({ cluster, endpoint, found: parsed.data });
    }
  }
}

function refusal({ cluster, status, message }: { cluster: string; status: number; message: string }): ConvergeError {
  if (status === 404) {
    const remedy = 'correct `clusters` in the configuration: projects/PROJECT/locations/LOCATION/clusters/NAME';
    return new ConvergeError({
      code: 'ClusterNotFound',
      subject: cluster,
      message: `there is no such cluster: ${message}`,
      remedy,
      disposition: 'refuse',
    });
  }
  // A grant of IAM takes minutes to hold.
  const isDenied = status === 401 || status === 403;
  const remedy = isDenied
    ? {
        remedy:
          'give the service account container.clusters.get on it (roles/container.clusterViewer), and enable container.googleapis.com',
      }
    : {};
  return new ConvergeError({
    code: 'ClusterRefused',
    subject: cluster,
    message: `the container API answered ${status}: ${message}`,
    ...remedy,
    disposition: isDenied ? 'retry' : 'refuse',
  });
}

/**
 * While it is `RECONCILING` (an upgrade, say) or `DEGRADED` (a part of it is broken) the API server of a cluster may
 * answer as always.
 */
function assertRunning({ cluster, found: { status, statusMessage } }: { cluster: string; found: GkeCluster }): void {
  if (['RUNNING', 'RECONCILING', 'DEGRADED'].includes(status)) return;
  const message = `the cluster is ${status}${statusMessage === '' ? '' : `: ${statusMessage}`}`;
  const isComing = status === 'PROVISIONING' || status === 'STATUS_UNSPECIFIED';
  throw new ConvergeError({
    code: isComing ? 'ClusterUnavailable' : 'ClusterStopped',
    subject: cluster,
    message,
    ...(isComing ? {} : { remedy: 'repair the cluster, or take it out of the environments that name it' }),
    disposition: isComing ? 'retry' : 'refuse',
  });
}

function chooseEndpoint({
  cluster,
  endpoint,
  found,
}: {
  cluster: string;
  endpoint: EndpointChoice;
  found: GkeCluster;
}): Location {
  const { dnsEndpointConfig: dns, ipEndpointsConfig: ip } = found.controlPlaneEndpointsConfig;
  const none = (message: string, remedy: string) =>
    new ConvergeError({ code: 'NoSuchEndpoint', subject: cluster, message, remedy, disposition: 'refuse' });
  const openDns =
    dns.allowExternalTraffic && dns.endpoint !== undefined && dns.endpoint !== '' ? dns.endpoint : undefined;
  if (endpoint === 'dns' && openDns === undefined) {
    const message =
      dns.endpoint === undefined || dns.endpoint === ''
        ? 'has no DNS-based endpoint'
        : 'has a DNS-based endpoint that takes no external traffic';
    throw none(
      message,
      'gcloud container clusters update NAME --enable-dns-access, or `endpoint: ip` or `connect-gateway`',
    );
  }
  // Its certificate is signed by a public authority.
  // https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation
  if (endpoint !== 'ip' && openDns !== undefined) return { server: `https://${openDns}`, ca: undefined };

  const address =
    ip.enabled === false
      ? undefined
      : ((ip.enablePublicEndpoint === false ? ip.privateEndpoint : ip.publicEndpoint) ?? found.endpoint);
  if (address === undefined || address === '') {
    throw none(
      'has no IP-based endpoint',
      'use `endpoint: dns` and gcloud container clusters update NAME --enable-dns-access, or `endpoint: connect-gateway`',
    );
  }
  const { clusterCaCertificate } = found.masterAuth;
  if (clusterCaCertificate === undefined) {
    throw new ConvergeError({
      code: 'ClusterRefused',
      subject: cluster,
      message: 'the container API tells no authority for the IP-based endpoint',
      remedy: 'use `endpoint: dns`',
      disposition: 'refuse',
    });
  }
  return {
    server: `https://${isIPv6(address) ? `[${address}]` : address}`,
    ca: Buffer.from(clusterCaCertificate, 'base64').toString('utf8'),
  };
}

/**
 * The address of a fleet's member behind Connect Gateway, of the same region as the membership.
 *
 * @param membership `projects/NUMBER/locations/LOCATION/memberships/NAME`
 * @param api where the gateway answers for every region; undefined: the public hosts
 */
export function gatewayLocation({ membership, api }: { membership: string; api: string | undefined }): Location {
  const [, project = '', , location = '', , name = ''] = membership.split('/');
  const host = location === 'global' ? 'connectgateway.googleapis.com' : `${location}-connectgateway.googleapis.com`;
  return {
    server: `${api ?? `https://${host}`}/v1/projects/${project}/locations/${location}/gkeMemberships/${name}`,
    ca: undefined,
  };
}
