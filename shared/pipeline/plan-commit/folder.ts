import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import { safePath } from '../../source/artifact.ts';
import { mostFolderBytes, type PlannedFolder } from '../inspect/planned-folder.ts';
import { findCommit } from './find-commit.ts';

/**
 * A folder as a commit of the clone, which nobody else has, on top of the commit that it is compared with. Throws
 * `BadRequest` (refuse) where nobody has that, and for paths that no folder has; `TooLarge` (refuse).
 *
 * @param at.head of the environment's branch
 */
export async function commitFolder(
  repository: Repository,
  { folder: { base, files }, head }: { folder: PlannedFolder; head: Commit },
): Promise<{ readonly repository: Repository; readonly commit: Commit }> {
  const parent = base === null ? head : await findCommit(repository, { revision: base, head, isBase: true });
  const changes = changesOf(files);
  const before = base === null ? await repository.list({ commit: parent.id, folder: '' }) : [];
  const made = await repository.commit({
    parent: parent.id,
    changes: [...before.map(({ path }) => deletionOf(path)), ...changes],
    message: 'Plan a folder',
    use: 'look',
  });
  return made === 'unchanged'
    ? { repository, commit: parent }
    : { repository: onTopOf(repository, { commit: made, parent }), commit: made };
}

function changesOf(files: PlannedFolder['files']): TreeChange[] {
  const there = new Set(files.flatMap(({ path, is }) => (is === 'deleted' ? [] : [path])));
  let bytes = 0;
  return files.flatMap((file): TreeChange[] => {
    const path = pathOf(file.path);
    const above = foldersAbove(path).find((one) => there.has(one));
    if (file.is === 'deleted') return above === undefined ? [deletionOf(path)] : [];
    if (above !== undefined) throw badRequest(path, `is below ${above}, which is a file`);
    const content = Buffer.from(file.content, 'base64');
    bytes += content.length;
    if (bytes > mostFolderBytes) throw tooLarge();
    return [{ path, content, executable: file.is === 'executable', ...(file.is === 'link' ? { link: true } : {}) }];
  });
}

function pathOf(path: string): string {
  try {
    return safePath({ path, subject: path });
  } catch (error) {
    throw error instanceof ConvergeError ? badRequest('files', error.problem) : error;
  }
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

function deletionOf(path: string): TreeChange {
  return { path, content: undefined, executable: false };
}

/** The host knows nothing of the commit: what it is asked of its history, it is asked of its parent. */
function onTopOf(repository: Repository, { commit, parent }: { commit: Commit; parent: Commit }): Repository {
  return {
    ...repository,
    async isAncestor({ ancestor, descendant }) {
      if (ancestor === commit.id) return descendant === commit.id;
      return await repository.isAncestor({
        ancestor,
        descendant: descendant === commit.id ? parent.id : descendant,
      });
    },
    async history(range) {
      if (range.from !== commit.id) return await repository.history(range);
      return [commit, ...(await repository.history({ ...range, from: parent.id }))];
    },
  };
}

function badRequest(subject: string, message: string): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject, message, disposition: 'refuse' });
}

function tooLarge(): ConvergeError {
  return new ConvergeError({
    ...{ code: 'TooLarge', subject: 'files', disposition: 'refuse' },
    message: `have more than the ${mostFolderBytes} bytes that are taken`,
    remedy: 'push a branch, and plan that with --revision',
  });
}
