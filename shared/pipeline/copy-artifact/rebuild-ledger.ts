import { destinationOf, isOfTools } from '../../source/artifact.ts';
import type { Ledger, LedgerEntry } from '../../source/ledger.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import { unpushedMilliseconds } from './in-doubt.ts';
import { copiesIn, type Copy } from './known-copies.ts';
import { contentAt } from './path-changes.ts';
import type { RecordedLedger } from './ledger.ts';
import type { CopyPorts } from './run.ts';

/** Commits of that age were announced, by a delivery that came again or by the schedule. Milliseconds. */
const announcedAfter = 86_400_000;

/** As it was read, and where it is lost, what it would say. */
export async function rebuilt(recorded: RecordedLedger, request: RebuildRequest): Promise<RecordedLedger> {
  return recorded.state === 'kept' ? recorded : { ...recorded, ledger: await rebuildLedger(request) };
}

interface RebuildRequest {
  readonly bucket: string;
  readonly repository: Repository;
  readonly ports: Pick<CopyPorts, 'buckets' | 'state' | 'topics' | 'now' | 'log'>;
}

/**
 * A ledger in the place of one that is not there, or that nobody can read: what the trailers since the oldest object
 * of the bucket say, and until when an object may be in Git that they do not name. Announces the young ones of those
 * commits, as a ledger only knows what was announced.
 */
async function rebuildLedger({ bucket, repository, ports }: RebuildRequest): Promise<Ledger> {
  const objects = (await ports.buckets.list(bucket)).filter((live) => !isOfTools(live));
  const times = objects.map(({ createdAt }) => createdAt.getTime()).toSorted((a, b) => a - b);
  const [oldest] = times;
  const newest = times.at(-1);
  if (oldest === undefined || newest === undefined) return { copied: new Map(), refused: new Map() };
  const copies = await copiesSince({ since: new Date(oldest - unpushedMilliseconds), bucket, repository, ports });
  await announceYoung({ copies, repository, ports });
  const copied = new Map<string, LedgerEntry>();
  for (const [name, copy] of copies) {
    const entry = await entryOf({ bucket, name, copy, repository });
    if (entry !== undefined) copied.set(name, entry);
  }
  const ledger = { copied, refused: new Map<string, string>(), begunAt: new Date(newest).toISOString() };
  logBegun({ ledger, bucket, objects, log: ports.log });
  return ledger;
}

async function copiesSince({
  since,
  bucket,
  repository,
  ports,
}: {
  since: Date;
  bucket: string;
  repository: Repository;
  ports: Pick<CopyPorts, 'state'>;
}): Promise<ReadonlyMap<string, Copy>> {
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) return new Map();
  return copiesIn({ history: await repository.history({ from: head.id, since }), bucket });
}

async function announceYoung({
  copies,
  repository,
  ports,
}: {
  copies: ReadonlyMap<string, Copy>;
  repository: Repository;
  ports: Pick<CopyPorts, 'topics' | 'now'>;
}): Promise<void> {
  const since = ports.now().getTime() - announcedAfter;
  const young = new Map(
    [...copies.values()]
      .filter(({ commit }) => commit.committedAt.getTime() >= since)
      .map((copy) => [copy.commit.id, copy]),
  );
  for (const { commit, artifacts } of young.values())
    await announceCommit({ repository, commit: commit.id, previous: commit.parents[0] ?? null, artifacts }, ports);
}

/** Undefined for a trailer that names what no upload can be: somebody wrote it by hand. */
async function entryOf({
  bucket,
  name,
  copy: { generation, commit },
  repository,
}: {
  bucket: string;
  name: string;
  copy: Copy;
  repository: Repository;
}): Promise<LedgerEntry | undefined> {
  let path: string;
  try {
    ({ path } = destinationOf({ bucket, name, generation }));
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'UnsafePath') return undefined;
    throw error;
  }
  const content = await contentAt({ commit: commit.id, path, repository });
  return { name, generation, commit: commit.id, at: commit.committedAt.toISOString(), content };
}

function logBegun({
  ledger,
  bucket,
  objects,
  log,
}: {
  ledger: Ledger;
  bucket: string;
  objects: readonly StoredObject[];
  log: CopyPorts['log'];
}): void {
  log('INFO', 'there is no ledger of a bucket: one is made of what its commits say', {
    bucket,
    objects: objects.length,
    copied: ledger.copied.size,
  });
}
