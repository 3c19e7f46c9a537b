import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { Kubernetes } from '../../local/parts/kubernetes.ts';

const kinds = {
  ConfigMap: '/api/v1 configmaps',
  Secret: '/api/v1 secrets',
  Service: '/api/v1 services',
  Deployment: '/apis/apps/v1 deployments',
} as const;
export type Kind = keyof typeof kinds;
export const watchedKinds: readonly Kind[] = ['ConfigMap', 'Secret', 'Service', 'Deployment'];

const liveSchema = z.object({
  metadata: z.object({
    ...{ name: z.string(), uid: z.string(), resourceVersion: z.string() },
    labels: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  data: z.record(z.string(), z.string()).optional(),
  spec: z.looseObject({}).optional(),
});
const listSchema = z.object({ items: z.array(liveSchema).nullable() });
const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([z.looseObject({ cluster: z.object({ 'certificate-authority-data': z.string() }) })]),
});

export type Live = z.infer<typeof liveSchema> & { readonly kind: Kind };

/** The API server, spoken to past all proxies. Waits where it is frozen or starts. */
export interface Cluster {
  createNamespace(name: string): Promise<void>;
  create(namespace: string, object: object & { kind: Kind }): Promise<Live>;
  list(namespace: string): Promise<readonly Live[]>;
  /** False where it is not there. */
  patch(place: Place, change: object): Promise<boolean>;
  remove(place: Place): Promise<boolean>;
  removeNamespace(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

const triesToReach = 60;
const pauseMilliseconds = 250;

export function openCluster({
  server,
  token,
  kubeconfig,
}: Pick<Kubernetes, 'server' | 'token' | 'kubeconfig'>): Cluster {
  const [{ cluster }] = kubeconfigSchema.parse(load(readFileSync(kubeconfig, 'utf8'))).clusters;
  const dispatcher = new Agent({
    connect: { ca: Buffer.from(cluster['certificate-authority-data'], 'base64') },
    headersTimeout: 20_000,
  });
  async function call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<{ status: number; body: unknown }> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await request(`${server}${path}`, {
          ...{ method, dispatcher, headers: { authorization: `Bearer ${token}`, 'content-type': type } },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const content: unknown = await answer.body.json();
        if (answer.statusCode < 500) return { status: answer.statusCode, body: content };
        throw new Error(`${method} ${path} answered ${answer.statusCode}`);
      } catch (error) {
        if (attempt === triesToReach) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
      }
    }
  }
  const expecting = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    const answer = await call(method, path, body);
    // A creation that was tried again is there already.
    if (answer.status >= 300 && answer.status !== 409)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const manager = 'fieldManager=kubectl-edit';
  return {
    async createNamespace(name) {
      await expecting('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    },
    async create(namespace, object) {
      const created = await expecting('POST', `${collection(object.kind, namespace)}?${manager}`, object);
      return { ...liveSchema.parse(created), kind: object.kind };
    },
    async list(namespace) {
      const lists = watchedKinds.map(async (kind) => {
        const { items } = listSchema.parse(await expecting('GET', collection(kind, namespace)));
        return (items ?? []).map((item): Live => ({ ...item, kind }));
      });
      return (await Promise.all(lists)).flat().filter(({ metadata }) => metadata.name !== 'kube-root-ca.crt');
    },
    async patch(place, change) {
      return (await call('PATCH', `${pathOf(place)}?${manager}`, change)).status < 300;
    },
    async remove(place) {
      return (await call('DELETE', pathOf(place))).status < 300;
    },
    async removeNamespace(name) {
      await call('DELETE', `/api/v1/namespaces/${name}`);
    },
    close: () => dispatcher.close(),
  };
}

function collection(kind: Kind, namespace: string): string {
  const [root, plural] = kinds[kind].split(' ');
  return `${root}/namespaces/${namespace}/${plural}`;
}

function pathOf({ kind, namespace, name }: Place): string {
  return `${collection(kind, namespace)}/${name}`;
}
