import type { Finding, Report } from '../events/report.ts';
import { boundedText, largestLine, largestTitle } from './bounded-text.ts';
import type { Notice } from './notice.ts';

/** So much of what differs has a line: what has differed for longest. */
const listedFindings = 5;
const longestSummary = 160;

/**
 * A report in a few lines, with where all of it is kept. It is of no incident, so that it is told once, whatever comes
 * of it.
 */
export function noticeOfReport(report: Report): Notice {
  const about = `report/${report.name}`;
  return {
    ...{ incident: null, state: 'closed', severity: isWell(report) ? 'info' : 'warning' },
    about: boundedText(about, largestTitle),
    title: boundedText(
      `Drift report${report.name === '' ? '' : ` ${report.name}`}: ${verdictOf(report)}`,
      largestTitle,
    ),
    lines: reportLines(report).map((line) => boundedText(line, largestLine)),
  };
}

/** Whether all of it is as Git says, as far as anybody knows: of nothing, nobody does. */
export function isWell({ counts, unreadable }: Report): boolean {
  return counts.environments > 0 && counts.differing === 0 && counts.notLookedAt === 0 && unreadable.length === 0;
}

/** In one sentence. */
export function verdictOf({ counts, unreadable }: Report): string {
  const { environments, differing, notLookedAt } = counts;
  if (environments === 0 && unreadable.length === 0) return 'There is no environment that this report is of.';
  const all = counted(environments, 'environment', 'environments');
  const differs =
    differing === 0
      ? `Nothing differs from Git in ${all}`
      : `${differing} of ${all} ${differing === 1 ? 'differs' : 'differ'} from Git`;
  const unknown = [
    ...(notLookedAt === 0 ? [] : [`${notLookedAt} ${notLookedAt === 1 ? 'was' : 'were'} not looked at`]),
    ...(unreadable.length === 0
      ? []
      : [`${counted(unreadable.length, 'repository', 'repositories')} could not be read`]),
  ];
  return `${[differs, ...unknown].join('; ')}.`;
}

export function chosenText({ chosen: { classes, environments, labels } }: Pick<Report, 'chosen'>): string {
  const parts = [
    ...(classes.length === 0 ? [] : [`class ${classes.join(', ')}`]),
    ...(environments.length === 0 ? [] : [`environments ${environments.join(', ')}`]),
    ...Object.entries(labels).map(([label, value]) => `${label}=${value}`),
  ];
  return parts.length === 0 ? 'all environments' : parts.join('; ');
}

/** How what differs stands against the report before. */
export function newsText({ differing, gone }: Report): string {
  const inNews = (news: Finding['news']): number => differing.filter((finding) => finding.news === news).length;
  return `${inNews('new')} new, ${inNews('again')} again, ${inNews('still')} still there, ${gone.length} gone`;
}

export function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

function reportLines(report: Report): string[] {
  const { from, at, counts, differing, omitted, before, kept } = report;
  const further = Math.max(0, differing.length - listedFindings) + (omitted['differing'] ?? 0);
  return [
    `Of ${chosenText(report)}, from ${from} to ${at}`,
    `${counts.converged} of ${counts.environments} as Git says, ${counts.suspended} suspended, ${counts.notLookedAt} not looked at`,
    ...(before === null ? [] : [`Since the report of ${before}: ${newsText(report)}`]),
    ...differing.slice(0, listedFindings).map(findingLine),
    ...(further === 0 ? [] : [`and ${further} more`]),
    ...happened(report),
    ...(kept === null ? [] : [`All of it: ${kept.html}`]),
  ];
}

function findingLine({ environment, since, reason, summary, by }: Finding): string {
  const [first] = by;
  const who = first === undefined ? '' : ` (by ${boundedText(first, 40)}${by.length === 1 ? '' : ' and others'})`;
  return `${boundedText(environment, 80)}: ${reason} since ${since}: ${boundedText(summary, longestSummary)}${who}`;
}

function happened({ drifted, rolledBack, refused, omitted }: Report): string[] {
  const sizeOf = (key: string, list: readonly unknown[]): number => list.length + (omitted[key] ?? 0);
  const [healed, back, uploads] = [
    sizeOf('drifted', drifted),
    sizeOf('rolledBack', rolledBack),
    sizeOf('refused', refused),
  ];
  const parts = [
    ...(healed === 0 ? [] : [`${healed} drifted and ${healed === 1 ? 'is' : 'are'} as Git says again`]),
    ...(back === 0 ? [] : [`${back} rolled back`]),
    ...(uploads === 0 ? [] : [`${counted(uploads, 'upload', 'uploads')} refused`]),
  ];
  return parts.length === 0 ? [] : [parts.join(', ')];
}
