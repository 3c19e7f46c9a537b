import {
  quarantineEnded,
  quarantineFound,
  quarantineLifted,
  quarantineShared,
  rollbackDone,
  type RollbackDone,
} from '../../memory/transitions/quarantine.ts';
import { incidentTold } from '../../memory/transitions/divergence.ts';
import { isUnderWay, reviewQuarantine, type Quarantine } from '../../memory/quarantine.ts';
import { shortRevision } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import { byItself, parseRevert } from '../../source/revert.ts';
import { parseTime } from '../../base/time.ts';
import { environmentPath, isEnvironmentName } from '../../environment/environment-file.ts';
import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { removeQuarantine, restoreQuarantine, takeOverQuarantine, writeQuarantine } from '../rollback/quarantines.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { notRolledBack, revert, type RolledBack } from './judge/plan-rollback.ts';
import { clockSkew, longestRollBack, restOf } from '../common/pauses.ts';
import { readInputs } from '../common/render-inputs.ts';
import type { Run } from './run/run.ts';

/**
 * A memory that was lost takes its quarantine over from the copy that uploads are checked against. An environment has
 * converged before anything of it is rolled back: one that never did, as its memory says, may have lost it, also where a
 * run that died was ended since.
 */
export async function takeOverRollback(run: Run): Promise<void> {
  const { converged, quarantine: known } = run.memoryFile.memory();
  if (converged !== undefined || known !== undefined) return;
  const { repository, environment, ports } = run;
  const quarantine = await takeOverQuarantine({ repository, environment, state: ports.state, log: ports.log });
  if (quarantine !== undefined) run.memoryFile.remember(quarantineFound, { quarantine });
}

/**
 * Commits the rollback that the memory says is under way, or finds the commit on the branch where an earlier run died
 * after its push; uploads are checked from before it. What became of it is in the memory, and in the alert that is
 * about to be published, which is left with the lease before the copy says that it is over: from then on nobody finds
 * what failed again.
 */
export async function finishRollback(run: Run): Promise<void> {
  const { memoryFile, ports } = run;
  const { quarantine } = memoryFile.memory();
  if (isUnderWay(quarantine)) {
    const named = { repository: run.repository, environment: run.environment, state: ports.state };
    await run.lease.claim({ keys: [] });
    // A run that is killed after its push is made up for by the next one, which finds the commit.
    await memoryFile.commit({ actsOn: true });
    await writeQuarantine({ ...named, quarantine });
    const writtenAt = ports.now().getTime();
    const done = await rollBack(run, quarantine);
    memoryFile.remember(rollbackDone, done);
    memoryFile.remember(incidentTold, { now: run.ports.now() });
    await run.lease.leaveEvidence();
    // Storage takes one write a second of one name.
    await ports.sleep(restOf({ pause: 1_000, since: writtenAt, now: ports.now() }));
    if (done.rollback === null) await removeQuarantine({ ...named, log: ports.log, quarantine });
    else await writeQuarantine({ ...named, quarantine: done.quarantine });
  }
  memoryFile.remember(incidentTold, { now: run.ports.now() });
}

async function rollBack(run: Run, quarantine: Quarantine): Promise<RollbackDone> {
  let reverted: Awaited<ReturnType<typeof revert>>;
  try {
    reverted = (await pushedBefore(run, quarantine)) ?? (await push(run, quarantine));
  } catch (error) {
    const { message } = finalError(error, { begunAt: quarantine.at, now: run.ports.now() });
    return { quarantine: { ...quarantine, refused: message }, rollback: null, note: `not rolled back: ${message}` };
  }
  if (reverted?.outcome !== 'reverted') return { quarantine: undefined, rollback: null, note: whyNot(run, reverted) };
  const { commit, previous, to } = reverted;
  const repository = run.ports.repository(run.repository);
  await announceCommit({ repository, commit: commit.id, previous }, run.ports);
  const restored = await readInputs({ repository, commit: commit.id, paths: Object.keys(quarantine.inputs) });
  return {
    quarantine: { ...quarantine, revert: commit.id, restored },
    rollback: { to, commit: commit.id },
    note: `rolled back to ${shortRevision(to)} by ${commit.id.slice(0, 12)}`,
  };
}

/** Where the answer to the push is lost, and the branch moves on before it is asked, its own commit looks like somebody's. */
async function push(run: Run, quarantine: Quarantine): Promise<RolledBack | undefined> {
  const reverted = await revert(run, { quarantine, dryRun: false });
  return reverted?.outcome === 'reverted' ? reverted : ((await pushedBefore(run, quarantine)) ?? reverted);
}

function whyNot(run: Run, reverted: Exclude<RolledBack, { outcome: 'reverted' }> | undefined): string {
  if (reverted?.outcome === 'conflicts') return notRolledBack(reverted.conflicts);
  return run.memoryFile.memory().converged === undefined
    ? 'not rolled back: what converged before it is no longer known'
    : 'not rolled back: a newer commit came before that';
}

/**
 * What the branch has become for a quarantine: it ends where the inputs are others by now, and is lifted where a person
 * brought them back. `superseded`: the run's commit is older than the rollback.
 */
export async function reviewRollback(run: Run): Promise<'superseded' | undefined> {
  const { head, memoryFile, ports } = run;
  const named = { repository: run.repository, environment: run.environment, state: ports.state, log: ports.log };
  const { quarantine } = memoryFile.memory();
  if (quarantine === undefined || head === undefined || isUnderWay(quarantine)) return undefined;
  const repository = ports.repository(run.repository);
  const current = await readInputs({ repository, commit: head.id, paths: Object.keys(quarantine.inputs) });
  const review = reviewQuarantine({ quarantine, current });
  if (review === 'stands' && quarantine.lifted === undefined) await restoreQuarantine({ ...named, quarantine });
  if (review === 'stands' || (review === 'brought back' && (quarantine.lifted ?? quarantine.refused) !== undefined))
    return undefined;
  if (review === 'moved on') {
    await removeQuarantine({ ...named, quarantine });
    memoryFile.remember(quarantineEnded);
    return undefined;
  }
  const since = await recentCommits(repository, { head, quarantine });
  if (since.some(({ id }) => id === quarantine.revert)) {
    await removeQuarantine({ ...named, quarantine });
    memoryFile.remember(quarantineLifted, { commit: head.id });
    return undefined;
  }
  // Otherwise the branch was rewritten without it.
  return (await repository.head()) === head.id ? undefined : 'superseded';
}

/** The commit of a run that died after its push, or did not hear of it. */
async function pushedBefore(run: Run, quarantine: Quarantine): Promise<RolledBack | undefined> {
  const repository = run.ports.repository(run.repository);
  const head = await fetchBranch({ repository, state: run.ports.state });
  if (head === undefined) return undefined;
  for (const commit of await recentCommits(repository, { head, quarantine })) {
    const { environment, from, to, reverts } = parseRevert(commit.message);
    if (environment !== run.environment || from !== quarantine.revision || to === undefined) continue;
    return { outcome: 'reverted', commit, previous: commit.parents[0] ?? '', paths: [], reverts, to };
  }
  return undefined;
}

/** The commits since a rollback may have been pushed. */
async function recentCommits(
  repository: Repository,
  { head, quarantine }: { head: Commit; quarantine: Quarantine },
): Promise<readonly Commit[]> {
  return await repository.history({ from: head.id, since: new Date(parseTime(quarantine.at) - clockSkew) });
}

/** How far back another one's rollback is looked for, in milliseconds: most are met by the look that follows them. */
const sharedWithin = 8 * 86_400_000;

/**
 * What this environment attempted may have been taken back with another one's rollback, which both asked for: it is kept
 * out for this one, too, since the other may be made of more than they share, and no upload brings that back.
 */
export async function shareRollback(run: Run): Promise<void> {
  const { head, memoryFile, ports } = run;
  const { attempted, converged, held, quarantine } = memoryFile.memory();
  if (quarantine !== undefined || head === undefined || attempted === undefined || converged === undefined) return;
  // It waited for the one that failed, and tried nothing: with that one mended it may be just what is to come.
  if (held !== undefined) return;
  if (sameInputs({ attempted: attempted.inputs, current: converged.inputs })) return;
  const repository = ports.repository(run.repository);
  const isAttempted = async ({ id }: { id: string }): Promise<boolean> =>
    sameInputs({ attempted: attempted.inputs, current: await inputsAt(id) });
  if (await isAttempted(head)) return;
  const longAgo = ports.now().getTime() - sharedWithin;
  const since = new Date(Math.max(parseTime(attempted.at) - clockSkew, longAgo));
  for (const commit of await repository.history({ from: head.id, since })) {
    const { by, environment } = parseRevert(commit.message);
    const [parent] = commit.parents;
    if (by !== byItself || environment === undefined || environment === run.environment || parent === undefined)
      continue;
    // Anybody may have written it, and uploaders are told.
    if (!isEnvironmentName(environment)) continue;
    if ((await repository.entry({ commit: commit.id, path: environmentPath(environment) })) === undefined) continue;
    if (!(await isAttempted({ id: parent })) || (await isAttempted(commit))) continue;
    const shared: Quarantine = {
      revision: attempted.revision,
      inputs: attempted.inputs,
      reason: `it was rolled back with ${environment}`,
      at: ports.now().toISOString(),
      revert: commit.id,
      restored: await inputsAt(commit.id),
    };
    memoryFile.remember(quarantineShared, { quarantine: shared });
    await run.lease.claim({ keys: [] });
    // Before its copy, which no memory knows else.
    await memoryFile.commit({ actsOn: true });
    const named = { repository: run.repository, environment: run.environment, state: ports.state };
    await writeQuarantine({ ...named, quarantine: shared });
    return;
  }

  async function inputsAt(commit: string): Promise<Inputs> {
    return await readInputs({ repository, commit, paths: Object.keys(attempted?.inputs ?? {}) });
  }
}

/** What stays refused, or was tried for long enough; what a later try may mend is thrown. */
function finalError(error: unknown, { begunAt, now }: { begunAt: string; now: Date }): ConvergeError {
  const isGivenUp = now.getTime() - parseTime(begunAt) > longestRollBack;
  if (error instanceof ConvergeError && error.code !== 'LeaseLost' && (error.disposition === 'refuse' || isGivenUp))
    return error;
  throw error;
}
