import { dump } from 'js-yaml';
import type { Checkout } from './checkout.ts';
import { buildEntries, kustomizationOf, type Builder, type Entry, type Tree } from './tree.ts';
import { groupOf, kindOf, listAt, nameOf, namespaceOf, type Fields } from './values.ts';

/** As an environment file has them. */
export type SourceFields = { readonly helm: Fields } | { readonly kustomize: string } | { readonly manifests: string };

export interface WrittenFile {
  readonly path: string;
  readonly text: string;
}

/** What an environment is made of, and the overlay that has to be written for it; by the environment's name. */
export type MakeSources = (name: string) => { sources: SourceFields[]; files: WrittenFile[] };

export interface FolderSources {
  readonly tree: Tree;
  readonly others: number;
  readonly make: MakeSources;
}

/**
 * The sources of what lies in a folder, without the objects that are `theirs`: the tool's own, which nobody would heed.
 *
 * @param options keys of a kustomization that are to be written over all of it
 */
export function folderSources(
  builder: Builder,
  { folder, entries, options }: { folder: string; entries: readonly Entry[]; options: Fields },
): FolderSources {
  const tree = buildEntries(builder, entries);
  const theirs = tree.objects.filter(({ value }) => builder.isTheirs(value));
  const others = tree.objects.length - theirs.length + tree.generated.length;
  const isPlain = theirs.length === 0 && Object.keys(options).length === 0;
  return {
    tree,
    others,
    make: (name) =>
      isPlain
        ? { sources: plainSources(builder.checkout, { folder, entries }), files: [] }
        : overlay(builder, { name, entries, options, theirs: theirs.map(({ value }) => value) }),
  };
}

function plainSources(
  checkout: Checkout,
  { folder, entries }: { folder: string; entries: readonly Entry[] },
): SourceFields[] {
  const files = entries.filter(({ kind }) => kind === 'file');
  const all = [...checkout.texts.keys()].filter(
    (path) => path.startsWith(`${folder}/`) && /\.(ya?ml|json)$/.test(path),
  );
  // The folder as a whole, where its files are all that is in it: those that come later are part of it, too.
  if (files.length === entries.length && folder !== '' && files.length === all.length) return [{ manifests: folder }];
  return entries.map(({ kind, path }) => (kind === 'kustomization' ? { kustomize: path } : { manifests: path }));
}

function overlay(
  builder: Builder,
  {
    name,
    entries,
    options,
    theirs,
  }: { name: string; entries: readonly Entry[]; options: Fields; theirs: readonly Fields[] },
): { sources: SourceFields[]; files: WrittenFile[] } {
  const folder = freePath(builder.checkout, `overlays/${name}`);
  const kept = entries.filter(({ kind, path }) => {
    if (kind === 'kustomization') return true;
    const documents = builder.checkout.documents(path);
    return documents.length === 0 || documents.some(({ value }) => !builder.isTheirs(value));
  });
  const kinds = new Map(theirs.map((object) => [`${groupOf(object)}/${kindOf(object)}`, object]));
  const left = kept.flatMap(({ kind, path }) =>
    kind === 'kustomization'
      ? buildEntries(builder, [{ kind, path }]).objects.map(({ value }) => value)
      : builder.checkout.documents(path).map(({ value }) => value),
  );
  const deletions = [...kinds.values()]
    .filter((object) => left.some((other) => groupOf(other) === groupOf(object) && kindOf(other) === kindOf(object)))
    .map((object) => ({
      target: { group: groupOf(object), kind: kindOf(object) },
      patch: dump({
        $patch: 'delete',
        apiVersion: object['apiVersion'],
        kind: object['kind'],
        metadata: { name: 'any' },
      }),
    }));
  const patches = [...deletions, ...listAt(options, ['patches'])];
  return overlayOf(folder, {
    ...options,
    resources: kept.map(({ path }) => `../../${path}`),
    ...(patches.length > 0 ? { patches } : {}),
  });
}

function overlayOf(folder: string, fields: Fields): { sources: SourceFields[]; files: WrittenFile[] } {
  const value = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...fields };
  return {
    sources: [{ kustomize: folder }],
    files: [{ path: `${folder}/kustomization.yaml`, text: dump(value, { lineWidth: -1, noRefs: true }) }],
  };
}

/** The sources of a folder that is not here yet, and is an overlay, as it seems. */
export function foreignSources(
  checkout: Checkout,
  { folder, options }: { folder: string; options: Fields },
): MakeSources {
  if (Object.keys(options).length === 0) return () => ({ sources: [{ kustomize: folder }], files: [] });
  return (name) => overlayOf(freePath(checkout, `overlays/${name}`), { ...options, resources: [`../../${folder}`] });
}

/** Inline values as a file; none where there are none. */
export function valuesFile(checkout: Checkout, { name, values }: { name: string; values: Fields }): WrittenFile[] {
  if (Object.keys(values).length === 0) return [];
  const path = freePath(checkout, `config/${name}.yaml`);
  return [{ path, text: dump(values, { lineWidth: -1, noRefs: true }) }];
}

/** A path that the checkout has no file or folder at; with the ending of the one that is wanted. */
export function freePath(checkout: Checkout, wanted: string): string {
  const [, stem = wanted, ending = ''] = /^(.*?)(\.yaml)?$/.exec(wanted) ?? [];
  const isFree = (path: string): boolean => !checkout.paths.has(path) && !checkout.folders.has(path);
  for (let count = 1; ; count++) {
    const path = `${stem}${count === 1 ? '' : count === 2 ? '-converge' : `-converge-${count - 1}`}${ending}`;
    if (isFree(path)) return path;
  }
}

/** The one namespace that objects name, of the kustomization first; undefined where they name none, or several. */
export function commonNamespace({ objects }: Tree): string | undefined {
  const named = new Set(
    objects.flatMap(({ value }) => (kindOf(value) === 'Namespace' ? [] : (namespaceOf(value) ?? []))),
  );
  const [only] = named;
  if (named.size === 1) return only;
  const made = objects.flatMap(({ value }) => (kindOf(value) === 'Namespace' ? [nameOf(value)] : []));
  return named.size === 0 && made.length === 1 ? made[0] : undefined;
}

/** What a path of the repository holds. */
export function natureOf(
  checkout: Checkout,
  folder: string,
): 'chart' | 'kustomization' | 'manifests' | 'file' | 'absent' {
  if (checkout.paths.has(folder)) return 'file';
  if (!checkout.folders.has(folder)) return 'absent';
  if (checkout.paths.has(folder === '' ? 'Chart.yaml' : `${folder}/Chart.yaml`)) return 'chart';
  return kustomizationOf(checkout, folder) === undefined ? 'manifests' : 'kustomization';
}
