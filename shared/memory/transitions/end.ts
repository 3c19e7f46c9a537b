import { isFighting, livingHeals } from '../../drift/fight.ts';
import type { EnvironmentHealth } from '../../health/environment-health.ts';
import { isOpen, type Incident } from '../incident.ts';
import { incidentsOf, openIncidents, passIncidents, withIncidents } from '../incidents.ts';
import type { AttemptedRevision, ConvergedNote, Memory } from '../memory.ts';
import type { AlertInOutbox } from '../outbox.ts';
import { pastAfter } from '../past.ts';
import type { Rollout } from '../rollout.ts';

/** How many convergences are remembered, so that a writeback that failed is made up for. */
const rememberedNotes = 5;

/** What a prune left: for good or for now, as keys. */
type Leftovers = Pick<Memory, 'left' | 'pending'>;

/**
 * Something is left that should be gone, which is waited for or told next. Clears `pending` where nothing is to be
 * looked at again.
 */
export function leftoversKept(memory: Memory, { left, pending }: Leftovers): Memory {
  return { ...memory, left, pending };
}

/**
 * All is done and healthy but for drift that is told and left alone: it has not converged, and nothing is waited for.
 * Clears `rollout`, `retry` and `waiting`; what is open for another reason has passed.
 */
export function driftStands(
  memory: Memory,
  { left, pending, health: { state: health, unawaited } }: Leftovers & { health: EnvironmentHealth },
): Memory {
  const hasDrift = incidentsOf(memory).some((incident) => isOpen(incident) && incident.reason === 'Drifted');
  return {
    ...passIncidents(leftoversKept(memory, { left, pending }), ({ reason }) => hasDrift && reason !== 'Drifted'),
    ...{ health, unawaited },
    ...{ rollout: undefined, retry: undefined, waiting: undefined },
  };
}

/** What a look that found nothing to do knows of the environment. */
export interface Confirmed {
  readonly attempted: AttemptedRevision;
  /** Where something is not healthy yet, for how long that may be so. */
  readonly rollout: Rollout | undefined;
  readonly health: EnvironmentHealth;
}

/** Nothing differs from what converged last. Clears `retry` and `waiting`; an incident that is open stays. */
export function unchanged(
  memory: Memory,
  { attempted, rollout, health: { state: health, unawaited } }: Confirmed,
): Memory {
  return { ...memory, ...{ attempted, rollout, health, unawaited }, ...{ retry: undefined, waiting: undefined } };
}

/** What the environment came to. */
export type Reached =
  /** All of a revision is there and healthy. */
  | ({
      readonly reached: 'revision';
      readonly cluster: string;
      readonly namespace: string;
      readonly converged: NonNullable<Memory['converged']>;
      readonly previous: Memory['previous'];
      /** Keys of all that is desired. */
      readonly desired: readonly string[];
      readonly health: EnvironmentHealth;
    } & Leftovers &
      Pick<Memory, 'unwanted'>)
  /** What was broken mended by itself, or by a heal that another run waited for. */
  | ({ readonly reached: 'mended' } & Confirmed)
  /** The environment is removed, and about to be forgotten. */
  | { readonly reached: 'removal' };

/**
 * What is so from now on, but for what is told of it. At a revision, clears `rollout`, `rolledOut`, `retry` and
 * `waiting`, and forgets the objects that are not desired; mended, clears what `unchanged` clears, and `rolledOut`. A
 * removal says that it was told of that attempt, so that nobody tells it again; it clears `heals`, as its fights end with
 * it, and `notes`, as its ref goes.
 */
export function reach(memory: Memory, reached: Reached): Memory {
  switch (reached.reached) {
    case 'revision': {
      const { cluster, namespace, converged, previous, left, pending, unwanted } = reached;
      const { state: health, unawaited } = reached.health;
      const desired = new Set(reached.desired);
      const objects = Object.entries(memory.objects).flatMap(([key, { commit: _commit, ...object }]) =>
        desired.has(key) ? [[key, object] as const] : [],
      );
      const cause = memory.cause?.found ?? undefined;
      return {
        ...memory,
        ...{
          cluster,
          namespace,
          previous,
          converged: { ...converged, count: objects.length, ...(cause && { cause }) },
        },
        objects: Object.fromEntries(objects),
        ...{ left, pending, unwanted, health, unawaited },
        ...{ rollout: undefined, rolledOut: undefined, rolledOutFor: undefined },
        ...{ retry: undefined, waiting: undefined },
      };
    }
    case 'mended':
      return { ...unchanged(memory, reached), rolledOut: undefined, rolledOutFor: undefined };
    case 'removal':
      return { ...memory, endTold: memory.attempted?.revision, heals: undefined, notes: undefined };
  }
}

/**
 * The incidents that end with a convergence, the gravest first. Those of drift stay open as long as a fight is on,
 * whatever commit converges meanwhile: what agrees now may be undone again.
 */
export function endingIncidents(
  memory: Memory,
  { reached, now }: { reached: Reached; now: Date },
): readonly Incident[] {
  const isFought = isFighting({ heals: reach(memory, reached).heals, now });
  return openIncidents(memory).filter(({ reason }) => reason !== 'Drifted' || !isFought);
}

/**
 * The environment converged, which is to be told where that is news. Clears what `reach` clears, and `heals` that are of the past; the
 * incidents that end with it are closed, and remembered as past. `since` is now where that, or its first convergence, changed its state.
 *
 * @param facts.alerts what is to be published of it: one for each incident that was told
 * @param facts.note its line in the note of the commit, where that is written back
 */
export function convergenceTold(
  memory: Memory,
  {
    reached,
    note,
    alerts,
    now,
  }: {
    reached: Reached;
    note: ConvergedNote | undefined;
    alerts: readonly Extract<AlertInOutbox, { topic: 'converged' }>[];
    now: Date;
  },
): Memory {
  const after = reach(memory, reached);
  const ending = new Set(endingIncidents(memory, { reached, now }).map(({ id }) => id));
  const changed = ending.size > 0 || memory.converged === undefined;
  const incidents = incidentsOf(memory).map((incident) =>
    ending.has(incident.id) ? { ...incident, closedAt: now.toISOString() } : incident,
  );
  return {
    ...(ending.size === 0 ? after : withIncidents(after, incidents)),
    notes: note === undefined ? after.notes : [...(after.notes ?? []), note].slice(-rememberedNotes),
    heals: livingHeals({ heals: after.heals, now }),
    past: pastWith(memory, { reached, now }),
    since: changed ? now.toISOString() : memory.since,
    outbox: alerts.length === 0 ? memory.outbox : [...(memory.outbox ?? []), ...alerts],
  };
}

/** A removal forgets all of it in a moment. */
function pastWith(memory: Memory, { reached, now }: { reached: Reached; now: Date }): Memory['past'] {
  if (reached.reached === 'removal') return memory.past;
  const converged = reached.reached === 'revision' ? reached.converged : undefined;
  return pastAfter(memory, { ended: endingIncidents(memory, { reached, now }), converged, now });
}

/** The inventories of its previous names are its own by now. Clears nothing. */
export function namesTakenOver(memory: Memory, { names }: { names: readonly string[] }): Memory {
  return { ...memory, succeeded: [...(memory.succeeded ?? []), ...names].sort() };
}
