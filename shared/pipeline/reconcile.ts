import { z } from 'zod';
import type { ConvergeError } from '../base/errors.ts';
import {
  encodeReconcileRequested,
  reconcileRequestedSchema,
  type ReconcileRequested,
} from '../events/reconcile-requested.ts';
import { environmentKey } from '../base/revision.ts';
import { statePaths } from '../memory/state-paths.ts';
import { fetchBranch, isAboutBranch } from './common/fetch-branch.ts';
import { acquireLease, isTaken, leaseSeconds, type Lease } from './common/lease.ts';
import { looksOfOneJob } from './common/pauses.ts';
import { readState, valueOrNone } from './common/read-state.ts';
import { converge, loseBranch } from './reconcile/converge.ts';
import { fenceWrites } from './reconcile/run/fence-writes.ts';
import { openMemory } from './reconcile/run/memory-file.ts';
import type { RunResult } from './reconcile/run/target.ts';
import type { ReconcilePorts, ReconcileSettings, Run } from './reconcile/run/run.ts';

export type ReconcileResult = RunResult | { readonly outcome: 'busy' };

const noteSchema = z.object({ cause: reconcileRequestedSchema.shape.cause });

/**
 * One job: "look at this environment". Reconciles the head of the branch under the environment's lease. A job that
 * finds the lease taken leaves a note and is done: the holder looks at the note before it lets go, and once more after.
 *
 * A run that leaves something waiting sends one message that goes on with it, under an id that follows from the id of
 * its own message: it goes on once, however often either is delivered. Every run takes one message and sends one at the
 * most, and a job that meets another of its environment sends none, so that doubled messages become fewer and never
 * more.
 *
 * Throws only for what a later try may mend (`retry`): what is wrong with the environment itself is told as a `diff`.
 */
export async function reconcile(
  job: ReconcileRequested,
  ports: ReconcilePorts,
  settings: ReconcileSettings,
): Promise<ReconcileResult> {
  const { repository, environment } = job;
  const paths = statePaths({ repository, environment });
  const lease = {
    path: paths.lease,
    holder: settings.holder,
    event: settings.event,
    seconds: leaseSeconds(settings.limits),
  };
  const wanted = async () => ports.state.read(paths.wanted);
  const send = async (occasion: string): Promise<void> =>
    ports.topics.publish(
      'reconcile',
      encodeReconcileRequested({ job: { ...job, cause: 'request' }, occasion, time: ports.now() }),
    );

  let held = await acquireLease(lease, ports);
  if (isTaken(held)) {
    // The same message, delivered twice: the holder's look began after it was sent.
    if (held.takenFor === settings.event) return { outcome: 'busy' };
    await ports.state.write({
      path: paths.wanted,
      value: { cause: job.cause, at: ports.now().toISOString() },
      ifGeneration: 'any',
    });
    // The holder may have let go between our try and our note: then nobody else reads it.
    held = await acquireLease(lease, ports);
    if (isTaken(held)) return { outcome: 'busy' };
  }

  let result: ReconcileResult = { outcome: 'busy' };
  let { cause } = job;
  for (let look = 1; look <= looksOfOneJob; look++) {
    const before = (await readNote(paths.wanted, ports))?.generation;
    let latest = before;
    const isAskedAgain = async (): Promise<boolean> => latest !== (latest = (await wanted())?.generation);
    result = await runOnce({ job: { ...job, cause }, ports, settings, lease: held, isAskedAgain });
    if (result.outcome === 'waiting' && result.goesOn === true) {
      // Its run begins after any note that was left until now, and is the look that the note asks for.
      await send(`goes on after ${settings.event}`);
      return result;
    }
    if ((await wanted())?.generation === before) return result;
    cause = valueOrNone(await readNote(paths.wanted, ports))?.cause ?? 'request';
    held = await acquireLease(lease, ports);
    if (isTaken(held)) return result;
  }
  await held.release();
  // Whoever left the last note is owed a look that begins after it.
  await send(ports.now().toISOString());
  return result;
}

/**
 * The note of somebody who asked for a look. One that nobody can read asks for it all the same: it is cleared away
 * before that look begins, so that it asks once.
 */
async function readNote(path: string, ports: Pick<ReconcilePorts, 'state' | 'log'>) {
  const note = await readState({ path, decode: (value) => noteSchema.safeParse(value).data }, ports);
  if (note === undefined || !('unreadable' in note)) return note;
  return (await ports.state.delete({ path, generation: note.generation })) === 'deleted' ? undefined : note;
}

/** One look. The lease is given back however it ends. */
async function runOnce({
  job,
  ports,
  settings,
  lease,
  isAskedAgain,
}: {
  job: ReconcileRequested;
  ports: ReconcilePorts;
  settings: ReconcileSettings;
  lease: Lease;
  isAskedAgain: () => Promise<boolean>;
}): Promise<RunResult> {
  const { repository, environment } = job;
  const { memory: path } = statePaths({ repository, environment });
  let waitsUntil: Date | undefined;
  try {
    // Both are read under the lease: what was read before it may be older than what another run just did.
    const branch = fetchBranch({ repository: ports.repository(repository), state: ports.state }).then(
      (head) => ({ head }),
      lostBranch,
    );
    const [memoryFile, found] = await Promise.all([openMemory({ path, ...ports }), branch]);
    const { cluster, unsettled } = fenceWrites(ports, lease);
    const run: Run = {
      ...{ repository, environment, settings, lease, unsettled, isAskedAgain },
      ports: { ...ports, cluster },
      key: environmentKey({ repository, environment }),
      memoryFile,
      head: found.head,
      startedAt: ports.now(),
      cause: job.cause,
      waitUntil: () => (waitsUntil ??= new Date(ports.now().getTime() + settings.limits.waitSeconds * 1000)),
    };
    if ('problem' in found) return await loseBranch(run, found.problem);
    return await converge(run).catch(async (error: unknown) => await loseBranch(run, lostBranch(error).problem));
  } finally {
    await lease.release();
  }
}

function lostBranch(error: unknown): { head: undefined; problem: ConvergeError } {
  if (isAboutBranch(error)) return { head: undefined, problem: error };
  throw error;
}
