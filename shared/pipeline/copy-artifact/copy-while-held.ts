import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { artifactUri, isSameOrNewer } from '../../source/artifact.ts';
import { pendingOf } from '../../source/ledger.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { Lease } from '../common/lease.ts';
import { readState } from '../common/read-state.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { copyObjects } from './copy-objects.ts';
import { intakePaths, type IntakeTimes } from './intake-times.ts';
import { readLedger, type RecordedLedger } from './ledger.ts';
import { answerCopied, type Queue } from './queue.ts';
import { rebuildLedger } from './rebuild-ledger.ts';

const noteSchema = z.object({ at: z.string() });

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
  readonly lease: Lease;
  readonly recorded: RecordedLedger;
  /** Objects that failed since the lease was taken and that no event here waits for: theirs will come. */
  readonly failed: Set<string>;
}

/**
 * Copies what waits here at once; then, where more arrived meanwhile, here or elsewhere, all that the bucket holds once
 * it is quiet.
 */
export async function copyWhileHeld(intake: Intake & { readonly lease: Lease }): Promise<void> {
  const { queue, ports, times, lease } = intake;
  const until = ports.now().getTime() + times.longestHold;
  const failed = new Set<string>();
  try {
    let recorded = await readOrRebuild(intake);
    recorded = await copyAll({ ...intake, recorded, failed }, []);
    while ((await takeNote(intake)) || queue.waiting.length > 0) {
      if (ports.now().getTime() > until) break;
      const others = await listWhenQuiet({ ...intake, recorded, failed });
      recorded = await copyAll({ ...intake, recorded, failed }, others);
    }
  } finally {
    await lease.release();
  }
}

/** What nobody knows any more is found out before anything is copied. */
async function readOrRebuild({ bucket, repository, ports, settings }: Intake): Promise<RecordedLedger> {
  const recorded = await readLedger({ ports, settings });
  return recorded.state === 'kept'
    ? recorded
    : { ...recorded, ledger: await rebuildLedger({ bucket, repository, ports }) };
}

/**
 * Whether somebody asked, in whatever words. The note goes before the bucket is listed, so that a later one is seen as
 * another.
 */
async function takeNote({ ports, settings }: Intake): Promise<boolean> {
  const path = intakePaths(settings).wanted;
  const note = await readState({ path, decode: (value) => noteSchema.safeParse(value).data }, ports);
  if (note !== undefined) await ports.state.delete({ path, generation: note.generation });
  return note !== undefined;
}

async function listWhenQuiet({
  bucket,
  ports,
  times,
  lease,
  recorded,
  failed,
}: Holding): Promise<readonly StoredObject[]> {
  const until = ports.now().getTime() + times.longestBurst;
  let before = '';
  for (;;) {
    await lease.assertHeld();
    const listed = await ports.buckets.list(bucket);
    const pending = pendingOf({ objects: listed, ledger: recorded.ledger }).filter(
      (live) => !failed.has(artifactUri(live)),
    );
    const state = pending.map(artifactUri).join('\n');
    if (state === before || pending.length === 0 || ports.now().getTime() >= until) return pending;
    before = state;
    await ports.sleep(times.quiet);
  }
}

/**
 * Copies others, none of which the ledger has, and all that waits here; of one name the newest generation. Each event
 * is answered as soon as it is known what became of its object. What the lease is lost for waits again; another error
 * answers those that are still open.
 */
async function copyAll(holding: Holding, others: readonly StoredObject[]): Promise<RecordedLedger> {
  const { queue, failed } = holding;
  let { recorded } = holding;
  answerCopied(queue, recorded.ledger);
  const events = queue.waiting.splice(0);
  const open = Map.groupBy(events, ({ live }) => live.name);
  const objects = newestOf([...events.map(({ live }) => live), ...others]);
  const told = new Set(open.keys());
  try {
    for await (const step of copyObjects({ ...holding, objects: [...objects.values()], told })) {
      recorded = step.recorded;
      for (const [name, result] of step.results) {
        for (const { tell } of open.get(name) ?? []) tell(result);
        open.delete(name);
        const live = objects.get(name);
        if ('failed' in result && live !== undefined && !told.has(name)) failed.add(artifactUri(live));
      }
    }
    return recorded;
  } catch (error) {
    const unanswered = [...open.values()].flat();
    if (error instanceof ConvergeError && error.code === 'LeaseLost') queue.waiting.push(...unanswered);
    else for (const { tell } of unanswered) tell({ failed: error });
    throw error;
  }
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
