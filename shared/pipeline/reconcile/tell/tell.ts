import { isUnderWay } from '../../../memory/quarantine.ts';
import { encodeAlert, type Converged, type Diff } from '../../../events/alert.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { divergenceOf, type Divergence } from '../../../drift/divergence.ts';
import type { RememberedHeals } from '../../../drift/fight.ts';
import { isDue, openIncident, withDiff, type Incident } from '../../../memory/incident.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import { divergenceFound, incidentTold, runStopped, type Left } from '../../../memory/transitions/divergence.ts';
import { convergenceTold, endingIncident, reach, type Reached } from '../../../memory/transitions/end.ts';
import { policyOf, type PolicyKeys } from '../../../environment/policy.ts';
import { formatConvergenceNote } from '../../../source/convergence-note.ts';
import type { Run } from '../run/run.ts';
import type { RunResult, Target } from '../run/target.ts';
import { writeBack } from './write-back.ts';

/**
 * Opens or updates the incident and tells it where it is due. The evidence is saved before anything is published or
 * healed: a run that dies in between is finished by the next one.
 */
export async function tellDivergence(
  run: Run,
  told: {
    divergence: Divergence;
    cluster: string;
    action: Diff['action'];
    attempted: AttemptedRevision;
    /** How it is left where the run ends with this. */
    stops?: Left;
    /** Absent where the environment file cannot be read. */
    environment: (Pick<Environment, 'diffAfter' | 'convergedAfter'> & PolicyKeys) | undefined;
    /** What is to be remembered of heals; as it was, where absent. */
    heals?: RememberedHeals | undefined;
    /** Tell it now, though the same differences may have been told: something else is known of them. */
    anew?: boolean;
  },
): Promise<void> {
  const { divergence, cluster, action } = told;
  const { diffAfter, convergedAfter } = told.environment ?? { diffAfter: 0, convergedAfter: 0 };
  const { memoryFile, ports } = run;
  const now = ports.now();
  const last = memoryFile.memory().incident;
  const opened = openIncident({ last, divergence, environment: run.key, now, convergedAfter });
  const incident = told.anew === true ? { ...opened, diff: undefined, told: false } : opened;
  const remember = async (found: Incident): Promise<void> => {
    const { attempted, heals, stops } = told;
    const facts = { attempted, incident: found, now, heals };
    await (stops === undefined
      ? memoryFile.remember(divergenceFound, facts)
      : memoryFile.remember(runStopped, { ...facts, ...stops }));
  };
  if (told.anew !== true && !isDue({ incident, healing: action !== 'none', now, diffAfter })) {
    await remember(incident);
    return;
  }
  const policy = told.environment === undefined ? null : policyOf(told.environment);
  const withEvidence = withDiff({
    incident,
    divergence,
    environment: run.environment,
    repository: run.repository,
    cluster,
    action,
    policy,
  });
  await remember(withEvidence);
  // What is being rolled back is told with what became of that, at the end of the run.
  if (!isUnderWay(memoryFile.memory().quarantine)) await publishUntold(run);
}

/**
 * Tells what differs and is no drift, though nothing can or need be done about it: what admission rewrote, what others
 * keep.
 */
export async function tellNotices(
  { run, environment, cluster, attempted, revision }: Target,
  objects: readonly ObjectDiff[],
): Promise<void> {
  if (objects.length === 0) return;
  const divergence = divergenceOf({ reason: 'Drifted', revision, objects });
  await tellDivergence(run, {
    divergence,
    environment: { ...environment, diffAfter: 0 },
    attempted,
    cluster: cluster.name,
    action: 'none',
  });
}

/** Tells what keeps an environment from converging, and that nothing more is done about it in this run. */
export async function diverge(
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
): Promise<RunResult> {
  const { revision, reason, summary } = divergence;
  const cluster = environment?.cluster ?? run.memoryFile.memory().cluster;
  const health = reason === 'Unhealthy' ? 'Degraded' : 'Unknown';
  await tellDivergence(run, {
    divergence,
    environment,
    attempted,
    cluster,
    stops: { health, rollout, retry, quarantine },
    action: 'none',
    // What is being rolled back is told anew, with what became of that.
    anew: quarantine !== undefined,
  });
  return { outcome: 'diverged', revision, reason, summary };
}

/** Publishes a diff that was saved and not yet told: by this run, or by an earlier one that died. */
export async function publishUntold(run: Run): Promise<void> {
  const { memoryFile, ports } = run;
  const { incident } = memoryFile.memory();
  if (incident?.diff === undefined || incident.told) return;
  await ports.topics.publish('diff', encodeAlert({ topic: 'diff', data: incident.diff }, new Date(incident.since)));
  await memoryFile.remember(incidentTold);
}

/**
 * Tells that the environment converged: once for each revision, and once for each incident. Published before it is
 * remembered: a run that dies in between tells it again, under the same event id. A revision that is new is then
 * written back to Git.
 */
export async function tellConverged(
  run: Run,
  {
    reached,
    converged,
  }: { reached: Reached; converged: Omit<Converged, 'incident' | 'occurrence' | 'environment' | 'repository'> },
): Promise<void> {
  const { memoryFile, ports } = run;
  const before = memoryFile.memory();
  const now = ports.now();
  const incident = endingIncident(before, { reached, now });
  const news = incident?.told === true || before.converged?.revision !== converged.revision;
  const closes =
    incident?.told === true
      ? { incident: incident.id, occurrence: incident.occurrence }
      : { incident: null, occurrence: null };
  const data: Converged = { ...converged, environment: run.environment, repository: run.repository, ...closes };
  const event = encodeAlert({ topic: 'converged', data }, now);
  if (news) await ports.topics.publish('converged', event);
  const after = reach(before, reached);
  // Drift that was healed is told by alerts: in notes, it would grow without end. So is an environment that is removed.
  const noted =
    run.settings.writeback &&
    after.converged?.revision === converged.revision &&
    before.converged?.revision !== converged.revision
      ? after.converged.commit
      : undefined;
  const line = { ...data, at: now.toISOString(), event: event.id };
  const note = noted === undefined ? undefined : { commit: noted, text: formatConvergenceNote(line) };
  await memoryFile.remember(convergenceTold, { reached, note, now });
  if (note !== undefined) await writeBack(run);
}
