import { alertId, type Diff } from '../events/alert.ts';
import { parseTime } from '../base/time.ts';
import { isAnnounced, isOpen, isOpenAndTold, type Incident } from './incident.ts';
import { incidentsOf } from './incidents.ts';
import type { Evidence, Lease } from './lease.ts';
import type { Memory } from './memory.ts';
import type { AlertInOutbox } from './outbox.ts';

/**
 * Of what a run found and was about to undo, what a memory that somebody wrote since its claim does not tell. A memory
 * may know the incident's id all the same: the one that is found today has that of the same subject's last one, and one
 * may be open for long before it is told. So it is by its alert that an incident is known to be told. What is told of a
 * period that the memory tells of already is told of that period.
 */
export function untoldEvidence(
  memory: Pick<Memory, 'incident' | 'incidents'>,
  { incidents, outbox }: Evidence,
): Evidence {
  const known = new Map(incidentsOf(memory).map((incident) => [incident.id, incident]));
  const withAlert = new Set(outbox.map(({ data }) => data.incident));
  const taken = incidents.flatMap((found) => {
    const remembered = known.get(found.id);
    if (remembered === undefined) return [found];
    return withAlert.has(found.id) ? toldOf(remembered, found) : endOwed(remembered, found);
  });
  const periods = new Map(taken.map((incident) => [incident.id, incident]));
  return {
    incidents: taken,
    outbox: outbox.flatMap((alert) => {
      const period = periods.get(alert.data.incident ?? '');
      return period === undefined ? [] : [inPeriod(alert, period)];
    }),
  };
}

/** One that is to be told, as it is to be remembered; none where the memory tells the very same. */
function toldOf(remembered: Incident, found: Incident): readonly Incident[] {
  const { since, occurrence, closedAt } = remembered;
  const isSamePeriod = closedAt === undefined || since === found.since;
  if (!isAnnounced(remembered) || !isSamePeriod) return [found];
  const same = asOf(found, { since, occurrence });
  if (remembered.told && idOf(remembered.diff) === idOf(same.diff)) return [];
  if (closedAt === undefined) return [{ ...same, announced: true }];
  // Its end was told meanwhile: it is back.
  return [asOf(found, { since, occurrence: occurrence + 1 })];
}

/** Nothing is to be told of it but, in the end, that it is over: not where the memory says so, or is about to. */
function endOwed(remembered: Incident, found: Incident): readonly Incident[] {
  const { closedAt, since } = remembered;
  const isForgotten = closedAt === undefined && since === found.since && !isAnnounced(remembered);
  if (isForgotten && isAnnounced(found)) return [{ ...remembered, announced: true }];
  const isOfThePast = closedAt !== undefined && since !== found.since && parseTime(closedAt) <= parseTime(found.since);
  return isOfThePast ? [found] : [];
}

/**
 * The incidents that a lease of nobody says to be open and told, and a memory does not: it knows nothing of them, not
 * even their end, as one that was put back to before them.
 */
export function owedEnds(
  memory: Pick<Memory, 'incident' | 'incidents'>,
  { nonce, evidence }: Lease,
): readonly Incident[] {
  if (nonce !== null || evidence === null) return [];
  const untold = new Set(evidence.outbox.map(({ data }) => data.incident));
  // One of the version before is of all that differs for its reason.
  const open = incidentsOf(memory).filter(isOpen);
  const former = new Set(open.flatMap(({ subject, reason }) => (subject === undefined ? [reason] : [])));
  const incidents = evidence.incidents.filter(
    (incident) => isOpenAndTold(incident) && !untold.has(incident.id) && !former.has(incident.reason),
  );
  return untoldEvidence(memory, { incidents, outbox: [] }).incidents;
}

type Period = Pick<Incident, 'since' | 'occurrence'>;

function asOf({ diff, ...incident }: Incident, { since, occurrence }: Period): Incident {
  return { ...incident, since, occurrence, diff: diff === undefined ? undefined : { ...diff, since, occurrence } };
}

function inPeriod(alert: AlertInOutbox, { since, occurrence }: Period): AlertInOutbox {
  if (alert.topic === 'diff') return { ...alert, data: { ...alert.data, since, occurrence } };
  return { ...alert, data: { ...alert.data, since: alert.data.since === null ? null : since, occurrence } };
}

function idOf(diff: Diff | undefined): string | undefined {
  return diff === undefined ? undefined : alertId({ topic: 'diff', data: diff });
}
