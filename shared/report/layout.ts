import { parseTime } from '../base/time.ts';
import { shortRevision } from '../base/revision.ts';
import type { Finding, FindingChange, PastIncident, Report } from '../events/report.ts';
import { chosenText, counted, isWell, newsText, verdictOf } from '../notices/report-notice.ts';
import { durationText, plainText, timeText } from './text.ts';

/** Lines of text, as they are: whoever shows them escapes them for where they go. */
type Cell = readonly string[];

export interface Section {
  readonly title: string;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** How many rows are left out at the end. */
  readonly more: number;
}

/** A report as it is laid out, whatever shows it. No text of it holds a line's end or a control character. */
export interface Layout {
  readonly title: string;
  readonly subtitle: string;
  /** In one sentence. */
  readonly verdict: string;
  readonly isWell: boolean;
  readonly figures: readonly { readonly label: string; readonly value: string }[];
  readonly sections: readonly Section[];
  readonly notes: readonly string[];
}

/** @param most rows of a section; the others are counted */
export function layoutOf(report: Report, { most }: { most: number }): Layout {
  const { from, at } = report;
  return {
    title: plainText(report.name === '' ? 'Drift report' : `Drift report: ${report.name}`),
    subtitle: plainText(`${timeText(from)} to ${timeText(at)}, ${chosenText(report)}`),
    ...{ verdict: verdictOf(report), isWell: isWell(report) },
    figures: figuresOf(report),
    sections: sectionsOf(report).flatMap((section) => laidOut({ section, report, most })),
    notes: report.limits.map(plainText),
  };
}

function figuresOf(report: Report): Layout['figures'] {
  const { counts, oldest, timeToConverge, before } = report;
  const { count, median, percentile95 } = timeToConverge;
  const converge =
    median === null || percentile95 === null
      ? 'not known'
      : `median ${durationText(median)}, 95 % within ${durationText(percentile95)} (${counted(count, 'convergence', 'convergences')})`;
  return [
    { label: 'As Git says', value: `${counts.converged} of ${counts.environments}` },
    { label: 'Differ', value: `${counts.differing}` },
    { label: 'Suspended', value: `${counts.suspended}` },
    { label: 'Not looked at', value: `${counts.notLookedAt}` },
    {
      label: 'Differs for longest',
      value: oldest === null ? 'nothing' : plainText(`${durationText(oldest.seconds)}: ${oldest.environment}`),
    },
    { label: 'Time to converge', value: converge },
    {
      label: 'Since the last report',
      value: before === null ? 'compared with none' : `${newsText(report)} (${timeText(before)})`,
    },
  ];
}

type Listed = Omit<Section, 'more'> & { readonly key: string };

function sectionsOf(report: Report): readonly Listed[] {
  return [
    {
      ...{ key: 'differing', title: 'Differs from Git now' },
      heading: ['Environment', 'Since', 'Why', 'What differs', 'By'],
      rows: report.differing.map((finding) => findingRow(finding, report.at)),
    },
    {
      ...{ key: 'gone', title: 'Gone since the last report' },
      heading: ['Environment', 'Ended', 'Why', 'What'],
      rows: report.gone.map(({ environment, until, reason, summary }) => [
        ...[[environment], [until === null ? 'not known' : timeText(until)], [reason], [summary]],
      ]),
    },
    {
      ...{ key: 'drifted', title: 'Drifted, and as Git says again' },
      heading: ['Environment', 'Began', 'Lasted', 'What', 'By', 'How it ended'],
      rows: report.drifted.map((past) => [...pastCells(past), [byText(past.by)], [endText(past)]]),
    },
    {
      ...{ key: 'ended', title: 'Failed, and mended' },
      heading: ['Environment', 'Began', 'Lasted', 'What', 'Why'],
      rows: report.ended.map((past) => [...pastCells(past), [past.reason]]),
    },
    ...refusals(report),
    ...surveyed(report),
    ...unknowns(report),
  ];
}

function refusals(report: Report): readonly Listed[] {
  return [
    {
      ...{ key: 'rolledBack', title: 'Rolled back' },
      heading: ['Environment', 'When', 'Revision', 'Why', 'By'],
      rows: report.rolledBack.map(({ environment, at, revision, reason, commit, refused, stands }) => [
        ...[[environment], [timeText(at)], [shortRevision(revision)], [reason]],
        [
          commit?.slice(0, 12) ?? (refused === null ? 'under way' : `refused: ${refused}`),
          ...(stands ? ['stands'] : []),
        ],
      ]),
    },
    {
      ...{ key: 'refused', title: 'Uploads that were refused' },
      heading: ['Class', 'Upload', 'Since', 'What is wrong', 'By'],
      rows: report.refused.map(refusedRow),
    },
    {
      ...{ key: 'undone', title: 'Left undone on purpose' },
      heading: ['Environment', 'What'],
      rows: report.undone.map(({ environment, what }) => [[environment], what]),
    },
  ];
}

function surveyed(report: Report): readonly Listed[] {
  return [
    {
      ...{ key: 'undeclared', title: 'Declared by nobody' },
      heading: ['Environment', 'Namespace', 'Count', 'What is there'],
      rows: report.undeclared.map(({ environment, cluster, namespace, kind, count, names }) => [
        ...[[environment, `on ${cluster}`], [namespace], [`${count} ${kind}`]],
        [`${names.join(', ')}${count > names.length ? ` and ${count - names.length} more` : ''}`],
      ]),
    },
    {
      ...{ key: 'deprecated', title: 'API versions that clusters will not serve for ever' },
      heading: ['Environment', 'API version', 'Goes in', 'What is written in it', 'Use'],
      rows: report.deprecated.map(deprecatedRow),
    },
  ];
}

function deprecatedRow(deprecated: Report['deprecated'][number]): readonly Cell[] {
  const { environment, cluster, version, apiVersion, kind, removedIn, use, message, count, names } = deprecated;
  return [
    ...[[environment, `on ${cluster} (${version})`], [`${apiVersion} ${kind}`], [removedIn ?? 'not said']],
    [`${names.join(', ')}${count > names.length ? ` and ${count - names.length} more` : ''}`],
    [use ?? message],
  ];
}

function unknowns(report: Report): readonly Listed[] {
  return [
    {
      ...{ key: 'notLookedAt', title: 'Not looked at' },
      heading: ['Environment', 'Last look', 'State', 'Why'],
      rows: report.notLookedAt.map(({ environment, checkedAt, state, message }) => [
        ...[[environment], [checkedAt === null ? 'not known' : timeText(checkedAt)], [state], [message]],
      ]),
    },
    {
      ...{ key: 'unreadable', title: 'Repositories that could not be read' },
      heading: ['Repository', 'Why'],
      rows: report.unreadable.map(({ repository, message }) => [[repository], [message]]),
    },
  ];
}

function refusedRow(refused: Report['refused'][number]): readonly Cell[] {
  const { upload, since, reason, message, remedy, author, build } = refused;
  const why = reason === null ? 'not known' : `${reason}: ${message ?? ''}`;
  const by = [...(author === null ? [] : [author]), ...(build === null ? [] : [`build ${build}`])];
  return [
    ...[[refused.class], [upload], [since === null ? 'not known' : timeText(since)]],
    [why, ...(remedy === null ? [] : [`To do: ${remedy}`])],
    by.length === 0 ? ['not known'] : by,
  ];
}

function findingRow(finding: Finding, at: string): readonly Cell[] {
  const { environment, since, reason, summary, news, changes, more } = finding;
  const age = Math.max(0, (parseTime(at) - parseTime(since)) / 1000);
  const lines = changes.map(changeText);
  return [
    [environment, ...(finding.cluster === '' ? [] : [`on ${finding.cluster}`])],
    [timeText(since), durationText(age)],
    [reason, ...(news === null || news === 'still' ? [] : [news])],
    [summary, ...lines, ...(more === 0 ? [] : [`and ${more} more`])],
    byCell(finding),
  ];
}

/** What a commit brought is its author's; drift is of whoever wrote to the cluster. */
function byCell({ by, reason, cause }: Finding): Cell {
  const author = cause?.requested?.by ?? cause?.author ?? null;
  if (by.length > 0 || author === null || reason === 'Drifted') return [byText(by)];
  return [author, `in ${cause?.commit.slice(0, 12)}`];
}

function changeText({ object, path, desired, observed, change, message }: FindingChange): string {
  if (path === '') return [object, change, message].filter((word) => word !== '').join(': ');
  return `${object} ${path}: Git has ${desired ?? 'nothing'}, the cluster ${observed ?? 'nothing'}${message === '' ? '' : `; ${message}`}`;
}

function endText({ healed, reverted }: PastIncident): string {
  if (reverted !== undefined) return `undone at the request of ${reverted.by}`;
  return healed ? 'healed' : 'not healed by Converge';
}

function pastCells({ environment, since, until, summary }: Report['drifted'][number]): readonly Cell[] {
  const lasted = durationText(Math.max(0, (parseTime(until) - parseTime(since)) / 1000));
  return [[environment], [timeText(since)], [lasted], [summary]];
}

function byText(by: readonly string[]): string {
  return by.length === 0 ? 'not known' : by.join(', ');
}

/** Nothing where a section is empty. */
function laidOut({ section, report, most }: { section: Listed; report: Report; most: number }): Section[] {
  const { key, title, heading, rows } = section;
  const omitted = report.omitted[key] ?? 0;
  if (rows.length === 0 && omitted === 0) return [];
  const shown = rows.slice(0, most).map((row) => row.map((cell) => cell.map(plainText)));
  return [{ title, heading, rows: shown, more: rows.length - shown.length + omitted }];
}
