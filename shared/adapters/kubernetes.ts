import type { ClusterConfig, Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { Cluster } from '../ports/kubernetes.ts';
import { accessSecret, isNumbered } from './google/secret-manager.ts';
import { createTokens, type Tokens } from './google/tokens.ts';
import type { Access } from './kubernetes/access.ts';
import { connect, type Discovered } from './kubernetes/cluster.ts';
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
export function createClusters(
  { clusters, google }: Pick<Config, 'clusters' | 'google'>,
  tokens: Tokens = createTokens(),
): Ports['cluster'] {
  const open = new Map<string, Promise<OpenCluster>>();
  return async ({ name, repository, environment }): Promise<Cluster> => {
    const settings = clusters[name];
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
    return connect(
      { name, access, actingAs: settings.identity === 'environment' ? { repository, environment } : undefined },
      discovered,
    );
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
