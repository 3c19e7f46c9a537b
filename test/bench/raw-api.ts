import { createHash } from 'node:crypto';
import { KubeConfig } from '@kubernetes/client-node';
import { Pool } from 'undici';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/** An API server spoken to as directly as Node.js can: one keep-alive pool, no parsing, no retries. */
export interface RawApi {
  /** Server-side apply of a namespace of that name. */
  createNamespace(name: string): Promise<void>;
  /** Server-side applies, as many at a time as the pool has connections. */
  apply(objects: readonly KubernetesObject[]): Promise<void>;
  /** The same as dry runs. */
  rehearse(objects: readonly KubernetesObject[]): Promise<void>;
  /** Replaces the data of ConfigMaps, as a person does: by another field manager. */
  editData(edit: {
    names: readonly string[];
    namespace: string;
    data: Readonly<Record<string, string>>;
  }): Promise<void>;
  /**
   * Reads the objects of some kinds in a namespace with that label, in the product's pages, all kinds at a time, and
   * hashes what came.
   */
  list(query: { kinds: readonly Kind[]; namespace: string; labelSelector: string }): Promise<void>;
  /** The Deployments of a namespace that have a ready replica. */
  countReady(namespace: string): Promise<number>;
  /**
   * How many requests the API server counted in `apiserver_request_total` since its start, without what the sandbox's
   * own components send by the clock. Discovery (`/version`, `/api`, `/apis`) is not in that metric.
   */
  countRequests(): Promise<number>;
  close(): Promise<void>;
}

const connections = 8;
/** `shared/adapters/kubernetes.ts` reads as many at a time. */
const pageSize = 1000;
const manager = 'converge-bench-floor';

const resources = {
  ConfigMap: '/api/v1 configmaps',
  Deployment: '/apis/apps/v1 deployments',
  NetworkPolicy: '/apis/networking.k8s.io/v1 networkpolicies',
  Role: '/apis/rbac.authorization.k8s.io/v1 roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1 rolebindings',
  Secret: '/api/v1 secrets',
  ServiceAccount: '/api/v1 serviceaccounts',
} as const;

export type Kind = keyof typeof resources;

export function isKind(kind: string): kind is Kind {
  return Object.hasOwn(resources, kind);
}

function pathOf({ kind, namespace }: { kind: string; namespace: string }): string {
  if (!isKind(kind)) throw new Error(`the bench knows no path for a ${kind}`);
  const [root, plural] = resources[kind].split(' ');
  return `${root}/namespaces/${namespace}/${plural}`;
}

export function connectRaw({ kubeconfig, token }: { kubeconfig: string; token: string }): RawApi {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster?.caData === undefined) throw new Error(`${kubeconfig} names no cluster with a certificate authority`);
  // HTTP/2 took a third more of this process's time for the same requests.
  const pool = new Pool(cluster.server, {
    connections,
    allowH2: false,
    connect: { ca: Buffer.from(cluster.caData, 'base64') },
  });
  const authorization = `Bearer ${token}`;

  async function call(request: {
    method: 'GET' | 'PATCH';
    path: string;
    body?: string;
    contentType?: string;
  }): Promise<string> {
    const { contentType = 'application/apply-patch+yaml', ...sent } = request;
    const answer = await pool.request({
      ...sent,
      headers: { authorization, accept: 'application/json', 'content-type': contentType },
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${request.method} ${request.path} answered ${answer.statusCode}: ${text}`);
    return text;
  }

  const apply = (path: string, object: KubernetesObject, more = ''): Promise<string> =>
    call({
      method: 'PATCH',
      path: `${path}/${object.metadata.name}?fieldManager=${manager}&force=true${more}`,
      body: JSON.stringify(object),
    });

  async function applyAll(objects: readonly KubernetesObject[], more?: string): Promise<void> {
    const queue = objects.values();
    const worker = async (): Promise<void> => {
      for (const object of queue)
        await apply(pathOf({ kind: object.kind, namespace: object.metadata.namespace ?? '' }), object, more);
    };
    await Promise.all(Array.from({ length: connections }, worker));
  }

  async function listKind({ path, labelSelector }: { path: string; labelSelector: string }): Promise<void> {
    let continueAt: string | undefined;
    do {
      const query = new URLSearchParams({ limit: String(pageSize), labelSelector });
      if (continueAt !== undefined) query.set('continue', continueAt);
      const page = await call({ method: 'GET', path: `${path}?${query.toString()}` });
      createHash('sha256').update(page).digest();
      // The list's own metadata comes before its items: a plain reader need not parse a megabyte to turn the page.
      continueAt = /^\{"kind":"\w+","apiVersion":"[^"]+","metadata":\{[^}]*"continue":"([^"]+)"/.exec(page)?.[1];
    } while (continueAt !== undefined);
  }

  return {
    async createNamespace(name) {
      await apply('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    },
    apply: (objects) => applyAll(objects),
    rehearse: (objects) => applyAll(objects, '&dryRun=All'),
    async editData({ names, namespace, data }) {
      const body = JSON.stringify({ data });
      const path = pathOf({ kind: 'ConfigMap', namespace });
      await Promise.all(
        names.map(async (name) =>
          call({
            method: 'PATCH',
            path: `${path}/${name}?fieldManager=kubectl-edit`,
            body,
            contentType: 'application/merge-patch+json',
          }),
        ),
      );
    },
    async list({ kinds, namespace, labelSelector }) {
      await Promise.all(kinds.map(async (kind) => listKind({ path: pathOf({ kind, namespace }), labelSelector })));
    },
    async countReady(namespace) {
      return (
        (await call({ method: 'GET', path: pathOf({ kind: 'Deployment', namespace }) })).match(/"readyReplicas":1\b/g)
          ?.length ?? 0
      );
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
    const request = { verb: label('verb'), resource: label('resource'), subresource: label('subresource') };
    if (!isBackground(request)) total += Number(value);
  }
  return total;
}

/**
 * What controller manager, scheduler and kwok send whether or not anybody deploys: seen on an idle sandbox, after the
 * creation of a namespace, which gets a service account and the root certificate's ConfigMap, and after that of a
 * Deployment. The metric does not say who asked, so that this table is the only way to leave them out; whatever it does
 * not name is counted as the product's.
 */
function isBackground({
  verb,
  resource,
  subresource,
}: {
  verb: string;
  resource: string;
  subresource: string;
}): boolean {
  if (
    verb === 'WATCH' ||
    subresource !== '' ||
    ['', 'leases', 'nodes', 'events', 'pods', 'replicasets', 'endpointslices'].includes(resource)
  )
    return true;
  return verb === 'POST' && ['serviceaccounts', 'configmaps'].includes(resource);
}
