import { alertId, type Diff } from '../events/alert.ts';
import { parseTime } from '../base/time.ts';
import { isAnnounced, type Incident } from './incident.ts';
import { incidentsOf } from './incidents.ts';
import type { Evidence } from './lease.ts';
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
  if (closedAt === undefined && isAnnounced(found) && !isAnnounced(remembered))
    return [{ ...remembered, announced: true }];
  const isOfThePast = closedAt !== undefined && since !== found.since && parseTime(closedAt) <= parseTime(found.since);
  return isOfThePast ? [found] : [];
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
