import { encodeAlert, type Converged, type Diff } from '../../../events/alert.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { divergenceOf, type Divergence } from '../../../drift/divergence.ts';
import { isFighting, livingHeals, type RememberedHeals } from '../../../drift/fight.ts';
import { isDue, isOpen, openIncident, withDiff } from '../../../memory/incident.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { AttemptedRevision, Memory } from '../../../memory/memory.ts';
import { policyOf, type PolicyKeys } from '../../../environment/policy.ts';
import type { HealthState } from '../../../health/health.ts';
import type { Run } from '../run/run.ts';
import type { RunResult, Target } from '../run/target.ts';
import { withNote, writeBack } from './write-back.ts';

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
    /** What is known of the environment's health now; as it was, where absent. */
    health?: HealthState;
    /** What else is to be remembered of it. */
    remember?: Partial<Pick<Memory, 'rollout' | 'retry' | 'quarantine'>>;
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
  const before = memoryFile.memory();
  const held = divergence.reason === 'Blocked' ? before.held : undefined;
  const memory = {
    ...before,
    attempted: told.attempted,
    health: told.health ?? before.health,
    held,
    waiting: undefined,
    heals: told.heals ?? before.heals,
    ...told.remember,
  };
  const now = ports.now();
  const opened = openIncident({ last: memory.incident, divergence, environment: run.key, now, convergedAfter });
  const incident = told.anew === true ? { ...opened, diff: undefined, told: false } : opened;
  const since = isOpen(memory.incident) ? memory.since : now.toISOString();
  if (told.anew !== true && !isDue({ incident, healing: action !== 'none', now, diffAfter })) {
    await memoryFile.save({ ...memory, incident, since });
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
  await memoryFile.save({ ...memory, incident: withEvidence, since });
  // What is being rolled back is told with what became of that.
  if (told.remember?.quarantine === undefined) await publishUntold(run);
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
    Pick<Memory, 'rollout' | 'retry' | 'quarantine'>
  >,
): Promise<RunResult> {
  const { revision, reason, summary } = divergence;
  const cluster = environment?.cluster ?? run.memoryFile.memory().cluster;
  const health = reason === 'Unhealthy' ? 'Degraded' : 'Unknown';
  // What is being rolled back is told anew, with what became of that.
  const rollingBack = quarantine === undefined ? {} : { quarantine };
  await tellDivergence(run, {
    divergence,
    environment,
    attempted,
    cluster,
    health,
    remember: { rollout, retry, ...rollingBack },
    action: 'none',
    anew: quarantine !== undefined,
  });
  return { outcome: 'diverged', revision, reason, summary };
}

/** Publishes a diff that was saved and not yet told: by this run, or by an earlier one that died. */
export async function publishUntold(run: Run): Promise<void> {
  const { memoryFile, ports } = run;
  const memory = memoryFile.memory();
  const { incident } = memory;
  if (incident?.diff === undefined || incident.told) return;
  await ports.topics.publish('diff', encodeAlert({ topic: 'diff', data: incident.diff }, new Date(incident.since)));
  await memoryFile.save({ ...memory, incident: { ...incident, told: true } });
}

/**
 * Tells that the environment converged: once for each revision, and once for each incident. Published before it is
 * remembered: a run that dies in between tells it again, under the same event id. A revision that is new is then
 * written back to Git. An incident of drift stays open as long as a fight is on, whatever commit converges meanwhile:
 * what agrees now may be undone again.
 */
export async function tellConverged(
  run: Run,
  {
    memory,
    converged,
  }: { memory: Memory; converged: Omit<Converged, 'incident' | 'occurrence' | 'environment' | 'repository'> },
): Promise<void> {
  const { memoryFile, ports } = run;
  const before = memoryFile.memory();
  const now = ports.now().toISOString();
  const isFought = before.incident?.reason === 'Drifted' && isFighting({ heals: memory.heals, now: ports.now() });
  const incident = isOpen(before.incident) && !isFought ? before.incident : undefined;
  const news = incident?.told === true || before.converged?.revision !== converged.revision;
  const closes =
    incident?.told === true
      ? { incident: incident.id, occurrence: incident.occurrence }
      : { incident: null, occurrence: null };
  const data: Converged = { ...converged, environment: run.environment, repository: run.repository, ...closes };
  const event = encodeAlert({ topic: 'converged', data }, ports.now());
  if (news) await ports.topics.publish('converged', event);
  const changed = incident !== undefined || before.converged === undefined;
  // Drift that was healed is told by alerts: in notes, it would grow without end. So is an environment that is removed.
  const noted =
    memory.converged?.revision === converged.revision && before.converged?.revision !== converged.revision
      ? memory.converged.commit
      : undefined;
  const isNoted = run.settings.writeback && noted !== undefined;
  const note = { ...data, at: now, event: event.id };
  await memoryFile.save({
    ...memory,
    notes: isNoted ? withNote({ notes: before.notes, commit: noted, note }) : before.notes,
    heals: livingHeals({ heals: memory.heals, now: ports.now() }),
    incident: incident === undefined ? before.incident : { ...incident, closedAt: now },
    since: changed ? now : before.since,
  });
  if (isNoted) await writeBack(run);
}
