import {
  quarantineEnded,
  quarantineFound,
  quarantineLifted,
  rollbackDone,
} from '../../memory/transitions/quarantine.ts';
import { isUnderWay, reviewQuarantine, type Quarantine } from '../../memory/quarantine.ts';
import { shortRevision } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import { parseRevert } from '../../source/revert.ts';
import { parseTime } from '../../base/time.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { removeQuarantine, restoreQuarantine, takeOverQuarantine, writeQuarantine } from '../rollback/quarantines.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { notRolledBack, revert, type RolledBack } from './judge/plan-rollback.ts';
import { clockSkew, longestRollBack } from '../common/pauses.ts';
import { readInputs } from '../common/render-inputs.ts';
import type { Run } from './run/run.ts';

/**
 * Commits the rollback that the memory says is under way, or finds the commit on the branch where an earlier run died
 * after its push; uploads are checked from before it. What became of it is in the memory, and in the alert that is
 * about to be published.
 */
export async function finishRollback(run: Run): Promise<void> {
  const { quarantine } = run.memoryFile.memory();
  if (!isUnderWay(quarantine)) return;
  const named = { repository: run.repository, environment: run.environment, state: run.ports.state };
  const repository = run.ports.repository(run.repository);
  await run.lease.claim({ keys: [] });
  // A run that is killed after its push is made up for by the next one, which finds the commit.
  await run.memoryFile.commit({ actsOn: true });
  await writeQuarantine({ ...named, quarantine });
  const writtenAt = run.ports.now().getTime();
  let reverted: Awaited<ReturnType<typeof revert>>;
  try {
    reverted = (await pushedBefore(run, quarantine)) ?? (await revert(run, { quarantine, dryRun: false }));
  } catch (error) {
    const { message } = finalError(error, { begunAt: quarantine.at, now: run.ports.now() });
    await removeQuarantine(named);
    run.memoryFile.remember(rollbackDone, {
      quarantine: { ...quarantine, refused: message },
      rollback: null,
      note: `not rolled back: ${message}`,
    });
    return;
  }
  if (reverted?.outcome !== 'reverted') {
    await removeQuarantine(named);
    run.memoryFile.remember(rollbackDone, {
      quarantine: undefined,
      rollback: null,
      note:
        reverted?.outcome === 'conflicts'
          ? notRolledBack(reverted.conflicts)
          : 'not rolled back: a newer commit came before that',
    });
    return;
  }
  const { commit, previous, to } = reverted;
  await announceCommit({ repository, commit: commit.id, previous }, run.ports);
  const restored = await readInputs({ repository, commit: commit.id, paths: Object.keys(quarantine.inputs) });
  const done: Quarantine = { ...quarantine, revert: commit.id, restored };
  // Storage takes one write a second of one name.
  await run.ports.sleep(Math.max(0, writtenAt + 1_000 - run.ports.now().getTime()));
  await writeQuarantine({ ...named, quarantine: done });
  run.memoryFile.remember(rollbackDone, {
    quarantine: done,
    rollback: { to, commit: commit.id },
    note: `rolled back to ${shortRevision(to)} by ${commit.id.slice(0, 12)}`,
  });
}

/**
 * What the branch has become for a quarantine: it ends where the inputs are others by now, and is lifted where a person
 * brought them back. A memory that was lost takes it over from its copy. `superseded`: the run's commit is older than
 * the rollback.
 */
export async function reviewRollback(run: Run): Promise<'superseded' | undefined> {
  const { head, memoryFile, ports } = run;
  const named = { repository: run.repository, environment: run.environment, state: ports.state, log: ports.log };
  const isLost = memoryFile.memory().attempted === undefined;
  const quarantine = isLost ? await takeOverQuarantine(named) : memoryFile.memory().quarantine;
  if (quarantine === undefined || head === undefined) return undefined;
  if (isLost) memoryFile.remember(quarantineFound, { quarantine });
  if (isUnderWay(quarantine)) return undefined;
  const repository = ports.repository(run.repository);
  const current = await readInputs({ repository, commit: head.id, paths: Object.keys(quarantine.inputs) });
  const review = reviewQuarantine({ quarantine, current });
  if (review === 'stands' && quarantine.lifted === undefined) await restoreQuarantine({ ...named, quarantine });
  if (review === 'stands' || (review === 'brought back' && (quarantine.lifted ?? quarantine.refused) !== undefined))
    return undefined;
  if (review === 'moved on') {
    await removeQuarantine(named);
    memoryFile.remember(quarantineEnded);
    return undefined;
  }
  const since = await recentCommits(repository, { head, quarantine });
  if (since.some(({ id }) => id === quarantine.revert)) {
    await removeQuarantine(named);
    memoryFile.remember(quarantineLifted, { commit: head.id });
    return undefined;
  }
  // Otherwise the branch was rewritten without it.
  return (await repository.head()) === head.id ? undefined : 'superseded';
}

/** The commit of a run that died after its push. */
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

/** What stays refused, or was tried for long enough; what a later try may mend is thrown. */
function finalError(error: unknown, { begunAt, now }: { begunAt: string; now: Date }): ConvergeError {
  const isGivenUp = now.getTime() - parseTime(begunAt) > longestRollBack;
  if (error instanceof ConvergeError && error.code !== 'LeaseLost' && (error.disposition === 'refuse' || isGivenUp))
    return error;
  throw error;
}
