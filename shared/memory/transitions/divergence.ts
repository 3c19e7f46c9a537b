import type { RememberedHeals } from '../../drift/fight.ts';
import type { HealthState } from '../../health/health.ts';
import { isOfOneCause, isOpen, type Incident } from '../incident.ts';
import { incidentsOf, passIncidents, withIncident, withIncidents } from '../incidents.ts';
import type { AttemptedRevision, Memory } from '../memory.ts';
import type { Quarantine } from '../quarantine.ts';
import type { Retry } from '../retry.ts';
import type { Rollout } from '../rollout.ts';

/** What a run found that is not as Git says. */
interface Found {
  readonly attempted: AttemptedRevision;
  /** With the alert that is about to be published, where one is due. */
  readonly incident: Incident;
  /** What is set out for; as it was, where absent. */
  readonly heals?: RememberedHeals | undefined;
  readonly now: Date;
}

/**
 * Something differs, and the run goes on. Clears `waiting`, and `held` unless that is what is told. What was found of
 * another cause, or for this reason and not of these objects, has passed, but for what rests with an environment that is
 * suspended. `since` is when the first of what is open now was found.
 */
export function divergenceFound(memory: Memory, { attempted, incident, now, heals = memory.heals }: Found): Memory {
  const others = passIncidents(
    memory,
    (other) =>
      other.id !== incident.id &&
      (other.reason === incident.reason || (incident.reason !== 'Suspended' && !isOfOneCause(other, incident))),
  );
  return {
    ...withIncident(others, incident),
    attempted,
    held: incident.reason === 'Blocked' ? memory.held : undefined,
    waiting: undefined,
    heals,
    since: isOpen(memory.incident) ? memory.since : now.toISOString(),
  };
}

/** How an environment is left that is not converged. */
export interface Left {
  readonly health: HealthState;
  /** The roll-out that goes on, or has failed. */
  readonly rollout: Rollout | undefined;
  /** When what failed is tried again. */
  readonly retry: Retry | undefined;
  /** The revision that is rolled back from now on. */
  readonly quarantine: Quarantine | undefined;
}

/**
 * Something keeps the environment from converging, and nothing more is done about it in this run. Clears what
 * `divergenceFound` clears, and `rollout` and `retry` but for what they are to be from now on. A quarantine stays,
 * unless a new one begins.
 */
export function runStopped(
  memory: Memory,
  { health, rollout, retry, quarantine = memory.quarantine, ...found }: Found & Left,
): Memory {
  return { ...divergenceFound(memory, found), health, rollout, retry, quarantine };
}

/**
 * The alerts of the incidents that are not told yet are to be published. Clears nothing.
 *
 * @param facts.now by which a sink tells the newer of two alerts of one occurrence; absent: when each began
 */
export function incidentTold(memory: Memory, { now }: { now?: Date } = {}): Memory {
  const incidents = incidentsOf(memory);
  const alerts = incidents.flatMap(({ diff, told, since }) =>
    diff === undefined || told ? [] : [{ topic: 'diff' as const, time: now?.toISOString() ?? since, data: diff }],
  );
  if (alerts.length === 0) return memory;
  const told = incidents.map((incident) => (incident.diff === undefined ? incident : { ...incident, told: true }));
  return { ...withIncidents(memory, told), outbox: [...(memory.outbox ?? []), ...alerts] };
}
