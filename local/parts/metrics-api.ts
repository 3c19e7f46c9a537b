import { z } from 'zod';

export const metricsGroup = 'metrics.k8s.io';
const version = 'v1beta1';
const apiVersion = `${metricsGroup}/${version}`;

/** What a container needs that asks for nothing. */
const little = { cpu: '10m', memory: '16Mi' };
/** A node of the sandbox, whatever runs there. */
const nodeUsage = { cpu: '500m', memory: '1Gi' };
const windowSeconds = 30;

const listSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        namespace: z.string().optional(),
        labels: z.record(z.string(), z.string()).optional(),
      }),
      spec: z
        .object({
          containers: z
            .array(
              z.object({
                name: z.string(),
                resources: z.object({ requests: z.record(z.string(), z.string()).optional() }).optional(),
              }),
            )
            .optional(),
        })
        .optional(),
      status: z.object({ phase: z.string().optional() }).optional(),
    }),
  ),
});
type Item = z.infer<typeof listSchema>['items'][number];

/**
 * What the metrics API says: of each container, that it needs what it asks for.
 *
 * @param path behind the version: none, `nodes`, `nodes/NAME`, `pods`, `namespaces/NAMESPACE/pods` or `…/pods/NAME`
 * @param search with a selector of labels, say
 * @param get what the API server answers to such a path
 *
 * Undefined where there is nothing of that name.
 */
export async function metricsAnswer(
  { path, search }: { path: readonly string[]; search: string },
  get: (path: string) => Promise<unknown>,
): Promise<object | undefined> {
  const [first, second, third, fourth] = path;
  if (first === undefined || first === '') return resources;
  if (first === 'nodes') {
    const { items } = listSchema.parse(await get(`/api/v1/nodes${search}`));
    return chosen({
      kind: 'NodeMetrics',
      items: items.map((item) => ({ ...measured('NodeMetrics', item), usage: nodeUsage })),
      name: second,
    });
  }
  const isNamespaced = first === 'namespaces' && third === 'pods';
  if (first !== 'pods' && !isNamespaced) return undefined;
  const place = isNamespaced ? `/api/v1/namespaces/${encodeURIComponent(second ?? '')}/pods` : '/api/v1/pods';
  const { items } = listSchema.parse(await get(`${place}${search}`));
  const running = items.filter(({ status }) => status?.phase === 'Running');
  return chosen({
    kind: 'PodMetrics',
    items: running.map((item) => ({ ...measured('PodMetrics', item), containers: containersOf(item) })),
    name: isNamespaced ? fourth : undefined,
  });
}

const resources = {
  ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion },
  resources: [
    { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
    { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
  ],
};

type Measured = ReturnType<typeof measured>;

function measured(kind: string, { metadata: { name, namespace, labels } }: Item) {
  const timestamp = new Date().toISOString();
  const metadata = { name, namespace, labels, creationTimestamp: timestamp };
  return { kind, apiVersion, metadata, timestamp, window: `${windowSeconds}s` };
}

function containersOf({ spec }: Item): object[] {
  return (spec?.containers ?? []).map(({ name, resources: asked }) => ({
    name,
    usage: { ...little, ...only(asked?.requests ?? {}) },
  }));
}

function only({ cpu, memory }: Readonly<Record<string, string>>): object {
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}

function chosen({
  kind,
  items,
  name,
}: {
  kind: string;
  items: readonly Measured[];
  name: string | undefined;
}): object | undefined {
  if (name !== undefined) return items.find(({ metadata }) => metadata.name === name);
  return { kind: `${kind}List`, apiVersion, metadata: {}, items };
}
