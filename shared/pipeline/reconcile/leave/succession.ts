import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import type { Memory } from '../../../memory/memory.ts';
import { commitOf, environmentKey } from '../../../base/revision.ts';
import { namesTakenOver } from '../../../memory/transitions/end.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import { previousNamesIn } from '../../../environment/previous-names.ts';
import { applySetOf, revisionAnnotation, unionOf, type ApplySet } from '../../../inventory/applyset.ts';
import { hooksAnnotation } from '../../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import type { Commit } from '../../../ports/git.ts';
import { lookedSince } from '../../common/looked-since.ts';
import { writeBackLast } from '../tell/write-back.ts';
import { forget } from './forget.ts';
import { giveBack } from '../run/claim.ts';
import { leaseOf } from '../run/lease.ts';
import { memoryFileOf } from '../run/memory-file.ts';
import { openState, publish, type State } from '../run/state.ts';
import { observe, type ObservedState } from '../observe/observed-state.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import { partByWishes } from '../write/prune-stale.ts';
import { releaseObjects } from '../write/release-objects.ts';
import { environmentFiles, wasDeclared } from '../accept/removed-file.ts';
import type { Run } from '../run/run.ts';
import { deleteParent, deleteSeed } from './delete-state.ts';
import { continueSeed, hasSeed } from '../render/seed.ts';
import type { PreviousInventories, RenderTarget, Target } from '../run/target.ts';
import { failedObjects, leftOver } from './leave.ts';

/** What a renamed environment takes over: everything that the sets of its previous names hold. */
export interface Succession extends PreviousInventories {
  /** The own inventory and those of the previous names as one. */
  join(own: ObservedState): ObservedState;
  /** Gives their leases back. */
  release(): Promise<void>;
}

interface Predecessor {
  readonly run: Run;
  readonly state: State;
  readonly applySet: ApplySet;
  readonly observed: ObservedState;
}

/**
 * Throws `InvalidEnvironment` (refuse) where an environment of a previous name is still declared, or where another one
 * says that it had that name.
 */
export async function refuseContestedNames(
  run: Run,
  { commit, environment }: { commit: Commit; environment: Environment },
): Promise<void> {
  const { previousNames, name } = environment;
  if (previousNames.length === 0) return;
  const repository = run.ports.repository(run.repository);
  for (const previous of previousNames) {
    const file = environmentPath(previous);
    if ((await repository.entry({ commit: commit.id, path: file })) !== undefined) {
      throw contested(name, {
        message: `environment ${previous} is still there, in ${file}`,
        remedy: `remove ${file}, or the previous name`,
      });
    }
  }
  if (duePreviousNames(run, environment).length === 0) return;
  const { claims } = previousNamesIn(await environmentFiles({ repository, commit: commit.id }));
  for (const previous of previousNames) {
    const others = (claims.get(previous) ?? []).filter((other) => other !== name);
    if (others.length > 0)
      throw contested(name, {
        message: `${previous} is a previous name of ${others.join(', ')}, too`,
        remedy: 'leave it to one of them',
      });
  }
}

function contested(name: string, { message, remedy }: { message: string; remedy: string }): ConvergeError {
  return new ConvergeError({
    code: 'InvalidEnvironment',
    subject: environmentPath(name),
    message: `metadata.previousNames: ${message}`,
    remedy,
    disposition: 'refuse',
  });
}

/** The previous names whose sets were not taken over yet, as far as is remembered. */
export function duePreviousNames({ memoryFile }: Run, { previousNames }: Environment): string[] {
  const taken = memoryFile.memory().succeeded ?? [];
  return previousNames.filter((name) => !taken.includes(name));
}

/**
 * Opens what the previous names left, under their leases, and lets the environment's random values go on from their
 * seed. Undefined where all of it was taken over before.
 *
 * Throws `LeaseLost` (retry) while a run of a previous name has not ended, `OwnedByAnother` (refuse) where its
 * inventory is that of another class or repository, and `InvalidEnvironment` (refuse) where this branch never had its
 * file.
 */
export async function openSuccession(target: Target): Promise<Succession | undefined> {
  const { run, environment, applySet, others } = target;
  const names = duePreviousNames(run, environment);
  if (names.length === 0) return undefined;
  const predecessors: Predecessor[] = [];
  const release = async (): Promise<void> => {
    for (const { state } of predecessors) await giveBack(state);
  };
  try {
    for (const name of names) predecessors.push(await openPredecessor(target, name));
    await others.assertNewest();
    for (const predecessor of predecessors) await continueSeed(target, { from: predecessor.applySet });
  } catch (error) {
    await release();
    throw error;
  }

  return {
    release,
    join: (own) => joined({ own, predecessors, namespace: applySet.namespace }),
    async finish() {
      for (const { run: old, applySet: previous } of predecessors) {
        const memory = old.memoryFile.memory();
        const parent = await readOwnParent({ ...target, applySet: previous, memory, commit: target.commit.id });
        const { objects, unserved = [] } = await observe({
          ...target,
          applySet: previous,
          remembered: memory.objects,
          parent,
        });
        // What cannot be read now is taken over when it can.
        if (unserved.length > 0) return undefined;
        // What stays all the same is nobody's, until another environment that wants it takes it.
        const { free, wanted, unknown } = await partByWishes(target, {
          objects: [...objects.values()],
          patient: false,
        });
        if (unknown.length > 0) return leftOver(target, { reason: 'Guarded', objects: unknown }).divergence;
        const given = [...free, ...wanted];
        const failures = failuresOf(await releaseObjects(target, given));
        if (failures.length > 0)
          return leftOver(target, { reason: 'Failed', objects: failedObjects(failures, given) }).divergence;
        await deleteSeed(target, { of: previous });
        await deleteParent({ ...target, applySet: previous });
        await forget(old, { revision: target.revision });
      }
      run.memoryFile.remember(namesTakenOver, { names });
      return undefined;
    },
  };
}

/** The inventories of the previous names beside the environment's own, which counts first. */
export function joined({
  own,
  predecessors,
  namespace,
}: {
  own: ObservedState;
  predecessors: readonly Pick<Predecessor, 'applySet' | 'observed'>[];
  namespace: string;
}): ObservedState {
  const hooks = predecessors.find(
    ({ observed, applySet }) => observed.parent !== undefined && applySet.namespace === namespace,
  )?.observed.parent?.metadata.annotations?.[hooksAnnotation];
  // Its hooks' record goes on: the releases are upgraded, not installed.
  const continued =
    hooks === undefined
      ? undefined
      : { apiVersion: 'v1', kind: 'ConfigMap', metadata: { annotations: { [hooksAnnotation]: hooks } } };
  return {
    parent: own.parent ?? continued,
    extent: predecessors.reduce((extent, { observed }) => unionOf(extent, observed.extent), own.extent),
    objects: new Map([...predecessors.flatMap(({ observed }) => [...observed.objects]), ...own.objects]),
    unproven: new Map([...predecessors.flatMap(({ observed }) => [...observed.unproven]), ...own.unproven]),
    unserved: [...(own.unserved ?? []), ...predecessors.flatMap(({ observed }) => observed.unserved ?? [])],
    previousSets: predecessors.map((predecessor) => predecessor.applySet),
  };
}

async function openPredecessor(target: Target, name: string): Promise<Predecessor> {
  const { run } = target;
  const { ports, settings, repository } = run;
  const paths = statePaths({ repository, environment: name });
  const wasLookedAtSince = lookedSince({ repository, environment: name }, ports);
  const found = await openState({ paths, event: settings.event, wasLookedAtSince }, ports);
  if (found.opened === 'held') {
    throw new ConvergeError({
      code: 'LeaseLost',
      subject: paths.lease,
      message: 'a run of the previous name has not ended',
      disposition: 'retry',
    });
  }
  const { state } = found;
  const lease = leaseOf(state, { isHead: async () => true });
  const memoryFile = memoryFileOf(state);
  const old = { ...run, environment: name, key: environmentKey({ repository, environment: name }), memoryFile, lease };
  await publish(state, ports);
  await writeBackLast(old);
  await lease.claim({ keys: '*' });
  try {
    return { run: old, state, ...(await lookAtPredecessor(target, { name, memory: memoryFile.memory() })) };
  } catch (error) {
    await giveBack(state);
    throw error;
  }
}

/** What the set of a previous name holds. Throws as `openSuccession` does. */
export async function lookAtPredecessor(
  { run, environment, cluster, api, commit }: RenderTarget,
  { name, memory }: { name: string; memory: Memory },
): Promise<Pick<Predecessor, 'applySet' | 'observed'>> {
  const { ports, repository } = run;
  if (memory.cluster !== '' && memory.cluster !== cluster.name) {
    throw contested(environment.name, {
      message: `${name} was on cluster ${memory.cluster}, not on ${cluster.name}`,
      remedy: 'rename it there, or add a new environment here',
    });
  }
  const applySet = applySetOf({
    repository,
    environment: name,
    namespace: memory.namespace === '' ? environment.namespace : memory.namespace,
    url: ports.repository(repository).url,
  });
  const parent = await readOwnParent({ run, cluster, applySet, memory, commit: commit.id });
  const observed = await observe({ cluster, api, applySet, remembered: memory.objects, parent });
  const isThere = parent !== undefined || observed.objects.size > 0 || (await hasSeed({ cluster, applySet }));
  if (isThere && !(await wasDeclared(run, { name, head: commit.id, known: commitsOf({ parent, memory }) }))) {
    throw contested(environment.name, {
      message: `${environmentPath(name)} was never on this branch, and what ${applySet.environment} owns is not taken over`,
      remedy: 'remove the previous name',
    });
  }
  return { applySet, observed };
}

/** At which the file was there, as far as is known. */
function commitsOf({
  parent,
  memory: { attempted, converged },
}: {
  parent: KubernetesObject | undefined;
  memory: Memory;
}): string[] {
  const recorded = parent?.metadata.annotations?.[revisionAnnotation];
  return [
    ...(recorded === undefined ? [] : [commitOf(recorded)]),
    ...[converged, attempted].flatMap((known) => known?.commit ?? []),
  ];
}
