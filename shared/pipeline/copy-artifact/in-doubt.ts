import { ConvergeError } from '../../base/errors.ts';
import type { ArchivedFile } from '../../source/archive.ts';
import { artifactUri } from '../../source/artifact.ts';
import { parseRevert } from '../../source/revert.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { clockSkew } from '../common/pauses.ts';
import type { CheckedUpload } from './content.ts';
import type { LastCopy } from './overwritten.ts';
import { changesOfPath, contentAt } from './path-changes.ts';

/** How long a commit may lie on somebody's disk, with its date of then, before it comes to the branch. */
export const unpushedMilliseconds = 86_400_000;

/**
 * What the history says of an upload that no ledger knows and no trailer names, because there was a ledger that is
 * lost.
 */
export type Doubt =
  /** It never was in Git, or nobody changed its path since. */
  | { readonly verdict: 'new' }
  /** Git had its content when it was uploaded, in that commit, which is why there is none that names it. */
  | { readonly verdict: 'landed'; readonly commit: Commit }
  /** It may have been in Git before these commits of somebody else. */
  | { readonly verdict: 'undecided'; readonly commits: readonly string[] };

/**
 * Whether an upload was in Git before. Where its content is at its path, it may be copied: that changes nothing. What was there shows in the history of the path
 * since a day before the upload; when it went from there, in the date of the commit that took it away, which is
 * believed as far as clocks are.
 *
 * @param last the last copy of an older generation, before which nothing counts
 */
export async function judgeDoubt({
  upload,
  last,
  head,
  repository,
}: {
  upload: CheckedUpload;
  last: LastCopy | undefined;
  head: Commit;
  repository: Repository;
}): Promise<Doubt> {
  const { live, destination } = upload;
  const { path } = destination;
  const now = await contentAt({ commit: head.id, path, repository });
  if (await isContentOf({ upload, commit: head, content: now, repository })) return { verdict: 'new' };
  const uploadedAt = live.createdAt.getTime();
  const history = await repository.history({ from: head.id, since: new Date(uploadedAt - unpushedMilliseconds) });
  const others: Commit[] = [];
  for await (const change of changesOfPath({ path, head, until: last?.commit, history, repository })) {
    const { commit, parent, before, isOurs } = change;
    if (!isOurs || mayTakeBack(commit, { uploadedAt })) others.push(commit);
    if (others.length === 0 || !(await isContentOf({ upload, commit: parent, content: before, repository }))) continue;
    return commit.committedAt.getTime() > uploadedAt + clockSkew
      ? { verdict: 'landed', commit: parent }
      : { verdict: 'undecided', commits: others.map(({ id }) => id) };
  }
  // A group is whole in Git only where nothing newer lies in its folder: that it was not seen says less.
  const from = destination.kind === 'file' ? uploadedAt : uploadedAt - clockSkew;
  const isChangedSince = others.some(({ committedAt }) => committedAt.getTime() > from);
  return isChangedSince ? { verdict: 'undecided', commits: others.map(({ id }) => id) } : { verdict: 'new' };
}

/** Whether it is a rollback, which may be of this upload. One from before leaves the path to the next upload. */
function mayTakeBack({ message, committedAt }: Commit, { uploadedAt }: { uploadedAt: number }): boolean {
  return parseRevert(message).from !== undefined && committedAt.getTime() > uploadedAt - clockSkew;
}

/** Whether what stands at the path of a commit is what the upload brings. */
async function isContentOf({
  upload: { destination, files },
  commit,
  content,
  repository,
}: {
  upload: CheckedUpload;
  commit: Commit;
  content: string | null;
  repository: Repository;
}): Promise<boolean> {
  if (content === null) return false;
  if (destination.kind === 'file') return files[0]?.blob === content;
  const there = await repository.files({ commit: commit.id, folder: destination.path });
  return listingOf(there.map(({ path, id }) => ({ path, blob: id }))) === listingOf(files);
}

function listingOf(files: readonly Pick<ArchivedFile, 'path' | 'blob'>[]): string {
  return files
    .map(({ path, blob }) => `${blob} ${path}`)
    .toSorted()
    .join('\n');
}

/** Throws `WouldOverwrite` (refuse). */
export function refuseUndecided({ upload, commits }: { upload: CheckedUpload; commits: readonly string[] }): never {
  throw new ConvergeError({
    code: 'WouldOverwrite',
    subject: artifactUri(upload.live),
    message:
      `${upload.destination.path} was changed by ${commits.join(', ')}, and the ledger is lost that says ` +
      'whether this upload was in Git before',
    remedy: 'nothing is to do where it was; else converge retry-upload NAME has it copied all the same',
    disposition: 'refuse',
  });
}
