import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import { call, refused, type Connection } from './requests.ts';

interface GroupDiscovery {
  readonly metadata?: { readonly name?: string };
  readonly versions?: readonly {
    readonly version: string;
    readonly freshness?: string;
    readonly resources?: readonly {
      readonly resource: string;
      readonly responseKind?: { readonly kind?: string; readonly group?: string; readonly version?: string };
      readonly scope: 'Namespaced' | 'Cluster';
      readonly verbs?: readonly string[];
    }[];
  }[];
}

/** Aggregated discovery: two requests for everything, and a broken aggregated API is `Stale` instead of an error. */
export async function discover(connection: Connection): Promise<ClusterApi> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const paths = ['/version', '/api', '/apis'];
  const [version, core, groups] = await Promise.all(
    paths.map(async (path) => {
      const answer = await call(connection, {
        method: 'GET',
        path,
        accept: path === '/version' ? 'application/json' : accept,
      });
      if (answer.status !== 200) throw refused({ connection, path, answer });
      return answer.body;
    }),
  );
  const items = [core, groups].flatMap((list) => (list as { items?: GroupDiscovery[] }).items ?? []);
  const resources: ApiResource[] = [];
  const unreadable: string[] = [];
  for (const item of items) {
    const group = item.metadata?.name ?? '';
    for (const served of item.versions ?? []) {
      if (served.freshness === 'Stale') unreadable.push(`${group}/${served.version}`);
      for (const { resource, responseKind, scope, verbs } of served.resources ?? []) {
        if (responseKind?.kind === undefined) continue;
        resources.push({
          group,
          version: served.version,
          kind: responseKind.kind,
          plural: resource,
          namespaced: scope === 'Namespaced',
          ...(verbs?.includes('list') === false ? { listable: false } : {}),
        });
      }
    }
  }
  return { version: (version as { gitVersion: string }).gitVersion, resources, unreadable };
}
