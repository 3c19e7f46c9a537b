import type { RememberedHeals } from '../../drift/fight.ts';
import type { HealthState } from '../../health/health.ts';
import { isOpen, type Incident } from '../incident.ts';
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
 * Something differs, and the run goes on. Clears `waiting`, and `held` unless that is what is told. `since` is when the
 * first of what is open now was found.
 */
export function divergenceFound(memory: Memory, { attempted, incident, now, heals = memory.heals }: Found): Memory {
  return {
    ...memory,
    attempted,
    held: incident.reason === 'Blocked' ? memory.held : undefined,
    waiting: undefined,
    heals,
    incident,
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

/** The alert of the incident that is not told yet is to be published. Clears nothing. */
export function incidentTold(memory: Memory): Memory {
  const { incident } = memory;
  if (incident?.diff === undefined || incident.told) return memory;
  const alert = { topic: 'diff' as const, time: incident.since, data: incident.diff };
  return { ...memory, incident: { ...incident, told: true }, outbox: [...(memory.outbox ?? []), alert] };
}
