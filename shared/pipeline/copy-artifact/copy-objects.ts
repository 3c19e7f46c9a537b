import { ConvergeError, type ErrorCode } from '../../base/errors.ts';
import type { UploadRefused } from '../../events/upload-alert.ts';
import { batchesOf } from '../../source/batches.ts';
import { emptyLedger, type Ledger, type LedgerEntry } from '../../source/ledger.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './run.ts';
import { inParallel } from '../common/parallel.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { readUpload, type CheckedUpload } from './content.ts';
import type { IntakeLease } from './intake-lease.ts';
import type { Announcement, Landing } from './land.ts';
import { landApart } from './land-apart.ts';
import { tellAccepted, tellRefused } from './tell-uploads.ts';

/** What became of one object: an outcome, or an error that is about it, or that met all. */
export type ObjectResult = { readonly done: CopyOutcome } | { readonly failed: unknown };

export interface CopyObjectsRequest {
  /** At most one of each name, none of which the ledger has. */
  readonly objects: readonly StoredObject[];
  /** The names of those whose refusal is told, and may be remembered as told. */
  readonly told: ReadonlySet<string>;
  /** All that is known by then. */
  readonly ledger: () => Ledger;
  readonly lease: Pick<IntakeLease, 'keep' | 'assertHeld'>;
  readonly repository: Repository;
  readonly ports: CopyPorts;
  readonly settings: CopySettings;
}

/** What became of some of the objects, by name. */
export interface CopyStep {
  readonly results: ReadonlyMap<string, ObjectResult>;
  /** What is to be in the ledger before anybody is told of that. */
  readonly news: Ledger;
  /** Whether more is copied after it, which may take a while. */
  readonly isFollowed: boolean;
}

/** Objects read at a time are small ones, or a single one: so many bytes of them. */
const bytesAtOnce = 32 * 1_048_576;

/**
 * Brings objects into Git in as few commits as there can be, announces each commit, and yields what became of its
 * objects: never with less than that done. What is wrong about one object fails that object alone.
 */
export async function* copyObjects(request: CopyObjectsRequest): AsyncGenerator<CopyStep> {
  const uploads: CheckedUpload[] = [];
  const refused: Refused[] = [];
  for (const group of readTogether(request.objects)) {
    await request.lease.keep();
    const reads = await inParallel(group, async (live) => readOne(request, live));
    uploads.push(...reads.flatMap((read) => (read.read === 'upload' ? [read.upload] : [])));
    refused.push(...reads.filter((read) => read.read === 'refused'));
    const results = new Map(reads.flatMap((read) => (read.read === 'ended' ? [[read.name, read.result]] : [])));
    yield { results, news: emptyLedger, isFollowed: true };
  }
  const batches = batchesOf(uploads);
  yield { ...(await tellAll(request, refused.map(verdictOfRefused))), isFollowed: batches.length > 0 };
  for (const [index, batch] of batches.entries()) {
    await request.lease.keep();
    const landed = await landAndAnnounce(request, batch);
    const step = await tellAll(request, verdictsOf(request, { batch, landed }));
    yield { ...step, isFollowed: index < batches.length - 1 };
  }
}

/** What a look at one object found. Who refuses it is told, once the ledger knows. */
type Read =
  | { readonly read: 'upload'; readonly upload: CheckedUpload }
  | { readonly read: 'ended'; readonly name: string; readonly result: ObjectResult }
  | Refused;

interface Refused {
  readonly read: 'refused';
  readonly live: StoredObject;
  readonly error: ConvergeError;
}

function readTogether(objects: readonly StoredObject[]): readonly (readonly StoredObject[])[] {
  const groups: StoredObject[][] = [];
  let bytes = 0;
  for (const live of objects) {
    const group = groups.at(-1);
    if (group === undefined || bytes + live.bytes > bytesAtOnce) {
      groups.push([live]);
      bytes = live.bytes;
    } else {
      group.push(live);
      bytes += live.bytes;
    }
  }
  return groups;
}

async function readOne({ ports, settings, told }: CopyObjectsRequest, live: StoredObject): Promise<Read> {
  const { name } = live;
  try {
    const upload = await readUpload({ live, ports, settings });
    return upload === undefined
      ? { read: 'ended', name, result: { done: { outcome: 'gone' } } }
      : { read: 'upload', upload };
  } catch (error) {
    return isAboutContent(error) && told.has(name)
      ? { read: 'refused', live, error }
      : { read: 'ended', name, result: { failed: error } };
  }
}

const aboutContent: readonly ErrorCode[] = [
  'InvalidArchive',
  'InvalidEnvironment',
  'Quarantined',
  'RemovalGuarded',
  'TooLarge',
  'UnsafePath',
  'WouldOverwrite',
];

/**
 * A refusal that stays for this generation; one by a host, a bucket, a branch or the configuration ends when an operator
 * mends those.
 */
export function isAboutContent(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && error.disposition === 'refuse' && aboutContent.includes(error.code);
}

/** What became of a batch: a landing for each upload, in their order, all of them announced; or what met them all. */
type Landed =
  | { readonly outcome: 'landed'; readonly landings: readonly Landing[] }
  | { readonly outcome: 'failed'; readonly error: unknown };

async function landAndAnnounce(
  { ledger, repository, ports, settings, lease }: CopyObjectsRequest,
  batch: readonly CheckedUpload[],
): Promise<Landed> {
  try {
    const landings = await landApart({ uploads: batch, ledger: ledger(), repository, ports, settings, lease });
    await announceAll({ landings, repository, ports });
    return { outcome: 'landed', landings };
  } catch (error) {
    return { outcome: 'failed', error };
  }
}

/**
 * Before the ledger says that anything of the commits is in Git: until then each of their objects makes that they are
 * announced again.
 */
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

/** What became of one upload, and what the ledger is to keep of it. */
interface Verdict {
  readonly live: StoredObject;
  readonly result: ObjectResult;
  readonly kept?:
    | { readonly as: 'copied'; readonly entry: LedgerEntry }
    | { readonly as: 'refused'; readonly error: ConvergeError };
}

function verdictOfRefused({ live, error }: Refused): Verdict {
  return { live, result: { failed: error }, kept: { as: 'refused', error } };
}

function verdictsOf(
  { told }: CopyObjectsRequest,
  { batch, landed }: { batch: readonly CheckedUpload[]; landed: Landed },
): readonly Verdict[] {
  return batch.flatMap(({ live }, index): readonly Verdict[] => {
    if (landed.outcome === 'failed') return [{ live, result: { failed: landed.error } }];
    const landing = landed.landings[index];
    if (landing === undefined) return [];
    if (landing.outcome !== 'refused') {
      const { outcome, entry } = landing;
      return [{ live, result: { done: { outcome, commit: entry.commit } }, kept: { as: 'copied', entry } }];
    }
    const { error } = landing;
    const isKept = told.has(live.name) && isAboutContent(error);
    return [{ live, result: { failed: error }, ...(isKept ? { kept: { as: 'refused', error } } : {}) }];
  });
}

/**
 * Tells who uploaded what the ledger is to say, before it says so: what cannot be told is kept of nobody, and its event
 * comes again.
 */
async function tellAll(
  request: CopyObjectsRequest,
  verdicts: readonly Verdict[],
): Promise<Pick<CopyStep, 'results' | 'news'>> {
  const results = new Map<string, ObjectResult>();
  const [copied, refused] = [new Map<string, LedgerEntry>(), new Map<string, string>()];
  const told = new Map<string, UploadRefused>();
  const tell = async ({ live, result, kept }: Verdict): Promise<void> => {
    try {
      if (kept?.as === 'copied') {
        await tellAccepted({ live, commit: kept.entry.commit }, { ...request, ledger: request.ledger() });
        copied.set(live.name, kept.entry);
      } else if (kept !== undefined) {
        // What another run may bring that claimed the lease since is not to be told as refused.
        await request.lease.assertHeld();
        told.set(live.name, await tellRefused({ live, error: kept.error }, { ...request, ledger: request.ledger() }));
        refused.set(live.name, live.generation);
      }
      results.set(live.name, result);
    } catch (error) {
      results.set(live.name, { failed: error });
    }
  };
  await inParallel(verdicts, tell);
  return { results, news: { copied, refused, told } };
}
