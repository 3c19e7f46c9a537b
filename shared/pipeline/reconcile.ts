import { randomUUID } from 'node:crypto';
import { ConvergeError, describeError } from '../base/errors.ts';
import {
  encodeReconcileRequested,
  overrideOf,
  personsRequestOf,
  type ReconcileRequested,
} from '../events/reconcile-requested.ts';
import { commitOf, environmentKey } from '../base/revision.ts';
import type { Memory } from '../memory/memory.ts';
import { creationUnanswered, suspected } from '../memory/transitions/fold.ts';
import { statePaths } from '../memory/state-paths.ts';
import { fetchBranch, isAboutBranch } from './common/fetch-branch.ts';
import { lookedSince } from './common/looked-since.ts';
import { betweenLooksAtLease, headLooksApart, looksOfOneJob, waitsForLease } from './common/pauses.ts';
import { hasGateMoved } from './reconcile/accept/dependencies.ts';
import { converge, loseBranch } from './reconcile/converge.ts';
import { writeTold } from './reconcile/run/claim.ts';
import { fenceWrites } from './reconcile/run/fence-writes.ts';
import { endOverride } from './reconcile/accept/freeze.ts';
import { keepRequest } from './reconcile/run/keep-request.ts';
import { leaseOf } from './reconcile/run/lease.ts';
import { memoryFileOf } from './reconcile/run/memory-file.ts';
import type { ReconcilePorts, ReconcileSettings, Run } from './reconcile/run/run.ts';
import { commit, learnTime, openState, publish, staleLook, storageTime, type State } from './reconcile/run/state.ts';
import type { RunResult } from './reconcile/run/target.ts';
import { tellDependents } from './reconcile/tell/tell-dependents.ts';
import { writeBack } from './reconcile/tell/write-back.ts';

export type ReconcileResult = Exclude<RunResult, { outcome: 'superseded' }>;

/**
 * One job: "look at this environment". Looks at the head of the branch without any right to act, and claims that where
 * there is something to do. A look that another run was faster than begins anew; so does one whose commit is no longer
 * the head.
 *
 * A run that leaves something waiting sends one message that goes on with it, under an id that follows from the id of
 * its own message: it goes on once, however often either is delivered.
 *
 * Throws only for what a later try may mend (`retry`), `LeaseHeld` among it: no message is done because somebody else is
 * at work. What is wrong with the environment itself is told as a `diff`.
 */
export async function reconcile(
  job: ReconcileRequested,
  ports: ReconcilePorts,
  settings: ReconcileSettings,
): Promise<ReconcileResult> {
  const wait: OwnWait = { id: `${settings.event}/${randomUUID()}`, metAnother: false, wasDone: undefined };
  for (let look = 1; ; look++) {
    const isLast = look === looksOfOneJob;
    const state = await openWhenFree(job, ports, { ...settings, wait });
    try {
      // What the sender saw of the branch serves once.
      const seen = look === 1 ? job : { ...job, head: undefined };
      const result = await lookOnce(seen, { state, ports, settings, wait });
      if (result.outcome !== 'superseded') return result;
      if (isLast) throw staleLook(`${job.repository}/${job.environment}`);
    } catch (error) {
      if (isLast || !(error instanceof ConvergeError && error.code === 'StaleLook')) throw error;
    }
  }
}

/**
 * What a job would wait as, whether it found another run at work when it came, and whether what a person asks for by it was
 * done before: undefined until that is read.
 */
interface OwnWait {
  readonly id: string;
  metAnother: boolean;
  wasDone: boolean | undefined;
}

interface Looking {
  readonly state: State;
  readonly ports: ReconcilePorts;
  readonly settings: ReconcileSettings;
  readonly wait: OwnWait;
}

/**
 * Waits a while for a run that is at work. Throws `LeaseHeld` (retry): the message comes again, and ends that run in
 * its stead where it is dead.
 */
async function openWhenFree(
  { repository, environment, told }: ReconcileRequested,
  ports: ReconcilePorts,
  { event, wait, onHindered }: ReconcileSettings & { wait: OwnWait },
): Promise<State> {
  const paths = statePaths({ repository, environment });
  const wasLookedAtSince = lookedSince({ repository, environment }, ports);
  const since = ports.now().getTime();
  for (;;) {
    const found = await openState({ paths, event, told, wasLookedAtSince }, ports);
    if (found.opened === 'free') return found.state;
    wait.metAnother = true;
    if (found.hindrance !== undefined) await onHindered?.(found.hindrance);
    // By a clock that was put back, nobody knows for how long it waits.
    if (Math.abs(ports.now().getTime() - since) >= waitsForLease) break;
    await ports.sleep(betweenLooksAtLease);
  }
  throw new ConvergeError({
    code: 'LeaseHeld',
    subject: paths.lease,
    message: 'another run is at work',
    disposition: 'retry',
  });
}

async function lookOnce(job: ReconcileRequested, looking: Looking): Promise<RunResult> {
  const { state, ports, settings } = looking;
  // What an earlier run said, and died before it was told.
  await publish(state, ports);
  const run = await openRun(job, looking);
  const noted = JSON.stringify(state.memory.value.notes);
  let result: RunResult;
  try {
    result = await run.converge();
    keepRequest(run, result);
    endOverride(run);
    if (result.outcome !== 'removed') suspectUnsettled(run);
    if (result.outcome !== 'absent' || state.hold !== undefined) await commit(state);
  } catch (error) {
    suspectUnsettled(run);
    await keepWhatWasDone(state, error);
    throw error;
  }
  if (result.outcome === 'waiting' && result.goesOn === true) await goOn(job, { state, ports, settings });
  else {
    await tellDependents(run, result);
    await writeTold(state);
    if (JSON.stringify(state.memory.value.notes) !== noted) await writeBack(run);
    if (result.outcome === 'waiting' && (await hasGateMoved(run))) return { outcome: 'superseded' };
  }
  return result;
}

/** What was written and not answered for may be written yet. */
function suspectUnsettled({ unsettled, unansweredCreations, memoryFile, ports }: Run): void {
  if (unsettled.size > 0) memoryFile.remember(suspected, { keys: [...unsettled].sort(), now: ports.now() });
  if (unansweredCreations.size > 0) memoryFile.remember(creationUnanswered, { now: ports.now() });
}

/**
 * What was found and done is remembered, and the lease ended, so that nobody has to wait until it is over. A look that
 * counts for nothing found nothing.
 */
async function keepWhatWasDone(state: State, error: unknown): Promise<void> {
  const isStale = error instanceof ConvergeError && (error.code === 'StaleLook' || error.code === 'LeaseLost');
  if (state.hold === undefined && isStale) return;
  try {
    await commit(state);
  } catch (second) {
    const facts = { path: state.memory.path, after: describeError(error), error: describeError(second) };
    state.ports.log('WARNING', 'what a run did could not be remembered', facts);
  }
}

async function goOn(
  job: ReconcileRequested,
  { state, ports, settings }: { state: State; ports: ReconcilePorts; settings: ReconcileSettings },
): Promise<void> {
  const { repository, environment } = job;
  const told = state.told === undefined ? {} : { told: state.told };
  const { id } = state.current.waiting ?? {};
  const passed = overrideOf(job);
  const next = {
    repository,
    environment,
    cause: 'request',
    ...told,
    ...(id === undefined ? {} : { waitId: id }),
    ...(id === undefined || passed === undefined
      ? {}
      : { by: passed.by, reason: passed.reason, override: passed.until }),
  } as const;
  const occasion = `goes on after ${settings.event}`;
  await ports.topics.publish('reconcile', encodeReconcileRequested({ job: next, occasion, time: ports.now() }));
}

/** The branch is read after what is kept: else a look at an older commit could judge what a newer one brought about. */
async function openRun(
  job: ReconcileRequested,
  { state, ports, settings, wait }: Looking,
): Promise<Run & { converge(): Promise<RunResult> }> {
  const { repository, environment } = job;
  const git = ports.repository(repository);
  const { commit: attempted } = state.current.attempted ?? {};
  const hint = job.head === undefined ? undefined : { commit: job.head, attempted };
  const branch = fetchBranch({ repository: git, state: ports.state, hint });
  const found = await branch.then((head) => ({ head }), lostBranch);
  const now = (): Date => storageTime(state);
  let waitsUntil: Date | undefined;
  let headSeenAt = ports.now().getTime();
  const isHead = async (): Promise<boolean> => {
    headSeenAt = ports.now().getTime();
    return (await git.head()) === found.head?.id;
  };
  if (found.head !== undefined && found.head.id === job.head) state.confirmHead = isHead;
  const { waitSeconds } = settings.limits;
  const waitId = waitIdOf(job, { waiting: state.current.waiting, wait, event: settings.event, head: found.head?.id });
  wait.wasDone ??= state.current.requests?.some(({ id }) => id === settings.event) === true;
  const passed = overrideOf(job);
  const lease = leaseOf(state, { isHead: 'problem' in found ? async () => true : isHead });
  const { cluster, ...unanswered } = fenceWrites(ports, lease);
  const run: Run = {
    ...{ repository, environment, settings, lease, ...unanswered },
    ports: { ...ports, cluster, now },
    key: environmentKey({ repository, environment }),
    memoryFile: memoryFileOf(state),
    head: found.head,
    startedAt: now(),
    learnTime: (read) => learnTime(state, read),
    // What was done rests in the pauses that are on.
    cause: wait.wasDone ? 'schedule' : job.cause,
    request: wait.wasDone ? undefined : personsRequestOf(job),
    override: passed && { ...passed, begins: wait.wasDone !== true && (job.waitId ?? '') === '' },
    waitId,
    waitUntil: () => (waitsUntil ??= new Date(now().getTime() + (waitId === undefined ? 0 : waitSeconds * 1000))),
    isSuperseded: async () => ports.now().getTime() - headSeenAt >= headLooksApart && !(await isHead()),
  };
  return {
    ...run,
    async converge() {
      if ('problem' in found) return await loseBranch(run, found.problem);
      return await converge(run).catch(async (error: unknown) => await loseBranch(run, lostBranch(error).problem));
    },
  };
}

/**
 * Of those that meet a roll-out, one waits for it: the run that goes on with the wait; one whose message comes again,
 * since the run that began it may be dead, unless that was met at work; and the schedule's, in case a message was lost.
 * These take the wait over. All others only look.
 */
function waitIdOf(
  job: ReconcileRequested,
  {
    waiting,
    wait,
    event,
    head,
  }: { waiting: Memory['waiting']; wait: OwnWait; event: string; head: string | undefined },
): string | undefined {
  if (waiting?.id === undefined) return wait.id;
  if (waiting.id === wait.id || waiting.id === job.waitId) return waiting.id;
  if (head === undefined || commitOf(waiting.revision) !== head) return wait.id;
  const comesAgain = waiting.id.startsWith(`${event}/`) && !wait.metAnother;
  return comesAgain || job.cause === 'schedule' ? wait.id : undefined;
}

function lostBranch(error: unknown): { head: undefined; problem: ConvergeError } {
  if (isAboutBranch(error)) return { head: undefined, problem: error };
  throw error;
}
