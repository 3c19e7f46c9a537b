import { idOfKey, objectTitle, type ObjectId } from '../objects/object-id.ts';
import type { ConvergenceNote } from '../source/convergence-note.ts';
import { inputsBefore, recentCommits } from './commit-status.ts';
import { findEnvironments, type RememberedEnvironment } from './common/find-environment.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { convergencesAt, openNotes } from './common/notes.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import type { StateStore } from '../ports/storage.ts';
import { originOf, type Origin } from './common/origin.ts';
import { readInputs } from './common/render-inputs.ts';

/** Where an object of a cluster came from. */
export interface Trace {
  readonly object: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string | null;
    readonly name: string;
  };
  readonly environment: string;
  readonly repository: string;
  readonly cluster: string;
  /** The revision that the environment converged at last, and when; empty where it never did. */
  readonly revision: string;
  readonly converged: readonly ConvergenceNote[];
  /**
   * What the environment is made of at that revision, each with the commit that changed it last: null where that is
   * older than the search goes.
   */
  readonly inputs: readonly { readonly path: string; readonly lastChange: Origin | null }[];
}

export interface TraceRequest {
  /** `deployment`, or `deployment.apps` where a kind is of several groups; upper and lower case are one. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly environment: string | undefined;
  readonly repositories: readonly string[];
  /** How far behind the branch's head the last change of an input is looked for. */
  readonly milliseconds: number;
}

/**
 * The chain of each object of that kind and name: environment, revision, commits, artifacts, builds. From the state
 * bucket, Git and its notes, never from a cluster; empty where no environment owns such an object.
 */
export async function trace(
  request: TraceRequest,
  ports: Pick<Ports, 'now' | 'state' | 'repository'>,
): Promise<Trace[]> {
  const environments = await findEnvironments({ name: request.environment, repositories: request.repositories }, ports);
  const owned = environments.flatMap((environment) =>
    objectsOf({ environment, request }).map((object) => ({ environment, object })),
  );
  const traces = [];
  for (const { environment, object } of owned)
    traces.push(await traceOne({ environment, object, milliseconds: request.milliseconds, ports }));
  return traces;
}

function objectsOf({
  environment: { memory },
  request,
}: {
  environment: RememberedEnvironment;
  request: TraceRequest;
}): ObjectId[] {
  return Object.keys(memory.objects).flatMap((key) => {
    const id = idOfKey(key);
    const kinds = [id.kind, `${id.kind}.${id.group}`].map((written) => written.toLowerCase());
    const isWanted =
      kinds.includes(request.kind.toLowerCase()) &&
      id.name === request.name &&
      (request.namespace === undefined || (id.namespace ?? '') === request.namespace);
    return isWanted ? [id] : [];
  });
}

async function traceOne({
  environment: { environment, repository: repositoryClass, memory },
  object,
  milliseconds,
  ports,
}: {
  environment: RememberedEnvironment;
  object: ObjectId;
  milliseconds: number;
  ports: Pick<Ports, 'repository' | 'state'>;
}): Promise<Trace> {
  const { converged } = memory;
  const facts = {
    object: { ...object, namespace: object.namespace ?? null },
    environment,
    repository: repositoryClass,
    cluster: memory.cluster,
    revision: converged?.revision ?? '',
  };
  if (converged === undefined) return { ...facts, converged: [], inputs: [] };
  const repository = ports.repository(repositoryClass);
  const notes = await openNotes(repository);
  const commits = await historyFrom({ repository, state: ports.state, commit: converged.commit, milliseconds });
  const paths = Object.keys(converged.inputs)
    .filter((path) => path !== '')
    .sort();
  const changes = await lastChanges({ repository, commits, paths });
  return {
    ...facts,
    converged: await convergencesAt(converged.commit, { environment, memory, notes }),
    inputs: paths.map((path) => ({ path, lastChange: changes.get(path) ?? null })),
  };
}

/** From a commit of the branch, which is brought here by the history of the head. */
async function historyFrom({
  repository,
  state,
  commit,
  milliseconds,
}: {
  repository: Repository;
  state: StateStore;
  commit: string;
  milliseconds: number;
}): Promise<readonly Commit[]> {
  const head = await fetchBranch({ repository, state });
  const commits = head === undefined ? [] : await recentCommits({ repository, head, milliseconds });
  const from = commits.find(({ id }) => id === commit);
  return from === undefined ? [] : await recentCommits({ repository, head: from, milliseconds });
}

async function lastChanges({
  repository,
  commits,
  paths,
}: {
  repository: Repository;
  commits: readonly Commit[];
  paths: readonly string[];
}): Promise<Map<string, Origin>> {
  const found = new Map<string, Origin>();
  for (const commit of commits) {
    const open = paths.filter((path) => !found.has(path));
    if (open.length === 0) break;
    // A merge brings what its other parents changed: those commits come by themselves.
    if (commit.parents.length > 1) continue;
    const [before, after] = await Promise.all([
      inputsBefore({ repository, commit, paths: open }),
      readInputs({ repository, commit: commit.id, paths: open }),
    ]);
    for (const path of open)
      if (before[path] !== after[path]) found.set(path, await originOf({ repository, commit, paths: [path] }));
  }
  return found;
}

/** `Deployment acme/web`. */
export function traceTitle({ object }: Trace): string {
  return objectTitle({ ...object, namespace: object.namespace ?? undefined });
}
