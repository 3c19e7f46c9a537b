import { load } from 'js-yaml';
import { applicationsOf } from './application-set.ts';
import { globOf } from './glob.ts';
import {
  applicationVerdicts,
  directoryVerdicts,
  helmVerdicts,
  kustomizeVerdicts,
  sourceVerdicts,
  syncOptions,
  syncPolicyVerdicts,
} from './argo-verdicts.ts';
import { placeOfChart, pullCommand } from './chart-folders.ts';
import type { Checkout } from './checkout.ts';
import { keyOf, type Converted, type Draft } from './draft.ts';
import { judgeKeys, type Built, type Findings } from './findings.ts';
import { checkedRule } from './ignored-paths.ts';
import { readParameters } from './helm-parameters.ts';
import { clusterNamed, isThisRepository, sameAddress, withoutDots, type ClusterNames } from './places.ts';
import { folderSources, foreignSources, natureOf, valuesFile, type MakeSources, type SourceFields } from './sources.ts';
import { objectsOfTool, visitFromRoots, type ConversionInput } from './walk.ts';
import { below, entriesOf, idOf, isManifest, kustomizationOf, type Builder, type Entry } from './tree.ts';
import {
  at,
  dotted,
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
  type KeyPath,
} from './values.ts';

const kinds = ['Application', 'ApplicationSet', 'AppProject'];
const isArgo = (object: Fields): boolean => groupOf(object) === 'argoproj.io' && kinds.includes(kindOf(object));

interface Conversion {
  readonly builder: Builder;
  readonly clusters: ClusterNames;
  readonly home: ReadonlySet<string>;
  readonly drafts: Draft[];
  readonly visited: Set<string>;
  /** Keys of Applications that were begun with. */
  readonly underWay: Set<string>;
}

/** The objects of Argo CD in a checkout, as environments. */
export function convertArgo({ checkout, clusters, findings }: ConversionInput): Converted {
  const builder: Builder = { charts: new Map(), checkout, findings, isTheirs: isArgo };
  const conversion: Conversion = {
    builder,
    clusters,
    home: new Set(checkout.remotes.map(sameAddress)),
    drafts: [],
    visited: new Set(),
    underWay: new Set(),
  };
  const all = objectsOfTool(builder, (file, text) => isLookedInto(builder, file, text));
  const reached = new Set(
    all.flatMap((object) => (kindOf(object.value) === 'Application' ? appliedBy(conversion, object) : [])),
  );
  visitFromRoots(all, { reached, visited: conversion.visited, visit: (object) => visit(conversion, object) });
  return { drafts: conversion.drafts, aliases: new Map() };
}

/** Whether a file is looked into; templates of a chart are told as missing. */
function isLookedInto({ checkout, findings }: Builder, file: string, text: string): boolean {
  if (!/argoproj\.io\/v\d/.test(text) || !/Application|AppProject/.test(text)) return false;
  const chart = chartAbove(checkout, file);
  if (chart === undefined || !/\{\{/.test(text)) return true;
  if (argoKind.test(text))
    findings.missingIn({
      file,
      line: 1,
      message: `its objects of Argo CD are templates of the chart ${chart}`,
      remedy: `helm template ${chart} > rendered.yaml, and call this command with what it makes, or write one environment file for each`,
    });
  return false;
}

const argoKind = /^\s*kind: *["']?(Application|ApplicationSet|AppProject)["']?\s*$/m;

function makesApplications(checkout: Checkout, chart: string): boolean {
  return [...checkout.texts].some(
    ([file, text]) =>
      file.startsWith(`${chart}/templates/`) && text.includes('argoproj.io/v1alpha1') && argoKind.test(text),
  );
}

function chartAbove(checkout: Checkout, file: string): string | undefined {
  const [, folder] = /^(.+?)\/templates\//.exec(file) ?? [];
  return folder !== undefined && checkout.paths.has(`${folder}/Chart.yaml`) ? folder : undefined;
}

function visit(conversion: Conversion, object: Built): void {
  const { builder, visited } = conversion;
  const { findings, checkout } = builder;
  visited.add(idOf(object));
  if (!/^argoproj\.io\/v1alpha1$/.test(textAt(object.value, ['apiVersion']) ?? '')) {
    findings.missing(object, ['apiVersion'], {
      message: `${textAt(object.value, ['apiVersion']) ?? ''} ${kindOf(object.value)} is none that this command knows`,
      remedy: 'write its environment file by hand',
    });
    return;
  }
  if (kindOf(object.value) === 'AppProject') tellProject(object, findings);
  else if (kindOf(object.value) === 'ApplicationSet')
    for (const made of applicationsOf(object, { checkout, findings })) visitApplication(conversion, made);
  else visitApplication(conversion, object);
}

function appliedBy(conversion: Conversion, object: Built): string[] {
  return sourcesOf(object).flatMap(({ path }) => {
    const folder = withoutDots(textAt(object.value, [...path, 'path']) ?? '');
    if (
      folder === undefined ||
      folder === '' ||
      natureOf(conversion.builder.checkout, folder) === 'absent' ||
      natureOf(conversion.builder.checkout, folder) === 'chart'
    )
      return [];
    const entries = entriesOfSource(conversion.builder, { object, path, folder });
    return folderSources(conversion.builder, { folder, entries, options: {} })
      .tree.objects.filter(({ value }) => isArgo(value))
      .map(idOf)
      .filter((id) => id !== idOf(object));
  });
}

function sourcesOf({ value }: Built): { path: KeyPath }[] {
  const several = listAt(value, ['spec', 'sources']);
  return several.length > 0
    ? several.map((_source, index) => ({ path: ['spec', 'sources', index] }))
    : [{ path: ['spec', 'source'] }];
}

function visitApplication(conversion: Conversion, object: Built): void {
  const { builder, drafts, underWay } = conversion;
  const { findings } = builder;
  const { value } = object;
  const cluster = clusterOf(conversion, object);
  const key = keyOf(cluster, { kind: 'Application', namespace: namespaceOf(value) ?? '', name: nameOf(value) });
  // Applications may apply each other.
  if (underWay.has(key) || drafts.some((draft) => draft.key === key)) return;
  underWay.add(key);
  judgeKeys(findings, { object, path: ['spec'], verdicts: applicationVerdicts });
  judgeKeys(findings, { object, path: ['spec', 'syncPolicy'], verdicts: syncPolicyVerdicts });
  const refs = new Map(
    sourcesOf(object).flatMap(({ path }) =>
      textAt(value, [...path, 'ref']) === undefined ? [] : [[textAt(value, [...path, 'ref']) ?? '', path] as const],
    ),
  );
  const made = sourcesOf(object).flatMap(({ path }) => sourceOf(conversion, { object, path, refs }) ?? []);
  const namespace = textAt(value, ['spec', 'destination', 'namespace']);
  const spec = specOf(object, findings);
  if (made.length === 0) return;
  if (namespace === undefined)
    findings.note(object, ['spec', 'destination'], {
      message: 'names no namespace: the file says `default`',
      remedy: 'write the namespace of those objects that name none, where there are any',
    });
  drafts.push({
    ...{ key, object, cluster, dependsOn: [], namespace: namespace ?? 'default', spec },
    make: (name) => {
      const all = made.map((make, index) => make(made.length === 1 ? name : `${name}-${index + 1}`));
      return { sources: all.flatMap(({ sources }) => sources), files: all.flatMap(({ files }) => files) };
    },
  });
}

function clusterOf({ clusters, builder }: Conversion, object: Built): string {
  const name = textAt(object.value, ['spec', 'destination', 'name']);
  const server = textAt(object.value, ['spec', 'destination', 'server']);
  const said = name ?? server;
  if (
    said === undefined ||
    said === 'in-cluster' ||
    /^https:\/\/kubernetes\.default(\.svc)?(\.cluster\.local)?(:443)?\/?$/.test(said)
  ) {
    if (clusters.usual === undefined)
      builder.findings.byDefault(
        'Application spec.destination',
        'the cluster that Argo CD runs in is called `in-cluster` in the files: --cluster NAME says how the configuration calls it',
      );
    return clusters.usual ?? 'in-cluster';
  }
  const cluster = clusterNamed(said, clusters);
  if (cluster === said && name === undefined) {
    builder.findings.note(object, ['spec', 'destination', 'server'], {
      message: `the cluster is called ${hostOf(said)} here, as its address is`,
      remedy: `say --cluster ${said}=NAME: how the operator's configuration calls it`,
    });
    return hostOf(said);
  }
  return cluster;
}

const hostOf = (server: string): string => server.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, '') || server;

interface OneSource {
  readonly object: Built;
  readonly path: KeyPath;
  readonly refs: ReadonlyMap<string, KeyPath>;
}

/** What one source becomes; undefined where it is nothing by itself, or has no equal. */
function sourceOf(conversion: Conversion, one: OneSource): MakeSources | undefined {
  const { builder, home } = conversion;
  const { checkout, findings } = builder;
  const { object, path } = one;
  const source = at(object.value, path);
  if (!isFields(source)) {
    findings.missing(object, path, { message: 'says no source', remedy: 'write its environment file by hand' });
    return undefined;
  }
  judgeKeys(findings, { object, path, verdicts: sourceVerdicts });
  judgeKeys(findings, { object, path: [...path, 'helm'], verdicts: helmVerdicts });
  judgeKeys(findings, { object, path: [...path, 'kustomize'], verdicts: kustomizeVerdicts });
  judgeKeys(findings, { object, path: [...path, 'directory'], verdicts: directoryVerdicts });
  const url = textAt(source, ['repoURL']);
  const revision = textAt(source, ['targetRevision']);
  if (source['chart'] !== undefined) return helmSource(conversion, one, registryChart(builder, one));
  const said = textAt(source, ['path']);
  if (said === undefined && source['ref'] !== undefined) return undefined;
  if (source['plugin'] !== undefined) return undefined;
  const folder = withoutDots(said ?? '');
  if (folder === undefined || folder === '') {
    findings.missing(object, [...path, 'path'], {
      message:
        folder === undefined ? 'leaves the repository' : 'is the whole repository, and a source is a folder of it',
      remedy: 'move what it applies to a folder, and name that',
    });
    return undefined;
  }
  if (!isThisRepository({ url, folder }, { checkout, home })) {
    findings.missing(object, path, {
      message: `${folder} of ${url ?? 'its repository'}${revision === undefined ? '' : ` at ${revision}`} is not in this repository`,
      remedy: `bring it to ${folder} by a commit or an upload; write helm or manifests in place of kustomize as it is`,
    });
    return source['helm'] === undefined
      ? foreignSources(checkout, {
          folder,
          options: kustomizeOptions(builder, one, { folder, nature: 'kustomization' }),
        })
      : helmSource(conversion, one, folder);
  }
  if (revision !== undefined && !['HEAD', 'main', 'master'].includes(revision))
    findings.note(object, [...path, 'targetRevision'], {
      message: `${revision}: an environment is of the branch that its file is in`,
      remedy: 'commit its file to that branch; a class of the configuration is one branch',
    });
  const nature = natureOf(checkout, folder);
  if (nature === 'chart' && makesApplications(checkout, folder)) {
    findings.missing(object, [...path, 'path'], {
      message: `${folder} is a chart that makes objects of Argo CD: nothing was written for it`,
      remedy: 'write one environment file for each Application, or render the chart and import what that makes',
    });
    return undefined;
  }
  if (nature === 'chart' || source['helm'] !== undefined) return helmSource(conversion, one, folder);
  if (nature === 'file') return () => ({ sources: [{ manifests: folder }], files: [] });
  const entries = entriesOfSource(builder, { object, path, folder });
  const found = folderSources(builder, {
    folder,
    entries,
    options: kustomizeOptions(builder, one, { folder, nature }),
  });
  for (const child of found.tree.objects.filter(({ value }) => isArgo(value)))
    if (idOf(child) !== idOf(object)) visit(conversion, child);
  if (found.others > 0) return found.make;
  findings.note(
    object,
    [...path, 'path'],
    found.tree.objects.length === 0
      ? { message: `${folder} holds no object`, remedy: 'nothing was written for it' }
      : {
          message: `${folder} holds objects of Argo CD only: each Application is written by itself`,
          remedy: 'nothing is to be done',
        },
  );
  return undefined;
}

/** The files of a folder as Argo CD takes them: of folders below only with `recurse`. */
function entriesOfSource(
  { checkout }: Builder,
  { object, path, folder }: { object: Built; path: KeyPath; folder: string },
): Entry[] {
  // Who says `directory` has a kustomization passed over.
  const isDirectory = at(object.value, [...path, 'directory']) !== undefined;
  if (!isDirectory && kustomizationOf(checkout, folder) !== undefined) return entriesOf(checkout, folder);
  const include = textAt(object.value, [...path, 'directory', 'include']);
  const exclude = textAt(object.value, [...path, 'directory', 'exclude']);
  const recurse = at(object.value, [...path, 'directory', 'recurse']) === true;
  return [...checkout.texts.keys()]
    .filter(
      (file) =>
        file.startsWith(`${folder}/`) && isManifest(file) && (recurse || !file.slice(folder.length + 1).includes('/')),
    )
    .filter((file) => include === undefined || matchesSome(include, file.slice(folder.length + 1)))
    .filter((file) => exclude === undefined || !matchesSome(exclude, file.slice(folder.length + 1)))
    .map((file) => ({ kind: 'file', path: file }));
}

const matchesSome = (glob: string, file: string): boolean => globOf(glob, { crosses: true })(file);

function kustomizeOptions(
  { findings }: Builder,
  { object, path }: OneSource,
  { folder, nature }: { folder: string; nature: string },
): Fields {
  const said = fieldsAt(object.value, [...path, 'kustomize']);
  if (nature !== 'kustomization' && Object.keys(said).length > 0)
    findings.note(object, [...path, 'kustomize'], {
      message: 'options of Kustomize for a folder without a kustomization.yaml',
      remedy: 'an overlay was written for them',
    });
  const options: Record<string, unknown> = {};
  for (const key of ['namePrefix', 'nameSuffix', 'replicas', 'namespace', 'patches', 'commonAnnotations'])
    if (said[key] !== undefined) options[key] = said[key];
  const images = textsAt(said, ['images']).map(imageOf);
  if (images.length > 0) options['images'] = images;
  if (isFields(said['commonLabels']))
    options['labels'] = [
      {
        pairs: said['commonLabels'],
        includeSelectors: said['labelWithoutSelector'] !== true,
        ...(said['labelIncludeTemplates'] === true ? { includeTemplates: true } : {}),
      },
    ];
  const components = textsAt(said, ['components']).flatMap((name) => withoutDots(below(folder, name)) ?? []);
  if (components.length > 0) options['components'] = components.map((name) => `../../${name}`);
  return options;
}

/** `name=new:tag` and its shorter forms, as `kustomize edit set image` takes them. */
function imageOf(text: string): Fields {
  const [name = '', to = name] = text.includes('=') ? text.split('=', 2) : [text.replace(/@.*$|:[^:/]*$/, ''), text];
  const [, digest] = /@(.+)$/.exec(to) ?? [];
  const bare = to.replace(/@.*$/, '');
  const [, tag] = /:([^:/]+)$/.exec(bare) ?? [];
  const newName = bare.replace(/:[^:/]*$/, '');
  return {
    name,
    ...(newName === name || newName === '' ? {} : { newName }),
    ...(tag === undefined ? {} : { newTag: tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function registryChart({ checkout, charts, findings }: Builder, { object, path }: OneSource): string {
  const url = textAt(object.value, [...path, 'repoURL']);
  const name = textAt(object.value, [...path, 'chart']) ?? '';
  const version = textAt(object.value, [...path, 'targetRevision']);
  const isRegistry = url !== undefined && !/^https?:/.test(url);
  const chart = {
    name,
    version,
    url: isRegistry ? `oci://${url.replace(/^oci:\/\//, '').replace(/\/$/, '')}/${name}` : url,
  };
  const place = placeOfChart({ checkout, charts }, chart);
  const what = `chart ${name}${version === undefined ? '' : ` ${version}`} of ${url ?? 'a registry'}`;
  if (place.isThere)
    findings.note(object, [...path, 'chart'], {
      message: `${what} is taken from ${place.folder}, version ${place.version ?? 'unknown'}`,
      remedy: 'look whether it is that version',
    });
  else
    findings.missing(object, [...path, 'chart'], {
      message: `${what} is not in Git`,
      remedy: `${pullCommand(chart, place)}, or have CI upload it as ${place.folder}.tgz`,
    });
  return place.folder;
}

function helmSource({ builder }: Conversion, one: OneSource, chart: string): MakeSources {
  const { object, path } = one;
  const { findings } = builder;
  const helm = fieldsAt(object.value, [...path, 'helm']);
  const release = textAt(helm, ['releaseName']) ?? nameOf(object.value);
  const files = valueFiles(builder, one, chart);
  const inline = inlineValues(one, findings);
  return (name) => {
    const own = valuesFile(builder.checkout, { name, values: inline });
    const source: SourceFields = {
      helm: {
        chart,
        release,
        values: [...files, ...own.map((file) => file.path)],
        ...(helm['skipCrds'] === true ? { crds: 'skip' } : {}),
      },
    };
    return { sources: [source], files: own };
  };
}

/** Paths of values files from the repository's root: they are said from the chart, from the root (`/`) or of another source (`$ref/`). */
function valueFiles({ checkout, findings }: Builder, { object, path, refs }: OneSource, chart: string): string[] {
  return textsAt(object.value, [...path, 'helm', 'valueFiles']).flatMap((file, index) => {
    const key: KeyPath = [...path, 'helm', 'valueFiles', index];
    const [, ref, ofRef] = /^\$([^/]+)\/(.*)$/.exec(file) ?? [];
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(file) || /[*?[\]{}]/.test(file) || file.includes('$ARGOCD')) {
      findings.missing(object, key, {
        message: `${file}: is no path of a file`,
        remedy: 'name each file of values, in Git',
      });
      return [];
    }
    if (ref !== undefined && !refs.has(ref)) {
      findings.missing(object, key, {
        message: `${file}: no source has ref ${ref}`,
        remedy: 'name the file of values, in Git',
      });
      return [];
    }
    const found =
      ofRef !== undefined
        ? withoutDots(ofRef)
        : file.startsWith('/')
          ? withoutDots(file)
          : withoutDots(`${chart}/${file}`);
    if (found === undefined) {
      findings.missing(object, key, {
        message: `${file}: leaves the repository`,
        remedy: 'bring the file of values into the repository',
      });
      return [];
    }
    if (checkout.paths.has(found)) return [found];
    if (at(object.value, [...path, 'helm', 'ignoreMissingValueFiles']) === true) {
      findings.note(object, key, {
        message: `${found} is not there, and was left out`,
        remedy: 'name it in values once it is there',
      });
      return [];
    }
    findings.missing(object, key, { message: `${found} is not there`, remedy: 'bring it into the repository' });
    return [found];
  });
}

/** `valuesObject` is taken before `values`, and `parameters` over either: as Argo CD does. */
function inlineValues({ object, path }: OneSource, findings: Findings): Fields {
  const helm = fieldsAt(object.value, [...path, 'helm']);
  let inline: Fields = fieldsAt(helm, ['valuesObject']);
  const text = textAt(helm, ['values']);
  if (Object.keys(inline).length === 0 && text !== undefined) {
    try {
      const value = load(text, { maxAliases: 1000 });
      if (isFields(value)) inline = value;
    } catch {
      findings.missing(object, [...path, 'helm', 'values'], {
        message: 'is no YAML',
        remedy: 'write the file of values by hand',
      });
    }
  }
  const { value, problems } = readParameters(inline, listAt(helm, ['parameters']));
  for (const { index, message } of problems)
    findings.missing(object, [...path, 'helm', 'parameters', index], {
      message,
      remedy: 'write it into the file of values by hand',
    });
  return value;
}

function specOf(object: Built, findings: Findings): Record<string, unknown> {
  const { value } = object;
  const spec: Record<string, unknown> = {};
  const automated = at(value, ['spec', 'syncPolicy', 'automated']);
  if (automated === undefined || at(automated, ['enabled']) === false)
    findings.missing(object, ['spec', 'syncPolicy', 'automated'], {
      message: 'synced by people: here, what is committed is deployed',
      remedy: 'another branch to look first, or suspend: true until it may go',
    });
  if (at(automated, ['prune']) !== true) spec['prune'] = false;
  if (at(automated, ['selfHeal']) !== true) spec['selfHeal'] = false;
  if (at(automated, ['allowEmpty']) === true)
    findings.missing(object, ['spec', 'syncPolicy', 'automated', 'allowEmpty'], {
      message: 'an environment that renders to nothing prunes nothing',
      remedy: 'remove its file, with deletion: prune',
    });
  let isDeleted = textsAt(value, ['metadata', 'finalizers']).some((finalizer) =>
    finalizer.startsWith('resources-finalizer.argocd.argoproj.io'),
  );
  for (const [index, option] of textsAt(value, ['spec', 'syncPolicy', 'syncOptions']).entries()) {
    const verdict = Object.hasOwn(syncOptions, option) ? syncOptions[option] : undefined;
    if (option === 'Prune=false') spec['prune'] = false;
    if (option === 'Delete=false') isDeleted = false;
    if (option === 'Replace=true' || option === 'Force=true') spec['replace'] = true;
    if (verdict === 'needless')
      findings.settled(`Application spec.syncPolicy.syncOptions ${option}`, 'it is always so');
    else if (verdict === undefined)
      findings.missing(object, ['spec', 'syncPolicy', 'syncOptions', index], {
        message: `${option}: is an option that this command does not know`,
        remedy: 'look up what it does, and whether it is needed here',
      });
    else if (verdict !== 'carried')
      findings.missing(object, ['spec', 'syncPolicy', 'syncOptions', index], {
        ...verdict,
        message: `${option}: ${verdict.message}`,
      });
  }
  if (isDeleted) spec['deletion'] = 'prune';
  const ignore = listAt(value, ['spec', 'ignoreDifferences']).flatMap((entry, index) =>
    ignoreRule(object, { entry, path: ['spec', 'ignoreDifferences', index], findings }),
  );
  if (ignore.length > 0) spec['ignore'] = ignore;
  return spec;
}

function ignoreRule(
  object: Built,
  { entry, path, findings }: { entry: unknown; path: KeyPath; findings: Findings },
): Fields[] {
  const { group, kind, name, namespace } = fieldsAt(entry, []);
  const said = Object.entries({ group, kind, name, namespace }).filter(
    ([, value]) => typeof value === 'string' && value !== '' && value !== '*',
  );
  // Without a group the core one is meant.
  const target = Object.fromEntries([...(group === undefined ? [['group', '']] : []), ...said]) as Fields;
  if (at(entry, ['managedFieldsManagers']) !== undefined)
    findings.missing(object, [...path, 'managedFieldsManagers'], {
      message: 'fields of other managers',
      remedy: 'seldom needed: only fields that Git specifies are compared; else a rule of ignore for each field',
    });
  const paths = textsAt(entry, ['jqPathExpressions']).flatMap((expression, index) => {
    const pointer = pointerOfJq(expression);
    if (pointer === undefined)
      findings.missing(object, [...path, 'jqPathExpressions', index], {
        message: `${expression}: is no field, or item by its key`,
        remedy: 'a path like /spec/template/spec/containers[name=web]/image',
      });
    return pointer ?? [];
  });
  const all = [...textsAt(entry, ['jsonPointers']), ...paths];
  if (all.length === 0) return [];
  if (
    Object.values(target).some((value) => typeof value === 'string' && /[*?]/.test(value)) ||
    Object.keys(target).length === 0
  ) {
    findings.missing(object, path, {
      message: 'objects that are chosen by a pattern',
      remedy: 'a rule of ignore for each, by group, kind, namespace and name',
    });
    return [];
  }
  return checkedRule({ object, path, target, paths: all, findings });
}

/** `.spec.template.spec.containers[] | select(.name == "web").image` and plain fields; undefined of anything else. */
function pointerOfJq(expression: string): string | undefined {
  let rest = expression.trim();
  let pointer = '';
  while (rest !== '') {
    const field = /^\.(?:([A-Za-z_][\w-]*)|"([^"\\]+)")|^\["([^"\\]+)"\]|^\.\["([^"\\]+)"\]/.exec(rest);
    const item = /^\[\]\s*\|\s*select\(\s*\.(\w+)\s*==\s*"([^"\\,\]]+)"\s*\)/.exec(rest);
    if (item !== null && pointer !== '') pointer += `[${item[1] ?? ''}=${item[2] ?? ''}]`;
    else if (field !== null)
      pointer += `/${(field[1] ?? field[2] ?? field[3] ?? field[4] ?? '').replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('[', '~2')}`;
    else return undefined;
    rest = rest.slice((item !== null && pointer !== '' ? item[0] : (field?.[0] ?? '')).length);
  }
  return pointer === '' ? undefined : pointer;
}

/** What a project allows is said elsewhere; what allows everything says nothing. */
function tellProject(object: Built, findings: Findings): void {
  const remedies: Readonly<Record<string, string>> = {
    sourceRepos: 'the repository of the class; `ci` and `objects` say who may upload what',
    destinations: "clusters of the operator's configuration, with identity: environment",
    clusterResourceWhitelist: 'identity: environment, and the Roles that `converge rbac ENV` prints',
    clusterResourceBlacklist: 'identity: environment, and the Roles that `converge rbac ENV` prints',
    namespaceResourceWhitelist: 'identity: environment, and the Roles that `converge rbac ENV` prints',
    namespaceResourceBlacklist: 'identity: environment, and the Roles that `converge rbac ENV` prints',
    roles: 'who may push or upload; Workload Identity Federation of each CI',
    syncWindows: '`freeze` in the configuration or the environment file for deny windows; allow windows have no equal',
    orphanedResources: 'a report tells what nobody declares in the namespaces of environments',
    signatureKeys: 'spec.verify of the environment files',
    destinationServiceAccounts: 'identity: environment of the cluster',
    sourceNamespaces: 'environments are files of one folder',
  };
  for (const [key, said] of Object.entries(fieldsAt(object.value, ['spec']))) {
    if (key === 'description' || key === 'permitOnlyProjectScopedClusters') continue;
    const text = JSON.stringify(said) ?? '';
    const isAll =
      ['["*"]', '[{"group":"*","kind":"*"}]', '[]'].includes(text) ||
      (key === 'destinations' &&
        Array.isArray(said) &&
        said.length === 1 &&
        at(said, [0, 'namespace']) === '*' &&
        ['*', undefined].includes(textAt(said, [0, 'server'])));
    if (isAll) findings.settled(`AppProject ${dotted(['spec', key])}`, 'it allows everything');
    else
      findings.missing(object, ['spec', key], {
        message: 'rights of a project',
        remedy: remedies[key] ?? 'look up what it does, and whether it is needed here',
      });
  }
}
