import { ConvergeError } from '../../base/errors.ts';
import type { Ledger } from '../../source/ledger.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './run.ts';
import { acquireLease, isTaken } from '../common/lease.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { copyWhileHeld, type Intake } from './copy-while-held.ts';
import { intakePaths, usualTimes } from './intake-times.ts';
import { readLedger } from './ledger.ts';
import { answerCopied, enqueue, giveBack, queueOf } from './queue.ts';

/**
 * Resolves when the object is in Git, with whatever else waits in the bucket; at once where that ledger says so. One
 * process at a time copies from a bucket, by a lease; the others leave a note, and wait until the ledger has what they
 * wait for. The bucket is a level: the holder of the lease copies all there is. Throws what is wrong about the object,
 * and `IntakeBusy` (retry).
 *
 * @param ledger as it was read since the object was found
 */
export async function takeIn({
  live,
  ledger,
  ports,
  settings,
}: {
  live: StoredObject;
  ledger: Ledger;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<CopyOutcome> {
  const repository = ports.repository(settings.repositoryClass);
  const queue = queueOf(repository);
  const times = { ...usualTimes, ...settings.times };
  const { waiting, outcome } = enqueue(queue, { live, now: ports.now() });
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
  const { queue, ports, settings, times } = intake;
  queue.isServed = true;
  while (queue.waiting.length > 0) {
    try {
      const { lease: path } = intakePaths(settings);
      const lease = await acquireLease(
        { path, holder: settings.holder, event: '', seconds: times.leaseSeconds },
        ports,
      );
      if (isTaken(lease)) await waitBehindOther(intake);
      else await copyWhileHeld({ ...intake, lease });
    } catch (error) {
      if (!(error instanceof ConvergeError && error.code === 'LeaseLost'))
        for (const { tell } of queue.waiting.splice(0)) tell({ failed: error });
    }
  }
  queue.isServed = false;
}

/** Leaves a note for the holder, and sees after a while what it has copied. */
async function waitBehindOther({ queue, ports, settings, times }: Intake): Promise<void> {
  const unnoted = queue.waiting.filter(({ noted }) => !noted);
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
  answerCopied(queue, ledger);
  const now = ports.now().getTime();
  for (const one of queue.waiting.filter(({ since }) => now - since > times.patience)) giveBack(queue, one);
}
