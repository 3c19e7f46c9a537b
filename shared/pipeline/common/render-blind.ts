import type { Limits } from '../../config/config.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { noSeed } from '../../inventory/seed-secret.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { Ports } from '../../ports/ports.ts';
import type { LookupQuery } from '../../objects/lookup-query.ts';
import type { Render } from '../../ports/renderer.ts';
import type { Checkout } from '../../ports/git.ts';
import { apiVersionsOf } from './render-inputs.ts';

/**
 * Renders an environment without a cluster: whatever a template looks up is not there, and is noted in `looked`.
 *
 * @param api what charts are told that the cluster serves, beside `asked.apiVersions`
 */
export async function renderBlind(
  {
    asked,
    environment,
    checkout,
    api,
    looked,
  }: {
    asked: { readonly apiVersions: readonly string[]; readonly limits: Pick<Limits, 'renderSeconds' | 'renderMiB'> };
    environment: Environment;
    checkout: Checkout;
    api: ClusterApi;
    looked: LookupQuery[];
  },
  { renderer }: Pick<Ports, 'renderer'>,
): Promise<Render> {
  // Of a kind that a person names, the version is not known.
  const { folder, ...tree } = checkout;
  const resources = api.resources.filter(({ version }) => version !== '');
  return await renderer.render({
    ...{ root: folder, ...tree },
    sources: environment.sources,
    namespace: environment.namespace,
    kubernetesVersion: api.version,
    apiVersions: [...new Set([...apiVersionsOf({ ...api, resources }), ...asked.apiVersions])].sort(),
    limits: { seconds: asked.limits.renderSeconds, mebibytes: asked.limits.renderMiB },
    seed: async () => noSeed,
    lookup: async (query) => {
      if (environment.lookup === 'empty') return { found: null };
      looked.push(query);
      return {
        found:
          query.name === ''
            ? { apiVersion: query.apiVersion, kind: `${query.kind}List`, metadata: {}, items: [] }
            : null,
      };
    },
  });
}
