import type { Limits } from '../config.ts';
import { environmentOfPath, parseEnvironmentFile } from '../environment/environment-file.ts';
import { ConvergeError } from '../errors.ts';
import { encodeChangeCommitted } from '../events/change-committed.ts';
import type { ObjectFinalized } from '../events/object-finalized.ts';
import { archiveLimits, foldersOf, layOutArchive, type ArchivedFile } from '../source/archive.ts';
import { artifactUri, isSameOrNewer, targetOf, type ArtifactId, type Target } from '../source/artifact.ts';
import { copyMessage, parseProvenance } from '../source/commit-message.ts';
import { ledgerPath, ledgerSchema, type LedgerEntry } from '../source/ledger.ts';
import type { Commit, Ports, Repository, StateObject, StoredObject, TreeChange } from './ports.ts';
import { refuseQuarantined } from './rollback/refuse-quarantined.ts';

export type CopyPorts = Pick<Ports, 'now' | 'sleep' | 'log' | 'buckets' | 'unpack' | 'state' | 'repository' | 'topics'>;

export interface CopySettings {
  readonly repositoryClass: string;
  readonly limits: Limits;
}

/** What came of one look at an object. */
export type CopyOutcome =
  /** The bucket holds no object of that name any more; nothing is deleted in Git. */
  | { readonly outcome: 'gone' }
  /** The live generation, or a newer one, was in Git before. */
  | { readonly outcome: 'already-copied'; readonly commit: string }
  | { readonly outcome: 'copied'; readonly commit: string }
  /** The branch holds exactly this content. */
  | { readonly outcome: 'unchanged'; readonly commit: string };

/** An upload's own time is Storage's, a commit's is the committer's: how far their clocks may be apart. */
const clockSkewMilliseconds = 10 * 60_000;
const tries = 10;
const longestPauseMilliseconds = 200;

/**
 * Copies the live generation of an object into the repository of its bucket, at most once, and announces the commit. The
 * event only says "look": it may come twice, late, or out of order, and the function may die at any line of this.
 * Throws `UnsafePath`, `InvalidArchive`, `InvalidEnvironment`, `TooLarge`, `GitRefused`, `StorageRefused` (refuse),
 * `GitUnavailable`, `StorageUnavailable` (retry).
 */
export async function copyArtifact(event: ObjectFinalized, ports: CopyPorts, settings: CopySettings): Promise<CopyOutcome> {
  const repository = ports.repository(settings.repositoryClass);
  for (let attempt = 0; attempt < tries; attempt++) {
    const live = await ports.buckets.find(event);
    if (live === undefined) {
      ports.log('INFO', 'the object is gone: nothing to copy', { artifact: artifactUri(event) });
      return { outcome: 'gone' };
    }
    const recorded = await readLedger({ name: live.name, ports, settings });
    if (recorded.entry !== undefined && isSameOrNewer({ generation: recorded.entry.generation, than: live.generation })) {
      await announce({ ...recorded.entry, artifacts: [idOf(live)], repository, ports });
      return { outcome: 'already-copied', commit: recorded.entry.commit };
    }
    const target = targetOf(live);
    const files = await readFiles({ live, target, ports, settings });
    if (files === 'overwritten') continue;
    const landed = await land({ upload: { live, target, files }, repository, sleep: ports.sleep, state: ports.state });
    const previous = landed.commit.parents[0] ?? null;
    const entry = { generation: landed.generation, commit: landed.commit.id, previous };
    await writeLedger({ entry, name: live.name, known: recorded.state, ports, settings });
    await announce({ ...entry, artifacts: landed.artifacts, repository, ports });
    return { outcome: landed.outcome, commit: entry.commit };
  }
  throw new ConvergeError({
    code: 'StorageUnavailable',
    subject: artifactUri(event),
    message: `was overwritten during each of ${tries} reads`,
    disposition: 'retry',
  });
}

// --- The content -------------------------------------------------------------------------------------------------

/** The files an object stands for, checked; their paths are below the target of a group. */
async function readFiles({ live, target, ports, settings }: {
  live: StoredObject;
  target: Target;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<readonly ArchivedFile[] | 'overwritten'> {
  const subject = artifactUri(live);
  if (live.bytes > settings.limits.uploadBytes) throw tooLarge({ subject, limits: settings.limits });
  const content = await ports.buckets.read(live);
  if (content === undefined) return 'overwritten';
  const files =
    target.kind === 'group'
      ? await readGroup({ packed: content, live, folder: target.path, ports, settings })
      : [{ path: target.path, content: await readAll({ content, subject, limits: settings.limits }), executable: false }];
  files.forEach(checkEnvironmentFile);
  return files;
}

async function readGroup({ packed, live, folder, ports, settings }: {
  packed: AsyncIterable<Uint8Array>;
  live: StoredObject;
  folder: string;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<readonly ArchivedFile[]> {
  const subject = artifactUri(live);
  const limits = archiveLimits({ packedBytes: live.bytes, limits: settings.limits });
  const files = await ports.unpack({ packed, limits, subject });
  return layOutArchive({ files, subject }).map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}

async function readAll({ content, subject, limits }: {
  content: AsyncIterable<Uint8Array>;
  subject: string;
  limits: Limits;
}): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    // An object with `Content-Encoding: gzip` arrives inflated, larger than its size says.
    if (bytes > limits.uploadBytes) throw tooLarge({ subject, limits });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function checkEnvironmentFile({ path, content }: ArchivedFile): void {
  if (environmentOfPath(path) !== undefined) parseEnvironmentFile({ file: path, text: Buffer.from(content).toString('utf8') });
}

function tooLarge({ subject, limits }: { subject: string; limits: Limits }): ConvergeError {
  return new ConvergeError({
    code: 'TooLarge',
    subject,
    message: `is larger than ${limits.uploadBytes} bytes`,
    remedy: 'limits.uploadBytes of the configuration allows more',
    disposition: 'refuse',
  });
}

// --- The commit --------------------------------------------------------------------------------------------------

interface CheckedUpload {
  readonly live: StoredObject;
  readonly target: Target;
  readonly files: readonly ArchivedFile[];
}

interface Landed {
  readonly outcome: 'already-copied' | 'copied' | 'unchanged';
  readonly commit: Commit;
  /** The generation that is in Git: of the upload, or of a newer one that got there first. */
  readonly generation: string;
  /** The artifacts that the commit's trailers name. */
  readonly artifacts: readonly ArtifactId[];
}

/** An upload that waits for its push, and what came of it once it had one. */
interface Waiting {
  readonly upload: CheckedUpload;
  landing: PromiseSettledResult<Landed> | undefined;
}

interface Queue {
  waiting: readonly Waiting[];
  /** Resolves after the turns taken so far; never rejects. */
  last: Promise<void>;
}

/** The uploads of this process, by the repository they wait for. */
const queues = new WeakMap<Repository, Queue>();

/**
 * Resolves when the upload is on the branch. One push runs at a time; whatever plain files are waiting when it starts go
 * into one commit, an archive always makes a commit of its own.
 */
async function land({ upload, repository, sleep, state }: {
  upload: CheckedUpload;
  repository: Repository;
  sleep: Ports['sleep'];
  state: Ports['state'];
}): Promise<Landed> {
  const queue = queues.get(repository) ?? { waiting: [], last: Promise.resolve() };
  queues.set(repository, queue);
  const own: Waiting = { upload, landing: undefined };
  queue.waiting = [...queue.waiting, own];
  const turn = queue.last.then(async () => {
    const batch = takeBatch({ first: own, queue });
    if (batch.length > 0) await landBatch({ batch, repository, sleep, state });
  });
  queue.last = turn;
  await turn;
  if (own.landing?.status === 'fulfilled') return own.landing.value;
  throw own.landing?.reason;
}

/** Takes what goes into one commit out of the queue; nothing where `first` went along with an earlier one. */
function takeBatch({ first, queue }: { first: Waiting; queue: Queue }): readonly Waiting[] {
  if (!queue.waiting.includes(first)) return [];
  const names = new Set([first.upload.live.name]);
  const batch = queue.waiting.filter((candidate) => {
    if (candidate === first) return true;
    const { live, target } = candidate.upload;
    // Of two generations of one object the second meets the first in the history, on its own turn.
    if (first.upload.target.kind === 'group' || target.kind === 'group' || names.has(live.name)) return false;
    names.add(live.name);
    return true;
  });
  queue.waiting = queue.waiting.filter((candidate) => !batch.includes(candidate));
  return batch;
}

/** Never rejects. Uploads that are refused together are tried one by one: only the wrong one is to fail. */
async function landBatch({ batch, repository, sleep, state }: {
  batch: readonly Waiting[];
  repository: Repository;
  sleep: Ports['sleep'];
  state: Ports['state'];
}): Promise<void> {
  try {
    const landings = await landTogether({ uploads: batch.map(({ upload }) => upload), repository, sleep, state });
    batch.forEach((one, index) => {
      const value = landings[index];
      if (value !== undefined) one.landing = { status: 'fulfilled', value };
    });
  } catch (reason) {
    const isRefused = reason instanceof ConvergeError && reason.disposition === 'refuse';
    if (batch.length > 1 && isRefused) for (const one of batch) await landBatch({ batch: [one], repository, sleep, state });
    else for (const one of batch) one.landing = { status: 'rejected', reason };
  }
}

/** One commit on top of the branch head for all uploads that no commit of the branch names yet; one landing for each upload. */
async function landTogether({ uploads, repository, sleep, state }: {
  uploads: readonly CheckedUpload[];
  repository: Repository;
  sleep: Ports['sleep'];
  state: Ports['state'];
}): Promise<readonly Landed[]> {
  const oldest = Math.min(...uploads.map(({ live }) => live.createdAt.getTime()));
  const since = new Date(oldest - clockSkewMilliseconds);
  for (let attempt = 0; attempt < tries; attempt++) {
    if (attempt > 0) await sleep(Math.random() * longestPauseMilliseconds * attempt);
    const head = await repository.fetchHead();
    const history = head === undefined ? [] : await repository.history({ from: head.id, since });
    const copies = uploads.map(({ live }) => findCopy({ artifact: live, history }));
    const due = uploads.filter((_upload, index) => copies[index] === undefined);
    const result = await commitUploads({ uploads: due, head, repository, state });
    if (result === 'moved') continue;
    return uploads.map(({ live }, index) => copies[index] ?? { ...result, generation: live.generation });
  }
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: repository.url,
    message: `the branch ${repository.branch} moved during each of ${tries} pushes`,
    disposition: 'retry',
  });
}

/**
 * The newest commit that holds this generation of the artifact or a newer one. Git is the authority, the ledger a shortcut:
 * a copy whose ledger entry was lost is found here, also after its revert, and an older generation never overwrites a newer.
 */
function findCopy({ artifact, history }: { artifact: ArtifactId; history: readonly Commit[] }): Landed | undefined {
  for (const commit of history) {
    const { artifacts } = parseProvenance(commit.message);
    const copy = artifacts.find(
      ({ bucket, name, generation }) =>
        bucket === artifact.bucket && name === artifact.name && isSameOrNewer({ generation, than: artifact.generation }),
    );
    if (copy !== undefined) return { outcome: 'already-copied', commit, generation: copy.generation, artifacts };
  }
  return undefined;
}

async function commitUploads({ uploads, head, repository, state }: {
  uploads: readonly CheckedUpload[];
  head: Commit | undefined;
  repository: Repository;
  state: Ports['state'];
}): Promise<Omit<Landed, 'generation'> | 'moved'> {
  const artifacts = uploads.map(({ live }) => idOf(live));
  const changes: TreeChange[] = [];
  for (const upload of uploads) changes.push(...(await changesOf({ upload, others: uploads, head, repository })));
  if (changes.length === 0 && head !== undefined) return { outcome: 'unchanged', commit: head, artifacts };
  const message = copyMessage(uploads.map(({ live }) => live));
  const commit = await repository.commit({ parent: head?.id, changes, message });
  if (commit !== 'unchanged') {
    await refuseQuarantined({ subject: artifacts.map(artifactUri).join(', '), commit, head, repository, state });
    return (await repository.push(commit)) === 'pushed' ? { outcome: 'copied', commit, artifacts } : 'moved';
  }
  if (head === undefined) throw new Error('a commit without a parent always changes something');
  return { outcome: 'unchanged', commit: head, artifacts };
}

/**
 * Throws `UnsafePath` (refuse) where the upload would turn a file of the branch into a folder or a folder into a file, which
 * deletes more than its name says.
 */
async function changesOf({ upload, others, head, repository }: {
  upload: CheckedUpload;
  others: readonly CheckedUpload[];
  head: Commit | undefined;
  repository: Repository;
}): Promise<readonly TreeChange[]> {
  const { live, target, files } = upload;
  const entryAt = async (path: string) => (head === undefined ? undefined : repository.entry({ commit: head.id, path }));
  const folders = foldersOf(target.path);
  for (const folder of folders) {
    const kind = (await entryAt(folder))?.kind ?? 'folder';
    if (kind !== 'folder' || others.some((other) => other.target.path === folder)) throw inTheWay({ live, path: folder, kind: 'file' });
  }
  const existing = (await entryAt(target.path))?.kind;
  if (target.kind === 'group') {
    if (existing !== undefined && existing !== 'folder') throw inTheWay({ live, path: target.path, kind: existing });
    return [{ path: target.path, content: undefined, executable: false }, ...files];
  }
  if (existing === 'folder' || existing === 'submodule') throw inTheWay({ live, path: target.path, kind: existing });
  // A bucket knows no modes: a script of the repository stays executable.
  return files.map((file) => ({ ...file, executable: existing === 'executable' }));
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

// --- Ledger and announcement -------------------------------------------------------------------------------------

interface Recorded {
  readonly state: StateObject | undefined;
  /** Undefined where nothing is recorded, or nothing of use: the history of the branch says the same. */
  readonly entry: LedgerEntry | undefined;
}

async function readLedger({ name, ports, settings }: { name: string; ports: CopyPorts; settings: CopySettings }): Promise<Recorded> {
  const path = ledgerPath({ repositoryClass: settings.repositoryClass, name });
  const state = await ports.state.read(path);
  const parsed = ledgerSchema.safeParse(state?.value);
  if (state !== undefined && !parsed.success) ports.log('WARNING', 'the ledger entry has an unknown shape; it is written anew', { path });
  return { state, entry: parsed.data };
}

async function writeLedger({ entry, name, known, ports, settings }: {
  entry: LedgerEntry;
  name: string;
  known: StateObject | undefined;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<void> {
  const path = ledgerPath({ repositoryClass: settings.repositoryClass, name });
  let current = known;
  for (let attempt = 0; attempt < tries; attempt++) {
    const ifGeneration = current === undefined ? 'absent' : { generation: current.generation };
    if ((await ports.state.write({ path, value: entry, ifGeneration })) !== 'conflict') return;
    const recorded = await readLedger({ name, ports, settings });
    if (recorded.entry !== undefined && isSameOrNewer({ generation: recorded.entry.generation, than: entry.generation })) return;
    current = recorded.state;
  }
  throw new ConvergeError({
    code: 'StorageUnavailable',
    subject: path,
    message: `changed during each of ${tries} writes`,
    disposition: 'retry',
  });
}

/** Sent after every look, also at what was copied before: that heals a death between the push and this line. */
async function announce({ commit, previous, artifacts, repository, ports }: {
  commit: string;
  previous: string | null;
  artifacts: readonly ArtifactId[];
  repository: Repository;
  ports: CopyPorts;
}): Promise<void> {
  const { repositoryClass, url, branch } = repository;
  const change = { repository: repositoryClass, url, branch, commit, previous, artifacts: [...artifacts] };
  await ports.topics.publish('change-committed', encodeChangeCommitted(change, ports.now()));
}

function idOf({ bucket, name, generation }: ArtifactId): ArtifactId {
  return { bucket, name, generation };
}
