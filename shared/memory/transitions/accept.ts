import type { ToldOverride } from '../../events/alert.ts';
import type { Frozen } from '../../environment/frozen.ts';
import { isAnnounced, isOpen, type Incident } from '../incident.ts';
import { incidentsOf, passIncidents, withIncidents } from '../incidents.ts';
import type { AttemptedRevision, Memory } from '../memory.ts';

/**
 * The file of an environment says that it rests. Clears `held`, `waiting`, `rollout`, `retry`, `frozen` and `override`:
 * it waits for nothing and tries nothing, until it is suspended no more, and no freeze is looked at. How a roll-out goes
 * on is no longer looked at, so a health of `Progressing` becomes `Unknown`, unless that is how it settled. What was
 * told stays open.
 */
export function suspended(memory: Memory, { attempted }: { attempted: AttemptedRevision }): Memory {
  const { health, unawaited } = memory;
  return {
    ...memory,
    attempted,
    health: health === 'Progressing' && unawaited === undefined ? 'Unknown' : health,
    held: undefined,
    waiting: undefined,
    rollout: undefined,
    retry: undefined,
    frozen: undefined,
    override: undefined,
  };
}

/**
 * It is suspended no more, or has got an end: that it was without one has passed, and is forgotten where nobody was told.
 * Clears nothing else.
 */
export function suspensionPassed(memory: Memory): Memory {
  const isUntold = (incident: Incident): boolean =>
    incident.reason === 'Suspended' && isOpen(incident) && !isAnnounced(incident);
  const incidents = incidentsOf(memory);
  const told = incidents.some(isUntold)
    ? withIncidents(
        memory,
        incidents.filter((incident) => !isUntold(incident)),
      )
    : memory;
  return passIncidents(told, ({ reason }) => reason === 'Suspended');
}

/**
 * It is frozen. Where a commit waits for the end, that is the attempt, and `held`, `waiting`, `rollout` and `retry` are
 * cleared, and `health`, as by `suspended`. Clears `override`: what was begun past a freeze is over.
 *
 * @param facts.attempted the commit that waits; undefined: none
 */
export function freezeFound(
  memory: Memory,
  { attempted, frozen }: { attempted: AttemptedRevision | undefined; frozen: Frozen },
): Memory {
  return { ...(attempted === undefined ? memory : suspended(memory, { attempted })), frozen, override: undefined };
}

/** A person has it go on in a freeze. Clears `frozen`. */
export function freezePassed(memory: Memory, { override }: { override: ToldOverride }): Memory {
  return { ...memory, frozen: undefined, override };
}

/** What was begun past a freeze is over. Clears `override`, and nothing else. */
export function overrideEnded(memory: Memory): Memory {
  return { ...memory, override: undefined };
}

/** It is frozen no more. Clears `frozen`, and nothing else. */
export function thawed(memory: Memory): Memory {
  return { ...memory, frozen: undefined };
}

/**
 * It is left as it is until others have converged. Remembers the attempt; `since` is when it began to wait. Clears
 * nothing.
 *
 * @param facts.message whom it waits for
 */
export function heldBack(
  memory: Memory,
  { attempted, message, now }: { attempted: AttemptedRevision; message: string; now: Date },
): Memory {
  const since = memory.held === undefined ? now.toISOString() : memory.since;
  return { ...memory, attempted, since, held: { revision: attempted.revision, message } };
}

/**
 * Nobody could read what was remembered of an environment whose file is gone: what its branch says of it stands in its
 * stead. Clears nothing.
 */
export function lastDeclarationRecalled(memory: Memory, { attempted }: { attempted: AttemptedRevision }): Memory {
  return { ...memory, attempted };
}

/**
 * Its file is gone, and leave of it is being taken: of what was attempted, that file is no more. A file that comes back
 * meanwhile is a change to it. Clears nothing.
 */
export function leaveBegun(memory: Memory, { file }: { file: string }): Memory {
  const { attempted } = memory;
  if (attempted === undefined) return memory;
  return { ...memory, attempted: { ...attempted, inputs: { ...attempted.inputs, [file]: null } } };
}

/**
 * A run acts for an environment whose end was told: its file came back, or something of it is there. Clears `endTold`:
 * its next removal is a removal like any other.
 */
export function foundAgain(memory: Memory): Memory {
  return { ...memory, endTold: undefined };
}

/** Which commit changed its inputs last. Clears nothing. */
export function causeNoted(memory: Memory, { cause }: { cause: NonNullable<Memory['cause']> }): Memory {
  return { ...memory, cause };
}

/** All that it depends on has converged. Clears `held`, and nothing else. */
export function gateOpened(memory: Memory): Memory {
  return { ...memory, held: undefined };
}

/** Takes the rule that signatures of later commits must satisfy. Clears `verified` where the file has none. */
export function ruleAccepted(memory: Memory, { verified }: { verified: Memory['verified'] }): Memory {
  return { ...memory, verified };
}
