import { ConvergeError } from '../../base/errors.ts';
import { foldersOf } from '../../source/archive.ts';
import { artifactUri } from '../../source/artifact.ts';
import type { Commit, Repository, TreeChange, TreeEntry } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import type { CheckedUpload } from './content.ts';
import { newerPathsBelow } from './known-copies.ts';
import { environmentsFolder, environmentOfPath } from '../../environment/environment-file.ts';

/** What the uploads of one commit change so far. */
export interface Accepted {
  readonly files: Set<string>;
  readonly folders: Set<string>;
}

/**
 * What an upload changes in the tree of the branch head.
 * Throws `UnsafePath` (refuse) where it would turn a file of the branch, or of another upload of its commit, into a
 * folder or a folder into a file, which deletes more than its name says, and `RemovalGuarded` (refuse) where it would
 * remove an environment.
 */
export async function changesOf({
  upload,
  accepted,
  head,
  generations,
  repository,
}: {
  upload: CheckedUpload;
  accepted: Accepted;
  head: Commit | undefined;
  generations: ReadonlyMap<string, string>;
  repository: Repository;
}): Promise<readonly TreeChange[]> {
  const { live, destination, files } = upload;
  const entryAt = async (path: string) =>
    head === undefined ? undefined : repository.entry({ commit: head.id, path });
  const folders = foldersOf(destination.path);
  for (const folder of folders) {
    if (accepted.folders.has(folder)) continue;
    const kind = (await entryAt(folder))?.kind ?? 'folder';
    if (kind !== 'folder' || accepted.files.has(folder))
      throw inTheWay({ live, path: folder, kind: kind === 'folder' ? 'file' : kind });
  }
  const existing = (await entryAt(destination.path))?.kind;
  const wanted = files.map((file) => ({ path: file.path, content: { blob: file.blob }, executable: file.executable }));
  if (destination.kind === 'group') {
    if (existing !== undefined && existing !== 'folder')
      throw inTheWay({ live, path: destination.path, kind: existing });
    const newer = newerPathsBelow({
      folder: destination.path,
      bucket: live.bucket,
      generation: live.generation,
      generations,
    });
    const kept = (await Promise.all(newer.map((path) => keptAt({ path, head, repository })))).flat();
    const isKept = (path: string): boolean =>
      newer.some((other) => path === other || path.startsWith(`${other}/`) || other.startsWith(`${path}/`));
    const changes = [...wanted.filter(({ path }) => !isKept(path)), ...kept];
    await refuseRemovals({
      live,
      folder: destination.path,
      stays: new Set(changes.map(({ path }) => path)),
      head,
      repository,
    });
    return [{ path: destination.path, content: undefined, executable: false }, ...changes];
  }
  if (existing === 'folder' || existing === 'submodule')
    throw inTheWay({ live, path: destination.path, kind: existing });
  if (accepted.folders.has(destination.path)) throw inTheWay({ live, path: destination.path, kind: 'folder' });
  accepted.files.add(destination.path);
  for (const folder of folders) accepted.folders.add(folder);
  // A bucket knows no modes: a script of the repository stays executable.
  return wanted.map((file) => ({ ...file, executable: existing === 'executable' }));
}

/**
 * With its file an environment goes, and with that its objects: this is a commit's to say, and no archive's that was
 * packed without it.
 */
async function refuseRemovals({
  live,
  folder,
  stays,
  head,
  repository,
}: {
  live: StoredObject;
  folder: string;
  stays: ReadonlySet<string>;
  head: Commit | undefined;
  repository: Repository;
}): Promise<void> {
  if (head === undefined || folder !== environmentsFolder) return;
  const entries = await repository.list({ commit: head.id, folder });
  const [first, ...others] = entries.flatMap(({ path }) =>
    environmentOfPath(path) !== undefined && !stays.has(path) ? [path] : [],
  );
  if (first === undefined) return;
  throw new ConvergeError({
    code: 'RemovalGuarded',
    subject: artifactUri(live),
    message: `would remove ${first}${others.length === 0 ? '' : ` and ${others.length} more`}: no upload removes an environment`,
    remedy: 'pack them too, upload the files one by one, or remove environments by a commit',
    disposition: 'refuse',
  });
}

/** The files at and below a path as they are; none where somebody deleted them. */
async function keptAt({
  path,
  head,
  repository,
}: {
  path: string;
  head: Commit | undefined;
  repository: Repository;
}): Promise<readonly TreeChange[]> {
  if (head === undefined) return [];
  const entry = await repository.entry({ commit: head.id, path });
  const entries: readonly TreeEntry[] =
    entry?.kind === 'folder'
      ? await repository.files({ commit: head.id, folder: path })
      : entry === undefined
        ? []
        : [entry];
  return entries
    .filter(({ kind }) => kind === 'file' || kind === 'executable')
    .map(({ path: kept, id, kind }) => ({ path: kept, content: { blob: id }, executable: kind === 'executable' }));
}

function inTheWay({ live, path, kind }: { live: StoredObject; path: string; kind: string }): ConvergeError {
  return new ConvergeError({
    code: 'UnsafePath',
    subject: artifactUri(live),
    message: `${path} is a ${kind} in the repository`,
    remedy: 'delete it there by a commit first, or upload to another path',
    disposition: 'refuse',
  });
}
