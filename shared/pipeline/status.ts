import { ConvergeError } from '../base/errors.ts';
import { isOpen } from '../memory/incident.ts';
import { openIncidents } from '../memory/incidents.ts';
import { environmentPath } from '../environment/environment-file.ts';
import type { Hindrance, LookTimes } from '../memory/look-times.ts';
import { leaseSeconds, unreadableLease } from '../memory/lease.ts';
import { emptyMemory, type Memory } from '../memory/memory.ts';
import { heldOf, stateOf } from '../memory/remembered-state.ts';
import { policyOf, type Policy } from '../environment/policy.ts';
import { revisionOf } from '../base/revision.ts';
import { listEnvironments, readEnvironment, type Declaration } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import type { MissingProof } from '../inventory/membership.ts';
import { idOfKey, objectTitle } from '../objects/object-id.ts';
import type { Ports } from '../ports/ports.ts';
import type { Repository } from '../ports/git.ts';
import type { EnvironmentState, EnvironmentStatus, Status } from './common/environment-status.ts';
import { both } from './common/parallel.ts';
import type { StateAccess } from './common/read-state.ts';
import { recallLooks } from './common/recall-looks.ts';
import { recallMemories, type Recalled } from './common/remembered-environments.ts';

type StatusPorts = StateAccess & Pick<Ports, 'now' | 'repository'>;

/**
 * Every environment as Git declares it and the last run left it, and those that Git declares no more and that are not
 * yet gone. Reads Git and the state bucket, never a cluster.
 */
export async function status(
  { repositories }: { repositories: readonly string[] },
  ports: StatusPorts,
): Promise<Status> {
  const environments: EnvironmentStatus[] = [];
  const unreadable: { repository: string; message: string }[] = [];
  for (const name of [...repositories].sort()) {
    try {
      environments.push(...(await statusOfRepository({ repository: ports.repository(name), ports })));
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      unreadable.push({ repository: name, message: error.message });
      environments.push(...(await statusWithoutBranch({ name, message: error.message, ports })));
    }
  }
  return { environments, unreadable };
}

/**
 * The environments that are remembered, none of which is known to be what Git wants. Nothing where the state bucket
 * cannot be read either.
 */
async function statusWithoutBranch({
  name,
  message,
  ports,
}: {
  name: string;
  message: string;
  ports: StatusPorts;
}): Promise<EnvironmentStatus[]> {
  try {
    const repository = ports.repository(name);
    const known = await readKnown({ repository: name }, ports);
    return known.remembered.map((environment) => {
      const { memory, looks } = known.of(environment);
      const open = isOpen(memory.incident) ? memory.incident : undefined;
      const isFailed = open !== undefined && open.reason !== 'Drifted';
      const said = {
        state: isFailed ? ('Failed' as const) : ('Unknown' as const),
        health: 'Unknown' as const,
        message: isFailed ? open.summary : message,
      };
      return {
        ...factsOf({ name: environment, repository, memory, looks }),
        ...said,
        cluster: memory.cluster,
        wanted: '',
        policy: null,
        labels: {},
      };
    });
  } catch (error) {
    if (error instanceof ConvergeError) return [];
    throw error;
  }
}

async function statusOfRepository({
  repository,
  ports,
}: {
  repository: Repository;
  ports: StatusPorts;
}): Promise<EnvironmentStatus[]> {
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) return [];
  const names = await listEnvironments({ repository, commit: head.id });
  const known = await readKnown({ repository: repository.repositoryClass }, ports);
  const declared = await Promise.all(
    names.map(async (name) => statusOfEnvironment({ name, repository, commit: head.id, known: known.of(name) })),
  );
  const isDeclared = new Set(names);
  const removed = known.remembered.flatMap((name) =>
    isDeclared.has(name) ? [] : statusOfRemoved({ name, repository, known: known.of(name) }),
  );
  return [...declared, ...removed];
}

/** What the state bucket knows of one environment: nothing, where it never ran. */
interface Known extends Recalled {
  readonly isMissing: boolean;
  readonly looks: LookTimes;
}

async function readKnown(
  of: { repository: string },
  ports: StatusPorts,
): Promise<{ readonly remembered: readonly string[]; of(name: string): Known }> {
  const [memories, looks] = await both(recallMemories(of, ports), recallLooks(of, ports));
  return {
    remembered: [...memories.keys()],
    of: (name) => ({
      ...(memories.get(name) ?? { memory: emptyMemory(ports.now()) }),
      isMissing: !memories.has(name),
      looks: looks.get(name) ?? { checkedAt: null, attemptedAt: null },
    }),
  };
}

/**
 * Nothing for one that is gone by now, and for one that never ran: nothing of it has to go. What nobody can read may be
 * of one that has to.
 */
function statusOfRemoved({
  name,
  repository,
  known: { memory, unreadable, looks },
}: {
  name: string;
  repository: Repository;
  known: Known;
}): EnvironmentStatus[] {
  const facts = factsOf({ name, repository, memory, looks });
  if (unreadable !== undefined) {
    const message = `no file declares it any more, and ${unreadableWords(unreadable)}`;
    return [{ ...facts, cluster: '', state: 'Unknown', wanted: '', message, policy: null, labels: {} }];
  }
  if (memory.attempted === undefined) return [];
  const open = isOpen(memory.incident) ? memory.incident : undefined;
  const state = open !== undefined && open.reason !== 'Drifted' ? 'Failed' : 'Removing';
  const message = (state === 'Failed' ? open?.summary : memory.waiting?.message) ?? 'no file declares it any more';
  return [{ ...facts, cluster: memory.cluster, state, wanted: '', message, policy: null, labels: {} }];
}

function factsOf({
  name,
  repository,
  memory,
  looks: { checkedAt, attemptedAt },
}: {
  name: string;
  repository: Repository;
  memory: Memory;
  looks: LookTimes;
}) {
  const { converged, incident, quarantine, since, health, objects } = memory;
  const stands = quarantine !== undefined && quarantine.lifted === undefined;
  return {
    name,
    repository: repository.repositoryClass,
    revision: converged?.revision ?? '',
    since,
    checkedAt,
    attemptedAt,
    cause: memory.cause?.found ?? null,
    incident: isOpen(incident) ? incident.id : null,
    incidents: openIncidents(memory).map(({ id, reason, subject, ...open }) => ({
      ...{ id, reason, subject: subject ?? null },
      ...{ since: open.since, occurrence: open.occurrence, revision: open.revision, summary: open.summary },
    })),
    quarantine: stands
      ? { revision: quarantine.revision, reason: quarantine.reason, at: quarantine.at, revert: quarantine.revert }
      : null,
    health,
    objects: Object.keys(objects).length,
    unproven: unprovenOf(memory),
  };
}

const whyUnproven: Readonly<Record<MissingProof, string>> = {
  annotation: 'it does not name the environment',
  copied: 'it names another object',
  'apply-entry': 'Converge did not apply it',
  'label-owner': 'Converge did not apply its label',
};

function unprovenOf({ unproven }: Memory): EnvironmentStatus['unproven'] {
  const objects = (unproven?.objects ?? []).map(({ key, missing, madeBy }) => ({
    object: objectTitle(idOfKey(key)),
    why: whyUnproven[missing],
    madeBy: madeBy ?? null,
  }));
  return { count: unproven?.count ?? 0, objects };
}

async function statusOfEnvironment({
  name,
  repository,
  commit,
  known: { memory, unreadable, looks, isMissing },
}: {
  name: string;
  repository: Repository;
  commit: string;
  known: Known;
}): Promise<EnvironmentStatus> {
  const declared = policyAt({ name, declared: await readEnvironment({ repository, commit, name }) });
  const open = isOpen(memory.incident) ? memory.incident : undefined;
  return {
    ...factsOf({ name, repository, memory, looks }),
    cluster: declared.cluster ?? memory.cluster,
    ...shownState({ state: declared.policy?.suspend === true ? 'Suspended' : stateOf(memory), memory, looks }),
    wanted: revisionOf({ branch: repository.branch, commit }),
    message: joined(
      hinderedWords({ memory, looks }),
      declared.problem ??
        (unreadable === undefined ? undefined : unreadableWords(unreadable)) ??
        missingWords({ isMissing, memory, looks }) ??
        heldOf(memory)?.message ??
        open?.summary ??
        memory.waiting?.message ??
        unawaitedOf(memory),
    ),
    policy: declared.policy,
    labels: declared.labels ?? {},
  };
}

/** Where nothing is known: its memory is lost, or was never written. */
function missingWords({ isMissing, memory, looks }: Pick<Known, 'isMissing' | 'memory' | 'looks'>): string | undefined {
  if (!isMissing) return stateOf(memory) === 'Unknown' ? 'no look at it has come to its end yet' : undefined;
  return looks.checkedAt === null
    ? 'nothing is remembered of it: its next look is the first, or all that was known is lost'
    : 'what was remembered of it is gone: the next look rebuilds it';
}

/** What keeps looks from it, until the memory says that it is over. */
function hindranceOf({ memory, looks: { hindered } }: Pick<Known, 'memory' | 'looks'>): Hindrance | undefined {
  return hindered === undefined || memory.ended === unreadableLease(hindered).nonce ? undefined : hindered;
}

/** What nobody can look at is not known to be as it was. */
function shownState({ state, ...known }: { state: EnvironmentState } & Pick<Known, 'memory' | 'looks'>): {
  state: EnvironmentState;
  health?: 'Unknown';
} {
  const isGreen = state === 'Converged' || state === 'Converging';
  return isGreen && hindranceOf(known) !== undefined ? { state: 'Unknown', health: 'Unknown' } : { state };
}

function hinderedWords(known: Pick<Known, 'memory' | 'looks'>): string {
  const hindered = hindranceOf(known);
  if (hindered === undefined) return '';
  return `its lease.json ${hindered.reason}: nobody can look at it until that is ${leaseSeconds} s old, and then ended by the next look`;
}

const joined = (...words: readonly string[]): string => words.filter((word) => word !== '').join('; ');

function unreadableWords(unreadable: string): string {
  return `what is remembered of it ${unreadable}: the next look rebuilds it`;
}

function policyAt({ name, declared }: { name: string; declared: Declaration }): {
  cluster?: string;
  policy: Policy | null;
  labels?: Readonly<Record<string, string>>;
  problem?: string;
} {
  switch (declared.state) {
    case 'declared':
      return {
        cluster: declared.environment.cluster,
        policy: policyOf(declared.environment),
        labels: declared.environment.labels,
      };
    case 'invalid':
      return { policy: null, problem: declared.error.message };
    case 'absent':
      return { policy: null, problem: `${environmentPath(name)}: is not there` };
  }
}

/** What is shown of it, though nobody waits for it. */
function unawaitedOf({ unawaited }: Memory): string {
  return unawaited === undefined ? '' : `not waited for: ${unawaited}`;
}
