import { ConvergeError, type ErrorCode } from '../../base/errors.ts';
import { batchesOf } from '../../source/batches.ts';
import { copyOf, mergeLedgers, type Ledger, type LedgerEntry } from '../../source/ledger.ts';
import type { Lease } from '../common/lease.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './run.ts';
import { inParallel } from '../common/parallel.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { readUpload, type CheckedUpload } from './content.ts';
import type { Announcement, Landing } from './land.ts';
import { landApart } from './land-apart.ts';
import { writeLedger, type RecordedLedger } from './ledger.ts';

/** What became of one object: an outcome, or an error that is about it, or that met all. */
export type ObjectResult = { readonly done: CopyOutcome } | { readonly failed: unknown };

export interface CopyObjectsRequest {
  /** At most one of each name. */
  readonly objects: readonly StoredObject[];
  /** The names of those whose refusal is told, and may be remembered as told. */
  readonly told: ReadonlySet<string>;
  readonly recorded: RecordedLedger;
  readonly lease: Lease;
  readonly repository: Repository;
  readonly ports: CopyPorts;
  readonly settings: CopySettings;
  readonly settle: (name: string, result: ObjectResult) => void;
}

/** Objects read at a time are small ones, or a single one: so many bytes of them. */
const bytesAtOnce = 32 * 1_048_576;

/**
 * Brings objects into Git in as few commits as there can be, announces each commit, then writes the ledger, then settles each object: never with
 * less than that done. What is wrong about one object fails that object alone. Returns the ledger as it is then. Throws `LeaseLost`, and what
 * the ledger's write throws; objects that were not settled by then are not done.
 */
export async function copyObjects(request: CopyObjectsRequest): Promise<RecordedLedger> {
  const { settings, repository, ports, lease, settle } = request;
  let { recorded } = request;
  const due = request.objects.filter((live) => {
    const copy = copyOf({ ledger: recorded.ledger, artifact: live });
    if (copy !== undefined) settle(live.name, { done: { outcome: 'already-copied', commit: copy.commit } });
    return copy === undefined;
  });
  const { uploads, refused } = await readAll({ ...request, objects: due });
  if (refused.length > 0)
    recorded = await remember({
      recorded,
      news: { copied: new Map(), refused: new Map(refused.map(({ name, generation }) => [name, generation])) },
      ports,
      settings,
    });
  for (const { name, error } of refused) settle(name, { failed: error });
  for (const batch of batchesOf(uploads)) {
    await lease.assertHeld();
    let landings: readonly Landing[];
    try {
      landings = await landApart({ uploads: batch, ledger: recorded.ledger, repository, ports, settings });
      await announceAll({ landings, repository, ports });
    } catch (error) {
      for (const { live } of batch) settle(live.name, { failed: error });
      continue;
    }
    recorded = await remember({ recorded, news: newsOf({ batch, landings, told: request.told }), ports, settings });
    batch.forEach(({ live }, index) => {
      const landing = landings[index];
      if (landing !== undefined) settle(live.name, resultOf(landing));
    });
  }
  return recorded;
}

interface Refused {
  readonly name: string;
  readonly generation: string;
  readonly error: ConvergeError;
}

/** Every object that is what it should be, read and checked; the others are settled, but for what is refused and told. */
async function readAll({
  objects,
  told,
  lease,
  ports,
  settings,
  settle,
}: CopyObjectsRequest): Promise<{ uploads: readonly CheckedUpload[]; refused: readonly Refused[] }> {
  const uploads: CheckedUpload[] = [];
  const refused: Refused[] = [];
  async function readOne(live: StoredObject): Promise<void> {
    await lease.assertHeld();
    try {
      const upload = await readUpload({ live, ports, settings });
      if (upload === undefined) settle(live.name, { done: { outcome: 'gone' } });
      else uploads.push(upload);
    } catch (error) {
      if (isAboutContent(error) && told.has(live.name))
        refused.push({ name: live.name, generation: live.generation, error });
      else settle(live.name, { failed: error });
    }
  }
  let group: StoredObject[] = [];
  let bytes = 0;
  for (const live of objects) {
    if (group.length > 0 && bytes + live.bytes > bytesAtOnce) {
      await inParallel(group, readOne);
      group = [];
      bytes = 0;
    }
    group.push(live);
    bytes += live.bytes;
  }
  await inParallel(group, readOne);
  return { uploads, refused };
}

const endsElsewhere: readonly ErrorCode[] = ['GitRefused', 'StorageRefused', 'BranchMissing', 'UnreadableObject'];

/** A refusal that stays for this generation; one by a host, a bucket or a branch ends when an operator mends those. */
export function isAboutContent(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && error.disposition === 'refuse' && !endsElsewhere.includes(error.code);
}

/** Before the ledger says that anything of the commits is in Git: until then each of their objects makes that they are announced again. */
async function announceAll({
  landings,
  repository,
  ports,
}: {
  landings: readonly Landing[];
  repository: Repository;
  ports: CopyPorts;
}): Promise<void> {
  const announcements = new Map<string, Announcement>();
  for (const landing of landings) {
    if (landing.outcome !== 'refused' && landing.announcement !== undefined)
      announcements.set(landing.announcement.commit.id, landing.announcement);
  }
  for (const { commit, artifacts } of announcements.values())
    await announceCommit({ repository, commit: commit.id, previous: commit.parents[0] ?? null, artifacts }, ports);
}

function newsOf({
  batch,
  landings,
  told,
}: {
  batch: readonly CheckedUpload[];
  landings: readonly Landing[];
  told: ReadonlySet<string>;
}): Ledger {
  const copied = new Map<string, LedgerEntry>();
  const refused = new Map<string, string>();
  batch.forEach(({ live }, index) => {
    const landing = landings[index];
    if (landing === undefined) return;
    if (landing.outcome !== 'refused') copied.set(live.name, landing.entry);
    else if (told.has(live.name) && isAboutContent(landing.error)) refused.set(live.name, live.generation);
  });
  return { copied, refused };
}

function resultOf(landing: Landing): ObjectResult {
  if (landing.outcome === 'refused') return { failed: landing.error };
  return { done: { outcome: landing.outcome, commit: landing.entry.commit } };
}

async function remember({
  recorded,
  news,
  ports,
  settings,
}: {
  recorded: RecordedLedger;
  news: Ledger;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<RecordedLedger> {
  if (news.copied.size === 0 && news.refused.size === 0)
    return { ...recorded, ledger: mergeLedgers(recorded.ledger, news) };
  return writeLedger({ recorded, news, ports, settings });
}
