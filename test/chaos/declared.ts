import { load } from 'js-yaml';
import { z } from 'zod';
import type { Letter } from './plan.ts';

/** One environment of a round. Its name is that of its namespace, too. */
export interface Place {
  readonly letter: Letter;
  readonly name: string;
}

export const placeOf = (seed: number, letter: Letter): Place => ({ letter, name: `c${seed}-${letter}` });

export const environmentFileOf = ({ name }: Place): string => `environments/${name}.yaml`;
export const manifestOf = ({ name }: Place, file: string): string => `manifests/${name}/${file}.yaml`;
export const bundleOf = ({ name }: Place): string => `bundles/${name}`;

export function environmentFile({ letter, name }: Place): string {
  return JSON.stringify({
    ...{ apiVersion: 'converge.dev/v1', kind: 'Environment', metadata: { name } },
    spec: {
      ...{ cluster: 'sandbox', namespace: name, timeout: '60s', diffAfter: '0s', deletion: 'prune' },
      sources: [{ manifests: `manifests/${name}` }, { manifests: `bundles/${name}` }],
      ...(letter === 'c' ? { rollback: { onFailure: 'revert' } } : {}),
    },
  });
}

export function configMap(name: string, value: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { v: value } });
}

/** The API server refuses this key. */
export function brokenConfigMap(name: string, value: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { 'no key': value } });
}

export function emptySecret(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });
}

export function deployment(name: string): string {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.com/web:1' }] } };
  return JSON.stringify({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  });
}

const manifestSchema = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  data: z.record(z.string(), z.string()).optional(),
});
export type Declared = z.infer<typeof manifestSchema>;

/** What Git's head wants in the cluster for an environment; undefined where it declares none. */
export function declaredIn(files: ReadonlyMap<string, string>, place: Place): readonly Declared[] | undefined {
  if (!files.has(environmentFileOf(place))) return undefined;
  const folders = [`manifests/${place.name}/`, `${bundleOf(place)}/`];
  return [...files]
    .filter(([path]) => folders.some((folder) => path.startsWith(folder)))
    .map(([, content]) => manifestSchema.parse(load(content)));
}
