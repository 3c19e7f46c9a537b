import { parseTime } from '../base/time.ts';
import type { DiffReason } from '../base/diff-reasons.ts';
import { isOpen, type Incident } from './incident.ts';
import type { Memory } from './memory.ts';

type Remembered = Pick<Memory, 'incident' | 'incidents'>;

/** The gravest first. */
const gravity: Readonly<Record<DiffReason, number>> = {
  Failed: 0,
  Guarded: 1,
  Blocked: 2,
  Unhealthy: 3,
  Drifted: 4,
  Suspended: 5,
};

/** How many that are closed are remembered, so that one which comes back is known again. */
const rememberedClosed = 20;

/** What is remembered: those that are open, and the last that closed, in the order in which they were found first. */
export function incidentsOf({ incident, incidents }: Remembered): readonly Incident[] {
  return incidents ?? (incident === undefined ? [] : [incident]);
}

/**
 * A memory of these incidents. `incident` is the gravest that is open, of what was found last where there is any;
 * where none is open, the one that closed last. `incidents` is absent where there is no other.
 */
export function withIncidents<M extends Remembered>(memory: M, incidents: readonly Incident[]): M {
  const closed = incidents
    .filter((incident) => !isOpen(incident))
    .toSorted((a, b) => closedTime(b) - closedTime(a))
    .slice(0, rememberedClosed);
  const kept = incidents.filter((incident) => isOpen(incident) || closed.includes(incident));
  return { ...memory, incident: gravestOf(kept) ?? closed[0], incidents: kept.length > 1 ? kept : undefined };
}

/** With this one in its place, or added. */
export function withIncident<M extends Remembered>(memory: M, incident: Incident): M {
  const others = incidentsOf(memory);
  const isKnown = others.some(({ id }) => id === incident.id);
  const replaced = others.map((other) => (other.id === incident.id ? incident : other));
  return withIncidents(memory, isKnown ? replaced : [...others, incident]);
}

/** Those that are open and of which this is so were not found again: they end with the next convergence. */
export function passIncidents<M extends Remembered>(memory: M, hasPassed: (incident: Incident) => boolean): M {
  const incidents = incidentsOf(memory);
  const passes = (incident: Incident): boolean => isOpen(incident) && incident.passed !== true && hasPassed(incident);
  if (!incidents.some(passes)) return memory;
  return withIncidents(
    memory,
    incidents.map((incident) => (passes(incident) ? { ...incident, passed: true } : incident)),
  );
}

/** The gravest first, and what was not found when others were last. */
export function openIncidents(memory: Remembered): readonly Incident[] {
  return incidentsOf(memory).filter(isOpen).toSorted(compareGravity);
}

function gravestOf(incidents: readonly Incident[]): Incident | undefined {
  return incidents.filter(isOpen).toSorted(compareGravity)[0];
}

function compareGravity(a: Incident, b: Incident): number {
  return Number(a.passed === true) - Number(b.passed === true) || gravity[a.reason] - gravity[b.reason];
}

function closedTime({ closedAt }: Incident): number {
  return closedAt === undefined ? 0 : parseTime(closedAt);
}
