import { isKustomization, joined } from '../../shared/environment/kustomization-paths.ts';
import type { ChartFolders } from './chart-folders.ts';
import type { Checkout } from './checkout.ts';
import type { Document } from './documents.ts';
import { mendFile, type Built, type Findings } from './findings.ts';
import { jsonPatch, mergePatch } from './patches.ts';
import { readDocuments } from './documents.ts';
import {
  at,
  fieldsAt,
  groupOf,
  isFields,
  kindOf,
  listAt,
  nameOf,
  namespaceOf,
  textAt,
  textsAt,
  type Fields,
} from './values.ts';

/** Whose objects are looked for: those of Flux, or of Argo CD. */
export type IsTheirs = (object: Fields) => boolean;

/** A ConfigMap or Secret that a kustomization generates, by its name and with the files that it is made of. */
export interface Generated {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** What a path of the repository is made to. */
export interface Tree {
  readonly objects: readonly Built[];
  readonly generated: readonly Generated[];
}

export interface Builder {
  readonly charts: ChartFolders;
  readonly checkout: Checkout;
  readonly findings: Findings;
  readonly isTheirs: IsTheirs;
}

/** The parts of a folder that are built each by itself. */
export interface Entry {
  readonly kind: 'file' | 'kustomization';
  readonly path: string;
}

export function kustomizationOf(checkout: Checkout, folder: string): string | undefined {
  return ['kustomization.yaml', 'kustomization.yml', 'Kustomization']
    .map((name) => below(folder, name))
    .find((path) => checkout.paths.has(path));
}

export function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/**
 * What a folder without a kustomization is made of, as Flux takes it: its manifests and those of folders below, of which
 * one with a kustomization of its own is built. https://fluxcd.io/flux/components/kustomize/kustomizations/#path
 */
export function entriesOf(checkout: Checkout, folder: string): Entry[] {
  if (kustomizationOf(checkout, folder) !== undefined) return [{ kind: 'kustomization', path: folder }];
  const { files = [], folders = [] } = checkout.inFolder.get(folder) ?? {};
  const direct = files.filter(isManifest);
  return [
    ...direct.map((path): Entry => ({ kind: 'file', path })),
    ...folders.filter((path) => !/(^|\/)\./.test(path)).flatMap((path) => entriesOf(checkout, path)),
  ];
}

export const isManifest = (path: string): boolean =>
  /\.(ya?ml|json)$/.test(path) && !isKustomization(path) && !/(^|\/)\.[^/]*$/.test(path);

export function buildEntries(builder: Builder, entries: readonly Entry[]): Tree {
  return joinTrees(
    entries.map(({ kind, path }) =>
      kind === 'kustomization' ? buildKustomization(builder, path, []) : buildFile(builder, path),
    ),
  );
}

function joinTrees(trees: readonly Tree[]): Tree {
  return {
    objects: trees.flatMap(({ objects }) => objects),
    generated: trees.flatMap(({ generated }) => generated),
  };
}

function buildFile({ checkout, findings }: Builder, path: string): Tree {
  for (const unread of checkout.unread(path))
    findings.missingIn({
      ...unread,
      message: `cannot be read: ${unread.message}`,
      remedy: mendFile,
    });
  return {
    objects: checkout.documents(path).flatMap((document) => (isObject(document) ? [builtOf(document)] : [])),
    generated: [],
  };
}

const isObject = ({ value }: Document): boolean => kindOf(value) !== '' && textAt(value, ['apiVersion']) !== undefined;
/** Which document an object is of, whatever patches made of it. */
export const idOf = ({ layers: [{ file, within, linesBefore }] }: Built): string =>
  JSON.stringify([file, within, linesBefore]);
export const builtOf = (document: Document): Built => ({ value: document.value, layers: [document] });

/** What of a kustomization may change custom resources, and is not played here. */
const unplayed = [
  'replacements',
  'vars',
  'transformers',
  'generators',
  'helmCharts',
  'helmChartInflationGenerator',
  'crds',
  'configurations',
  'validators',
];

/** What Kustomize makes of a folder, as far as it is about custom resources: other objects are there, but unchanged. */
export function buildKustomization(builder: Builder, folder: string, above: readonly string[]): Tree {
  const { checkout, findings } = builder;
  const file = kustomizationOf(checkout, folder);
  if (file === undefined) return { objects: [], generated: [] };
  const problem = (message: string): void =>
    findings.missingIn({
      file,
      line: 1,
      message,
      remedy: 'look at it by `kustomize build`: what it holds may be incomplete here',
    });
  if (above.includes(folder)) {
    problem('is made of itself');
    return { objects: [], generated: [] };
  }
  for (const unread of checkout.unread(file)) problem(`cannot be read: line ${unread.line}: ${unread.message}`);
  const [document] = checkout.documents(file);
  if (document === undefined) return { objects: [], generated: [] };
  const { value } = document;
  const partsOf = (keys: readonly string[]): Tree[] =>
    keys
      .flatMap((key) => textsAt(value, [key]))
      .map((name) => {
        const path = isRemote(name) ? undefined : joined([...folder.split('/'), ...name.split('/')]);
        if (path !== undefined && checkout.texts.has(path)) return buildFile(builder, path);
        if (path !== undefined && kustomizationOf(checkout, path) !== undefined)
          return buildKustomization(builder, path, [...above, folder]);
        problem(isRemote(name) ? `${name}: is a remote base` : `${name}: is not there`);
        return { objects: [], generated: [] };
      });
  const parts = joinTrees(partsOf(['resources', 'bases', 'components']));
  // A component's patches are of what the kustomization holds, too.
  const components = textsAt(value, ['components']).flatMap((name) => {
    const path = joined([...folder.split('/'), ...name.split('/')]);
    const kustomization = path === undefined ? undefined : kustomizationOf(checkout, path);
    return path === undefined || kustomization === undefined
      ? []
      : checkout.documents(kustomization).map((component) => ({ folder: path, value: component.value }));
  });
  const changed = [...components, { folder, value }].reduce(
    (objects, layer) => changeObjects(builder, { ...layer, objects, problem }),
    parts.objects,
  );
  if (changed.some((object) => builder.isTheirs(object.value)))
    for (const key of unplayed) if (at(value, [key]) !== undefined) problem(`${key}: is not followed by this command`);
  return { objects: changed, generated: [...parts.generated, ...generatedBy(value, folder)] };
}

const isRemote = (name: string): boolean =>
  name.includes('://') || name.startsWith('git@') || /^[\w.-]+\.(com|org|io)\//.test(name);

function generatedBy(value: Fields, folder: string): Generated[] {
  return ['configMapGenerator', 'secretGenerator'].flatMap((key) =>
    listAt(value, [key]).flatMap((generator) => {
      const files = textsAt(generator, ['files']).flatMap((entry) => {
        const [, key = entry.slice(entry.lastIndexOf('/') + 1), file = entry] = /^([^=]+)=(.+)$/.exec(entry) ?? [];
        const path = joined([...folder.split('/'), ...file.split('/')]);
        return path === undefined ? [] : [[key, path] as const];
      });
      return [{ name: textAt(generator, ['name']) ?? '', files: Object.fromEntries(files) }];
    }),
  );
}

interface Layer {
  readonly folder: string;
  readonly value: Fields;
  readonly objects: readonly Built[];
  readonly problem: (message: string) => void;
}

function changeObjects(builder: Builder, { folder, value, objects, problem }: Layer): readonly Built[] {
  let changed = objects;
  for (const patch of patchesOf(builder, { folder, value, problem })) {
    // Kustomize's own order: patches, then what is written over all of them.
    changed = changed.flatMap((object) => applyPatch(object, patch, builder, problem));
  }
  const namespace = textAt(value, ['namespace']);
  const prefix = textAt(value, ['namePrefix']) ?? '';
  const suffix = textAt(value, ['nameSuffix']) ?? '';
  if (namespace === undefined && prefix === '' && suffix === '') return changed;
  return changed.map((object) => {
    const metadata = {
      ...fieldsAt(object.value, ['metadata']),
      ...(namespace === undefined || kindOf(object.value) === 'Namespace' ? {} : { namespace }),
      ...(builder.isTheirs(object.value) ? { name: `${prefix}${nameOf(object.value)}${suffix}` } : {}),
    };
    return { ...object, value: { ...object.value, metadata } };
  });
}

interface Patch {
  readonly body:
    | { readonly kind: 'merge'; readonly document: Document }
    | { readonly kind: 'json'; readonly operations: readonly unknown[] };
  readonly target: Fields;
}

function patchesOf(
  { checkout }: Builder,
  { folder, value, problem }: Pick<Layer, 'folder' | 'value' | 'problem'>,
): Patch[] {
  const read = (entry: { path?: string | undefined; text?: string | undefined; target: Fields }): Patch[] => {
    const path = entry.path === undefined ? undefined : joined([...folder.split('/'), ...entry.path.split('/')]);
    const text = entry.text ?? (path === undefined ? undefined : checkout.texts.get(path));
    const file = path ?? kustomizationOf(checkout, folder) ?? folder;
    if (text === undefined) {
      problem(`${entry.path ?? 'patch'}: is not there`);
      return [];
    }
    const operations = operationsOf(text);
    if (operations !== undefined) return [{ body: { kind: 'json', operations }, target: entry.target }];
    const { documents, unread } = readDocuments({ file, text });
    for (const { message } of unread) problem(`${entry.path ?? 'patch'}: cannot be read: ${message}`);
    return documents.map((document) => {
      // An inline patch has the lines of the file that it stands in only by its key.
      const target = Object.keys(entry.target).length > 0 ? entry.target : targetOf(document.value);
      return { body: { kind: 'merge', document }, target };
    });
  };
  return [
    ...textsAt(value, ['patchesStrategicMerge']).flatMap((entry) =>
      read({ ...(entry.includes('\n') ? { text: entry } : { path: entry }), target: {} }),
    ),
    ...[...listAt(value, ['patches']), ...listAt(value, ['patchesJson6902'])].flatMap((entry) =>
      read({ path: textAt(entry, ['path']), text: textAt(entry, ['patch']), target: fieldsAt(entry, ['target']) }),
    ),
  ];
}

function operationsOf(text: string): readonly unknown[] | undefined {
  const { documents } = readDocuments({ file: '', text: `operations:\n${text.replace(/^(?=.)/gm, ' ')}` });
  const operations = at(documents[0]?.value, ['operations']);
  return Array.isArray(operations) ? operations : undefined;
}

function targetOf(value: Fields): Fields {
  const namespace = namespaceOf(value);
  return {
    group: groupOf(value),
    kind: kindOf(value),
    name: escaped(nameOf(value)),
    ...(namespace === undefined ? {} : { namespace: escaped(namespace) }),
  };
}

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

function applyPatch(
  object: Built,
  { body, target }: Patch,
  { isTheirs }: Builder,
  problem: (message: string) => void,
): Built[] {
  const isDeletion = body.kind === 'merge' && body.document.value['$patch'] === 'delete';
  if (!(isTheirs(object.value) || isDeletion) || !isAimedAt(object.value, target)) return [object];
  if ('labelSelector' in target || 'annotationSelector' in target) {
    problem('a patch chooses objects by a selector, which is not followed by this command');
    return [object];
  }
  if (body.kind === 'json') {
    const patched = jsonPatch(object.value, body.operations);
    if ('value' in patched) return [{ ...object, value: patched.value }];
    problem(`a patch of ${kindOf(object.value)} ${nameOf(object.value)} cannot be played: ${patched.problem}`);
    return [object];
  }
  const { metadata, ...rest } = body.document.value;
  // The name in a patch with a target is that of nobody.
  const { name: _name, namespace: _namespace, ...kept } = isFields(metadata) ? metadata : {};
  const value = mergePatch(object.value, {
    ...rest,
    apiVersion: object.value['apiVersion'],
    kind: object.value['kind'],
    metadata: kept,
  });
  return value === undefined ? [] : [{ value, layers: [...object.layers, body.document] }];
}

const longestPattern = 253;

function isAimedAt(object: Fields, target: Fields): boolean {
  const agrees = (key: string, found: string): boolean => {
    const wanted = target[key];
    if (typeof wanted !== 'string' || wanted === '') return true;
    // A group that repeats takes for ever on a name that a stranger chose for it.
    if (wanted.length > longestPattern || /\)[*+?{]/.test(wanted)) return wanted === found;
    try {
      return new RegExp(`^(?:${wanted})$`).test(found);
    } catch {
      return wanted === found;
    }
  };
  return (
    agrees('group', groupOf(object)) &&
    agrees('kind', kindOf(object)) &&
    agrees('name', nameOf(object)) &&
    (namespaceOf(object) === undefined || agrees('namespace', namespaceOf(object) ?? ''))
  );
}

/** The files that kustomizations name as patches: what they hold are parts of objects, and none by themselves. */
export function patchFiles(checkout: Checkout): ReadonlySet<string> {
  const files = new Set<string>();
  for (const file of checkout.texts.keys()) {
    if (!isKustomization(file)) continue;
    const folder = file.split('/').slice(0, -1);
    for (const { value } of checkout.documents(file)) {
      const named = [
        ...textsAt(value, ['patchesStrategicMerge']),
        ...[...listAt(value, ['patches']), ...listAt(value, ['patchesJson6902'])].map(
          (entry) => textAt(entry, ['path']) ?? '',
        ),
      ];
      for (const name of named) {
        const path = joined([...folder, ...name.split('/')]);
        if (path !== undefined) files.add(path);
      }
    }
  }
  return files;
}

/** What inline options of a kustomization make of objects: patches, and what is written over all of them. */
export function changedBy(
  builder: Builder,
  objects: readonly Built[],
  { file, options }: { file: string; options: Fields },
): readonly Built[] {
  const problem = (message: string): void =>
    builder.findings.missingIn({
      file,
      line: 1,
      message,
      remedy: 'look at what it makes of the objects, and write it there',
    });
  return changeObjects(builder, { folder: '', value: options, objects, problem });
}
