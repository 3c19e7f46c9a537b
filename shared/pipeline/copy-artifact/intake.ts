import type { Ledger } from '../../source/ledger.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './run.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { copyWhileHeld, type Intake } from './copy-while-held.ts';
import { claimLease, findLease, isFree, type FoundLease, type IntakeLease } from './intake-lease.ts';
import { restOf } from '../common/pauses.ts';
import { intakeLeasePath, usualTimes } from './intake-times.ts';
import { readLedger } from './ledger.ts';
import { answerCopied, enqueue, giveBack, queueOf, type Refusal } from './queue.ts';

/**
 * Resolves when the object is in Git, with whatever else waits in the bucket; at once where that ledger says so. One
 * process at a time copies from a bucket, by a lease; the others wait until the ledger has what they wait for, or the
 * lease is free. The bucket is a level: the holder of the lease copies all there is. Throws what is wrong about the object,
 * and `IntakeBusy` (retry).
 *
 * @param ledger as it was read since the object was found
 */
export async function takeIn({
  live,
  ledger,
  refusal = 'of-event',
  ports,
  settings,
}: {
  live: StoredObject;
  ledger: Ledger;
  refusal?: Refusal;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<CopyOutcome> {
  const repository = ports.repository(settings.repositoryClass);
  const queue = queueOf(repository);
  const times = { ...usualTimes, ...settings.times };
  const { waiting, outcome } = enqueue(queue, { live, refusal, now: ports.now() });
  answerCopied(queue, ledger);
  if (!queue.waiting.includes(waiting)) return outcome;
  if (queue.isServed) {
    void ports.sleep(times.patience).then(() => giveBack(queue, waiting));
    return outcome;
  }
  // The request that found nobody at work goes on until nothing waits: a process is given time only while it answers
  // one.
  await Promise.allSettled([serve({ queue, bucket: live.bucket, repository, ports, settings, times }), outcome]);
  return outcome;
}

/** Never rejects: what fails, fails those who wait. */
async function serve(intake: Intake): Promise<void> {
  const { queue } = intake;
  queue.isServed = true;
  while (queue.waiting.length > 0) {
    try {
      await copyOrWait(intake);
    } catch (error) {
      for (const { tell } of queue.waiting.splice(0)) tell({ failed: error });
    }
  }
  queue.isServed = false;
}

async function copyOrWait(intake: Intake): Promise<void> {
  const { queue, ports, settings, times } = intake;
  const path = intakeLeasePath(settings);
  const seconds = times.leaseSeconds;
  const found = await findLease({ path, seconds }, ports);
  const recorded = await readLedger({ ports, settings });
  answerCopied(queue, recorded.ledger);
  if (queue.waiting.length === 0) return;
  const lease = isFree(found, recorded.ledger.ended) ? await claim(intake, found) : 'taken';
  if (lease !== 'taken') return await copyWhileHeld({ ...intake, lease, recorded });
  await ports.sleep(times.poll * (0.75 + Math.random() / 2));
  const now = ports.now().getTime();
  // By a clock that was put back, nobody knows for how long one waits.
  for (const one of queue.waiting.filter(({ since }) => Math.abs(now - since) > times.patience)) giveBack(queue, one);
}

async function claim({ queue, ports, settings, times }: Intake, found: FoundLease): Promise<IntakeLease | 'taken'> {
  const { lastWrites } = queue;
  const rest = restOf({ pause: times.writePause, since: lastWrites.lease ?? -Infinity, now: ports.now() });
  if (rest > 0) await ports.sleep(rest);
  const claimed = { path: intakeLeasePath(settings), instance: settings.holder, seconds: times.leaseSeconds, found };
  lastWrites.lease = ports.now().getTime();
  return await claimLease(claimed, ports);
}
