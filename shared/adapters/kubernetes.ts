import type { Config } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import type { Cluster } from '../pipeline/ports.ts';
import { openCluster, type OpenCluster } from './kubernetes/kubeconfig.ts';

/*
 * Kubernetes by its REST API. `@kubernetes/client-node` reads the kubeconfig and authenticates; requests go through undici
 * itself, for two reasons that were measured: the client opens a TLS connection for every request, and its typed models
 * drop fields they do not know and numbers they cannot hold, while a server-side apply must send exactly what Git says.
 */

/** Opens clusters by their name in the configuration; connections and discovery stay warm between runs. */
export function createClusters({ clusters }: { clusters: Config['clusters'] }): (name: string) => Promise<Cluster> {
  const open = new Map<string, Promise<OpenCluster>>();
  return async (name) => {
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
    let cluster = open.get(name);
    if (cluster === undefined) {
      cluster = openCluster({ name, kubeconfig: settings.kubeconfig });
      open.set(name, cluster);
      cluster.catch(() => open.delete(name));
    }
    const opened = await cluster;
    await opened.authenticate();
    return opened.cluster;
  };
}
