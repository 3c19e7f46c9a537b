import { parseTime } from '../base/time.ts';
import type { Finding, PastIncident, Report } from '../events/report.ts';

const nameOf = ({ environment, id }: Pick<Finding, 'environment' | 'id'>): string => `${environment} ${id}`;

/** How each finding stands against the report before. */
export function withNews(
  findings: readonly Omit<Finding, 'news'>[],
  before: Pick<Report, 'differing'> | undefined,
): Finding[] {
  const known = new Map(before?.differing.map((finding) => [nameOf(finding), finding]));
  return findings.map((finding) => {
    if (before === undefined) return { ...finding, news: null };
    const last = known.get(nameOf(finding));
    if (last === undefined) return { ...finding, news: 'new' };
    return { ...finding, news: parseTime(last.since) === parseTime(finding.since) ? 'still' : 'again' };
  });
}

/**
 * What differed in the report before and does not any more, with when it ended as far as that is remembered.
 *
 * @param against.isKnown whether of an environment anybody can say what differs
 */
export function goneSince({
  before,
  findings,
  past,
  isKnown,
}: {
  before: Pick<Report, 'differing'> | undefined;
  findings: readonly Pick<Finding, 'environment' | 'id'>[];
  past: readonly PastIncident[];
  isKnown: (environment: string) => boolean;
}): Report['gone'] {
  const open = new Set(findings.map(nameOf));
  const ends = new Map(past.map((incident) => [nameOf(incident), incident.until]));
  return (before?.differing ?? []).flatMap((finding) => {
    if (open.has(nameOf(finding)) || !isKnown(finding.environment)) return [];
    const { changes: _changes, more: _more, news: _news, ...facts } = finding;
    return [{ ...facts, until: ends.get(nameOf(finding)) ?? null }];
  });
}
