import { below, buildEntries, changedBy, entriesOf, idOf, type Builder, type Entry, type Tree } from './tree.ts';
import { keyOf, type Converted } from './draft.ts';
import { judgeKeys, type Built, type Findings } from './findings.ts';
import { kustomizationVerdicts, otherKinds } from './flux-verdicts.ts';
import { draftRelease } from './flux-release.ts';
import { healthRules, inheritsNothing, timeoutOf, type Owner } from './flux-common.ts';
import { folderOf, sourceOf, sourcesAmong, type FluxSources } from './flux-sources.ts';
import { clusterNamed, clusterOfFile, sameAddress, withoutDots, type ClusterNames } from './places.ts';
import { commonNamespace, folderSources, foreignSources, natureOf } from './sources.ts';
import { objectsOfTool, visitFromRoots, type ConversionInput } from './walk.ts';
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
  type Fields,
  type KeyPath,
} from './values.ts';

const groups =
  /^(source|kustomize|helm|notification|image)\.toolkit\.fluxcd\.io$|^source\.extensions\.fluxcd\.io$|^fluxcd\.controlplane\.io$|^helm\.fluxcd\.io$/;
const isFlux = (object: Fields): boolean => groups.test(groupOf(object));

const known: Readonly<Record<string, readonly string[]>> = {
  Kustomization: ['v1', 'v1beta2', 'v1beta1'],
  HelmRelease: ['v2', 'v2beta2', 'v2beta1'],
};

/** The objects of Flux in a checkout, as environments. */
export function convertFlux({ checkout, clusters, findings }: ConversionInput): Converted {
  const builder: Builder = { charts: new Map(), checkout, findings, isTheirs: isFlux };
  const all = objectsOfTool(builder, (_file, text) => marker.test(text));
  const sources = sourcesAmong(all);
  const converted: Converted = { drafts: [], aliases: new Map() };
  const home = new Set(checkout.remotes.map(sameAddress));
  for (const object of all)
    if (kindOf(object.value) === 'GitRepository' && nameOf(object.value) === 'flux-system')
      home.add(sameAddress(textAt(object.value, ['spec', 'url']) ?? ''));
  const conversion: Conversion = { builder, clusters, home, sources, converted, visited: new Set(), waits: [] };
  const kustomizations = all.filter(({ value }) => isOfKind(value, 'Kustomization'));
  const reached = reachedBy(conversion, kustomizations);
  visitFromRoots(kustomizations, {
    reached,
    visited: conversion.visited,
    visit: (object) => visit(conversion, object, inheritsNothing),
  });
  for (const object of all)
    if (!conversion.visited.has(idOf(object)) && isOfKind(object.value, 'HelmRelease'))
      visit(conversion, object, inheritsNothing);
  for (const object of all) tellOther(object, findings);
  const keys = new Set([...converted.drafts.map(({ key }) => key), ...converted.aliases.keys()]);
  for (const { object, path, key, name } of conversion.waits)
    if (!keys.has(key))
      findings.missing(object, path, {
        message: `${name} is not in this folder, or of another cluster`,
        remedy: 'name the environment that it becomes in dependsOn, in the same repository',
      });
  return converted;
}

interface Conversion {
  readonly builder: Builder;
  readonly clusters: ClusterNames;
  readonly home: ReadonlySet<string>;
  readonly sources: FluxSources;
  readonly converted: Converted;
  /** What is waited for, to be looked for when all is known. */
  readonly waits: { readonly object: Built; readonly path: KeyPath; readonly key: string; readonly name: string }[];
  /** Documents that were looked at as part of something. */
  readonly visited: Set<string>;
}

const marker = /fluxcd\.io\//;

function isOfKind(object: Fields, kind: 'Kustomization' | 'HelmRelease'): boolean {
  const version = (textAt(object, ['apiVersion']) ?? '').replace(/^.*\//, '');
  return isFlux(object) && kindOf(object) === kind && (known[kind] ?? []).includes(version);
}

/** The documents that a Kustomization other than themselves applies. */
function reachedBy(conversion: Conversion, kustomizations: readonly Built[]): ReadonlySet<string> {
  const reached = new Set<string>();
  for (const by of kustomizations) {
    const { folder, isHere } = folderOf(by, { ...conversion, ...conversion.builder }) ?? { folder: '', isHere: false };
    if (!isHere) continue;
    for (const object of buildEntries(conversion.builder, entriesOf(conversion.builder.checkout, folder)).objects)
      if (idOf(object) !== idOf(by)) reached.add(idOf(object));
  }
  return reached;
}

function clusterOf({ clusters, builder }: Conversion, object: Built, owner: Owner): string {
  const named =
    textAt(object.value, ['spec', 'kubeConfig', 'secretRef', 'name']) ??
    textAt(object.value, ['spec', 'kubeConfig', 'configMapRef', 'name']);
  if (named !== undefined) {
    const cluster = clusterNamed(named, clusters);
    if (cluster === named)
      builder.findings.note(object, ['spec', 'kubeConfig'], {
        message: `the cluster is called ${cluster} here, as its Secret is`,
        remedy: `give it that name in the operator's configuration, or say --cluster ${named}=NAME`,
      });
    return cluster;
  }
  const found = owner.cluster ?? clusterOfFile(object.layers[0].file);
  if (found !== undefined) return owner.cluster ?? clusterNamed(found, clusters);
  if (clusters.usual === undefined)
    builder.findings.note(object, ['metadata', 'name'], {
      message: 'nothing says in which cluster it is: the file says `default`',
      remedy: "say --cluster NAME: how the operator's configuration calls it",
    });
  return clusters.usual ?? 'default';
}

function visit(conversion: Conversion, object: Built, owner: Owner): void {
  const id = idOf(object);
  conversion.visited.add(id);
  if (owner.above.includes(id)) return;
  const cluster = clusterOf(conversion, object, owner);
  const key = keyOf(cluster, {
    kind: kindOf(object.value),
    namespace: namespaceOf(object.value) ?? '',
    name: nameOf(object.value),
  });
  if (conversion.converted.drafts.some((draft) => draft.key === key) || conversion.converted.aliases.has(key)) return;
  const dependsOn = [...owner.dependsOn, ...dependenciesOf(conversion, object, cluster)];
  if (isOfKind(object.value, 'HelmRelease')) {
    const draft = draftRelease({
      ...conversion,
      ...conversion.builder,
      object,
      cluster,
      key,
      dependsOn,
      generated: owner.generated,
      sourceOf: (path) => sourceOf(conversion.sources, object, path),
    });
    conversion.converted.drafts.push(draft);
  } else visitKustomization(conversion, { object, cluster, key, dependsOn, above: [...owner.above, id] });
}

function dependenciesOf({ builder, waits }: Conversion, object: Built, cluster: string): string[] {
  return listAt(object.value, ['spec', 'dependsOn']).flatMap((dependency, index) => {
    const [name, namespace] = [
      textAt(dependency, ['name']) ?? '',
      textAt(dependency, ['namespace']) ?? namespaceOf(object.value) ?? '',
    ];
    if (at(dependency, ['readyExpr']) !== undefined)
      builder.findings.missing(object, ['spec', 'dependsOn', index, 'readyExpr'], {
        message: 'an expression for when a dependency is ready',
        remedy: 'a rule of health in the environment that it waits for',
      });
    const kind = kindOf(object.value);
    const key = keyOf(cluster, { kind, namespace, name });
    waits.push({ object, path: ['spec', 'dependsOn', index], key, name: `${kind} ${namespace}/${name}` });
    return [key];
  });
}

interface Visited {
  readonly object: Built;
  readonly cluster: string;
  readonly key: string;
  readonly dependsOn: readonly string[];
  readonly above: readonly string[];
}

function visitKustomization(conversion: Conversion, { object, cluster, key, dependsOn, above }: Visited): void {
  const { builder, converted } = conversion;
  const { findings, checkout } = builder;
  const { value } = object;
  judgeKeys(findings, { object, path: ['spec'], verdicts: kustomizationVerdicts });
  const { folder, isHere } = folderOf(object, { ...conversion, ...builder }) ?? { folder: undefined, isHere: false };
  const said = folder === undefined || isHere ? undefined : foreignOf(conversion, object, folder);
  if (folder === undefined || said !== undefined) {
    if (folder === undefined)
      findings.missing(object, ['spec', 'path'], { message: 'leaves the repository', remedy: 'name a folder of it' });
    if (said !== undefined)
      converted.drafts.push({
        key,
        object,
        cluster,
        dependsOn,
        namespace: textAt(value, ['spec', 'targetNamespace']) ?? 'default',
        spec: specOf(object, findings),
        make: foreignSources(checkout, { folder: said, options: optionsOf(object, said) }),
      });
    return;
  }
  const entries = entriesOf(checkout, folder);
  const options = neededOptions(builder, optionsOf(object, folder), entries);
  const found = folderSources(builder, { folder, entries, options });
  const objects = changedBy(builder, found.tree.objects, {
    file: object.layers[0].file,
    options: optionsOf(object, folder),
  });
  tellUnbuilt(builder, object, { folder, tree: found.tree });
  const children = objects.filter(
    ({ value: child }) => isOfKind(child, 'Kustomization') || isOfKind(child, 'HelmRelease'),
  );
  const owned = { dependsOn, generated: found.tree.generated, cluster, above };
  for (const child of children) visit(conversion, child, owned);
  for (const other of found.tree.objects) conversion.visited.add(idOf(other));
  if (found.others === 0) {
    const keys = children.map((child) =>
      keyOf(clusterOf(conversion, child, owned), {
        kind: kindOf(child.value),
        namespace: namespaceOf(child.value) ?? '',
        name: nameOf(child.value),
      }),
    );
    converted.aliases.set(
      key,
      keys.filter((child) => child !== key),
    );
    findings.noteIn(
      natureOf(checkout, folder) === 'absent' || found.tree.objects.length === 0
        ? {
            file: object.layers[0].file,
            line: object.layers[0].linesBefore + 1,
            kind: 'Kustomization',
            name: nameOf(value),
            key: 'spec.path',
            message: `${folder === '' ? '.' : folder} holds no object`,
            remedy: 'nothing was written for it',
          }
        : {
            file: object.layers[0].file,
            line: object.layers[0].linesBefore + 1,
            kind: 'Kustomization',
            name: nameOf(value),
            key: 'spec.path',
            message: `${folder === '' ? '.' : folder} holds objects of Flux only: each of its ${keys.length} releases and Kustomizations is written by itself`,
            remedy: 'nothing is to be done',
          },
    );
    return;
  }
  if (
    folder === '' &&
    entries.every(({ kind }) => kind === 'kustomization') &&
    Object.keys(options).length === 0 &&
    children.length === 0
  ) {
    findings.missing(object, ['spec', 'path'], {
      message: 'is the whole repository, and a source is a folder of it',
      remedy: 'move what it applies to a folder, and name that',
    });
    return;
  }
  const named = textAt(value, ['spec', 'targetNamespace']) ?? commonNamespace(found.tree);
  if (named === undefined)
    findings.note(object, ['spec', 'targetNamespace'], {
      message: 'its objects name no namespace, or several: the file says `default`',
      remedy: 'write the namespace of those objects that name none, where there are any',
    });
  converted.drafts.push({
    key,
    object,
    cluster,
    dependsOn,
    namespace: named ?? 'default',
    spec: specOf(object, findings),
    make: found.make,
  });
}

/** Where a folder of another repository or artifact would be. */
function foreignOf(conversion: Conversion, object: Built, folder: string): string {
  const kind = textAt(object.value, ['spec', 'sourceRef', 'kind']) ?? 'GitRepository';
  const name = textAt(object.value, ['spec', 'sourceRef', 'name']) ?? '';
  const source = sourceOf(conversion.sources, object, ['spec', 'sourceRef']);
  const url = textAt(source?.value, ['spec', 'url']) ?? textAt(source?.value, ['spec', 'endpoint']);
  const place = ['vendor', name.replace(/[^A-Za-z0-9._-]/g, '-'), folder].filter((part) => part !== '').join('/');
  conversion.builder.findings.missing(object, ['spec', 'sourceRef'], {
    message: `${folder === '' ? 'the root' : folder} of ${kind} ${name}${url === undefined ? '' : ` (${url})`} is not in this repository`,
    remedy: `bring it to ${place} by a commit or an upload; write manifests in place of kustomize where it has no kustomization.yaml`,
  });
  return place;
}

function specOf(object: Built, findings: Findings): Record<string, unknown> {
  const { value } = object;
  const spec: Record<string, unknown> = {};
  if (at(value, ['spec', 'prune']) !== true) spec['prune'] = false;
  if (at(value, ['spec', 'suspend']) === true) spec['suspend'] = true;
  if (at(value, ['spec', 'force']) === true) spec['replace'] = true;
  const policy = textAt(value, ['spec', 'deletionPolicy']);
  if (policy === 'Delete' || policy === 'WaitForTermination') spec['deletion'] = 'prune';
  else if (policy === 'MirrorPrune')
    findings.note(object, ['spec', 'deletionPolicy'], {
      message: 'objects stay when their environment file is removed',
      remedy: 'deletion: prune where they are to go',
    });
  else if (policy === undefined)
    findings.byDefault(
      'Kustomization spec.deletionPolicy',
      'Flux deletes objects with their Kustomization; here they stay: write deletion: prune where they are to go',
    );
  Object.assign(spec, timeoutOf(object, findings), healthRules(object, findings));
  return spec;
}

/** What of a Kustomization is written over its folder: the keys of a kustomization.yaml. */
function optionsOf({ value }: Built, folder: string): Fields {
  const spec = fieldsAt(value, ['spec']);
  const options: Record<string, unknown> = {};
  for (const key of ['namePrefix', 'nameSuffix', 'images', 'patches'])
    if (spec[key] !== undefined && !(Array.isArray(spec[key]) && spec[key].length === 0)) options[key] = spec[key];
  const patches = [
    ...listAt(options, ['patches']),
    ...listAt(spec, ['patchesStrategicMerge']).map((patch) => ({
      patch: typeof patch === 'string' ? patch : JSON.stringify(patch),
    })),
    ...listAt(spec, ['patchesJson6902']).map((entry) => ({
      target: at(entry, ['target']),
      patch: JSON.stringify(at(entry, ['patch'])),
    })),
  ];
  if (patches.length > 0) options['patches'] = patches;
  const components = listAt(spec, ['components']).flatMap((name) =>
    typeof name === 'string' ? (withoutDots(below(folder, name)) ?? []) : [],
  );
  if (components.length > 0) options['components'] = components.map((path) => `../../${path}`);
  const labels = at(spec, ['commonMetadata', 'labels']);
  if (isFields(labels)) options['labels'] = [{ pairs: labels }];
  const annotations = at(spec, ['commonMetadata', 'annotations']);
  if (isFields(annotations)) options['commonAnnotations'] = annotations;
  if (typeof spec['targetNamespace'] === 'string') options['namespace'] = spec['targetNamespace'];
  return options;
}

/** The namespace is written over all objects only where one of them names another. */
function neededOptions(builder: Builder, options: Fields, entries: readonly Entry[]): Fields {
  const { namespace, ...rest } = options;
  const isNeeded = buildEntries(builder, entries).objects.some(
    ({ value }) =>
      !builder.isTheirs(value) && kindOf(value) !== 'Namespace' && ![undefined, namespace].includes(namespaceOf(value)),
  );
  return isNeeded ? options : rest;
}

/** What Flux does after the build. */
function tellUnbuilt(
  { checkout, findings }: Builder,
  object: Built,
  { folder, tree }: { folder: string; tree: Tree },
): void {
  const spec = fieldsAt(object.value, ['spec']);
  if (spec['postBuild'] === undefined && spec['decryption'] === undefined) return;
  const read = new Set(tree.objects.flatMap(({ layers }) => layers.map(({ file }) => file)));
  const inside = [...checkout.texts].filter(([path]) => read.has(path) || path.startsWith(`${folder}/`));
  for (const name of Object.keys(fieldsAt(object.value, ['spec', 'postBuild', 'substitute']))) {
    const used = inside.filter(([, text]) => text.includes(`\${${name}`)).map(([path]) => path);
    const where =
      used.length === 0
        ? 'no file that it reads has it'
        : `used in ${used.slice(0, 3).join(', ')}${used.length > 3 ? `, and ${used.length - 3} more` : ''}`;
    findings.missing(object, ['spec', 'postBuild', 'substitute', name], {
      message: `there are no variables after the build; ${where}`,
      remedy: "write the value itself, use Kustomize's replacements, or values of a chart",
    });
  }
  for (const [index, from] of listAt(object.value, ['spec', 'postBuild', 'substituteFrom']).entries())
    findings.missing(object, ['spec', 'postBuild', 'substituteFrom', index], {
      message: `variables of ${textAt(from, ['kind']) ?? 'an object'} ${textAt(from, ['name']) ?? ''}: there are none after the build`,
      remedy: "write the values themselves, use Kustomize's replacements, or values of a chart",
    });
  if (at(object.value, ['spec', 'decryption']) !== undefined) {
    const encrypted = inside.filter(([, text]) => /^sops:/m.test(text)).map(([path]) => path);
    findings.missing(object, ['spec', 'decryption'], {
      message: `nothing is decrypted${encrypted.length === 0 ? '' : `: ${encrypted.slice(0, 3).join(', ')}${encrypted.length > 3 ? `, and ${encrypted.length - 3} more` : ''}`}`,
      remedy: 'External Secrets, or the Secrets Store CSI driver; take the encrypted files out of the folder',
    });
  }
}

const sourceKinds = [
  'GitRepository',
  'OCIRepository',
  'HelmRepository',
  'HelmChart',
  'Bucket',
  'ExternalArtifact',
  'ArtifactGenerator',
];

/** Objects that become no environment. */
function tellOther(object: Built, findings: Findings): void {
  const { value } = object;
  const kind = kindOf(value);
  if (isOfKind(value, 'Kustomization') || isOfKind(value, 'HelmRelease')) return;
  const other = otherKinds.find(({ kinds }) => kinds.includes(kind));
  if (other !== undefined) findings.missing(object, ['kind'], other);
  else if (sourceKinds.includes(kind)) {
    findings.settled(
      kind,
      kind === 'GitRepository'
        ? "an environment's sources are of the repository that its file is in: repositories of the configuration"
        : 'charts and artifacts are folders in Git: see what is said of those that use them',
    );
    if (at(value, ['spec', 'verify']) !== undefined)
      findings.missing(
        object,
        ['spec', 'verify'],
        kind === 'GitRepository'
          ? {
              message: 'whose signatures are believed',
              remedy: 'spec.verify of the environment files, with the keys of who signs',
            }
          : { message: 'signatures of artifacts are not looked at', remedy: 'look at them in the CI job that uploads' },
      );
    for (const key of ['include', 'ignore'])
      if (kind === 'GitRepository' && at(value, ['spec', key]) !== undefined)
        findings.missing(object, ['spec', key], {
          message: key === 'include' ? 'other repositories that are laid into this one' : 'files that are left out',
          remedy:
            key === 'include'
              ? 'bring their folders into this repository'
              : 'name folders as sources that hold nothing else',
        });
  } else
    findings.missing(object, ['apiVersion'], {
      message: `${textAt(value, ['apiVersion']) ?? ''} ${kind} is none that this command knows`,
      remedy: 'update it to a version that Flux serves, or write its environment file by hand',
    });
}
