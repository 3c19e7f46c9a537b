import type { ClusterConfig, Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { Cluster } from '../ports/kubernetes.ts';
import type { Permissions } from '../ports/permissions.ts';
import { accessSecret, isNumbered } from './google/secret-manager.ts';
import { createTokens, type Tokens } from './google/tokens.ts';
import type { Access } from './kubernetes/access.ts';
import { connect, type Discovered } from './kubernetes/cluster.ts';
import type { Connection } from './kubernetes/requests.ts';
import { reviewAccess } from './kubernetes/review.ts';
import { gatewayLocation, locateCluster } from './kubernetes/gke.ts';
import { googleAccess } from './kubernetes/google-access.ts';

/*
 * Kubernetes by its REST API. `@kubernetes/client-node` reads the kubeconfig and authenticates; requests go through
 * undici itself, for two reasons that were measured: the client opens a TLS connection for every request, and its typed
 * models drop fields they do not know and numbers they cannot hold, while a server-side apply must send exactly what
 * Git says.
 */

interface OpenCluster {
  readonly settings: ClusterConfig;
  readonly access: Access;
  readonly discovered: Discovered;
}

/** Opens clusters by their name in the configuration; connections and discovery stay warm between runs. */
export function createClusters(config: Pick<Config, 'clusters' | 'google'>, tokens?: Tokens): Ports['cluster'] {
  const open = openConnections(config, tokens);
  return async (asked): Promise<Cluster> => {
    const { connection, discovered } = await open(asked);
    return connect(connection, discovered);
  };
}

/** Asks clusters what an environment may do there. */
export function createReviews(config: Pick<Config, 'clusters' | 'google'>, tokens?: Tokens): Permissions['inCluster'] {
  const open = openConnections(config, tokens);
  return async ({ cluster: name, repository, environment, ...attributes }) => {
    const { connection } = await open({ name, repository, environment });
    return await reviewAccess(connection, attributes);
  };
}

function openConnections(
  { clusters, google }: Pick<Config, 'clusters' | 'google'>,
  tokens: Tokens = createTokens(),
): (asked: {
  name: string;
  repository: string;
  environment: string;
}) => Promise<{ connection: Connection; discovered: Discovered }> {
  const open = new Map<string, Promise<OpenCluster>>();
  return async ({ name, repository, environment }) => {
    const settings = Object.hasOwn(clusters, name) ? clusters[name] : undefined;
    if (settings === undefined) {
      throw new ConvergeError({
        code: 'UnknownCluster',
        subject: name,
        message: 'the configuration has no cluster of that name',
        remedy: `it has ${Object.keys(clusters).sort().join(', ') || 'none'}`,
        disposition: 'refuse',
      });
    }
    let opening = open.get(name);
    if (opening === undefined) {
      opening = accessOf({ name, settings, google, tokens }).then((access) => ({
        settings,
        access,
        discovered: { last: undefined },
      }));
      open.set(name, opening);
      opening.catch(() => open.delete(name));
    }
    const { access, discovered } = await opening;
    const actingAs = settings.identity === 'environment' ? { repository, environment } : undefined;
    return { connection: { name, access, actingAs }, discovered };
  };
}

async function accessOf({
  name,
  settings,
  google,
  tokens,
}: {
  name: string;
  settings: ClusterConfig;
  google: Config['google'];
  tokens: Tokens;
}): Promise<Access> {
  switch (settings.kind) {
    case 'gke': {
      const { cluster, endpoint } = settings;
      return googleAccess({
        tokens,
        route: {
          route: 'endpoint',
          cluster,
          locate: async () => locateCluster({ cluster, endpoint, api: google.container, tokens }),
        },
      });
    }
    case 'gateway': {
      const { membership } = settings;
      return googleAccess({
        tokens,
        route: { route: 'gateway', membership, location: gatewayLocation({ membership, api: google.connectGateway }) },
      });
    }
    case 'kubeconfig':
    case 'kubeconfigSecret': {
      // Clusters of Google's need nothing of the client, whose import takes long.
      const { kubeconfigAccess, kubeconfigFile } = await import('./kubernetes/kubeconfig.ts');
      const { identity } = settings;
      if (settings.kind === 'kubeconfig')
        return kubeconfigAccess({ name, source: kubeconfigFile(settings.file), identity });
      const { version } = settings;
      const content = isNumbered(version) ? 'fixed' : 'replaceable';
      const read = async (): Promise<string> => accessSecret({ version, api: google.secretManager, tokens });
      return kubeconfigAccess({ name, identity, source: { subject: version, folder: undefined, content, read } });
    }
  }
}
