import { ConvergeError } from '../errors.ts';
import { isOpen } from '../drift/incident.ts';
import { environmentPath, parseEnvironmentFile } from '../environment/environment-file.ts';
import { readMemory, type Memory } from '../environment/memory.ts';
import { policyOf, type Policy } from '../environment/policy.ts';
import { revisionOf } from '../environment/revision.ts';
import { statePaths } from '../environment/state-paths.ts';
import { listEnvironments } from './declared-environments.ts';
import type { Ports, Repository } from './ports.ts';

export interface EnvironmentStatus {
  readonly name: string;
  readonly repository: string;
  readonly cluster: string;
  readonly state: 'Converged' | 'Converging' | 'Diverged' | 'Failed' | 'Suspended' | 'Unknown';
  /** The revision converged last, and the one the branch is at; empty where there is none. */
  readonly revision: string;
  readonly wanted: string;
  readonly since: string;
  readonly incident: string | null;
  readonly health: Memory['health'];
  readonly objects: number;
  readonly message: string;
  /** What its file leaves undone on purpose; null where it cannot be read. */
  readonly policy: Policy | null;
}

export interface Status {
  readonly environments: readonly EnvironmentStatus[];
  /** Repositories that could not be read: their environments are unknown, not gone. */
  readonly unreadable: readonly { readonly repository: string; readonly message: string }[];
}

type StatusPorts = Pick<Ports, 'now' | 'repository' | 'state'>;

/** Every environment as Git declares it and the last run left it. Reads Git and the state bucket, never a cluster. */
export async function status({ repositories }: { repositories: readonly string[] }, ports: StatusPorts): Promise<Status> {
  const environments: EnvironmentStatus[] = [];
  const unreadable: { repository: string; message: string }[] = [];
  for (const name of [...repositories].sort()) {
    try {
      environments.push(...(await statusOfRepository({ repository: ports.repository(name), ports })));
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      unreadable.push({ repository: name, message: error.message });
    }
  }
  return { environments, unreadable };
}

async function statusOfRepository({ repository, ports }: { repository: Repository; ports: StatusPorts }): Promise<EnvironmentStatus[]> {
  const head = await repository.fetchHead();
  if (head === undefined) return [];
  const names = await listEnvironments({ repository, commit: head.id });
  return await Promise.all(names.map(async (name) => statusOfEnvironment({ name, repository, commit: head.id, ports })));
}

async function statusOfEnvironment({ name, repository, commit, ports }: { name: string; repository: Repository; commit: string; ports: StatusPorts }): Promise<EnvironmentStatus> {
  const { memory: path } = statePaths({ repository: repository.repositoryClass, environment: name });
  const memory = readMemory({ value: (await ports.state.read(path))?.value, now: ports.now() });
  const file = environmentPath(name);
  const bytes = await repository.readFile({ commit, path: file });
  const declared = declaredState({ file, text: Buffer.from(bytes ?? []).toString('utf8') });
  const open = isOpen(memory.incident) ? memory.incident : undefined;
  return {
    name,
    repository: repository.repositoryClass,
    cluster: declared.cluster ?? memory.cluster,
    state: declared.policy?.suspend === true ? 'Suspended' : stateOf(memory),
    revision: memory.converged?.revision ?? '',
    wanted: revisionOf({ branch: repository.branch, commit }),
    since: memory.since,
    incident: open?.id ?? null,
    health: memory.health,
    objects: Object.keys(memory.objects).length,
    message: declared.problem ?? heldOf(memory)?.message ?? open?.summary ?? memory.waiting?.message ?? '',
    policy: declared.policy,
  };
}

function declaredState({ file, text }: { file: string; text: string }): { cluster?: string; policy: Policy | null; problem?: string } {
  try {
    const environment = parseEnvironmentFile({ file, text });
    return { cluster: environment.cluster, policy: policyOf(environment) };
  } catch (error) {
    if (error instanceof ConvergeError) return { policy: null, problem: error.message };
    throw error;
  }
}

/** What it waits for, unless the incident that is open tells of that revision already. */
function heldOf({ held, incident }: Memory): Memory['held'] {
  return isOpen(incident) && incident.revision === held?.revision ? undefined : held;
}

function stateOf(memory: Memory): EnvironmentStatus['state'] {
  const { incident, converged, attempted, health, waiting } = memory;
  if (heldOf(memory) !== undefined) return 'Converging';
  if (isOpen(incident)) return incident.reason === 'Drifted' ? 'Diverged' : 'Failed';
  if (converged === undefined && attempted === undefined) return 'Unknown';
  return converged === undefined || waiting !== undefined || health === 'Progressing' ? 'Converging' : 'Converged';
}
