import { KubeConfig } from '@kubernetes/client-node';
import { Pool } from 'undici';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/** An API server spoken to as directly as Node.js can: one keep-alive pool, no parsing, no retries. */
export interface RawApi {
  /** Server-side apply of a namespace of that name. */
  createNamespace(name: string): Promise<void>;
  /** Server-side applies of ConfigMaps, as many at a time as the pool has connections. */
  applyConfigMaps(objects: readonly KubernetesObject[]): Promise<void>;
  /** Reads the ConfigMaps of a namespace with that label, in the product's pages. Resolves with the number of pages. */
  listConfigMaps(query: { namespace: string; labelSelector: string }): Promise<number>;
  /**
   * How many requests the API server counted in `apiserver_request_total` since its start, without what the sandbox's own
   * components send by the clock. Discovery (`/version`, `/api`, `/apis`) is not in that metric.
   */
  countRequests(): Promise<number>;
  close(): Promise<void>;
}

const connections = 8;
/** `shared/adapters/kubernetes.ts` reads as many at a time. */
const pageSize = 1000;
const manager = 'converge-bench-floor';

export function connectRaw({ kubeconfig, token }: { kubeconfig: string; token: string }): RawApi {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster?.caData === undefined) throw new Error(`${kubeconfig} names no cluster with a certificate authority`);
  // HTTP/2 took a third more of this process's time for the same requests.
  const pool = new Pool(cluster.server, { connections, allowH2: false, connect: { ca: Buffer.from(cluster.caData, 'base64') } });
  const authorization = `Bearer ${token}`;

  async function call(request: { method: 'GET' | 'PATCH'; path: string; body?: string }): Promise<string> {
    const answer = await pool.request({
      ...request,
      headers: { authorization, accept: 'application/json', 'content-type': 'application/apply-patch+yaml' },
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${request.method} ${request.path} answered ${answer.statusCode}: ${text}`);
    return text;
  }

  const apply = (path: string, object: KubernetesObject): Promise<string> =>
    call({ method: 'PATCH', path: `${path}/${object.metadata.name}?fieldManager=${manager}&force=true`, body: JSON.stringify(object) });

  return {
    async createNamespace(name) {
      await apply('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    },
    async applyConfigMaps(objects) {
      const queue = objects.values();
      const worker = async (): Promise<void> => {
        for (const object of queue) await apply(`/api/v1/namespaces/${object.metadata.namespace}/configmaps`, object);
      };
      await Promise.all(Array.from({ length: connections }, worker));
    },
    async listConfigMaps({ namespace, labelSelector }) {
      let pages = 0;
      let continueAt: string | undefined;
      do {
        const query = new URLSearchParams({ limit: String(pageSize), labelSelector });
        if (continueAt !== undefined) query.set('continue', continueAt);
        const page = await call({ method: 'GET', path: `/api/v1/namespaces/${namespace}/configmaps?${query.toString()}` });
        // The list's own metadata comes before its items: a plain reader need not parse a megabyte to turn the page.
        continueAt = /^\{"kind":"ConfigMapList","apiVersion":"v1","metadata":\{[^}]*"continue":"([^"]+)"/.exec(page)?.[1];
        pages++;
      } while (continueAt !== undefined);
      return pages;
    },
    async countRequests() {
      return countForeground(await call({ method: 'GET', path: '/metrics' }));
    },
    close: () => pool.close(),
  };
}

function countForeground(metrics: string): number {
  let total = 0;
  for (const [, labels = '', value = ''] of metrics.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    const request = { verb: label('verb'), resource: label('resource') };
    if (!isBackground(request)) total += Number(value);
  }
  return total;
}

/**
 * What controller manager, scheduler and kwok send whether or not anybody deploys: seen on an idle sandbox, and after the
 * creation of a namespace, which gets a service account and the root certificate's ConfigMap. The metric does not say who
 * asked, so that this table is the only way to leave them out; whatever it does not name is counted as the product's.
 */
function isBackground({ verb, resource }: { verb: string; resource: string }): boolean {
  if (verb === 'WATCH' || ['', 'leases', 'nodes', 'events'].includes(resource)) return true;
  return verb === 'POST' && ['serviceaccounts', 'configmaps'].includes(resource);
}
