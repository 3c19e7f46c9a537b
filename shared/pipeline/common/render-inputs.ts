import type { Environment } from '../../environment/environment-file.ts';
import type { Inputs } from '../../environment/inputs.ts';
import { hashJson } from '../../objects/canonical-json.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { Repository } from '../../ports/git.ts';

/** The Git object ids of an environment's inputs at a commit: at these paths, or at the ones it declares. */
export async function readInputs({
  repository,
  commit,
  paths,
}: {
  repository: Repository;
  commit: string;
  paths: readonly string[];
}): Promise<Inputs> {
  const ids = await Promise.all(
    paths.map(async (path) => [path, (await repository.entry({ commit, path }))?.id ?? null] as const),
  );
  return Object.fromEntries(ids);
}

/**
 * What a render is a function of, but for what it asks the cluster (`render-cache.ts`): the same key, the same objects.
 *
 * @param renderer the version of the renderer
 */
export function renderKeyOf({
  environment,
  inputs,
  api,
  renderer,
}: {
  environment: Pick<Environment, 'sources'>;
  inputs: Inputs;
  api: ClusterApi;
  renderer: string;
}): string {
  // Only charts can see what a cluster serves: a definition that somebody installs changes no other render.
  const capabilities = environment.sources.some((source) => source.kind === 'helm')
    ? { version: api.version, apiVersions: apiVersionsOf(api) }
    : {};
  return hashJson({ inputs, ...capabilities, renderer });
}

/** As Helm's `.Capabilities.APIVersions` lists them: `apps/v1` and `apps/v1/Deployment`. */
export function apiVersionsOf({ resources, unreadable }: ClusterApi): string[] {
  const versions = resources.flatMap(({ group, version, kind }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    return [apiVersion, `${apiVersion}/${kind}`];
  });
  // An aggregated API whose backend is down is still there: a chart that asks for it must not render without it.
  return [...new Set([...versions, ...unreadable])].sort();
}
