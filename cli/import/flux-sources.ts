import type { Checkout } from './checkout.ts';
import type { Built } from './findings.ts';
import { clusterOfFile, isThisRepository, withoutDots } from './places.ts';
import { kindOf, listAt, nameOf, namespaceOf, textAt } from './values.ts';

/** The sources of Flux in a checkout, by kind and name. */
export type FluxSources = ReadonlyMap<string, readonly Built[]>;

export function sourcesAmong(all: readonly Built[]): FluxSources {
  return Map.groupBy(all, ({ value }) => `${kindOf(value)}/${nameOf(value)}`);
}

/**
 * What a reference of an object names: of several of that name the one of its own namespace and cluster. An overlay may
 * give both a namespace, which the file of the source does not say.
 */
export function sourceOf(sources: FluxSources, object: Built, path: readonly string[]): Built | undefined {
  const kind = textAt(object.value, [...path, 'kind']) ?? '';
  const namespace = textAt(object.value, [...path, 'namespace']) ?? namespaceOf(object.value);
  const named = sources.get(`${kind}/${textAt(object.value, [...path, 'name']) ?? ''}`) ?? [];
  const ofNamespace = named.filter(({ value }) => namespaceOf(value) === namespace);
  return nearest(ofNamespace.length > 0 ? ofNamespace : named, object);
}

function nearest(found: readonly Built[], object: Built): Built | undefined {
  const cluster = clusterOfFile(object.layers[0].file);
  return found.find(({ layers }) => clusterOfFile(layers[0].file) === cluster) ?? found[0];
}

/** A folder of this repository, or of another one or an artifact. */
export interface FluxFolder {
  readonly isHere: boolean;
  readonly folder: string;
}

/** Which folder a Kustomization applies; undefined where it leaves its source. */
export function folderOf(
  object: Built,
  { sources, checkout, home }: { sources: FluxSources; checkout: Checkout; home: ReadonlySet<string> },
): FluxFolder | undefined {
  const said = withoutDots(textAt(object.value, ['spec', 'path']) ?? '');
  if (said === undefined) return undefined;
  const kind = textAt(object.value, ['spec', 'sourceRef', 'kind']) ?? 'GitRepository';
  const known = { checkout, home };
  if (kind === 'GitRepository') {
    const url = textAt(sourceOf(sources, object, ['spec', 'sourceRef'])?.value, ['spec', 'url']);
    return { folder: said, isHere: isThisRepository({ url, folder: said }, known) };
  }
  if (kind !== 'ExternalArtifact') return { folder: said, isHere: false };
  const folder = copiedFrom(object, { sources, said, ...known });
  return folder === undefined ? { folder: said, isHere: false } : { folder, isHere: true };
}

/**
 * The folder that an ArtifactGenerator copies into an artifact: `@alias/apps/**` to `@artifact/base/`.
 * https://fluxcd.io/flux/components/source/artifactgenerators/
 */
function copiedFrom(
  object: Built,
  {
    sources,
    said,
    checkout,
    home,
  }: { sources: FluxSources; said: string; checkout: Checkout; home: ReadonlySet<string> },
): string | undefined {
  const name = textAt(object.value, ['spec', 'sourceRef', 'name']);
  const generators = [...sources.values()]
    .flat()
    .filter(
      ({ value }) =>
        kindOf(value) === 'ArtifactGenerator' &&
        listAt(value, ['spec', 'artifacts']).some((artifact) => textAt(artifact, ['name']) === name),
    );
  const generator = nearest(generators, object);
  const artifact = listAt(generator?.value, ['spec', 'artifacts']).find((one) => textAt(one, ['name']) === name);
  for (const copy of listAt(artifact, ['copy'])) {
    const [, alias, from = ''] = /^@([^/]+)\/(?:(.*)\/)?\*\*$/.exec(textAt(copy, ['from']) ?? '') ?? [];
    const [, to = ''] = /^@artifact\/(?:(.*[^/])\/?)?$/.exec(textAt(copy, ['to']) ?? '') ?? [];
    if (generator === undefined || alias === undefined || !(to === '' || said === to || said.startsWith(`${to}/`)))
      continue;
    const index = listAt(generator.value, ['spec', 'sources']).findIndex((one) => textAt(one, ['alias']) === alias);
    const source = {
      ...generator,
      value: { ...generator.value, spec: listAt(generator.value, ['spec', 'sources'])[index] },
    };
    const url = textAt(sourceOf(sources, source, ['spec'])?.value, ['spec', 'url']);
    const folder = withoutDots(`${from}/${said.slice(to.length)}`);
    if (folder !== undefined && isThisRepository({ url, folder }, { checkout, home })) return folder;
  }
  return undefined;
}
