import { ConvergeError } from '../../base/errors.ts';
import { artifactUri, isSameOrNewer } from '../../source/artifact.ts';
import type { LedgerEntry } from '../../source/ledger.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { clockSkew } from '../common/pauses.ts';
import type { CheckedUpload } from './content.ts';
import type { Copy } from './known-copies.ts';
import { changesOfPath, contentAt } from './path-changes.ts';

/** A trailer each: what is beyond is in the log of the path. */
const mostNamed = 20;

/** The last copy of an object: its commit, when that was made (ISO 8601), and what it put at the path. */
export type LastCopy = Pick<LedgerEntry, 'commit' | 'at' | 'content'>;

/** What the ledger or the history knows, whichever is newer; undefined where neither knows any. */
export async function lastCopyOf({
  upload: { live, destination },
  last,
  copies,
  repository,
}: {
  upload: CheckedUpload;
  last: LedgerEntry | undefined;
  copies: ReadonlyMap<string, Copy>;
  repository: Repository;
}): Promise<LastCopy | undefined> {
  const copy = copies.get(live.name);
  const isNewer = copy !== undefined && !isSameOrNewer({ generation: last?.generation ?? '0', than: copy.generation });
  if (!isNewer) return last;
  const content = await contentAt({ commit: copy.commit.id, path: destination.path, repository });
  return { commit: copy.commit.id, at: copy.commit.committedAt.toISOString(), content };
}

/**
 * The commits of somebody else that changed the upload's path since its object was copied last, newest first: it
 * replaces what they did. None where the path still holds what the last copy brought, which costs no walk, and where no
 * last copy is known.
 */
export async function overwrittenBy({
  upload: { destination, files },
  last,
  head,
  repository,
}: {
  upload: CheckedUpload;
  last: LastCopy | undefined;
  head: Commit;
  repository: Repository;
}): Promise<readonly string[]> {
  const { path } = destination;
  const now = await contentAt({ commit: head.id, path, repository });
  if (last === undefined || last.content === now) return [];
  if (destination.kind === 'file' && files[0]?.blob === now) return [];
  const since = new Date(new Date(last.at).getTime() - clockSkew);
  const history = await repository.history({ from: head.id, since });
  const found: string[] = [];
  for await (const { commit, isOurs } of changesOfPath({ path, head, until: last.commit, history, repository })) {
    if (!isOurs) found.push(commit.id);
    // For a file only the last word counts: what was there before it is gone already.
    if (destination.kind === 'file' || found.length >= mostNamed) break;
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
      'revert that commit or set conflicts: artifact-wins, then converge retry-upload NAME; ' +
      'or bring it into the upload and commit the same, then upload again',
    disposition: 'refuse',
  });
}
