import { parseTime } from '../base/time.ts';
import { policyWords } from '../environment/policy.ts';
import { withListsCut, type Finding, type Report } from '../events/report.ts';
import { incidentsOf, openIncidents } from '../memory/incidents.ts';
import { canonicalJson } from '../objects/canonical-json.ts';
import { goneSince, withNews } from './compare.ts';
import { changesOf, factsOf, keyOf, pastOf } from './incidents.ts';
import { isYoung, limitsOf } from './limits.ts';
import type { ReportedEnvironment } from './reported-environment.ts';
import { deprecatedIn, surveyLimits, undeclaredIn } from './surveys.ts';
import { sentence } from './text.ts';
import { timeToConverge } from './time-to-converge.ts';

/** Entries of one list: a report of a thousand environments is still one that a mail may hold. */
export const listedEntries = 500;

export interface ReportFacts {
  readonly name: string;
  readonly chosen: Report['chosen'];
  readonly at: Date;
  /** By the schedule; where nobody waits for it, when it is made. */
  readonly due: Date;
  readonly from: Date;
  /** Milliseconds after which an environment that nobody looked at is one of which nobody knows. */
  readonly lookedAtWithin: number;
  readonly environments: readonly ReportedEnvironment[];
  /** Keys of those that are there and are not chosen, as far as their labels could be read. */
  readonly unchosen: readonly string[];
  /** Uploads that were refused and not replaced. */
  readonly refused: Report['refused'];
  readonly unreadable: Report['unreadable'];
  /** What else could not be read, a sentence each. */
  readonly unknown: readonly string[];
  /** The last one of the same name. */
  readonly before: Report | undefined;
}

/** What differs, what was healed and what was taken back; lists longer than `listedEntries` are cut, and counted. */
export function makeReport(facts: ReportFacts): Report {
  const { name, chosen, at, due, from, environments, refused, unreadable, unknown } = facts;
  const before = comparable(facts);
  const isKnown = knownAmong(facts);
  const found = environments.flatMap(findingsOf).toSorted(byTime('since'));
  const past = environments.flatMap(pastOf);
  const inPeriod = past
    .filter(({ until }) => parseTime(until) >= from.getTime())
    .toSorted((a, b) => parseTime(b.until) - parseTime(a.until));
  const notLookedAt = environments.flatMap((environment) => unknownOf(environment, facts));
  const lists = {
    differing: withNews(found, before),
    gone: goneSince({ before, findings: found, past, isKnown }),
    drifted: inPeriod.filter(({ reason }) => reason === 'Drifted'),
    ended: inPeriod.filter(({ reason }) => reason !== 'Drifted'),
    rolledBack: environments.flatMap((environment) => rollbacksOf(environment, from)).toSorted(byTime('at')),
    refused: refused.map(boundedRefusal),
    undone: environments.flatMap(undoneOf),
    undeclared: undeclaredIn(environments),
    deprecated: deprecatedIn(environments),
    notLookedAt,
  };
  const report: Report = {
    ...{ name, at: at.toISOString(), due: due.toISOString(), from: from.toISOString(), before: before?.at ?? null },
    chosen,
    counts: countsOf({ environments, findings: found, notLookedAt: notLookedAt.length }),
    oldest: oldestOf(found, at),
    timeToConverge: timeToConverge({ environments, from: from.getTime() }),
    ...{ ...lists, omitted: {} },
    unreadable: unreadable.map(({ repository, message }) => ({ repository, message: sentence(message) })),
    limits: [
      ...unknown,
      ...(before === facts.before
        ? []
        : ['The report before was of other environments: this one is compared with none.']),
      ...limitsOf({ environments, from: from.getTime(), before, isKnown }),
      ...surveyLimits(environments),
    ],
    kept: null,
  };
  return withListsCut(report, listedEntries);
}

/** What is of other environments says nothing of these, and may be of another customer. */
function comparable({ before, chosen }: Pick<ReportFacts, 'before' | 'chosen'>): Report | undefined {
  return before !== undefined && canonicalJson(before.chosen) === canonicalJson(chosen) ? before : undefined;
}

/** Whether anybody can say of an environment, by its key, what differs: of one that is no more, that nothing does. */
function knownAmong({ environments, unchosen, unreadable, from }: ReportFacts): (key: string) => boolean {
  const read = new Map(environments.map((environment) => [keyOf(environment), !isYoung(environment, from.getTime())]));
  const others = new Set(unchosen);
  return (key) =>
    read.get(key) ?? !(others.has(key) || unreadable.some(({ repository }) => key.startsWith(`${repository}/`)));
}

function boundedRefusal({ message, remedy, ...facts }: Report['refused'][number]): Report['refused'][number] {
  return {
    ...facts,
    message: message === null ? null : sentence(message),
    remedy: remedy === null ? null : sentence(remedy),
  };
}

/** That it is suspended is counted, and among what is left undone: nothing is known to differ. */
function findingsOf(environment: ReportedEnvironment): Omit<Finding, 'news'>[] {
  const differing = openIncidents(environment.memory).filter(({ reason }) => reason !== 'Suspended');
  return differing.map((incident) => ({ ...factsOf(environment, incident), ...changesOf(incident) }));
}

function byTime<K extends string>(key: K): (a: Readonly<Record<K, string>>, b: Readonly<Record<K, string>>) => number {
  return (a, b) => parseTime(a[key]) - parseTime(b[key]);
}

function unknownOf(
  environment: ReportedEnvironment,
  { at, lookedAtWithin }: Pick<ReportFacts, 'at' | 'lookedAtWithin'>,
): Report['notLookedAt'] {
  const { state, checkedAt, message } = environment;
  const isLate = checkedAt === null || at.getTime() - parseTime(checkedAt) > lookedAtWithin;
  if (!isLate && state !== 'Unknown' && state !== 'Stale') return [];
  return [{ environment: keyOf(environment), state, checkedAt, message: sentence(message) }];
}

function undoneOf(environment: ReportedEnvironment): Report['undone'] {
  const what = policyWords(environment.policy);
  return what.length === 0 ? [] : [{ environment: keyOf(environment), what }];
}

/** The one that stands, and those that alerts of this time tell of. */
function rollbacksOf(environment: ReportedEnvironment, from: Date): Report['rolledBack'] {
  const { memory } = environment;
  const { quarantine } = memory;
  const key = keyOf(environment);
  const stands = quarantine !== undefined && quarantine.lifted === undefined;
  const isDue = quarantine !== undefined && (stands || parseTime(quarantine.at) >= from.getTime());
  const kept = isDue
    ? [
        {
          ...{ environment: key, revision: quarantine.revision, reason: sentence(quarantine.reason) },
          ...{ at: quarantine.at, commit: quarantine.revert, stands },
          refused: quarantine.refused === undefined ? null : sentence(quarantine.refused),
        },
      ]
    : [];
  const told = toldRollbacks(environment, from).filter(({ commit }) => commit !== quarantine?.revert);
  return [...kept, ...told];
}

/** What alerts told of, by the past and, as the version before remembered it, by incidents: each commit once. */
function toldRollbacks(environment: ReportedEnvironment, from: Date): Report['rolledBack'] {
  const { past } = environment.memory;
  const ended = (past?.incidents ?? []).filter(({ until }) => parseTime(until) >= from.getTime());
  const incidents = incidentsOf(environment.memory).filter(
    ({ closedAt }) => closedAt === undefined || parseTime(closedAt) >= from.getTime(),
  );
  const all = [
    ...ended,
    ...incidents.map(({ diff, ...incident }) => ({ ...incident, rollback: diff?.rollback?.commit })),
  ];
  const byCommit = new Map<string, Report['rolledBack'][number]>();
  for (const { rollback: commit, since: at, revision, summary } of all)
    if (commit !== undefined)
      byCommit.set(commit, {
        ...{ environment: keyOf(environment), revision, reason: sentence(summary), at, commit },
        ...{ refused: null, stands: false },
      });
  return [...byCommit.values()];
}

function countsOf({
  environments,
  findings,
  notLookedAt,
}: {
  environments: readonly ReportedEnvironment[];
  findings: readonly Pick<Finding, 'environment'>[];
  notLookedAt: number;
}): Report['counts'] {
  const inState = (wanted: string): number => environments.filter(({ state }) => state === wanted).length;
  return {
    environments: environments.length,
    converged: inState('Converged'),
    differing: new Set(findings.map(({ environment }) => environment)).size,
    suspended: environments.filter(({ state, policy }) => state === 'Suspended' || policy?.suspend === true).length,
    notLookedAt,
  };
}

/** @param findings what began first, first */
function oldestOf([first]: readonly Omit<Finding, 'news'>[], at: Date): Report['oldest'] {
  if (first === undefined) return null;
  const { environment, since, summary } = first;
  return { environment, since, seconds: Math.max(0, (at.getTime() - parseTime(since)) / 1000), summary };
}
