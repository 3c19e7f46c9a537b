import { ConvergeError } from '../../base/errors.ts';
import { copyMessage } from '../../source/commit-message.ts';
import type { Ledger, LedgerEntry } from '../../source/ledger.ts';
import { artifactUri, type ArtifactId } from '../../source/artifact.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import { refuseQuarantined } from '../rollback/refuse-quarantined.ts';
import { changesOf, type Accepted } from './changes.ts';
import type { CheckedUpload } from './content.ts';
import { clockSkew, pauseBeforePush, triesToPush } from '../common/pauses.ts';
import { copiesIn, generationsOf, newerGroupAbove, type Copy } from './known-copies.ts';
import { overwrittenBy, refuseToOverwrite } from './overwritten.ts';

/** What became of one upload of a commit. */
export type Landing =
  | {
      readonly outcome: 'already-copied' | 'copied' | 'unchanged';
      readonly entry: LedgerEntry;
      readonly announcement: Announcement | undefined;
    }
  | { readonly outcome: 'refused'; readonly error: ConvergeError };

/** A commit that is to be announced, with the artifacts of its trailers. */
export interface Announcement {
  readonly commit: Commit;
  readonly artifacts: readonly ArtifactId[];
}

export interface LandRequest {
  /** At least one, at most one of each name, in the order of their generations; none that the ledger has. */
  readonly uploads: readonly CheckedUpload[];
  readonly ledger: Ledger;
  readonly repository: Repository;
  readonly ports: Pick<CopyPorts, 'sleep' | 'state' | 'log'>;
  readonly settings: Pick<CopySettings, 'conflicts'>;
}

/**
 * One commit on top of the branch head for all uploads that no commit of the branch names yet; a landing for each
 * upload, in their order. Nothing is forced: a branch that moved is looked at anew. Throws `GitUnavailable` (retry),
 * `GitRefused`, `BranchMissing`, `UnreadableObject` (refuse).
 */
export async function land(request: LandRequest): Promise<readonly Landing[]> {
  const { repository, ports } = request;
  for (let attempt = 0; attempt < triesToPush.upload; attempt++) {
    if (attempt > 0) await ports.sleep(pauseBeforePush(attempt));
    const landings = await landOnHead(request);
    if (landings !== 'moved') return landings;
  }
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: repository.url,
    message: `the branch ${repository.branch} moved during each of ${triesToPush.upload} pushes`,
    disposition: 'retry',
  });
}

async function landOnHead({
  uploads,
  ledger,
  repository,
  ports,
  settings,
}: LandRequest): Promise<readonly Landing[] | 'moved'> {
  const oldest = Math.min(...uploads.map(({ live }) => live.createdAt.getTime()));
  const head = await fetchBranch({ repository, state: ports.state });
  const history =
    head === undefined ? [] : await repository.history({ from: head.id, since: new Date(oldest - clockSkew) });
  const copies = copiesIn({ history, bucket: uploads[0]?.live.bucket ?? '' });
  const generations = generationsOf({ ledger: ledger.copied, copies });
  const landings = new Map<CheckedUpload, Landing>();
  const changes: TreeChange[] = [];
  const overwrites: string[] = [];
  const accepted: Accepted = { files: new Set(), folders: new Set() };
  for (const upload of uploads) {
    const known =
      head === undefined ? undefined : await knownLanding({ upload, copies, generations, head, repository });
    if (known !== undefined) {
      landings.set(upload, known);
      continue;
    }
    try {
      const last = ledger.copied.get(upload.live.name);
      const overwritten = head === undefined ? [] : await overwrittenBy({ upload, last, copies, head, repository });
      if (overwritten.length > 0 && settings.conflicts === 'refuse')
        refuseToOverwrite({ upload, commits: overwritten });
      changes.push(...(await changesOf({ upload, accepted, head, generations, repository })));
      overwrites.push(...overwritten);
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition !== 'refuse') throw error;
      landings.set(upload, { outcome: 'refused', error });
    }
  }
  const due = uploads.filter((upload) => !landings.has(upload));
  if (due.length > 0) {
    const result = await commitAndPush({ due, changes, overwrites, head, repository, ports });
    if (result === 'moved') return 'moved';
    const announcement = { commit: result.commit, artifacts: due.map(({ live }) => live) };
    for (const upload of due) {
      landings.set(upload, {
        outcome: result.outcome,
        entry: await entryOf({ upload, commit: result.commit, generation: upload.live.generation, repository }),
        announcement,
      });
    }
  }
  return uploads.flatMap((upload) => landings.get(upload) ?? []);
}

/**
 * An upload that is in Git already, though the ledger did not say so: its own generation, a newer one, or a newer group
 * around it.
 */
async function knownLanding({
  upload,
  copies,
  generations,
  head,
  repository,
}: {
  upload: CheckedUpload;
  copies: ReadonlyMap<string, Copy>;
  generations: ReadonlyMap<string, string>;
  head: Commit;
  repository: Repository;
}): Promise<Landing | undefined> {
  const { live, destination } = upload;
  const copy = copies.get(live.name);
  if (copy !== undefined && BigInt(copy.generation) >= BigInt(live.generation)) {
    const entry = await entryOf({ upload, commit: copy.commit, generation: copy.generation, repository });
    return { outcome: 'already-copied', entry, announcement: copy };
  }
  const group = newerGroupAbove({ path: destination.path, generation: live.generation, generations });
  if (group === undefined) return undefined;
  const commit = copies.get(group)?.commit ?? head;
  return {
    outcome: 'already-copied',
    entry: await entryOf({ upload, commit, generation: live.generation, repository }),
    announcement: undefined,
  };
}

async function entryOf({
  upload,
  commit,
  generation,
  repository,
}: {
  upload: CheckedUpload;
  commit: Commit;
  generation: string;
  repository: Repository;
}): Promise<LedgerEntry> {
  const content = (await repository.entry({ commit: commit.id, path: upload.destination.path }))?.id ?? null;
  return { name: upload.live.name, generation, commit: commit.id, at: commit.committedAt.toISOString(), content };
}

async function commitAndPush({
  due,
  changes,
  overwrites,
  head,
  repository,
  ports,
}: {
  due: readonly CheckedUpload[];
  changes: readonly TreeChange[];
  overwrites: readonly string[];
  head: Commit | undefined;
  repository: Repository;
  ports: LandRequest['ports'];
}): Promise<{ outcome: 'copied' | 'unchanged'; commit: Commit } | 'moved'> {
  const message = copyMessage(
    due.map(({ live }) => live),
    overwrites,
  );
  const commit = await repository.commit({ parent: head?.id, changes, message });
  if (commit !== 'unchanged') {
    await refuseQuarantined({
      subject: due.map(({ live }) => artifactUri(live)).join(', '),
      commit,
      head,
      repository,
      state: ports.state,
      log: ports.log,
    });
    return (await repository.push(commit)) === 'pushed' ? { outcome: 'copied', commit } : 'moved';
  }
  if (head === undefined) throw new Error('a commit without a parent always changes something');
  return { outcome: 'unchanged', commit: head };
}
