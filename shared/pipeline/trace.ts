import { pathsOfSource } from '../environment/inputs.ts';
import { revisionOf } from '../base/revision.ts';
import { openIncidents } from '../memory/incidents.ts';
import { leavesTheRest } from '../memory/incident.ts';
import type { AttemptedRevision, Memory } from '../memory/memory.ts';
import { isKindNamed } from '../objects/kind-names.ts';
import { idOfKey, objectKey, objectTitle, type ObjectId } from '../objects/object-id.ts';
import { readEnvironment } from './common/declared-environments.ts';
import type { ConvergenceNote } from '../source/convergence-note.ts';
import { recentCommits } from './commit-status.ts';
import { cameFrom } from './common/came-from.ts';
import { findEnvironments, type RememberedEnvironment } from './common/find-environment.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { convergencesAt, openNotes } from './common/notes.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
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
  /**
   * The revision that the cluster has of it: which converged last, or, where a later attempt applied it, of that; empty
   * where neither is known.
   */
  readonly revision: string;
  readonly state: 'Converged' | 'Failed' | 'Attempted' | 'Unknown';
  /** When the environment converged at that revision. */
  readonly converged: readonly ConvergenceNote[];
  /** An attempt at other inputs than those that converged last, and what it failed of. */
  readonly attempted: {
    readonly revision: string;
    readonly failure: { readonly reason: string; readonly summary: string; readonly incident: string } | null;
  } | null;
  /**
   * What it was made of at that revision (all of the environment, where nobody remembers its source), each with the commit that changed it last: null where that is
   * older than the search goes.
   */
  readonly inputs: readonly { readonly path: string; readonly lastChange: Origin | null }[];
}

export interface TraceRequest {
  /** As kubectl takes it: `Deployment`, `deployments`, `deploy`, or `deployment.apps` where a kind is of several groups. */
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

/**
 * The objects that environments own which have that name, whatever their kind and namespace are, for whoever wrote another
 * one: `Service acme/web of master/acme-production`. The first of them, sorted.
 */
export async function namesakes(
  { name, repositories }: Pick<TraceRequest, 'name' | 'repositories'>,
  ports: Pick<Ports, 'now' | 'state'>,
): Promise<readonly string[]> {
  const environments = await findEnvironments({ name: undefined, repositories }, ports);
  return environments
    .flatMap(({ memory, repository, environment }) =>
      Object.keys(memory.objects).flatMap((key) => {
        const id = idOfKey(key);
        return id.name === name ? [`${objectTitle(id)} of ${repository}/${environment}`] : [];
      }),
    )
    .toSorted()
    .slice(0, mostNamesakes);
}

const mostNamesakes = 10;

function objectsOf({
  environment: { memory },
  request,
}: {
  environment: RememberedEnvironment;
  request: TraceRequest;
}): ObjectId[] {
  return Object.keys(memory.objects).flatMap((key) => {
    const id = idOfKey(key);
    const isWanted =
      isKindNamed({ written: request.kind, ...id }) &&
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
  const repository = ports.repository(repositoryClass);
  const head = await fetchBranch({ repository, state: ports.state });
  const recent = head === undefined ? [] : await recentCommits({ repository, head, milliseconds });
  const run = await runningOf({ memory, object, repository, recent });
  const facts = {
    object: { ...object, namespace: object.namespace ?? null },
    environment,
    repository: repositoryClass,
    cluster: memory.cluster,
    revision: run?.revision ?? '',
    state: run?.state ?? ('Unknown' as const),
    attempted: attemptAfter(memory),
  };
  if (run === undefined) return { ...facts, converged: [], inputs: [] };
  const commits = recent.some(({ id }) => id === run.commit)
    ? await repository.history({ from: run.commit, within: milliseconds })
    : [];
  const paths = await pathsOf({ environment, memory, object, repository, run: { ...run, isHere: commits.length > 0 } });
  const changes = await lastChanges({ repository, commits, paths });
  return {
    ...facts,
    converged: await convergencesAt(run.commit, { environment, memory, notes: await openNotes(repository) }),
    inputs: paths.map((path) => ({ path, lastChange: changes.get(path) ?? null })),
  };
}

/** What the cluster has of an object. */
interface Running extends Pick<AttemptedRevision, 'commit' | 'revision' | 'inputs'> {
  readonly state: Exclude<Trace['state'], 'Unknown'>;
}

/** Undefined where no run is known to have applied it. */
async function runningOf({
  memory,
  object,
  repository,
  recent,
}: {
  memory: Memory;
  object: ObjectId;
  repository: Repository;
  recent: readonly Commit[];
}): Promise<Running | undefined> {
  const { converged, attempted } = memory;
  const applied = memory.objects[objectKey(object)]?.commit;
  const isLater = attempted !== undefined && isOfOthers({ attempted, converged });
  const before = converged === undefined ? undefined : ({ ...converged, state: 'Converged' } as const);
  if (applied === undefined || !isLater) return before;
  const state = openIncidents(memory).some((incident) => !leavesTheRest(incident)) ? 'Failed' : 'Attempted';
  if (applied === attempted.commit) return { ...attempted, state };
  if (!recent.some(({ id }) => id === applied)) return before;
  const paths = Object.keys({ ...converged?.inputs, ...attempted.inputs }).filter((path) => path !== '');
  const inputs = await readInputs({ repository, commit: applied, paths });
  // It was healed at a commit of others.
  if (before !== undefined && !isOfOthers({ attempted: { inputs }, converged: before })) return before;
  return { commit: applied, revision: revisionOf({ branch: repository.branch, commit: applied }), inputs, state };
}

function isOfOthers({
  attempted,
  converged,
}: {
  attempted: Pick<AttemptedRevision, 'inputs'>;
  converged: Pick<AttemptedRevision, 'inputs'> | undefined;
}): boolean {
  return (
    converged === undefined ||
    Object.entries(converged.inputs).some(([path, id]) => !(path in attempted.inputs) || attempted.inputs[path] !== id)
  );
}

function attemptAfter(memory: Memory): Trace['attempted'] {
  const { attempted, converged } = memory;
  if (attempted === undefined || !isOfOthers({ attempted, converged })) return null;
  const [incident] = openIncidents(memory).filter((incident) => !leavesTheRest(incident));
  const failure =
    incident === undefined ? null : { reason: incident.reason, summary: incident.summary, incident: incident.id };
  return { revision: attempted.revision, failure };
}

/** The paths that an object was made of, sorted; all inputs where its source is not known. */
async function pathsOf({
  environment,
  memory,
  object,
  repository,
  run,
}: {
  environment: string;
  memory: Memory;
  object: ObjectId;
  repository: Repository;
  run: Running & { isHere: boolean };
}): Promise<readonly string[]> {
  const all = Object.keys(run.inputs)
    .filter((path) => path !== '')
    .sort();
  const source = memory.objects[objectKey(object)]?.source;
  if (source === undefined || !run.isHere) return all;
  const declared = await readEnvironment({ repository, commit: run.commit, name: environment });
  return declared.state === 'declared' ? pathsOfSource({ environment: declared.environment, source, all }) : all;
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
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const found = new Map<string, Origin>();
  for (const path of paths) {
    let commit = commits[0];
    while (commit !== undefined) {
      const came = await cameFrom({ repository, commit, paths: [path] });
      if (came.from === 'itself') {
        found.set(path, await originOf({ repository, commit, paths: [path] }));
        break;
      }
      commit = byId.get(came.parent ?? '');
    }
  }
  return found;
}

/** `Deployment acme/web`. */
export function traceTitle({ object }: Trace): string {
  return objectTitle({ ...object, namespace: object.namespace ?? undefined });
}
