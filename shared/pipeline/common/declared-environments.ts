import { declareEnvironment, dependenciesOf, type DeclaredEnvironment } from '../../memory/gate.ts';
import { refusalOf, type ConvergeError } from '../../base/errors.ts';
import {
  environmentOfPath,
  environmentPath,
  environmentsFolder,
  parseEnvironmentFile,
  type Environment,
} from '../../environment/environment-file.ts';
import type { Repository } from '../../ports/git.ts';

/** Files that an instance keeps parsed, of each repository. */
const keptFiles = 5_000;

interface Kept {
  /** By path and blob id. */
  readonly files: Map<string, DeclaredEnvironment>;
  readonly dependencies: Map<string, readonly string[]>;
  /** Of the environments folder read last. */
  graph: { readonly folder: string; readonly dependsOn: ReadonlyMap<string, readonly string[]> } | undefined;
}

/** A file is a function of its blob: another commit with the same one is not parsed again. */
const keptOf = new WeakMap<Repository, Kept>();

function keptFor(repository: Repository): Kept {
  const kept = keptOf.get(repository) ?? { files: new Map(), dependencies: new Map(), graph: undefined };
  keptOf.set(repository, kept);
  if (kept.files.size > keptFiles) kept.files.clear();
  if (kept.dependencies.size > keptFiles) kept.dependencies.clear();
  return kept;
}

/** The names of the environments that a commit declares, sorted. Files that are wrong are among them. */
export async function listEnvironments({
  repository,
  commit,
}: {
  repository: Repository;
  commit: string;
}): Promise<string[]> {
  return (await listFiles({ repository, commit })).map(({ name }) => name);
}

async function listFiles({
  repository,
  commit,
}: {
  repository: Repository;
  commit: string;
}): Promise<{ name: string; path: string; id: string }[]> {
  const entries = await repository.list({ commit, folder: environmentsFolder });
  return entries
    .flatMap(({ kind, path, id }) => {
      const name = kind === 'file' || kind === 'executable' ? environmentOfPath(path) : undefined;
      return name === undefined ? [] : [{ name, path, id }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a commit says of an environment: no file of its name, one that cannot be understood, or the environment. */
export type Declaration =
  | { readonly state: 'absent' }
  /**
   * `error` as the environment's own run tells it: `InvalidEnvironment`, or `Unforeseen` where the file overcame the
   * parser.
   */
  | { readonly state: 'invalid'; readonly error: ConvergeError }
  | { readonly state: 'declared'; readonly environment: Environment };

/**
 * Reads the file of one environment at a fetched commit. What a link or a folder is under its name is `absent`, too. A
 * read that fails throws: it is never absent.
 */
export async function readEnvironment({
  repository,
  commit,
  name,
}: {
  repository: Pick<Repository, 'readFile'>;
  commit: string;
  name: string;
}): Promise<Declaration> {
  const file = environmentPath(name);
  const bytes = await repository.readFile({ commit, path: file });
  if (bytes === undefined) return { state: 'absent' };
  try {
    const text = Buffer.from(bytes).toString('utf8');
    return { state: 'declared', environment: parseEnvironmentFile({ file, text }) };
  } catch (error) {
    const refused = refusalOf(error, file);
    if (refused === undefined) throw error;
    return { state: 'invalid', error: refused };
  }
}

/** An environment and all that it depends on, over others too, as a commit declares them. */
export async function declaredFrom({
  repository,
  commit,
  name,
}: {
  repository: Repository;
  commit: string;
  name: string;
}): Promise<Map<string, DeclaredEnvironment>> {
  const { files } = keptFor(repository);
  const found = new Map<string, DeclaredEnvironment>();
  const due = [name];
  for (const next of due) {
    if (found.has(next)) continue;
    const path = environmentPath(next);
    const entry = await repository.entry({ commit, path });
    if (entry?.kind !== 'file' && entry?.kind !== 'executable') continue;
    const key = `${path} ${entry.id}`;
    const declared =
      files.get(key) ?? declareEnvironment({ file: path, text: await readText({ repository, commit, path }) });
    files.set(key, declared);
    found.set(next, declared);
    due.push(...dependenciesOf(declared));
  }
  return found;
}

/** What each environment of a commit depends on; nothing for a file that cannot be read. */
export async function dependencyGraph({
  repository,
  commit,
}: {
  repository: Repository;
  commit: string;
}): Promise<ReadonlyMap<string, readonly string[]>> {
  const kept = keptFor(repository);
  const folder = (await repository.entry({ commit, path: environmentsFolder }))?.id;
  if (folder === undefined) return new Map();
  if (kept.graph?.folder === folder) return kept.graph.dependsOn;
  const files = await listFiles({ repository, commit });
  const dependsOn = new Map<string, readonly string[]>();
  await Promise.all(
    files.map(async ({ name, path, id }) => {
      const key = `${path} ${id}`;
      const known =
        kept.dependencies.get(key) ?? dependenciesIn({ path, text: await readText({ repository, commit, path }) });
      kept.dependencies.set(key, known);
      if (known.length > 0) dependsOn.set(name, known);
    }),
  );
  kept.graph = { folder, dependsOn };
  return dependsOn;
}

/**
 * YAML can spell a key without its letters by escapes only: most files need no parser to say that they depend on
 * nothing.
 */
function dependenciesIn({ path, text }: { path: string; text: string }): readonly string[] {
  if (!text.includes('dependsOn') && !text.includes('\\')) return [];
  return dependenciesOf(declareEnvironment({ file: path, text }));
}

async function readText({
  repository,
  commit,
  path,
}: {
  repository: Repository;
  commit: string;
  path: string;
}): Promise<string> {
  return Buffer.from((await repository.readFile({ commit, path })) ?? []).toString('utf8');
}
