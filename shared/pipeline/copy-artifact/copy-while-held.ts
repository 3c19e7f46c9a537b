import { describeError } from '../../base/errors.ts';
import { artifactUri, isSameOrNewer } from '../../source/artifact.ts';
import { copyOf, emptyLedger, pendingOf } from '../../source/ledger.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { copyObjects, type CopyStep } from './copy-objects.ts';
import { throwWhileHeld, type IntakeLease } from './intake-lease.ts';
import type { IntakeTimes } from './intake-times.ts';
import type { RecordedLedger } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { answerCopied, type Queue, type Waiting } from './queue.ts';
import { rebuilt } from './rebuild-ledger.ts';

/** The intake of one bucket by this process. */
export interface Intake {
  readonly queue: Queue;
  readonly bucket: string;
  readonly repository: Repository;
  readonly ports: CopyPorts;
  readonly settings: CopySettings;
  readonly times: IntakeTimes;
}

/** A look from under the lease. */
interface Holding extends Intake {
  readonly lease: IntakeLease;
  readonly writer: LedgerWriter;
  /** Objects that failed since the lease was taken: their events come, again. */
  readonly failed: Set<string>;
}

/**
 * Copies what waits here at once; then, where the bucket holds more, or more arrived here meanwhile, all of it once it
 * is quiet.
 *
 * @param intake.recorded as it was read after the lease was found free
 */
export async function copyWhileHeld(
  intake: Intake & { readonly lease: IntakeLease; readonly recorded: RecordedLedger },
): Promise<void> {
  const { queue, ports, times, lease } = intake;
  const until = ports.now().getTime() + times.longestHold;
  const holding = await beginHold(intake);
  const { writer } = holding;
  try {
    let others: readonly StoredObject[] = [];
    for (;;) {
      // Beside the copying, whose time nobody waits for; what comes later has an event that waits somewhere.
      const listed = listOrNone(holding);
      await copyAll(holding, others);
      const left = pendingHere(holding, await listed);
      if (queue.waiting.length === 0 && left.length === 0) break;
      writer.begin();
      if (lease.isLost() || ports.now().getTime() > until) break;
      others = await listWhenQuiet(holding);
      if (queue.waiting.length === 0 && others.length === 0) break;
    }
  } finally {
    const said = await writer.end(lease.isLost() ? undefined : lease.holder);
    if (said === 'open') await lease.giveBack();
  }
}

/** What nobody knows any more is found out before anything is copied. */
async function beginHold({
  recorded,
  ...intake
}: Intake & { readonly lease: IntakeLease; readonly recorded: RecordedLedger }): Promise<Holding> {
  const { queue, bucket, repository, ports, lease } = intake;
  try {
    const known = await rebuilt(recorded, { bucket, repository, ports });
    const writer = createLedgerWriter({ ...intake, ...queue, recorded: known });
    return { ...intake, writer, failed: new Set() };
  } catch (error) {
    try {
      return await throwWhileHeld(error, lease);
    } finally {
      await lease.giveBack();
    }
  }
}

async function listOrNone({ bucket, ports }: Holding): Promise<readonly StoredObject[]> {
  try {
    return await ports.buckets.list(bucket);
  } catch (error) {
    ports.log('WARNING', 'a bucket could not be looked at', { bucket, error: describeError(error) });
    return [];
  }
}

function pendingHere({ writer, failed }: Holding, listed: readonly StoredObject[]): readonly StoredObject[] {
  return pendingOf({ objects: listed, ledger: writer.known() }).filter((live) => !failed.has(artifactUri(live)));
}

async function listWhenQuiet(holding: Holding): Promise<readonly StoredObject[]> {
  const { bucket, ports, times, lease } = holding;
  const until = ports.now().getTime() + times.longestBurst;
  let before = '';
  for (;;) {
    await lease.keep();
    const pending = pendingHere(holding, await ports.buckets.list(bucket));
    const state = pending.map(artifactUri).join('\n');
    if (state === before || pending.length === 0 || ports.now().getTime() >= until) return pending;
    before = state;
    await ports.sleep(times.quiet);
  }
}

/**
 * Copies others, none of which is known, and all that waits here; of one name the newest generation. Each event is
 * answered as soon as it is known what became of its object, and the ledger has it. An error that is about no object
 * answers those that are still open.
 */
async function copyAll(holding: Holding, others: readonly StoredObject[]): Promise<void> {
  const { queue, failed, writer } = holding;
  answerKnown(holding);
  const events = queue.waiting.splice(0);
  const open = Map.groupBy(events, ({ live }) => live.name);
  const objects = newestOf([...events.map(({ live }) => live), ...others]);
  const told = new Set(events.filter(({ refusal }) => refusal === 'of-event').map(({ live }) => live.name));
  try {
    const ledger = () => writer.known();
    for await (const step of copyObjects({ ...holding, objects: [...objects.values()], told, ledger })) {
      for (const [name, result] of step.results) {
        const live = objects.get(name);
        if ('failed' in result && live !== undefined) failed.add(artifactUri(live));
      }
      settle(holding, { step, open });
      if (step.isFollowed) writer.begin();
    }
  } catch (error) {
    for (const { tell } of [...open.values()].flat()) tell({ failed: error });
    throw error;
  }
}

/** Those whose object is in the ledger at once, those whose object will be there with its next write. */
function answerKnown({ queue, writer }: Holding): void {
  answerCopied(queue, writer.written());
  const ledger = writer.collected();
  const known = queue.waiting.flatMap((one) => {
    const copy = copyOf({ ledger, artifact: one.live });
    return copy === undefined ? [] : [{ ...one, one, commit: copy.commit }];
  });
  queue.waiting = queue.waiting.filter((other) => !known.some(({ one }) => one === other));
  for (const { tell, commit } of known) {
    const done = { outcome: 'already-copied', commit } as const;
    writer.add({ news: emptyLedger, settle: (failure) => tell(failure ? { failed: failure.error } : { done }) });
  }
}

function settle({ writer }: Holding, { step, open }: { step: CopyStep; open: Map<string, readonly Waiting[]> }): void {
  const answers = [...step.results].flatMap(([name, result]) =>
    (open.get(name) ?? []).map(({ tell }) => ({ tell, result })),
  );
  for (const name of step.results.keys()) open.delete(name);
  if (step.news.copied.size === 0 && step.news.refused.size === 0) {
    for (const { tell, result } of answers) tell(result);
    return;
  }
  writer.add({
    news: step.news,
    settle: (failure) => {
      for (const { tell, result } of answers) tell(failure ? { failed: failure.error } : result);
    },
  });
}

/** Of each name the newest. */
function newestOf(objects: readonly StoredObject[]): ReadonlyMap<string, StoredObject> {
  const newest = new Map<string, StoredObject>();
  for (const live of objects) {
    const known = newest.get(live.name);
    if (known === undefined || isSameOrNewer({ generation: live.generation, than: known.generation }))
      newest.set(live.name, live);
  }
  return newest;
}
