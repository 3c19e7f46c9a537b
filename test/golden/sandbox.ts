import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKubernetes, type Kubernetes } from '../../local/parts/kubernetes.ts';
import { ensurePrograms } from '../../local/programs.ts';
import { createClusters } from '../../shared/adapters/kubernetes.ts';
import { configKeysSchema } from '../../shared/config/config.ts';
import type { ApiResource } from '../../shared/objects/cluster-api.ts';
import { resourceOf } from '../../shared/desired/desired.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import type { Cluster } from '../../shared/ports/kubernetes.ts';

/** A real API server, without a pipeline. */
export interface Sandbox {
  readonly kubernetes: Kubernetes;
  readonly cluster: Cluster;
  resource(object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Promise<ApiResource>;
  /** Reads an object again, as a run does. */
  read(object: KubernetesObject): Promise<KubernetesObject | undefined>;
  stop(): Promise<void>;
}

export async function startSandbox(): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-golden-'));
  const kubernetes = await startKubernetes({ folder, programs: await ensurePrograms() });
  const cluster = await createClusters(
    configKeysSchema
      .pick({ clusters: true, google: true })
      .parse({ clusters: { sandbox: { kubeconfig: kubernetes.kubeconfig } } }),
  )({ name: 'sandbox', repository: 'master', environment: 'nobody' });
  const resource = async (object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Promise<ApiResource> => {
    const found = resourceOf({ api: await cluster.api({ refresh: true }), object });
    if (found === undefined) throw new Error(`${object.kind} of ${object.apiVersion} is not served`);
    return found;
  };
  return {
    kubernetes,
    cluster,
    resource,
    read: async (object) =>
      cluster.get({
        resource: await resource(object),
        namespace: object.metadata.namespace,
        name: object.metadata.name ?? '',
      }),
    async stop() {
      await kubernetes.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
