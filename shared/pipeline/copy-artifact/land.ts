import { ConvergeError } from '../../base/errors.ts';
import { copyMessage } from '../../source/commit-message.ts';
import { isInDoubt, type Ledger, type LedgerEntry } from '../../source/ledger.ts';
import { artifactUri, type ArtifactId } from '../../source/artifact.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import { refuseQuarantined } from '../rollback/refuse-quarantined.ts';
import { changesOf, type Accepted } from './changes.ts';
import type { CheckedUpload } from './content.ts';
import { pauseBeforePush, triesToPush } from '../common/pauses.ts';
import { copiesIn, generationsOf, newerGroupAbove, type Copy } from './known-copies.ts';
import { judgeDoubt, refuseUndecided } from './in-doubt.ts';
import { throwWhileHeld, type IntakeLease } from './intake-lease.ts';
import { lastCopyOf, overwrittenBy, refuseToOverwrite } from './overwritten.ts';
import { contentAt } from './path-changes.ts';

/**
 * How far the clock of an instance that copied may have been behind Storage's: its commit is dated so, and is to be
 * found. Milliseconds.
 */
const instanceSkew = 3_600_000;

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
  readonly lease: Pick<IntakeLease, 'assertHeld'>;
}

/**
 * One commit on top of the branch head for all uploads that no commit of the branch names yet; a landing for each
 * upload, in their order. Nothing is forced: a branch that moved is looked at anew. Nothing is refused once the lease is
 * lost: who claimed it may have brought it to Git. Throws `GitUnavailable` and `IntakeBusy` (retry), `GitRefused`,
 * `Quarantined`, `BranchMissing`, `UnreadableObject` (refuse).
 */
export async function land(request: LandRequest): Promise<readonly Landing[]> {
  const { repository, ports } = request;
  for (let attempt = 0; attempt < triesToPush.upload; attempt++) {
    if (attempt > 0) await ports.sleep(pauseBeforePush(attempt));
    const landings = await landOnHead(request).catch(async (error: unknown) => throwWhileHeld(error, request.lease));
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
  lease,
}: LandRequest): Promise<readonly Landing[] | 'moved'> {
  const oldest = Math.min(...uploads.map(({ live }) => live.createdAt.getTime()));
  const head = await fetchBranch({ repository, state: ports.state });
  const history =
    head === undefined ? [] : await repository.history({ from: head.id, since: new Date(oldest - instanceSkew) });
  const copies = copiesIn({ history, bucket: uploads[0]?.live.bucket ?? '' });
  const generations = generationsOf({ ledger: ledger.copied, copies });
  const landings = new Map<CheckedUpload, Landing>();
  const changes: TreeChange[] = [];
  const overwrites: string[] = [];
  const accepted: Accepted = { files: new Set(), folders: new Set() };
  for (const upload of uploads) {
    try {
      const found = await lookAtBranch({ upload, ledger, copies, generations, head, repository });
      if (found.state === 'in-git') {
        landings.set(upload, found.landing);
        continue;
      }
      const { overwritten } = found;
      if (overwritten.length > 0 && settings.conflicts === 'refuse')
        refuseToOverwrite({ upload, commits: overwritten });
      changes.push(...(await changesOf({ upload, accepted, head, generations, repository })));
      overwrites.push(...overwritten);
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition !== 'refuse') throw error;
      landings.set(upload, { outcome: 'refused', error });
    }
  }
  if ([...landings.values()].some(({ outcome }) => outcome === 'refused')) await lease.assertHeld();
  const due = uploads.filter((upload) => !landings.has(upload));
  if (due.length > 0) {
    const result = await commitAndPush({ due, changes, overwrites, head, repository, ports, lease });
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

/** What the branch says of an upload: that it is in Git, or which commits of somebody else it would replace. */
type OnBranch =
  | { readonly state: 'in-git'; readonly landing: Landing }
  | { readonly state: 'due'; readonly overwritten: readonly string[] };

interface Look {
  readonly upload: CheckedUpload;
  readonly ledger: Ledger;
  readonly copies: ReadonlyMap<string, Copy>;
  readonly generations: ReadonlyMap<string, string>;
  readonly repository: Repository;
}

/** Throws `WouldOverwrite` (refuse) where that can no longer be said. */
async function lookAtBranch({ head, ...look }: Look & { head: Commit | undefined }): Promise<OnBranch> {
  if (head === undefined) return { state: 'due', overwritten: [] };
  const { upload, ledger, copies, repository } = look;
  const known = await knownLanding({ ...look, head });
  if (known !== undefined) return { state: 'in-git', landing: known };
  const last = await lastCopyOf({ upload, last: ledger.copied.get(upload.live.name), copies, repository });
  if (isInDoubt({ ledger, artifact: upload.live })) {
    const doubt = await judgeDoubt({ upload, last, head, repository });
    if (doubt.verdict === 'undecided') refuseUndecided({ upload, commits: doubt.commits });
    if (doubt.verdict === 'landed') return { state: 'in-git', landing: await landingAt({ ...look, ...doubt }) };
  }
  return { state: 'due', overwritten: await overwrittenBy({ upload, last, head, repository }) };
}

/** Of an upload whose content a commit had before it came. */
async function landingAt({ upload, commit, repository }: Look & { commit: Commit }): Promise<Landing> {
  const entry = await entryOf({ upload, commit, generation: upload.live.generation, repository });
  return { outcome: 'already-copied', entry, announcement: undefined };
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
}: Look & { head: Commit }): Promise<Landing | undefined> {
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
  const content = await contentAt({ commit: commit.id, path: upload.destination.path, repository });
  return { name: upload.live.name, generation, commit: commit.id, at: commit.committedAt.toISOString(), content };
}

async function commitAndPush({
  due,
  changes,
  overwrites,
  head,
  repository,
  ports,
  lease,
}: {
  due: readonly CheckedUpload[];
  changes: readonly TreeChange[];
  overwrites: readonly string[];
  head: Commit | undefined;
  repository: Repository;
  ports: LandRequest['ports'];
  lease: LandRequest['lease'];
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
    await lease.assertHeld();
    return (await repository.push(commit)) === 'pushed' ? { outcome: 'copied', commit } : 'moved';
  }
  if (head === undefined) throw new Error('a commit without a parent always changes something');
  return { outcome: 'unchanged', commit: head };
}
