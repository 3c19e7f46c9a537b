import { hashJson } from '../objects/canonical-json.ts';
import type { Environment } from './environment-file.ts';
import { declaredPaths, type Inputs } from './inputs.ts';

/**
 * Whose hooks those of plain manifests and overlays are: rendered charts are often kept so. No Helm release has this
 * name.
 */
export const manifestsRelease = '(manifests)';

/**
 * What each Helm release of an environment is rendered from, as one hash, in the order of `spec.sources`: its chart,
 * its values, its namespace, and whatever no source declares by its path (a link that leads out of a chart, say).
 *
 * Other than the key of the render it says nothing of the cluster: an API that somebody installs there upgrades no
 * release, and must not run its hooks.
 */
export function releaseKeys({
  environment,
  inputs,
}: {
  environment: Environment;
  inputs: Inputs;
}): ReadonlyMap<string, string> {
  const declared = new Set(declaredPaths(environment));
  const beside = Object.keys(inputs).filter((path) => !declared.has(path));
  const pick = (paths: readonly string[]) => paths.map((path) => [path, inputs[path] ?? null]);
  const parts = new Map<string, unknown[]>();
  for (const source of environment.sources) {
    if (source.kind !== 'helm') {
      const path = source.kind === 'kustomize' ? source.folder : source.path;
      parts.set(manifestsRelease, [...(parts.get(manifestsRelease) ?? []), pick([path, ...beside])]);
      continue;
    }
    const part = {
      chart: source.chart,
      values: source.values,
      inputs: pick([source.chart, ...source.values, ...beside]),
    };
    parts.set(source.release, [...(parts.get(source.release) ?? []), part]);
  }
  return new Map([...parts].map(([release, made]) => [release, hashJson({ namespace: environment.namespace, made })]));
}
