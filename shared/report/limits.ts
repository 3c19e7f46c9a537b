import { parseTime } from '../base/time.ts';
import type { Report } from '../events/report.ts';
import { incidentsOf } from '../memory/incidents.ts';
import { rememberedClosed } from '../memory/incidents.ts';
import { keyOf } from './incidents.ts';
import type { ReportedEnvironment } from './reported-environment.ts';
import { timeText } from './text.ts';

/** How many environments are named; the rest is counted. */
const named = 10;

/**
 * What a report cannot know, in words: of an environment the last incidents that closed are remembered, and of each
 * object and reason the last one.
 *
 * @param facts.from milliseconds since 1970
 */
export function limitsOf({
  environments,
  from,
  before,
}: {
  environments: readonly ReportedEnvironment[];
  from: number;
  before: Pick<Report, 'omitted'> | undefined;
}): string[] {
  return [
    ...forgotten({ environments, from }),
    ...recurring({ environments, from }),
    ...young(environments, from),
  ].concat(
    (before?.omitted['differing'] ?? 0) === 0
      ? []
      : ['The report before left out some of what differed: what is called new may have been among it.'],
  );
}

function forgotten({ environments, from }: { environments: readonly ReportedEnvironment[]; from: number }): string[] {
  const lost = environments.flatMap((environment) => {
    const closed = incidentsOf(environment.memory).flatMap(({ closedAt }) => closedAt ?? []);
    const oldest = closed.toSorted((a, b) => parseTime(a) - parseTime(b))[0];
    if (closed.length < rememberedClosed || oldest === undefined || parseTime(oldest) < from) return [];
    return [`${keyOf(environment)} (since ${timeText(oldest)})`];
  });
  if (lost.length === 0) return [];
  return [
    `Of each environment the last ${rememberedClosed} incidents that ended are kept: of ${list(lost)} there may have been more, earlier in this time.`,
  ];
}

function recurring({ environments, from }: { environments: readonly ReportedEnvironment[]; from: number }): string[] {
  const again = environments.filter(({ memory }) =>
    incidentsOf(memory).some(({ closedAt }) => closedAt !== undefined && parseTime(closedAt) >= from),
  );
  if (again.length === 0) return [];
  return [
    'Of each object and reason the last incident is kept: where the same came more than once, the times before are not listed.',
  ];
}

function young(environments: readonly ReportedEnvironment[], from: number): string[] {
  const lost = environments.filter(({ memory }) => memory.attempted === undefined && parseTime(memory.since) >= from);
  if (lost.length === 0) return [];
  return [`Nothing is remembered of ${list(lost.map(keyOf))}: it is new, or what was known of it is lost.`];
}

function list(texts: readonly string[]): string {
  const more = texts.length - named;
  return `${texts.slice(0, named).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
