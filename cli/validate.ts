import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import packageFile from '../package.json' with { type: 'json' };
import { ConvergeError } from '../shared/base/errors.ts';
import { environmentPath } from '../shared/environment/environment-file.ts';
import { ignoredBecause, mayBeIgnored } from '../shared/environment/ignored-file.ts';
import type { ApiResource } from '../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../shared/objects/kubernetes-object.ts';
import { objectTitle } from '../shared/objects/object-id.ts';
import { maskText } from '../shared/drift/masking.ts';
import { renderManifests, type Manifest, type Manifests } from '../shared/pipeline/common/render-manifests.ts';
import { builtInResources, builtInVersion, definedResources } from '../shared/rbac/known-resources.ts';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import { pathBytes, pathFromBytes, shownPath } from '../shared/source/path-bytes.ts';
import { readWhole } from './local-files.ts';
import { openLocalTree, type LocalTree } from './local-tree.ts';
import type { Offline } from './offline.ts';
import { sourcesIn } from './render.ts';
import { loadBuiltInKinds, problemsOfBuiltIn } from './validate/built-in-kinds.ts';
import { checksOf } from './validate/definitions.ts';
import { dryRun, type Refused } from './validate/dry-run.ts';
import { problemsBetweenFiles, problemsOfFile } from './validate/environment-files.ts';
import { merged, type Finding, type Rule } from './validate/finding.ts';
import { junitOf, lineOf } from './validate/junit.ts';
import { judgeKind } from './validate/kinds.ts';
import { problemsOfNames } from './validate/names.ts';
import { sarifOf } from './validate/sarif.ts';

export interface ValidateOptions {
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
  readonly resource: readonly ApiResource[];
  readonly clusterResource: readonly ApiResource[];
  /** Whether a real API server is asked, which is started for it. */
  readonly api?: boolean;
  readonly output: 'text' | 'json' | 'yaml' | 'sarif' | 'junit';
}

/** What an API server refuses of objects, by their indexes. */
export type Ask = (objects: readonly KubernetesObject[]) => Promise<readonly Refused[]>;

/** `converge validate [DIR]`: what would be refused of a checkout, before it is uploaded. Exit code 1 for any finding. */
export async function validate(
  offline: Offline,
  path: string,
  options: ValidateOptions,
  ask: Ask = dryRun,
): Promise<CommandResult> {
  const tree = await openLocalTree(resolve(offline.folder, path), { called: path });
  const names = await tree.names();
  const ignored = await ignoredFiles(tree.folder);
  if (names.length === 0 && ignored.length === 0)
    throw new CommandError({
      subject: path,
      message: 'declares no environment: its folder environments/ holds no file whose name ends in .yaml',
      remedy: 'docs/guide.md shows the first one',
    });
  const texts = new Map<string, string>();
  for (const name of names)
    texts.set(name, (await readWhole(join(tree.folder, environmentPath(name)))).toString('utf8'));
  const files = [
    ...ignored,
    ...[...texts].flatMap(([name, text]) => problemsOfFile({ name, text })),
    ...problemsBetweenFiles(texts),
  ];
  const broken = new Set(files.flatMap(({ environments }) => environments));
  const rendered = await renderAll({
    offline,
    tree,
    names: names.filter((name) => !broken.has(name)),
    options,
  });
  const objects = await objectFindings({ tree, rendered: rendered.made, options });
  if (options.api === true)
    offline.progress(`asks an API server for a dry run of ${counted(objects.askable.length, 'object')}`);
  const refused = options.api === true ? await refusedOf(objects.askable, ask) : [];
  const findings = merged([...files, ...rendered.findings, ...objects.findings, ...refused]);
  const count = rendered.made.reduce((sum, { manifests }) => sum + manifests.length, 0);
  const notes = [
    ...notesOf(objects, options),
    ...(options.output === 'text' ? [] : [summaryOf({ findings, names, count })]),
  ];
  return {
    exit: findings.length === 0 ? 0 : 1,
    json: { environments: names, objects: count, findings, notes },
    lines: linesOf({ findings, names, count, output: options.output }),
    notes,
  };
}

function linesOf({
  findings,
  names,
  count,
  output,
}: {
  findings: readonly Finding[];
  names: readonly string[];
  count: number;
  output: ValidateOptions['output'];
}): Line[] {
  const plain = (text: string): Line => ({ text, tone: 'plain' });
  if (output === 'sarif')
    return JSON.stringify(sarifOf({ findings, version: packageFile.version }), undefined, 2)
      .split('\n')
      .map(plain);
  if (output === 'junit') return junitOf({ findings, environments: names }).map(plain);
  return [
    ...findings.map((finding): Line => ({
      text: `${lineOf(finding)}${finding.environments.length === 0 ? '' : ` (${finding.environments.join(', ')})`}`,
      tone: finding.level === 'error' ? 'bad' : 'heading',
    })),
    { text: summaryOf({ findings, names, count }), tone: findings.length === 0 ? 'good' : 'bad' },
  ];
}

function summaryOf({
  findings: { length },
  names,
  count,
}: {
  findings: readonly Finding[];
  names: readonly string[];
  count: number;
}): string {
  const found = length === 0 ? 'nothing was found' : length === 1 ? '1 finding' : `${length} findings`;
  return `${found} in ${counted(names.length, 'environment')}, ${counted(count, 'object')}`;
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Of so large a file nobody looks whether it was meant as an environment file. Bytes. */
const largestFile = 1 << 20;

async function ignoredFiles(folder: string): Promise<Finding[]> {
  const found: Finding[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(pathBytes(join(folder, below)), { withFileTypes: true, encoding: 'buffer' });
    for (const entry of entries) {
      const name = pathFromBytes(entry.name);
      const path = below === '' ? name : `${below}/${name}`;
      if (entry.isDirectory() && !name.startsWith('.') && name !== 'node_modules') await walk(path);
      if (!entry.isFile() || !mayBeIgnored(path)) continue;
      if ((await stat(pathBytes(join(folder, path)))).size > largestFile) continue;
      const message = ignoredBecause({ path, text: (await readWhole(join(folder, path))).toString('utf8') });
      if (message === undefined) continue;
      found.push({
        rule: 'ignored-file',
        level: 'warning',
        message,
        file: shownPath(path),
        line: null,
        key: null,
        environments: [],
      });
    }
  };
  await walk('');
  return found;
}

interface Made extends Manifests {
  readonly name: string;
}

async function renderAll({
  offline,
  tree,
  names,
  options,
}: {
  offline: Offline;
  tree: LocalTree;
  names: readonly string[];
  options: ValidateOptions;
}): Promise<{ made: readonly Made[]; findings: readonly Finding[] }> {
  const made: Made[] = [];
  const findings: Finding[] = [];
  const renderer = await offline.renderer();
  const asked = {
    ...{ repository: 'master', kubernetesVersion: options.kubeVersion, apiVersions: options.apiVersions },
    ...{ resources: [...options.resource, ...options.clusterResource], limits: offline.limits },
  };
  for (const [index, name] of names.entries()) {
    offline.progress(`renders ${name} (${index + 1} of ${names.length})`);
    try {
      made.push({ name, ...(await renderManifests({ ...asked, environment: name }, tree, { renderer })) });
    } catch (error) {
      // What is wrong with this machine is no finding.
      if (!(error instanceof ConvergeError) || error.code === 'BadConfiguration') throw error;
      findings.push(await renderFinding({ name, error, tree }));
    }
  }
  return { made, findings };
}

/** The subject of a render's error ends in the file, and the line where that is known: `chart a, a/templates/b.yaml:3`. */
async function renderFinding({
  name,
  error,
  tree,
}: {
  name: string;
  error: ConvergeError;
  tree: LocalTree;
}): Promise<Finding> {
  const [, named, line] = /(?:^|, )([^,\s]+?)(?::(\d+))?$/.exec(error.subject) ?? [];
  const isThere = named !== undefined && existsSync(join(tree.folder, named)) && error.code === 'RenderFailed';
  const [, inMessage] = /\byaml: line (\d+)/.exec(error.problem) ?? [];
  const file = isThere ? named : environmentPath(name);
  const said = line ?? inMessage;
  const remedy = error.remedy === undefined ? '' : `; ${error.remedy}`;
  return {
    rule: error.code === 'DuplicateObject' ? 'duplicate' : 'render',
    level: 'error',
    message: `${isThere ? '' : `${error.subject}: `}${error.problem.replace(/\s+/g, ' ')}${remedy}`,
    file,
    line: isThere ? (said === undefined ? null : Number(said)) : await lineWith(join(tree.folder, file), named),
    key: null,
    environments: [name],
  };
}

/** The line (from 1) of a file that names a path, or a folder above it; null where none does. */
async function lineWith(file: string, path: string | undefined): Promise<number | null> {
  const lines = (await readWhole(file)).toString('utf8').split('\n');
  for (let named = path ?? '.'; named !== '.' && named !== '/'; named = dirname(named)) {
    const index = lines.findIndex((text) => text.includes(named));
    if (index !== -1) return index + 1;
  }
  return null;
}

interface ObjectFindings {
  readonly findings: readonly Finding[];
  /** Kinds of groups that nothing here defines, and rules in CEL that can only be evaluated by the API server. */
  readonly unknown: readonly string[];
  readonly unchecked: readonly string[];
  /** What an API server can be asked of: what is of a kind that it knows. */
  readonly askable: readonly Askable[];
}

interface Askable {
  readonly object: KubernetesObject;
  readonly at: Pick<Finding, 'file' | 'line' | 'environments'>;
}

async function refusedOf(askable: readonly Askable[], ask: Ask): Promise<Finding[]> {
  const refused = await ask(askable.map(({ object }) => object));
  return refused.flatMap(({ index, message }): Finding[] => {
    const asked = askable[index];
    if (asked === undefined) return [];
    const { object, at } = asked;
    const said = maskText({
      text: `${object.kind} ${object.metadata.name}: ${message.replace(/\s+/g, ' ')}`,
      objects: [object],
    });
    return [{ rule: 'api', level: 'error', message: said, key: null, ...at }];
  });
}

async function objectFindings({
  tree,
  rendered,
  options,
}: {
  tree: LocalTree;
  rendered: readonly Made[];
  options: ValidateOptions;
}): Promise<ObjectFindings> {
  const findings: Finding[] = [];
  const [unknown, unchecked] = [new Set<string>(), new Set<string>()];
  const all = rendered.flatMap(({ manifests }) => manifests.map(({ desired }) => desired.object));
  const defined = [...definedResources(all), ...options.resource, ...options.clusterResource];
  const resources = [...builtInResources, ...defined];
  const checks = checksOf(all);
  const builtIn = await loadBuiltInKinds();
  const askable: Askable[] = [];
  const sourceOf = sourcesIn(tree.folder);
  const owners = new Map<string, { name: string; manifest: Manifest }>();
  for (const { name, environment, manifests } of rendered) {
    for (const manifest of manifests) {
      const { object, id, key } = manifest.desired;
      const { file, line } = await sourceOf(manifest, environment.namespace);
      const add = (rule: Rule, message: string, beside: readonly string[] = []): void => {
        const said = maskText({ text: `${id.kind} ${id.name}: ${message}`, objects: [object] });
        findings.push({ rule, level: 'error', message: said, file, line, key: null, environments: [name, ...beside] });
      };
      const verdict = judgeKind({ object, resources, apiVersions: options.apiVersions });
      if (verdict.is === 'wrong') add('unknown-kind', verdict.message);
      if (verdict.is === 'known') askable.push({ object, at: { file, line, environments: [name] } });
      if (verdict.is === 'elsewhere') unknown.add(`${object.kind} in ${object.apiVersion}`);
      for (const message of problemsOfNames(manifest.desired)) add('name', message);
      const checked = checks.get(`${object.apiVersion}/${object.kind}`)?.(object);
      for (const message of checked?.problems ?? []) add('schema', message);
      for (const message of problemsOfBuiltIn(builtIn, object)) add('schema', message);
      for (const rule of checked?.unchecked ?? []) unchecked.add(rule);
      const place = `${environment.cluster} ${key}`;
      const other = manifest.hook === undefined ? owners.get(place) : undefined;
      if (other !== undefined)
        add(
          'duplicate',
          `${objectTitle(id)} is declared by ${other.name} too (${other.manifest.desired.source}), in the same cluster, ${environment.cluster}`,
          [other.name],
        );
      else if (manifest.hook === undefined) owners.set(place, { name, manifest });
    }
  }
  return { findings, unknown: [...unknown].sort(), unchecked: [...unchecked].sort(), askable };
}

function notesOf({ unknown, unchecked }: ObjectFindings, { api }: ValidateOptions): string[] {
  return [
    ...(api === true
      ? []
      : [
          `the fields of built-in kinds are those of Kubernetes ${builtInVersion}; what only the code of an API server knows was not looked at (--api)`,
        ]),
    ...(unknown.length === 0
      ? []
      : [`nothing here defines these kinds, which were not looked at (--resource): ${unknown.join('; ')}`]),
    ...(unchecked.length === 0 || api === true
      ? []
      : [`these rules of definitions can be evaluated by the API server alone: ${unchecked.join('; ')}`]),
  ];
}
