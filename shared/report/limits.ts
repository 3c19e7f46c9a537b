import { parseTime } from '../base/time.ts';
import type { Report } from '../events/report.ts';
import { incidentsOf } from '../memory/incidents.ts';
import { keyOf } from './incidents.ts';
import type { ReportedEnvironment } from './reported-environment.ts';
import { timeText } from './text.ts';

/** How many environments are named; the rest is counted. */
const named = 10;

/**
 * What a report cannot know, in words: of an environment, what happened before its memory began, or before what that
 * still has room for.
 *
 * @param facts.from milliseconds since 1970
 */
export function limitsOf({
  environments,
  from,
  before,
  isKnown,
}: {
  environments: readonly ReportedEnvironment[];
  from: number;
  before: Pick<Report, 'omitted' | 'differing'> | undefined;
  isKnown: (environment: string) => boolean;
}): string[] {
  return [
    ...forgotten(environments, from),
    ...young(environments, from),
    ...((before?.omitted['differing'] ?? 0) === 0
      ? []
      : ['The report before left out some of what differed: what is called new may have been among it.']),
    ...unsaid(before?.differing ?? [], isKnown),
  ];
}

/** Where the version before remembered, it kept the last incident of each object and reason. */
function forgotten(environments: readonly ReportedEnvironment[], from: number): string[] {
  const namesSince = new Map<string, string[]>();
  for (const environment of environments) {
    const since = keptSince(environment, from);
    if (since !== undefined) namesSince.set(since, [...(namesSince.get(since) ?? []), keyOf(environment)]);
  }
  if (namesSince.size === 0) return [];
  const groups = [...namesSince].map(([since, names]) => `${list(names)}${since}`);
  return [`Not all that ended in this time is kept of ${list(groups)}: there may have been more before.`];
}

/** Undefined where all of the time is kept; empty where nobody knows since when. */
function keptSince(environment: ReportedEnvironment, from: number): string | undefined {
  const { past } = environment.memory;
  if (past === undefined) return hasClosed(environment, from) ? '' : undefined;
  return parseTime(past.from) > from ? ` (since ${timeText(past.from)})` : undefined;
}

function hasClosed({ memory }: ReportedEnvironment, from: number): boolean {
  return incidentsOf(memory).some(({ closedAt }) => closedAt !== undefined && parseTime(closedAt) >= from);
}

function young(environments: readonly ReportedEnvironment[], from: number): string[] {
  const lost = environments.filter((environment) => isYoung(environment, from));
  if (lost.length === 0) return [];
  return [`Nothing is remembered of ${list(lost.map(keyOf))}: it is new, or what was known of it is lost.`];
}

/**
 * Whether nothing is remembered of an environment but what began since `from`: it is new, or its memory was lost.
 *
 * @param from milliseconds since 1970
 */
export function isYoung({ memory }: Pick<ReportedEnvironment, 'memory'>, from: number): boolean {
  return memory.attempted === undefined && parseTime(memory.since) >= from;
}

function unsaid(differed: Report['differing'], isKnown: (environment: string) => boolean): string[] {
  const names = [...new Set(differed.map(({ environment }) => environment))].filter((name) => !isKnown(name));
  if (names.length === 0) return [];
  return [
    `Whether it is gone what differed in the report before nobody can say of ${list(names)}: what is remembered of it, or its labels, could not be read, or are others.`,
  ];
}

function list(texts: readonly string[]): string {
  const more = texts.length - named;
  return `${texts.slice(0, named).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
