import { load } from 'js-yaml';
import type { Checkout } from './checkout.ts';
import { withoutDots } from './places.ts';
import type { SourceFields, WrittenFile } from './sources.ts';
import { below, kustomizationOf } from './tree.ts';
import { textAt, textsAt, type Fields } from './values.ts';

/** What environments are made of, by its path in the repository. */
export interface NeededPath {
  readonly path: string;
  /** Whether the checkout has it, at that path. */
  readonly isThere: boolean;
}

/**
 * What has to be in the repository for environments to render, but for what was written for them: charts, manifests, files
 * of values and overlays, with the folders outside of themselves that overlays name. In the order of paths; what lies in
 * a folder of the list is not named again.
 */
export function neededPaths(
  sources: readonly SourceFields[],
  { checkout, files }: { checkout: Checkout; files: readonly WrittenFile[] },
): NeededPath[] {
  const written = new Map(files.map(({ path, text }) => [path, text]));
  const found = new Set<string>();
  const seen = new Set<string>();
  const visitOverlay = (folder: string): void => {
    if (seen.has(folder)) return;
    seen.add(folder);
    const text = written.get(`${folder}/kustomization.yaml`);
    const file = kustomizationOf(checkout, folder);
    const overlay: unknown =
      text !== undefined ? load(text) : file === undefined ? undefined : checkout.documents(file)[0]?.value;
    if (text === undefined) found.add(folder);
    for (const key of ['resources', 'bases', 'components'])
      for (const name of textsAt(overlay, [key])) {
        const path = /:\/\/|^[^/]+@/.test(name) ? undefined : withoutDots(below(folder, name));
        if (path !== undefined) visit(path);
      }
  };
  const visit = (path: string): void => {
    if (written.has(path)) return;
    if (checkout.paths.has(path)) found.add(path);
    else visitOverlay(path);
  };
  for (const source of sources) for (const path of pathsOf(source)) visit(path);
  const isAbove = (folder: string, path: string): boolean => path !== folder && path.startsWith(`${folder}/`);
  return [...found]
    .filter((path) => ![...found].some((other) => isAbove(other, path)))
    .sort()
    .map((path) => ({ path, isThere: checkout.paths.has(path) || checkout.folders.has(path) }));
}

function pathsOf(source: SourceFields): string[] {
  if ('manifests' in source) return [source.manifests];
  if ('kustomize' in source) return [source.kustomize];
  const helm: Fields = source.helm;
  return [textAt(helm, ['chart']) ?? [], ...textsAt(helm, ['values'])].flat();
}
