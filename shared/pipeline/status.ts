import { ConvergeError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { parseDuration } from '../environment/duration.ts';
import { formatTime, parseTime } from '../base/time.ts';
import { boundedText, largestLine } from '../notices/bounded-text.ts';
import { parseConvergenceNotes } from '../source/convergence-note.ts';
import { isOpen, leavesTheRest } from '../memory/incident.ts';
import type { Incident } from '../memory/incident.ts';
import { openIncidents } from '../memory/incidents.ts';
import { dependencySubject } from '../events/dependency-alert.ts';
import type { UploadRefused } from '../events/upload-alert.ts';
import { environmentPath } from '../environment/environment-file.ts';
import type { LookTimes } from '../memory/look-times.ts';
import { withoutEvidence, withoutFields } from '../memory/evidence.ts';
import { emptyMemory, type Memory } from '../memory/memory.ts';
import { heldOf, stateOf } from '../memory/remembered-state.ts';
import { frozenWords, stillFrozen, type Frozen } from '../environment/frozen.ts';
import { policyOf, type Policy } from '../environment/policy.ts';
import { revisionOf } from '../base/revision.ts';
import { listEnvironments, readEnvironment, type Declaration } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import type { MissingProof } from '../inventory/membership.ts';
import { idOfKey, objectTitle } from '../objects/object-id.ts';
import type { Ports } from '../ports/ports.ts';
import type { Repository } from '../ports/git.ts';
import { acknowledgedNow, listAcknowledgements, type ListedAcknowledgement } from './common/acknowledgements.ts';
import type { EnvironmentStatus, Status } from './common/environment-status.ts';
import { both } from './common/parallel.ts';
import type { StateAccess } from './common/read-state.ts';
import { recallLooksNow } from './common/recall-looks.ts';
import { listRefusedUploads } from './common/refused-uploads.ts';
import { recallMemories, type Recalled } from './common/remembered-environments.ts';
import { shownState, type Seen } from './common/shown-state.ts';
import { unreachableNow, type OpenUnreachable } from './common/tell-unreachable.ts';

type StatusPorts = StateAccess & Pick<Ports, 'now' | 'repository'>;

/** What rows are judged by. */
type Sight = Pick<Seen, 'interval' | 'unreachable'> & Pick<StatusSettings, 'incidents'>;

export interface StatusSettings {
  /** Milliseconds between two checks: what was not looked at for three of them is stale. */
  readonly interval: number;
  /** What does not answer, as `unreachableNow` finds it; absent: nothing is known of that. */
  readonly unreachable?: readonly OpenUnreachable[];
  /** What is refused; absent: nothing is known of that. */
  readonly uploads?: readonly UploadRefused[];
  /** Whether it is asked which objects differ; absent: it is. Of a hundred thousand incidents nobody has room for it. */
  readonly incidents?: 'with objects' | 'alone';
}

/**
 * The status by the operator's configuration, with what does not answer, one list of all classes together, and with the
 * uploads that are refused, a read of each class.
 */
export async function statusNow(
  { repositories, checks }: Pick<Config, 'checks'> & { repositories: Readonly<Record<string, unknown>> },
  ports: StatusPorts,
): Promise<Status> {
  const names = Object.keys(repositories);
  const unreadable: Unreadable[] = [];
  const unreachable = await orUnreadable(unreadable, { names, read: async () => unreachableNow(ports) });
  const uploads: UploadRefused[] = [];
  for (const name of [...names].sort()) {
    const read = async () => listRefusedUploads({ repositoryClass: name }, ports);
    uploads.push(...(await orUnreadable(unreadable, { names: [name], read })));
  }
  const interval = parseDuration(checks.interval);
  const found = await status({ repositories: names, interval, unreachable, uploads }, ports);
  const known = await orUnreadable(unreadable, { names, read: async () => [...(await listAcknowledgements(ports))] });
  const all = firstOfEach([...found.unreadable, ...unreadable]);
  return withAcknowledged({ ...found, unreadable: all }, { known: new Map(known), now: ports.now().getTime() });
}

function withAcknowledged(
  found: Status,
  { known, now }: { known: ReadonlyMap<string, ListedAcknowledgement>; now: number },
): Status {
  const saidOf = (id: string, since: string) => {
    const acknowledged = acknowledgedNow({ id, since }, { known, now });
    return acknowledged === undefined ? {} : { acknowledged };
  };
  const environments = found.environments.map(({ incidents, ...row }) => ({
    ...row,
    incidents: incidents.map((one) => ({ ...one, ...saidOf(one.id, one.since) })),
  }));
  const uploads = found.uploads.map((one) => ({ ...one, ...saidOf(one.incident ?? '', one.since) }));
  if (found.unreachable === undefined) return { ...found, environments, uploads };
  const unreachable = found.unreachable.map((one) => ({ ...one, ...saidOf(one.incident, one.since) }));
  return { ...found, environments, uploads, unreachable };
}

type Unreadable = Status['unreadable'][number];

/** What cannot be read at the moment is not known to be nothing: it is said of the classes that it is about. */
async function orUnreadable<T>(
  unreadable: Unreadable[],
  { names, read }: { names: readonly string[]; read: () => Promise<readonly T[]> },
): Promise<readonly T[]> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    unreadable.push(...names.map((repository) => ({ repository, message: error.message })));
    return [];
  }
}

function firstOfEach(unreadable: readonly Unreadable[]): Unreadable[] {
  return unreadable.filter(
    ({ repository }, index) => unreadable.findIndex((one) => one.repository === repository) === index,
  );
}

/**
 * Every environment as Git declares it and the last run left it, and those that Git declares no more and that are not
 * yet gone. Reads Git and the state bucket, never a cluster. What was not looked at is found here, by whoever asks.
 */
export async function status(
  {
    repositories,
    interval,
    unreachable = [],
    uploads = [],
    incidents = 'with objects',
  }: { repositories: readonly string[] } & StatusSettings,
  ports: StatusPorts,
): Promise<Status> {
  const environments: EnvironmentStatus[] = [];
  const unreadable: { repository: string; message: string }[] = [];
  const settings = { interval, unreachable, incidents };
  for (const name of [...repositories].sort()) {
    try {
      environments.push(...(await statusOfRepository({ repository: ports.repository(name), settings, ports })));
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      unreadable.push({ repository: name, message: error.message });
      environments.push(...(await statusWithoutBranch({ name, message: error.message, settings, ports })));
    }
  }
  const said = { environments, unreadable, uploads: [...uploads] };
  return unreachable.length === 0 ? said : { ...said, unreachable: unreachable.map(toldOf) };
}

function toldOf(open: OpenUnreachable): NonNullable<Status['unreachable']>[number] {
  const { incident, since, code, problem, count } = open;
  return { subject: dependencySubject(open), incident, since, code, problem, count };
}

/**
 * The environments that are remembered, none of which is known to be what Git wants. Nothing where the state bucket
 * cannot be read either.
 */
async function statusWithoutBranch({
  name,
  message,
  settings,
  ports,
}: {
  name: string;
  message: string;
  settings: Sight;
  ports: StatusPorts;
}): Promise<EnvironmentStatus[]> {
  try {
    const repository = ports.repository(name);
    const known = await readKnown({ repository: name, ...settings }, ports);
    return known.remembered.map((environment) => {
      const { memory, seen } = known.of(environment);
      const open = isOpen(memory.incident) ? memory.incident : undefined;
      const isFailed = open !== undefined && !leavesTheRest(open);
      return {
        ...factsOf({ name: environment, repository, seen }),
        state: isFailed ? 'Failed' : 'Unknown',
        health: 'Unknown',
        message: isFailed ? open.summary : message,
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
  settings,
  ports,
}: {
  repository: Repository;
  settings: Sight;
  ports: StatusPorts;
}): Promise<EnvironmentStatus[]> {
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) return [];
  const names = await listEnvironments({ repository, commit: head.id });
  const known = await readKnown({ repository: repository.repositoryClass, ...settings }, ports);
  const declared = await Promise.all(
    names.map(async (name) =>
      statusOfEnvironment({ name, repository, commit: head.id, known: known.of(name), now: ports.now() }),
    ),
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
  readonly seen: Seen;
}

async function readKnown(
  { interval, unreachable, incidents, ...of }: { repository: string } & Sight,
  ports: StatusPorts,
): Promise<{ readonly remembered: readonly string[]; of(name: string): Known }> {
  const [memories, { looks, at }] = await both(
    recallMemories(of, ports, incidents === 'alone' ? (memory) => withoutEvidence(memory, () => false) : withoutFields),
    recallLooksNow(of, ports),
  );
  const now = at ?? ports.now();
  return {
    remembered: [...memories.keys()],
    of: (name) => {
      const recalled = memories.get(name) ?? { memory: emptyMemory(now) };
      const times = looks.get(name) ?? { checkedAt: null, attemptedAt: null };
      const seen = { memory: recalled.memory, looks: times, now, interval, unreachable };
      return { ...recalled, isMissing: !memories.has(name), seen };
    },
  };
}

/**
 * Nothing for one that is gone by now, and for one that never ran: nothing of it has to go. What nobody can read may be
 * of one that has to.
 */
function statusOfRemoved({
  name,
  repository,
  known: { memory, unreadable, seen },
}: {
  name: string;
  repository: Repository;
  known: Known;
}): EnvironmentStatus[] {
  const facts = factsOf({ name, repository, seen });
  if (unreadable !== undefined) {
    const message = `no file declares it any more, and ${unreadableWords(unreadable)}`;
    return [{ ...facts, cluster: '', state: 'Unknown', wanted: '', message, policy: null, labels: {} }];
  }
  if (memory.attempted === undefined) return [];
  const open = isOpen(memory.incident) ? memory.incident : undefined;
  const state = open !== undefined && !leavesTheRest(open) ? 'Failed' : 'Removing';
  const frozen = frozenOf(seen);
  const waits = frozen === undefined ? memory.waiting?.message : `no file declares it any more; ${frozenWords(frozen)}`;
  const message = (state === 'Failed' ? open?.summary : waits) ?? 'no file declares it any more';
  const { doubts, ...shown } = shownState(state, standingOn({ repository, cluster: memory.cluster, seen }));
  const said = { ...shown, message: joined(...doubts, message) };
  return [{ ...facts, cluster: memory.cluster, ...said, wanted: '', policy: null, labels: {} }];
}

function factsOf({
  name,
  repository,
  seen,
}: {
  name: string;
  repository: Repository;
  seen: Pick<Seen, 'memory' | 'looks' | 'interval' | 'now'>;
}) {
  const { memory, looks, interval } = seen;
  const { checkedAt, attemptedAt, failing } = looks;
  const { converged, incident, quarantine, since, health, objects, left } = memory;
  const stands = quarantine !== undefined && quarantine.lifted === undefined;
  return {
    name,
    repository: repository.repositoryClass,
    revision: converged?.revision ?? '',
    since,
    checkedAt,
    attemptedAt,
    // Where no look is known, whether the schedule runs at all is not known either.
    nextLook: attemptedAt === null ? null : formatTime(parseTime(attemptedAt) + interval),
    nextTry: nextTryOf(frozenOf(seen)) ?? memory.retry?.notBefore ?? null,
    ...(failing === undefined ? {} : { failing }),
    cause: memory.cause?.found ?? null,
    incident: isOpen(incident) ? incident.id : null,
    incidents: openIncidents(memory).map(({ id, reason, subject, ...open }) => ({
      ...{ id, reason, subject: subject ?? null },
      ...{ since: open.since, occurrence: open.occurrence, revision: open.revision, summary: open.summary },
      ...sourceOf({ subject, ...open }),
      ...doneOf(open),
      ...differingOf(open),
    })),
    requests: [...(memory.requests ?? [])],
    quarantine: stands
      ? { revision: quarantine.revision, reason: quarantine.reason, at: quarantine.at, revert: quarantine.revert }
      : null,
    health,
    objects: Object.keys(objects).length,
    changes: lastChanges(memory),
    ...(memory.converged?.plan && { plan: memory.converged.plan }),
    left: left.length,
    unproven: unprovenOf(memory),
  };
}

function frozenOf({ memory, now }: Pick<Seen, 'memory' | 'now'>): Frozen | undefined {
  return stillFrozen(memory.frozen, now.getTime());
}

function doneOf({ diff, reverted }: Pick<Incident, 'diff' | 'reverted'>) {
  const undone = reverted === undefined ? {} : { reverted };
  if (diff === undefined) return undone;
  const { action, answers, rollback } = diff;
  return {
    ...{ action, ...undone },
    ...(answers === undefined ? {} : { answers }),
    ...(rollback === null ? {} : { rolledBackBy: rollback.commit }),
  };
}

/** As the alert tells it; by its title alone where what differs now was not told. */
function differingOf({ diff, objects }: Pick<Incident, 'diff' | 'objects'>) {
  const titles = objects ?? (diff?.objects ?? []).map(objectTitle);
  const told = new Map(diff?.objects.map((object) => [objectTitle(object), object.message]));
  const differing = titles.map((object) => ({
    object,
    message: told.has(object) ? boundedText(told.get(object) ?? '', largestLine) : null,
  }));
  return { differing, omitted: diff?.omitted ?? 0 };
}

/** Of the last note that is kept: one for each convergence. */
function lastChanges({ notes = [] }: Pick<Memory, 'notes'>): EnvironmentStatus['changes'] {
  const [last] = parseConvergenceNotes(notes.at(-1)?.text ?? '').slice(-1);
  return last === undefined ? null : { at: last.at, ...last.changes };
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
  known: { memory, unreadable, seen, isMissing },
  now,
}: {
  name: string;
  repository: Repository;
  commit: string;
  known: Known;
  now: Date;
}): Promise<EnvironmentStatus> {
  const frozen = frozenOf(seen);
  const declared = policyAt({ name, declared: await readEnvironment({ repository, commit, name }), now, frozen });
  // That it is suspended is its state, and its policy says until when.
  const open = isOpen(memory.incident) && memory.incident.reason !== 'Suspended' ? memory.incident : undefined;
  const cluster = declared.cluster ?? memory.cluster;
  const { doubts, ...shown } = shownState(
    declared.policy?.suspend === true ? 'Suspended' : stateIn({ memory, frozen }),
    standingOn({ repository, cluster, seen }),
  );
  return {
    ...factsOf({ name, repository, seen }),
    cluster,
    ...shown,
    wanted: revisionOf({ branch: repository.branch, commit }),
    message: joined(
      ...doubts,
      declared.problem ??
        (unreadable === undefined ? undefined : unreadableWords(unreadable)) ??
        missingWords({ isMissing, memory, looks: seen.looks }) ??
        heldOf(memory)?.message ??
        open?.summary ??
        memory.waiting?.message ??
        unawaitedOf(memory),
    ),
    policy: declared.policy,
    labels: declared.labels ?? {},
  };
}

/** What is wrong keeps its name: a freeze does not make it well. */
function stateIn({ memory, frozen }: { memory: Memory; frozen: Frozen | undefined }): EnvironmentStatus['state'] {
  const state = stateOf(memory);
  const waits = frozen !== undefined && frozen.waits !== null;
  return waits && (state === 'Converged' || state === 'Converging' || state === 'Unknown') ? 'Frozen' : state;
}

/** With what does not answer of that alone which it stands on. */
function standingOn({ repository, cluster, seen }: { repository: Repository; cluster: string; seen: Seen }): Seen {
  const { repositoryClass } = repository;
  const unreachable = seen.unreachable.filter((one) =>
    one.kind === 'cluster' ? one.name === cluster : one.repositoryClass === repositoryClass,
  );
  return { ...seen, unreachable };
}

/** Where nothing is known: its memory is lost, or was never written. */
function missingWords({
  isMissing,
  memory,
  looks,
}: Pick<Known, 'isMissing' | 'memory'> & { looks: LookTimes }): string | undefined {
  if (!isMissing) return stateOf(memory) === 'Unknown' ? 'no look at it has come to its end yet' : undefined;
  return looks.checkedAt === null
    ? 'nothing is remembered of it: its next look is the first, or all that was known is lost'
    : 'what was remembered of it is gone: the next look rebuilds it';
}

const joined = (...words: readonly string[]): string => words.filter((word) => word !== '').join('; ');

function unreadableWords(unreadable: string): string {
  return `what is remembered of it ${unreadable}: the next look rebuilds it`;
}

function policyAt({
  name,
  declared,
  now,
  frozen,
}: {
  name: string;
  declared: Declaration;
  now: Date;
  frozen: Frozen | undefined;
}): {
  cluster?: string;
  policy: Policy | null;
  labels?: Readonly<Record<string, string>>;
  problem?: string;
} {
  switch (declared.state) {
    case 'declared':
      return {
        cluster: declared.environment.cluster,
        policy: policyOf(declared.environment, now, frozen),
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

/** Of the object that the incident is of, as its alert says. */
function sourceOf({ subject, diff }: Pick<Incident, 'subject' | 'diff'>): { source?: string } {
  const { source, line } = diff?.objects.find((object) => objectTitle(object) === subject) ?? {};
  if (source === undefined) return {};
  return { source: line === undefined ? source : `${source}:${line}` };
}

/** A freeze that has no end in sight says nothing of when. */
function nextTryOf(frozen: Frozen | undefined): string | undefined {
  return frozen?.endless === true ? undefined : frozen?.until;
}
