import { isUnderWay } from '../../../memory/quarantine.ts';
import { encodeAlert, type Converged, type Diff, type Reverted } from '../../../events/alert.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { divergenceOf, type Divergence } from '../../../drift/divergence.ts';
import { readable } from '../../../drift/readable.ts';
import type { RememberedHeals } from '../../../drift/fight.ts';
import { acceptedBy } from '../../../memory/accepted.ts';
import {
  anew,
  isAnnounced,
  isDue,
  openIncident,
  withDiff,
  type DriftDone,
  type Incident,
} from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { causeMark, type AttemptedRevision, type ConvergedNote, type Memory } from '../../../memory/memory.ts';
import { divergenceFound, incidentTold, runStopped, type Left } from '../../../memory/transitions/divergence.ts';
import { convergenceTold, endingIncidents, reach, type Reached } from '../../../memory/transitions/end.ts';
import { stillFrozen } from '../../../environment/frozen.ts';
import { policyOf, type PolicyKeys } from '../../../environment/policy.ts';
import { formatConvergenceNote } from '../../../source/convergence-note.ts';
import type { Run } from '../run/run.ts';
import type { RunResult, Target } from '../run/target.ts';

/**
 * Opens or updates the incident, and tells it where it is due: it is published once the memory says so. Whoever heals
 * it claims the lease with this evidence first, so that a run that dies in between is finished by the next one.
 */
export function tellDivergence(
  run: Run,
  told: {
    divergence: Divergence;
    cluster: string;
    action: Diff['action'];
    attempted: AttemptedRevision;
    /** How it is left where the run ends with this. */
    stops?: Left;
    /** Absent where the environment file cannot be read. */
    environment: (Pick<Environment, 'diffAfter' | 'convergedAfter' | 'labels'> & PolicyKeys) | undefined;
    /** What is to be remembered of heals; as it was, where absent. */
    heals?: RememberedHeals | undefined;
    /** When it began, where it was waited for; absent: it is seen now. */
    began?: string | undefined;
    /** What it is told once for; absent: what the environment is made of, by the commit that changed that last. */
    cause?: string;
    /** Of drift: what is done about it. */
    drift?: DriftDone;
    /** By whose request it is undone. */
    reverted?: Reverted | undefined;
    /** Tell it now, though the same differences may have been told: something else is known of them. */
    anew?: boolean;
  },
): void {
  const { cluster, action } = told;
  const divergence = readable(told.divergence);
  const { diffAfter, convergedAfter } = told.environment ?? { diffAfter: 0, convergedAfter: 0 };
  const { memoryFile, ports } = run;
  const now = ports.now();
  const memory = memoryFile.memory();
  const opened = openIncident({
    ...{ incidents: incidentsOf(memory), divergence, environment: run.key, now, convergedAfter },
    ...{ began: told.began, cause: told.cause ?? causeMark(memory), drift: told.drift },
  });
  const known = told.anew === true ? anew(opened) : opened;
  const incident = told.reverted === undefined ? known : { ...known, reverted: told.reverted };
  const remember = (found: Incident): void => {
    const { attempted, heals, stops } = told;
    const facts = { attempted, incident: found, now, heals };
    if (stops === undefined) memoryFile.remember(divergenceFound, facts);
    else memoryFile.remember(runStopped, { ...facts, ...stops });
  };
  if (told.anew !== true && !isDue({ incident, healing: action !== 'none', now, diffAfter })) {
    remember(incident);
    return;
  }
  const frozen = stillFrozen(memory.frozen, now.getTime());
  const policy = told.environment === undefined ? null : policyOf(told.environment, now, frozen);
  const withEvidence = withDiff({
    incident,
    divergence,
    environment: run.environment,
    repository: run.repository,
    cluster,
    action,
    policy,
    labels: told.environment?.labels,
    cause: memoryFile.memory().cause?.found ?? null,
    isAsked: told.drift?.askFor !== undefined,
    override: memory.override,
  });
  remember(withEvidence);
  // What is being rolled back is told with what became of that, at the end of the run.
  if (!isUnderWay(memoryFile.memory().quarantine)) memoryFile.remember(incidentTold, { now });
}

/**
 * Tells what differs and is no drift, though nothing can or need be done about it: what admission rewrote, what others
 * keep.
 */
export function tellNotices(
  { run, environment, cluster, attempted, revision }: Target,
  objects: readonly ObjectDiff[],
): void {
  if (objects.length === 0) return;
  const divergence = divergenceOf({ reason: 'Drifted', revision, objects });
  tellDivergence(run, {
    divergence,
    environment: { ...environment, diffAfter: 0 },
    attempted,
    cluster: cluster.name,
    action: 'none',
  });
}

/** Tells what keeps an environment from converging, and that nothing more is done about it in this run. */
export function diverge(
  run: Run,
  {
    environment,
    attempted,
    divergence,
    rollout,
    retry,
    quarantine,
  }: { environment: Environment | undefined; attempted: AttemptedRevision; divergence: Divergence } & Partial<
    Omit<Left, 'health'>
  >,
): RunResult {
  const { revision, reason, summary } = divergence;
  const cluster = environment?.cluster ?? run.memoryFile.memory().cluster;
  const health = reason === 'Unhealthy' ? 'Degraded' : 'Unknown';
  tellDivergence(run, {
    divergence,
    environment,
    attempted,
    cluster,
    stops: { health, rollout, retry, quarantine },
    began: reason === 'Unhealthy' ? rollout?.since : undefined,
    action: 'none',
    // What is being rolled back is told anew, with what became of that.
    anew: quarantine !== undefined,
  });
  return { outcome: 'diverged', revision, reason, summary };
}

/**
 * Tells that the environment converged: once for each revision, and once for each incident that was told. It is published once the
 * memory says so. A revision that is new is then written back to Git.
 */
export function tellConverged(
  run: Run,
  {
    reached,
    converged,
  }: {
    reached: Reached;
    converged: Omit<Converged, keyof Closes | 'override' | 'environment' | 'repository' | 'cause'>;
  },
): void {
  const { memoryFile, ports } = run;
  const before = memoryFile.memory();
  const now = ports.now();
  const cause = before.cause?.found ?? null;
  const passed = before.override === undefined ? {} : { override: before.override };
  const data = { ...converged, ...passed, environment: run.environment, repository: run.repository, cause };
  const [closing = closesNone, ...others] = endingIncidents(before, { reached, now })
    .filter(isAnnounced)
    .map((one) => closes(one, before));
  const isNews = closing.incident !== null || before.converged?.revision !== converged.revision;
  const alerts = (isNews ? [closing, ...others] : []).map((closed) => ({
    topic: 'converged' as const,
    time: now.toISOString(),
    data: { ...data, ...closed },
  }));
  const note = noteOf(run, { before, reached, data: { ...data, ...closing }, now });
  memoryFile.remember(convergenceTold, { reached, alerts, note, now });
}

/** What a convergence says of the incident that it closes. */
type Closes = Pick<Converged, 'incident' | 'occurrence' | 'since' | 'reverted' | 'accepted'>;
const closesNone: Closes = { incident: null, occurrence: null, since: null };

function closes(incident: Incident, before: Memory): Closes {
  const { id, occurrence, since, subject, reverted } = incident;
  const accepted = acceptedBy(before, incident);
  return {
    ...{ incident: id, occurrence, since: subject === undefined ? null : since },
    ...(reverted === undefined ? {} : { reverted }),
    ...(accepted === undefined ? {} : { accepted: { ...accepted } }),
  };
}

/** Drift that was healed is told by alerts: in notes, it would grow without end. So is an environment that is removed. */
function noteOf(
  { settings }: Run,
  { before, reached, data, now }: { before: Memory; reached: Reached; data: Converged; now: Date },
): ConvergedNote | undefined {
  const { converged } = reach(before, reached);
  const isNew =
    settings.writeback && converged?.revision === data.revision && before.converged?.revision !== data.revision;
  if (!isNew) return undefined;
  const { id } = encodeAlert({ topic: 'converged', data }, now);
  return { commit: converged.commit, text: formatConvergenceNote({ ...data, at: now.toISOString(), event: id }) };
}
