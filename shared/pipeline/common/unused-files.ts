import { ignoredBecause, mayBeIgnored } from '../../environment/ignored-file.ts';
import { declaredPaths } from '../../environment/inputs.ts';
import type { UnusedFile } from '../../events/upload-alert.ts';
import type { Repository } from '../../ports/git.ts';
import { foldersOf } from '../../source/archive.ts';
import { listEnvironments, readEnvironment } from './declared-environments.ts';
import { inParallel } from './parallel.ts';
import type { Recalled } from './remembered-environments.ts';

/** What the environments of a commit are made of, as far as that is known. */
export interface UsedPaths {
  readonly paths: ReadonlySet<string>;
  /**
   * Whether nothing else is: there are environments, each file can be read, and each was rendered, which says what it
   * reads beside what it names.
   */
  readonly isWhole: boolean;
}

export async function usedPaths({
  repository,
  commit,
  remembered,
}: {
  repository: Repository;
  commit: string;
  remembered: ReadonlyMap<string, Recalled>;
}): Promise<UsedPaths> {
  const names = await listEnvironments({ repository, commit });
  const used = await inParallel(names, async (name) => {
    const declared = await readEnvironment({ repository, commit, name });
    const named = declared.state === 'declared' ? declaredPaths(declared.environment) : [];
    const isWhole = declared.state === 'declared' && remembered.get(name)?.memory.converged !== undefined;
    return { named, isWhole };
  });
  return {
    paths: new Set([...rememberedPaths(remembered), ...used.flatMap(({ named }) => named)]),
    isWhole: names.length > 0 && used.every(({ isWhole }) => isWhole),
  };
}

/** What environments were made of: known without a look at any of their files. */
export function rememberedPaths(remembered: ReadonlyMap<string, Recalled>): ReadonlySet<string> {
  const inputs = [...remembered.values()].flatMap(({ memory: { converged, attempted } }) => [
    ...Object.keys(converged?.inputs ?? {}),
    ...Object.keys(attempted?.inputs ?? {}),
  ]);
  return new Set(inputs.filter((path) => path !== ''));
}

/** Files of one upload, or of one commit, that are read to see whether they are meant as environment files. */
const mostRead = 20;

/** Of these files of a fetched commit, those that are meant as environment files, as it seems, and are ignored. */
export async function ignoredFiles({
  repository,
  commit,
  files,
}: {
  repository: Repository;
  commit: string;
  files: readonly string[];
}): Promise<readonly UnusedFile[]> {
  const read = await inParallel(files.filter(mayBeIgnored).slice(0, mostRead), async (path) => {
    const bytes = await repository.readFile({ commit, path });
    if (bytes === undefined) return [];
    const why = ignoredBecause({ path, text: Buffer.from(bytes).toString('utf8') });
    return why === undefined ? [] : [{ path, reason: 'IgnoredFile' as const, message: why }];
  });
  return read.flat();
}

/**
 * What nothing comes of, of the content that a fetched commit has at a path: files that are meant as environment files
 * and are ignored; else the path itself, where no environment is made of anything at, below or above it.
 */
export async function unusedAt({
  repository,
  commit,
  path,
  used,
}: {
  repository: Repository;
  commit: string;
  path: string;
  used: UsedPaths;
}): Promise<readonly UnusedFile[]> {
  if (isUsed(path, used)) return [];
  const entry = await repository.entry({ commit, path });
  if (entry === undefined) return [];
  const files = entry.kind === 'folder' ? await repository.files({ commit, folder: path }) : [entry];
  const plain = files.flatMap((file) => (file.kind === 'file' || file.kind === 'executable' ? [file.path] : []));
  const unread = plain.filter((file) => !isUsed(file, used));
  const ignored = await ignoredFiles({ repository, commit, files: unread });
  if (ignored.length > 0 || !used.isWhole || holdsUsed(path, used)) return ignored;
  return [{ path, reason: 'NoEnvironment', message: 'is used by nothing: no environment is made of it' }];
}

/** Whether an environment is made of it, or of a folder around it. */
export function isUsed(path: string, { paths }: Pick<UsedPaths, 'paths'>): boolean {
  return paths.has(path) || foldersOf(path).some((folder) => paths.has(folder));
}

function holdsUsed(path: string, { paths }: UsedPaths): boolean {
  return [...paths].some((used) => used.startsWith(`${path}/`));
}
