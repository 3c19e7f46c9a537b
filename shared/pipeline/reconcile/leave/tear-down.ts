import { lastDeclarationRecalled, leaveBegun } from '../../../memory/transitions/accept.ts';
import { ConvergeError, type ErrorCode } from '../../../base/errors.ts';
import { revisionOf } from '../../../base/revision.ts';
import { environmentPath } from '../../../environment/environment-file.ts';
import { decodeMemory } from '../../../memory/memory.ts';
import { ownsNothing } from '../../../memory/owns-nothing.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import type { Commit } from '../../../ports/git.ts';
import { readState } from '../../common/read-state.ts';
import { findDeparted } from './departed.ts';
import { deleteParent, deleteSeed } from './delete-state.ts';
import { forget, forgetLeftovers } from './forget.ts';
import { freezeOfRemoved } from '../accept/freeze.ts';
import { assertRemoved, isRenamed, lastDeclared } from '../accept/removed-file.ts';
import { noteRemoval } from '../run/note-cause.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { diverge } from '../tell/tell.ts';
import { writeBackLast } from '../tell/write-back.ts';
import type { Leave } from './leave.ts';
import { sweep } from './sweep.ts';
import { isEmpty, openLeave, tearApart } from './take-apart.ts';

/**
 * Takes leave of an environment whose file is no longer at the branch's head: its objects are released, or, with
 * `spec.deletion: prune`, deleted, between its hooks. The parent of its inventory goes last, then what is remembered of
 * it: a run that is killed in between is finished by the next one.
 *
 * Nothing is done for an environment that was renamed: the new one takes everything over.
 */
export async function tearDown(run: Run, commit: Commit): Promise<RunResult> {
  const revision = revisionOf({ branch: run.ports.repository(run.repository).branch, commit: commit.id });
  const known = run.memoryFile.memory().attempted === undefined ? await findStored(run) : 'attempted';
  if (known !== 'attempted' && known !== 'unreadable') {
    // It came to its end, whatever was left of it under its name since.
    const departed = await findDeparted(run);
    if (departed !== undefined) return await sweep(run, { commit, revision, departed });
  }
  const isLost = known === 'unreadable' || known === 'lost' || known === 'of a cluster';
  const isRecalled = isLost && (await recall(run, commit));
  const { attempted, cluster, endTold } = run.memoryFile.memory();
  if (attempted === undefined) {
    await (known === 'of nothing' ? forget(run, { revision }) : forgetLeftovers(run));
    return { outcome: 'absent' };
  }
  if (endTold === attempted.revision) {
    await forget(run, { revision });
    return { outcome: 'absent' };
  }
  if (await isRenamed(run, commit)) return { outcome: 'absent' };
  await noteRemoval(run, commit);
  try {
    return await takeLeave(run, { commit, revision, attempted, isRecalled });
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    const isNowhere = nowhere.includes(error.code) && ownsNothing(run.memoryFile.memory());
    if (isNowhere || (error.code === 'OwnedByAnother' && cluster === '')) {
      // It never came to own anything: nothing of it is anywhere.
      await forget(run, { revision });
      return { outcome: 'absent' };
    }
    const reason = error.code === 'RemovalGuarded' ? 'Guarded' : 'Failed';
    return diverge(run, {
      environment: undefined,
      attempted,
      divergence: { reason, revision, summary: error.message, objects: [] },
    });
  }
}

/** What says that there is no such cluster, or none that anybody knows. */
const nowhere: readonly ErrorCode[] = ['UnknownCluster', 'ClusterNotFound'];

/**
 * What is stored where no attempt is known. `of nothing`: it was forgotten, and the run that did so died before its
 * lease was, which was ended since. `of a cluster`: what it says of its attempt cannot be, and is taken for lost.
 * `lost`: the memory is gone and the lease is not: an environment that comes to its end loses that first.
 */
async function findStored(run: Run): Promise<'nothing' | 'of nothing' | 'of a cluster' | 'lost' | 'unreadable'> {
  const { ports, repository, environment, memoryFile } = run;
  const paths = statePaths({ repository, environment });
  const found = await readState({ path: paths.memory, decode: decodeMemory }, ports);
  if (found === undefined) return (await ports.state.generationOf(paths.lease)) === undefined ? 'nothing' : 'lost';
  if ('unreadable' in found) return 'unreadable';
  return memoryFile.memory().cluster === '' ? 'of nothing' : 'of a cluster';
}

/**
 * Takes what its branch says of an environment for what was remembered of it and is lost, or can be read by nobody: when
 * it was declared last. So an environment whose memory is spoilt leaves as any other does.
 */
async function recall(run: Run, commit: Commit): Promise<boolean> {
  const last = await lastDeclared(run, commit);
  if (last === undefined) return false;
  const { branch } = run.ports.repository(run.repository);
  const revision = revisionOf({ branch, commit: last.id });
  const attempted = { commit: last.id, revision, at: last.committedAt.toISOString(), inputs: {} };
  run.memoryFile.remember(lastDeclarationRecalled, { attempted });
  return true;
}

async function takeLeave(
  run: Run,
  { isRecalled, ...of }: Pick<Leave, 'commit' | 'revision' | 'attempted'> & { isRecalled: boolean },
): Promise<RunResult> {
  const { revision, attempted } = of;
  const memory = run.memoryFile.memory();
  await assertRemoved(run, of.commit);
  const isBegun = memory.attempted?.inputs[environmentPath(run.environment)] === null;
  const frozen = isBegun ? undefined : await freezeOfRemoved(run, of);
  if (frozen !== undefined) return frozen;
  const opened = await openLeave(run, of);
  // Of what is lost, and left nothing behind, the end was told.
  if (opened === undefined || (isRecalled && isEmpty(opened.observed))) {
    await forget(run, { revision });
    return { outcome: 'absent' };
  }
  const { leave, observed } = opened;
  if (!run.lease.isHeld()) await writeBackLast(run);
  run.memoryFile.remember(leaveBegun, { file: environmentPath(run.environment) });
  await run.lease.claim({ keys: '*' });
  const torn = await tearApart(opened);
  switch (torn.torn) {
    case 'superseded':
      return { outcome: 'superseded' };
    case 'waiting':
      return {
        ...{ outcome: 'waiting', revision, message: torn.waitsFor },
        ...(run.waitId === undefined ? {} : { goesOn: true }),
      };
    case 'diverged': {
      const { divergence, rollout } = torn;
      return diverge(run, { environment: undefined, attempted, divergence, rollout });
    }
    case 'down':
      // Made before its first render, which nothing came of: nobody draws from it.
      if (isEmpty(observed) && (leave.applySet.deletion === 'prune' || memory.converged === undefined))
        await deleteSeed(leave, { of: leave.applySet });
      return await finish(leave, torn);
  }
}

/** Its inventory's parent goes, then what is remembered of it. */
async function finish(
  leave: Leave,
  { pruned, released }: { readonly pruned: number; readonly released: number },
): Promise<RunResult> {
  const { run, revision, cluster } = leave;
  await deleteParent(leave);
  const changes = { created: 0, configured: 0, unchanged: 0, pruned, released };
  await forget(run, { revision, done: { cluster: cluster.name, changes } });
  return { outcome: 'removed', revision };
}
