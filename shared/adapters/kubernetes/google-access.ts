import { ConvergeError } from '../../base/errors.ts';
import type { Tokens } from '../google/tokens.ts';
import { closeWhenIdle, shared, trusting, type Access, type Endpoint } from './access.ts';
import type { Location } from './gke.ts';

/** How a cluster of Google's is reached: at the endpoint that the container API tells, or through Connect Gateway. */
export type GoogleRoute =
  | { readonly route: 'endpoint'; readonly cluster: string; readonly locate: () => Promise<Location> }
  | { readonly route: 'gateway'; readonly membership: string; readonly location: Location };

/**
 * A cluster that takes Google's access tokens. Endpoint and authority are looked up by the first request, and again
 * where there is no connection to it.
 */
export function googleAccess({ route, tokens }: { route: GoogleRoute; tokens: Tokens }): Access {
  let located: Promise<Located> | undefined;

  async function locate(): Promise<Located> {
    const location = route.route === 'gateway' ? route.location : await route.locate();
    return { ...location, endpoint: { server: location.server, dispatcher: trusting(location.ca) } };
  }

  async function current(): Promise<Located> {
    located ??= locate();
    const mine = located;
    try {
      return await mine;
    } catch (error) {
      if (located === mine) located = undefined;
      throw error;
    }
  }

  return {
    endpoint: async () => (await current()).endpoint,
    credentials: async () => ({ authorization: `Bearer ${await tokens.current()}` }),
    async renewCredentials({ credentials }) {
      const refused = credentials['authorization']?.replace(/^Bearer /, '') ?? '';
      return (await tokens.renew(refused)) !== refused;
    },
    lookAgain: shared(async (failed: Endpoint) => {
      const before = await current();
      if (route.route === 'gateway' || before.endpoint !== failed) return;
      const now = await route.locate();
      // The rotation of credentials changes both, an upgrade neither.
      if (now.server === before.server && now.ca === before.ca) return;
      located = Promise.resolve({ ...now, endpoint: { server: now.server, dispatcher: trusting(now.ca) } });
      closeWhenIdle(before.endpoint);
    }),
    explainFrontEnd: (answer) => explain(route, answer),
  };
}

interface Located extends Location {
  readonly endpoint: Endpoint;
}

/** IAM stands before the DNS-based endpoint and before the gateway: what it refuses never reaches the API server. */
function explain(route: GoogleRoute, { status, message }: { status: number; message: string }): ConvergeError {
  const isGateway = route.route === 'gateway';
  const subject = isGateway ? route.membership : route.cluster;
  if (status === 404) {
    const remedy = isGateway
      ? 'register the cluster with the fleet, or correct `membership`: projects/NUMBER/locations/LOCATION/memberships/NAME'
      : 'see whether the cluster is still there';
    return new ConvergeError({
      code: 'ClusterNotFound',
      subject,
      message: `${isGateway ? 'Connect Gateway knows no such membership' : 'its endpoint knows no such cluster'}: ${message}`,
      remedy,
      disposition: 'refuse',
    });
  }
  const remedy = isGateway
    ? 'give the service account roles/gkehub.gatewayEditor, and enable connectgateway.googleapis.com'
    : 'give the service account container.clusters.connect on the cluster';
  return new ConvergeError({
    code: 'ClusterRefused',
    subject,
    message: `${isGateway ? 'Connect Gateway' : 'the endpoint of the cluster'} answered ${status}: ${message}`,
    remedy,
    // A grant of IAM takes minutes to hold.
    disposition: status === 401 || status === 403 ? 'retry' : 'refuse',
  });
}
