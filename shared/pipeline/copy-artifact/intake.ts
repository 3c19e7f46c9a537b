import { ConvergeError } from '../../base/errors.ts';
import { artifactUri, isSameOrNewer } from '../../source/artifact.ts';
import { copyOf, pendingOf } from '../../source/ledger.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './run.ts';
import { acquireLease, isTaken, type Lease } from '../common/lease.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { copyObjects, type ObjectResult } from './copy-objects.ts';
import { intakePaths, usualTimes, type IntakeTimes } from './intake-times.ts';
import { readLedger, type RecordedLedger } from './ledger.ts';

/** An object that an event waits for. */
interface Waiting {
  readonly live: StoredObject;
  readonly since: number;
  /** Whether the holder of the lease was asked to look. */
  noted: boolean;
  readonly settle: (result: ObjectResult) => void;
}

/** What waits in this process for one repository. */
interface Intake {
  waiting: Waiting[];
  isRunning: boolean;
}

interface Context {
  readonly intake: Intake;
  readonly bucket: string;
  readonly repository: Repository;
  readonly ports: CopyPorts;
  readonly settings: CopySettings;
  readonly times: IntakeTimes;
}

const intakes = new WeakMap<Repository, Intake>();

/**
 * Resolves when the object is in Git, with whatever else waits in the bucket. One process at a time copies from a bucket, by a lease; the
 * others leave a note, and wait until the ledger has what they wait for. The bucket is a level: the holder of the lease copies all there is.
 * Throws what is wrong about the object, and `IntakeBusy` (retry).
 */
export async function takeIn({
  live,
  ports,
  settings,
}: {
  live: StoredObject;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<CopyOutcome> {
  const repository = ports.repository(settings.repositoryClass);
  const intake = intakes.get(repository) ?? { waiting: [], isRunning: false };
  intakes.set(repository, intake);
  const { promise, resolve, reject } = Promise.withResolvers<CopyOutcome>();
  const settle = (result: ObjectResult): void => ('done' in result ? resolve(result.done) : reject(result.failed));
  intake.waiting.push({ live, since: ports.now().getTime(), noted: false, settle });
  if (intake.isRunning) return promise;
  // The request that found nobody at work goes on until nothing waits: a process is given time only while it answers one.
  await Promise.allSettled([
    run({ intake, bucket: live.bucket, repository, ports, settings, times: { ...usualTimes, ...settings.times } }),
    promise,
  ]);
  return promise;
}

/** Never rejects: what fails, fails those who wait. */
async function run(context: Context): Promise<void> {
  const { intake, ports, settings, times } = context;
  intake.isRunning = true;
  while (intake.waiting.length > 0) {
    try {
      const { lease: path } = intakePaths(settings);
      const lease = await acquireLease(
        { path, holder: settings.holder, event: '', seconds: times.leaseSeconds },
        ports,
      );
      if (isTaken(lease)) await waitBehindOther(context);
      else await hold({ ...context, lease });
    } catch (error) {
      if (!(error instanceof ConvergeError && error.code === 'LeaseLost'))
        for (const { settle } of intake.waiting.splice(0)) settle({ failed: error });
    }
  }
  intake.isRunning = false;
}

/** Leaves a note for the holder, and sees after a while what it has copied. */
async function waitBehindOther({ intake, ports, settings, times }: Context): Promise<void> {
  const unnoted = intake.waiting.filter(({ noted }) => !noted);
  if (unnoted.length > 0) {
    await ports.state.write({
      path: intakePaths(settings).wanted,
      value: { at: ports.now().toISOString() },
      ifGeneration: 'any',
    });
    for (const one of unnoted) one.noted = true;
  }
  await ports.sleep(times.poll * (1 + Math.random()));
  const { ledger } = await readLedger({ ports, settings });
  const now = ports.now().getTime();
  for (const one of [...intake.waiting]) {
    const copy = copyOf({ ledger, artifact: one.live });
    if (copy !== undefined) settleAll(intake, one, { done: { outcome: 'already-copied', commit: copy.commit } });
    else if (now - one.since > times.patience) settleAll(intake, one, { failed: busy(one.live) });
  }
}

function settleAll(intake: Intake, one: Waiting, result: ObjectResult): void {
  intake.waiting = intake.waiting.filter((other) => other !== one);
  one.settle(result);
}

/** Copies what waits here at once; then, where more arrived meanwhile, here or elsewhere, all that the bucket holds once it is quiet. */
async function hold(context: Context & { lease: Lease }): Promise<void> {
  const { intake, ports, times, lease, settings } = context;
  const until = ports.now().getTime() + times.longestHold;
  /** Objects that failed in this hold and that no event here waits for: theirs will come. */
  const failed = new Set<string>();
  let recorded = await readLedger({ ports, settings });
  try {
    recorded = await copyAll({ ...context, recorded, failed, others: [] });
    while ((await takeNote(context)) || intake.waiting.length > 0) {
      if (ports.now().getTime() > until) break;
      const others = await listWhenQuiet({ ...context, recorded, failed });
      recorded = await copyAll({ ...context, recorded, failed, others });
    }
  } finally {
    await lease.release();
  }
}

/** Whether somebody asked. The note goes before the bucket is listed, so that a later one is seen as another. */
async function takeNote({ ports, settings }: Context): Promise<boolean> {
  const path = intakePaths(settings).wanted;
  const note = await ports.state.read(path);
  if (note !== undefined) await ports.state.delete({ path, generation: note.generation });
  return note !== undefined;
}

type Holding = Context & { readonly lease: Lease; readonly recorded: RecordedLedger; readonly failed: Set<string> };

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

/** Copies others, and all that waits here; of one name the newest generation. */
async function copyAll({ others, ...context }: Holding & { others: readonly StoredObject[] }): Promise<RecordedLedger> {
  const { intake, recorded, failed, ports, settings, lease, repository } = context;
  const waiting = intake.waiting;
  intake.waiting = [];
  const newest = new Map<string, StoredObject>();
  for (const live of [...waiting.map((one) => one.live), ...others]) {
    const known = newest.get(live.name);
    if (known === undefined || isSameOrNewer({ generation: live.generation, than: known.generation }))
      newest.set(live.name, live);
  }
  const byName = Map.groupBy(waiting, (one) => one.live.name);
  const open = new Set(newest.keys());
  const settle = (name: string, result: ObjectResult): void => {
    open.delete(name);
    const live = newest.get(name);
    const events = byName.get(name) ?? [];
    if ('failed' in result && live !== undefined && events.length === 0) failed.add(artifactUri(live));
    for (const one of events) one.settle(result);
  };
  try {
    return await copyObjects({
      objects: [...newest.values()],
      told: new Set(byName.keys()),
      recorded,
      lease,
      repository,
      ports,
      settings,
      settle,
    });
  } catch (error) {
    const isLost = error instanceof ConvergeError && error.code === 'LeaseLost';
    for (const one of waiting.filter(({ live }) => open.has(live.name))) {
      if (isLost) intake.waiting.push(one);
      else one.settle({ failed: error });
    }
    throw error;
  }
}

function busy(live: StoredObject): ConvergeError {
  return new ConvergeError({
    code: 'IntakeBusy',
    subject: artifactUri(live),
    message: 'another run copies from this bucket, and has not come to this object yet',
    disposition: 'retry',
  });
}
