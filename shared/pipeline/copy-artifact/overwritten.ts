import { ConvergeError } from '../../base/errors.ts';
import { artifactUri, isSameOrNewer } from '../../source/artifact.ts';
import { parseProvenance } from '../../source/commit-message.ts';
import type { LedgerEntry } from '../../source/ledger.ts';
import { parseRevert } from '../../source/revert.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { clockSkew } from '../common/pauses.ts';
import type { CheckedUpload } from './content.ts';
import type { Copy } from './known-copies.ts';

/** A trailer each: what is beyond is in the log of the path. */
const mostNamed = 20;

/**
 * The commits of somebody else that changed the upload's path since its object was copied last, newest first: it
 * replaces what they did. None where the path still holds what the last copy brought, which costs no walk, and where no
 * last copy is known.
 */
export async function overwrittenBy({
  upload,
  last,
  copies,
  head,
  repository,
}: {
  upload: CheckedUpload;
  last: LedgerEntry | undefined;
  copies: ReadonlyMap<string, Copy>;
  head: Commit;
  repository: Repository;
}): Promise<readonly string[]> {
  const { live, destination, files } = upload;
  const contentAt = async (commit: string) => (await repository.entry({ commit, path: destination.path }))?.id ?? null;
  const now = await contentAt(head.id);
  const copy = copies.get(live.name);
  const isNewer = copy !== undefined && !isSameOrNewer({ generation: last?.generation ?? '0', than: copy.generation });
  const base = isNewer
    ? { commit: copy.commit.id, at: copy.commit.committedAt, content: await contentAt(copy.commit.id) }
    : last;
  if (base === undefined || base.content === now) return [];
  if (destination.kind === 'file' && files[0]?.blob === now) return [];
  const since = new Date(new Date(base.at).getTime() - clockSkew);
  const history = new Map((await repository.history({ from: head.id, since })).map((commit) => [commit.id, commit]));
  const found: string[] = [];
  let commit = history.get(head.id);
  while (commit !== undefined && commit.id !== base.commit && found.length < mostNamed) {
    const parent = history.get(commit.parents[0] ?? '');
    // A rollback took an upload back: the next upload is what moves on.
    const isOurs =
      parseProvenance(commit.message).artifacts.length > 0 || parseRevert(commit.message).from !== undefined;
    if (parent === undefined) break;
    const isTouched = (await contentAt(commit.id)) !== (await contentAt(parent.id));
    if (isTouched && !isOurs) found.push(commit.id);
    // For a file only the last word counts: what was there before it is gone already.
    if (isTouched && destination.kind === 'file') break;
    commit = parent;
  }
  return found;
}

/** Throws `WouldOverwrite` (refuse). */
export function refuseToOverwrite({ upload, commits }: { upload: CheckedUpload; commits: readonly string[] }): never {
  throw new ConvergeError({
    code: 'WouldOverwrite',
    subject: artifactUri(upload.live),
    message: `${upload.destination.path} was changed by ${commits.join(', ')} since the last upload`,
    remedy:
      'revert that commit or bring it into the upload and commit the same, or set conflicts: artifact-wins, then upload again',
    disposition: 'refuse',
  });
}
