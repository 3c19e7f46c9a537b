import { ConvergeError } from '../../base/errors.ts';
import { environmentKey, revisionOf } from '../../base/revision.ts';
import type { Limits } from '../../config/config.ts';
import type { ConfiguredFreeze } from '../../config/freeze.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { declaredPaths } from '../../environment/inputs.ts';
import { applySetOf } from '../../inventory/applyset.ts';
import { decodeMemory, emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Commit } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import { readState } from '../common/read-state.ts';
import { acceptRule, assertTrusted } from '../reconcile/accept/trust.ts';
import { observe, type ObservedState } from '../reconcile/observe/observed-state.ts';
import { readOwnParent } from '../reconcile/observe/own-parent.ts';
import { attemptAt } from '../reconcile/run/attempt.ts';
import { unkeptMemory } from '../reconcile/run/memory-file.ts';
import type { Run } from '../reconcile/run/run.ts';
import type { RenderTarget } from '../reconcile/run/target.ts';
import type { Unread } from './answers.ts';
import { noLeaseTaken, readOnlyClusters, silentTopics } from './read-only.ts';

export type InspectPorts = Pick<
  Ports,
  'now' | 'sleep' | 'log' | 'state' | 'repository' | 'cluster' | 'renderer' | 'signatures'
>;

/** The environment that somebody asks about. */
export interface Inspected {
  readonly repository: string;
  readonly environment: string;
  readonly limits: Limits;
  /** The operator's freezes, of all environments. */
  readonly freeze?: readonly ConfiguredFreeze[];
}

/** An environment at the head of its branch, and what its cluster has of it. */
export interface Inspection {
  readonly target: RenderTarget;
  readonly memory: Memory;
  readonly observed: ObservedState;
  /** What nobody could look at. */
  readonly unread: readonly Unread[];
}

/**
 * Looks at an environment as its next run would, and does nothing: no lease is taken, and nothing is written or
 * published. The cluster is asked as the environment's own user, where the configuration says so.
 *
 * Throws `NotFound` (refuse) where no file declares it, what is wrong with its file or its signature (refuse), and what
 * Git, the state bucket and the cluster throw.
 */
export async function openInspection(asked: Inspected, ports: InspectPorts): Promise<Inspection> {
  const { run, commit, environment } = await openDeclared(asked, ports);
  const { repository: repositoryClass, environment: name } = asked;
  const memory = run.memoryFile.memory();
  const repository = ports.repository(repositoryClass);
  const revision = revisionOf({ branch: repository.branch, commit: commit.id });
  const cluster = await run.ports.cluster({
    name: environment.cluster,
    repository: repositoryClass,
    environment: name,
  });
  const { namespace, deletion } = environment;
  const applySet = applySetOf({
    repository: repositoryClass,
    environment: name,
    namespace,
    deletion,
    url: repository.url,
  });
  const attempted = await attemptAt(run, { commit, revision, paths: declaredPaths(environment) });
  const target: RenderTarget = {
    ...{ run, commit, revision, attempted, environment, cluster, applySet },
    api: await cluster.api(),
  };
  const parent = await readOwnParent({ ...target, memory, commit: commit.id });
  const observed = await observe({ cluster, api: target.api, applySet, remembered: memory.objects, parent });
  return { target, memory, observed, unread: (observed.unserved ?? []).map(unreadKind) };
}

export function unreadKind({ kind }: NonNullable<ObservedState['unserved']>[number]): Unread {
  return { what: kind, message: 'the cluster serves no version of it now, and may have objects of it' };
}

interface Declared {
  readonly run: Run;
  readonly commit: Commit;
  readonly environment: Environment;
}

/** What the head of the branch says of it, where that is to be believed. */
export async function openDeclared(asked: Inspected, ports: InspectPorts): Promise<Declared> {
  const { repository: repositoryClass, environment: name } = asked;
  const repository = ports.repository(repositoryClass);
  const memory = await recall(asked, ports);
  const commit = await fetchBranch({ repository, state: ports.state });
  if (commit === undefined) throw unknown(asked);
  const run = onlookingRun(asked, { memory, commit, ports });
  const declared = await readEnvironment({ repository, commit: commit.id, name });
  await assertTrusted(run, commit);
  if (declared.state === 'absent') throw unknown(asked);
  if (declared.state === 'invalid') throw declared.error;
  await acceptRule(run, { commit, environment: declared.environment });
  return { run, commit, environment: declared.environment };
}

/** What cannot be read is as if it were lost: the cluster is looked at all the same, and all of it compared. */
export async function recall({ repository, environment }: Inspected, ports: InspectPorts): Promise<Memory> {
  const path = statePaths({ repository, environment }).memory;
  const found = await readState({ path, decode: decodeMemory }, ports);
  return found === undefined || 'unreadable' in found ? emptyMemory(ports.now()) : found.value;
}

function unknown({ repository, environment }: Inspected): ConvergeError {
  return new ConvergeError({
    code: 'NotFound',
    subject: `${repository}/${environment}`,
    message: 'no file at the head of the branch declares it',
    remedy: '`converge status` lists those that are',
    disposition: 'refuse',
  });
}

/** A run that looks, and can do nothing else. */
export function onlookingRun(
  { repository, environment, limits, freeze = [] }: Inspected,
  { memory, commit, ports }: { memory: Memory; commit: Commit; ports: InspectPorts },
): Run {
  const startedAt = ports.now();
  return {
    repository,
    environment,
    key: environmentKey({ repository, environment }),
    ports: { ...ports, cluster: readOnlyClusters(ports.cluster), topics: silentTopics },
    settings: { limits, event: '', writeback: false, freeze },
    lease: noLeaseTaken,
    unsettled: new Set(),
    unansweredCreations: new Set(),
    memoryFile: unkeptMemory(memory),
    head: commit,
    startedAt,
    learnTime: () => {},
    cause: 'request',
    waitId: undefined,
    waitUntil: () => startedAt,
    isSuperseded: async () => false,
  };
}
