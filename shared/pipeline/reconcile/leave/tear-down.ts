import { departureRecalled, lastDeclarationRecalled, leaveBegun } from '../../../memory/transitions/accept.ts';
import { ConvergeError } from '../../../base/errors.ts';
import { parseTime } from '../../../base/time.ts';
import { revisionOf } from '../../../base/revision.ts';
import { environmentPath } from '../../../environment/environment-file.ts';
import { applySetOf, deletionAnnotation } from '../../../inventory/applyset.ts';
import { decodeMemory, type Memory } from '../../../memory/memory.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import type { Commit } from '../../../ports/git.ts';
import { readState } from '../../common/read-state.ts';
import { findDeparted, forgetDeparted } from './departed.ts';
import { deleteParent, deleteSeed } from './delete-state.ts';
import { forget, forgetLeftovers } from './forget.ts';
import { observe, type ObservedState } from '../observe/observed-state.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import { releaseObjects } from '../write/release-objects.ts';
import {
  assertRemoved,
  isRenamed,
  lastAttempted,
  lastDeclared,
  lastVersion,
  type DeclaredAt,
} from '../accept/removed-file.ts';
import { noteRemoval } from '../run/note-cause.ts';
import type { Run } from '../run/run.ts';
import { secondsSince, type RunResult } from '../run/target.ts';
import { diverge, tellConverged } from '../tell/tell.ts';
import { failedObjects, leftOver, type Leave, type TornDown } from './leave.ts';
import { uninstall } from './uninstall.ts';

/**
 * Takes leave of an environment whose file is no longer at the branch's head: its objects are released, or, with
 * `spec.deletion: prune`, deleted, between its hooks. The parent of its inventory goes last, then what is remembered of
 * it: a run that is killed in between is finished by the next one.
 *
 * Nothing is done for an environment that was renamed: the new one takes everything over.
 */
export async function tearDown(run: Run, commit: Commit): Promise<RunResult> {
  const { memory, isRecalled } = await recalled(run, commit);
  const { attempted } = memory;
  const revision = revisionOf({ branch: run.ports.repository(run.repository).branch, commit: commit.id });
  if (attempted === undefined) {
    const departed = await findDeparted(run);
    if (departed !== undefined) return await sweep(run, { commit, revision, departed });
    await ((await isOfNothing(run)) ? forget(run, { revision }) : forgetLeftovers(run));
    return { outcome: 'absent' };
  }
  if (await isRenamed(run, commit)) return { outcome: 'absent' };
  await noteRemoval(run, commit);
  try {
    return await takeLeave(run, { commit, revision, attempted, isRecalled });
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    if (error.code === 'OwnedByAnother' && memory.cluster === '') {
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

/**
 * Whether a memory is stored, and says of nothing: it was forgotten, and the run that did so died before its lease was,
 * which was ended since.
 */
async function isOfNothing(run: Run): Promise<boolean> {
  const { ports, repository, environment, memoryFile } = run;
  if (memoryFile.memory().cluster !== '') return false;
  const path = statePaths({ repository, environment }).memory;
  const found = await readState({ path, decode: decodeMemory }, ports);
  return found !== undefined && 'value' in found;
}

/**
 * What is remembered of it; where that is lost, or nobody can read it, what its branch says of it: when it was declared
 * last. So an environment whose memory is spoilt leaves as any other does.
 */
async function recalled(run: Run, commit: Commit): Promise<{ memory: Memory; isRecalled: boolean }> {
  const memory = run.memoryFile.memory();
  if (memory.attempted !== undefined || !(await isMemoryLost(run))) return { memory, isRecalled: false };
  const last = await lastDeclared(run, commit);
  if (last === undefined) return { memory, isRecalled: false };
  const { branch } = run.ports.repository(run.repository);
  const revision = revisionOf({ branch, commit: last.id });
  const attempted = { commit: last.id, revision, at: last.committedAt.toISOString(), inputs: {} };
  run.memoryFile.remember(lastDeclarationRecalled, { attempted });
  return { memory: run.memoryFile.memory(), isRecalled: true };
}

/** Nobody can read it, or it is gone and its lease is not: an environment that comes to its end loses that first. */
async function isMemoryLost({ ports, repository, environment }: Run): Promise<boolean> {
  const paths = statePaths({ repository, environment });
  const found = await readState({ path: paths.memory, decode: decodeMemory }, ports);
  if (found !== undefined) return 'unreadable' in found;
  return (await ports.state.generationOf(paths.lease)) !== undefined;
}

async function takeLeave(
  run: Run,
  { isRecalled, ...of }: Pick<Leave, 'commit' | 'revision' | 'attempted'> & { isRecalled: boolean },
): Promise<RunResult> {
  const { revision, attempted } = of;
  const memory = run.memoryFile.memory();
  await assertRemoved(run, of.commit);
  const opened = await openLeave(run, of);
  // Of what is lost, and left nothing behind, the end was told.
  if (opened === undefined || (isRecalled && isEmpty(opened.observed))) {
    await forget(run, { revision });
    return { outcome: 'absent' };
  }
  const { leave, observed } = opened;
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

interface OpenedLeave {
  readonly leave: Leave;
  readonly observed: ObservedState;
  readonly last: DeclaredAt | undefined;
}

/** What is there of it; undefined where nobody knows where to look. */
async function openLeave(
  run: Run,
  { commit, revision, attempted }: Pick<Leave, 'commit' | 'revision' | 'attempted'>,
): Promise<OpenedLeave | undefined> {
  const memory = run.memoryFile.memory();
  const last = await lastAttempted(run);
  const place = memory.cluster === '' ? last?.environment : memory;
  if (place === undefined) return undefined;
  const { repository, environment } = run;
  const cluster = await run.ports.cluster({ name: place.cluster, repository, environment });
  const api = await cluster.api();
  const { url } = run.ports.repository(repository);
  const own = applySetOf({ repository, environment, namespace: place.namespace, url });
  const parent = await readOwnParent({ run, cluster, applySet: own, memory, commit: commit.id });
  const observed = await observe({ cluster, api, applySet: own, remembered: memory.objects, parent });
  const said = observed.parent?.metadata.annotations?.[deletionAnnotation] === 'prune' ? 'prune' : 'release';
  const deletion = ((await lastVersion(run, commit)) ?? last?.environment)?.deletion ?? said;
  const leave: Leave = { run, revision, cluster, api, applySet: { ...own, deletion }, attempted, commit };
  return { leave, observed, last };
}

async function tearApart(
  { leave, observed, last }: OpenedLeave,
  { isSwept = false }: { isSwept?: boolean } = {},
): Promise<TornDown> {
  return leave.applySet.deletion === 'prune'
    ? await uninstall(leave, { observed, last, isSwept })
    : await release(leave, observed);
}

/**
 * Takes leave of what a late request may have made since, and of the record of that once it is out of the question.
 * Nothing is told, and no hook runs: both were at its end.
 */
async function sweep(
  run: Run,
  {
    commit,
    revision,
    departed,
  }: Pick<Leave, 'commit' | 'revision'> & { departed: NonNullable<Awaited<ReturnType<typeof findDeparted>>> },
): Promise<RunResult> {
  const { attempted } = departed.memory;
  // Whoever took the name over sees to all of it.
  if (attempted === undefined || (await isRenamed(run, commit))) {
    await forgetDeparted(run, departed);
    return { outcome: 'absent' };
  }
  const isOver = parseTime(departed.until) <= run.ports.now().getTime();
  run.memoryFile.remember(departureRecalled, { departed: departed.memory });
  const opened = await openSwept(run, { commit, revision, attempted });
  if (opened === 'guarded') return { outcome: 'absent' };
  if (opened !== undefined) {
    await run.lease.claim({ keys: '*' });
    const torn = await tearApart(opened, { isSwept: true });
    if (torn.torn !== 'down') {
      run.ports.log('WARNING', 'what came late of an environment that is no more is still there', { key: run.key });
      await run.memoryFile.remove();
      return { outcome: 'absent' };
    }
    await deleteParent(opened.leave);
  }
  await run.memoryFile.remove();
  if (isOver) await forgetDeparted(run, departed);
  return { outcome: 'absent' };
}

/** As `openLeave`, where nothing keeps its file from being taken for removed. */
async function openSwept(
  run: Run,
  of: Pick<Leave, 'commit' | 'revision' | 'attempted'>,
): Promise<OpenedLeave | 'guarded' | undefined> {
  try {
    await assertRemoved(run, of.commit);
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'RemovalGuarded') return 'guarded';
    throw error;
  }
  return await openLeave(run, of);
}

/** Its inventory's parent goes, then what is remembered of it. */
async function finish(
  leave: Leave,
  { pruned, released }: { readonly pruned: number; readonly released: number },
): Promise<RunResult> {
  const { run, revision, cluster } = leave;
  await deleteParent(leave);
  const changes = { created: 0, configured: 0, unchanged: 0, pruned, released };
  tellConverged(run, {
    reached: { reached: 'removal' },
    converged: { cluster: cluster.name, revision, seconds: secondsSince(run), changes, policy: null },
  });
  await forget(run, { revision });
  return { outcome: 'removed', revision };
}

function isEmpty({ parent, objects }: ObservedState): boolean {
  return parent === undefined && objects.size === 0;
}

async function release(leave: Leave, observed: ObservedState): Promise<TornDown> {
  const objects = [...observed.objects.values()];
  if (objects.length > 0) await assertHead(leave);
  const failures = failuresOf(await releaseObjects(leave, objects));
  if (failures.length > 0) return leftOver(leave, { reason: 'Failed', objects: failedObjects(failures, objects) });
  return { torn: 'down', pruned: 0, released: objects.length };
}

async function assertHead({ run, commit }: Leave): Promise<void> {
  if ((await run.ports.repository(run.repository).head()) === commit.id) return;
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: run.key,
    message: 'the branch moved on before the objects were released',
    disposition: 'retry',
  });
}
