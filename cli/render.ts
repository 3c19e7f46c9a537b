import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { revisionOf } from '../shared/base/revision.ts';
import { documentLine } from '../shared/desired/document-line.ts';
import { declaredPaths } from '../shared/environment/inputs.ts';
import { meantBy } from '../shared/base/nearest-name.ts';
import type { ApiResource } from '../shared/objects/cluster-api.ts';
import { isMap } from '../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../shared/objects/kubernetes-object.ts';
import { lookupTitle } from '../shared/objects/lookup-query.ts';
import { mask } from '../shared/objects/mask.ts';
import { groupKind } from '../shared/objects/object-id.ts';
import { readEnvironment } from '../shared/pipeline/common/declared-environments.ts';
import type { Tree } from '../shared/pipeline/common/render-apart.ts';
import { renderManifests, type Manifest, type Manifests } from '../shared/pipeline/common/render-manifests.ts';
import { findOnBranch } from '../shared/pipeline/rollback/commits-between.ts';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { openLocalTree, writeCommit } from './local-tree.ts';
import { manifestYaml } from './manifest-yaml.ts';
import type { Offline } from './offline.ts';
import { findDeclared } from './rbac.ts';

export interface RenderOptions {
  /** Absent: `builtInVersion`, and a note that says so. */
  readonly kubeVersion: { readonly version: string; readonly isSaid: boolean };
  readonly apiVersions: readonly string[];
  readonly resource: readonly ApiResource[];
  readonly clusterResource: readonly ApiResource[];
  readonly workingTree?: string;
  readonly revision?: string;
  readonly showSources?: boolean;
  readonly showSecrets?: boolean;
  readonly hooks: boolean;
}

/** What is rendered: files, and what they are called. */
interface Opened {
  readonly who: { readonly repository: string; readonly environment: string };
  /** `main@sha1:…`, a commit's id, or null: files as they lie there. */
  readonly revision: string | null;
  readonly tree: Tree;
  readonly notes: readonly string[];
}

/**
 * `converge render ENVIRONMENT`: what is applied, without a question to any cluster. Values of Secrets are hidden.
 *
 * @param context opens the configuration and Git, where no working tree is named
 */
export async function showRender(
  offline: Offline,
  context: () => Context,
  name: string,
  options: RenderOptions,
): Promise<CommandResult> {
  const { workingTree, revision } = options;
  if (workingTree === undefined && offline.configuration === undefined)
    throw new CommandError({
      subject: 'configuration',
      message: 'none was named, so that it is not known which Git host has the environment',
      remedy: 'give --working-tree DIR to render a checkout as it is, or --config FILE, or set CONVERGE_CONFIG',
    });
  if (workingTree === undefined) return await answer(await openBranch(context(), name, revision));
  const called = workingTree;
  const path = resolve(offline.folder, workingTree);
  if (revision === undefined) return await answer(await openFiles({ path, called, revision: null }));
  const target = await mkdtemp(join(tmpdir(), 'converge-render-'));
  try {
    const commit = await writeCommit({ folder: path, revision, target });
    const opened = { path: join(target, 'tree'), called: `${called} at ${revision}`, revision: commit };
    return await answer(await openFiles(opened));
  } finally {
    await rm(target, { recursive: true, force: true });
  }

  async function openFiles(at: { path: string; called: string; revision: string | null }): Promise<Opened> {
    const tree = await openLocalTree(at.path, { called: at.called });
    const who = whoIsMeant(name, offline);
    const names = await tree.names();
    if (!names.includes(who.environment)) throw unknownEnvironment({ name, names, called: at.called });
    return { who, tree, revision: at.revision, notes: who.notes };
  }

  async function answer(opened: Opened): Promise<CommandResult> {
    const made = await renderManifests(
      {
        ...opened.who,
        kubernetesVersion: options.kubeVersion.version,
        apiVersions: options.apiVersions,
        resources: [...options.resource, ...options.clusterResource],
        limits: offline.limits,
      },
      opened.tree,
      { renderer: await offline.renderer() },
    );
    return await resultOf(opened, made, options);
  }
}

async function openBranch(context: Context, name: string, revision: string | undefined): Promise<Opened> {
  const repositoryOf = await context.open.repository();
  const who = await findDeclared(
    { name, repositories: Object.keys(context.config.repositories) },
    { repository: repositoryOf },
  );
  const repository = repositoryOf(who.repository);
  const head = await repository.fetchHead();
  const id = revision?.replace(/^.*@sha1:/, '');
  const isShort = id !== undefined && !/^[0-9a-f]{7,40}$/.test(id);
  const commit =
    head === undefined || id === undefined ? head : isShort ? undefined : await findOnBranch({ repository, head, id });
  if (commit === undefined)
    throw new CommandError({
      subject: revision ?? who.repository,
      message: isShort
        ? 'is no id of a commit, of seven digits at least'
        : `is no commit of the branch ${repository.branch}`,
      remedy: 'converge history lists them; with --working-tree DIR a branch or a tag may be named, too',
    });
  return {
    who,
    revision: revisionOf({ branch: repository.branch, commit: commit.id }),
    tree: {
      read: async (environment) => readEnvironment({ repository, commit: commit.id, name: environment }),
      checkout: async (environment) => repository.checkout(commit.id, declaredPaths(environment)),
    },
    notes: [],
  };
}

/** The class of files in a folder is nowhere in them. */
function whoIsMeant(name: string, { configuration }: Offline): Opened['who'] & { notes: readonly string[] } {
  const slash = name.indexOf('/');
  if (slash !== -1) return { repository: name.slice(0, slash), environment: name.slice(slash + 1), notes: [] };
  const [only, ...others] = Object.keys(configuration?.config.repositories ?? {});
  if (only !== undefined && others.length === 0) return { repository: only, environment: name, notes: [] };
  return {
    repository: 'master',
    environment: name,
    notes: [`the class of the repository is not known: converge.dev/environment says master; say CLASS/${name}`],
  };
}

export function unknownEnvironment({
  name,
  names,
  called,
}: {
  name: string;
  names: readonly string[];
  called: string;
}): CommandError {
  const meant = meantBy({ name, among: names });
  const known = names.length === 0 ? 'it declares none' : `there are ${names.join(', ')}`;
  return new CommandError({
    subject: name,
    message: `is no environment of ${called}`,
    remedy: meant === undefined ? known : `did you mean ${meant}? ${known}`,
  });
}

interface Source {
  readonly file: string;
  /** At which its YAML begins, from 1; null where that cannot be told, as of most that a template makes. */
  readonly line: number | null;
}

async function resultOf(opened: Opened, made: Manifests, options: RenderOptions): Promise<CommandResult> {
  const { environment } = made;
  const shown = made.manifests.filter(({ hook }) => options.hooks || hook === undefined);
  const checkout = await opened.tree.checkout(environment);
  const sourceOf = sourcesIn(checkout.folder);
  const manifests = await Promise.all(
    shown.map(async (manifest) => ({
      object: options.showSecrets === true ? manifest.desired.object : withoutSecrets(manifest.desired.object),
      source: await sourceOf(manifest, environment.namespace),
      hook: manifest.hook ?? null,
    })),
  );
  const notes = [...opened.notes, ...notesOf(made, options)];
  const lines = manifests.flatMap(({ object, source, hook }) => [
    '---',
    ...(options.showSources === true ? [`# Source: ${titleOf(source)}`] : []),
    ...(options.showSources === true && hook !== null ? [`# Hook of ${hook.release}: ${hook.events.join(', ')}`] : []),
    ...manifestYaml(object).split('\n'),
  ]);
  return {
    exit: 0,
    json: {
      environment: `${opened.who.repository}/${opened.who.environment}`,
      cluster: environment.cluster,
      namespace: environment.namespace,
      revision: opened.revision,
      manifests,
      notes,
    },
    lines: lines.map((text): Line => ({ text, tone: 'plain' })),
    notes,
  };
}

function titleOf({ file, line }: Source): string {
  return line === null ? file : `${file}:${line}`;
}

const largestFile = 1 << 20;

/**
 * Where in a tree of files an object is written.
 *
 * @param namespace of objects of the environment that say none
 */
export function sourcesIn(
  folder: string,
): (manifest: Pick<Manifest, 'desired'>, namespace: string | undefined) => Promise<Source> {
  const texts = new Map<string, Promise<string>>();
  return async ({ desired: { id, source: file } }, namespace) => {
    const text = texts.get(file) ?? textOf(join(folder, file));
    texts.set(file, text);
    return { file, line: documentLine({ text: await text, id, namespace }) ?? null };
  };
}

/** Empty where it is too long, or cannot be read: then nobody says a line of it. */
async function textOf(path: string): Promise<string> {
  try {
    return (await stat(path)).size > largestFile ? '' : await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

function withoutSecrets(object: KubernetesObject): KubernetesObject {
  if (object.apiVersion !== 'v1' || object.kind !== 'Secret') return object;
  return { ...object, ...hidden(object, 'data'), ...hidden(object, 'stringData') };
}

function hidden(object: KubernetesObject, field: string): Readonly<Record<string, unknown>> {
  const values = object[field];
  if (values === undefined) return {};
  return { [field]: isMap(values) ? Object.fromEntries(Object.keys(values).map((key) => [key, mask])) : mask };
}

function notesOf(
  { manifests, looked, drew, unknown, environment }: Manifests,
  { kubeVersion, showSecrets, hooks }: RenderOptions,
): string[] {
  const kinds = [...new Set(unknown.map(groupKind))].sort();
  const [kind] = kinds;
  const asked = [...new Set(looked.map(lookupTitle))].sort();
  const secrets = manifests.filter(({ desired: { id } }) => groupKind(id) === 'Secret');
  return [
    ...(kubeVersion.isSaid
      ? []
      : [
          `the version of cluster ${environment.cluster} is not known: charts were told ${kubeVersion.version} (--kube-version)`,
        ]),
    ...(asked.length === 0
      ? []
      : [`templates looked up what only the cluster knows, and found nothing: ${asked.join(', ')}`]),
    ...(drew ? ['templates drew random values or read the clock: the cluster has values of its own for these'] : []),
    ...(kind === undefined
      ? []
      : [
          `it is not known whether these kinds have namespaces, and they were given one: ${kinds.join(', ')} (--cluster-resource ${kind}=PLURAL says otherwise)`,
        ]),
    ...(secrets.length > 0 && showSecrets !== true ? ['the values of Secrets are hidden (--show-secrets)'] : []),
    ...(hooks && manifests.some(({ hook }) => hook !== undefined)
      ? ['hooks are among them, which run at their events only (--no-hooks leaves them out)']
      : []),
  ];
}
