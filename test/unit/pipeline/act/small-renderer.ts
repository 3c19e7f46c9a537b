import { load, loadAll } from 'js-yaml';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import type { EnvironmentSource } from '../../../../shared/environment/environment-file.ts';
import { isMap } from '../../../../shared/objects/exact-json.ts';
import type { KubernetesObject, RenderedObject } from '../../../../shared/objects/kubernetes-object.ts';
import type { Renderer } from '../../../../shared/ports/renderer.ts';
import type { Tree } from '../reconcile/world/repository.ts';

/**
 * As much of Kustomize and Helm as tells whether an edit of their files is tried: patches by name, `replicas` after them,
 * `{{ .Values.a.b }}` of values that are laid over each other.
 */
export function smallRenderer(treeOf: (root: string) => Tree): Renderer & { renders: number } {
  const renderer = {
    renders: 0,
    version: async () => '1',
    async render({ root, sources }: Parameters<Renderer['render']>[0]) {
      renderer.renders += 1;
      const tree = treeOf(root);
      return { objects: sources.flatMap((source) => rendered(source, tree)), hooks: [], reads: [], size: 0 };
    },
    kept: { find: () => [], keep: () => {} },
  };
  return renderer;
}

function rendered(source: EnvironmentSource, tree: Tree): RenderedObject[] {
  if (source.kind === 'kustomize') return kustomized(source.folder, tree);
  const folder = source.kind === 'helm' ? `${source.chart}/templates` : source.path;
  const values = source.kind === 'helm' ? [`${source.chart}/values.yaml`, ...source.values] : [];
  const merged = values.map((path) => load(tree[path] ?? '{}')).reduce(laidOver, {});
  return Object.entries(tree)
    .filter(([path]) => path.startsWith(`${folder}/`))
    .flatMap(([path, text]) => objectsOf(filledIn(text, merged), path));
}

function objectsOf(text: string, source: string): RenderedObject[] {
  return loadAll(text).flatMap((object) => (isMap(object) ? [{ object: object as KubernetesObject, source }] : []));
}

function filledIn(text: string, values: unknown): string {
  return text.replaceAll(/\{\{ \.Values\.([\w.]+) \}\}/g, (_, path: string) => {
    const value = path.split('.').reduce<unknown>((at, key) => (isMap(at) ? at[key] : undefined), values);
    if (typeof value !== 'string' && typeof value !== 'number') throw failed(`nothing at .Values.${path}`);
    return String(value);
  });
}

function failed(message: string): ConvergeError {
  return new ConvergeError({ code: 'RenderFailed', subject: 'chart', message, disposition: 'refuse' });
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly namePrefix?: string;
  readonly patches?: readonly { readonly path: string; readonly target?: { readonly name: string } }[];
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
}

function kustomized(folder: string, tree: Tree): RenderedObject[] {
  const source = `${folder}/kustomization.yaml`;
  const said = load(tree[source] ?? '{}') as Kustomization;
  let objects = (said.resources ?? []).flatMap((path) =>
    objectsOf(tree[new URL(path, `file:///${folder}/`).pathname.slice(1)] ?? '', source),
  );
  for (const { path } of said.patches ?? []) {
    const patch = load(tree[`${folder}/${path}`] ?? '{}') as KubernetesObject;
    const isOfIt = ({ object }: RenderedObject) =>
      object.kind === patch.kind && object.metadata.name === patch.metadata.name;
    objects = objects.flatMap((one) => {
      if (!isOfIt(one)) return [one];
      if (patch['$patch'] === 'delete') return [];
      return [{ ...one, object: laidOver(one.object, patch) as KubernetesObject }];
    });
  }
  for (const { name, count } of said.replicas ?? [])
    objects = objects.map((one) =>
      one.object.metadata.name === name
        ? { ...one, object: laidOver(one.object, { spec: { replicas: count } }) as KubernetesObject }
        : one,
    );
  return objects.map(({ object }) => ({
    object: { ...object, metadata: { ...object.metadata, name: `${said.namePrefix ?? ''}${object.metadata.name}` } },
    source,
  }));
}

/** Maps key by key, lists of what has names by name; null removes. */
function laidOver(under: unknown, over: unknown): unknown {
  if (Array.isArray(under) && Array.isArray(over))
    return (over as readonly unknown[]).reduce<unknown[]>(withItem, [...under]);
  if (!isMap(under) || !isMap(over)) return over;
  const made = { ...under };
  for (const [key, value] of Object.entries(over))
    if (value === null) delete made[key];
    else made[key] = key in made ? laidOver(made[key], value) : value;
  return made;
}

function withItem(items: unknown[], item: unknown): unknown[] {
  if (!isMap(item)) return items;
  const at = items.findIndex((one) => isMap(one) && one['name'] === item['name']);
  if (at === -1) return [...items, item];
  return items.map((one, index) => (index === at ? laidOver(one, item) : one));
}
