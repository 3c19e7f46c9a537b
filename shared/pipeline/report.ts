import { ConvergeError } from '../base/errors.ts';
import { parseTime } from '../base/time.ts';
import { lastDue, parseCron } from '../config/cron.ts';
import type { ReportConfig } from '../config/reports.ts';
import { encodeReport, type Report } from '../events/report.ts';
import { withoutEvidence } from '../memory/evidence.ts';
import { isOpen, type Incident } from '../memory/incident.ts';
import { emptyMemory } from '../memory/memory.ts';
import type { Ports } from '../ports/ports.ts';
import { chooses, choosesAllOf, choosesClass, type Choice } from '../report/choice.ts';
import { renderHtml } from '../report/html.ts';
import { keyOf } from '../report/incidents.ts';
import { listedEntries, makeReport, type ReportFacts } from '../report/make-report.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { decodeReport, latestReportPath, reportPaths } from '../report/report-paths.ts';
import { ledgerPath } from '../source/ledger.ts';
import type { Status } from './common/environment-status.ts';
import { inParallel } from './common/parallel.ts';
import { readState, valueOrNone, type StateAccess } from './common/read-state.ts';
import { readRefusals, type Refusal } from './common/refused-uploads.ts';
import { recallMemories } from './common/remembered-environments.ts';
import { intervalsUntilStale } from './common/shown-state.ts';
import { unreachableNow } from './common/tell-unreachable.ts';
import { status } from './status.ts';

type ReadPorts = StateAccess & Pick<Ports, 'now' | 'repository'>;

/** Milliseconds that a report tells of where there is none before it. */
const firstPeriod = 7 * 86_400_000;

/** Which report, and of what. */
export interface ReportAsked {
  /** Of the configuration, whose last one it is compared with; empty: none. */
  readonly name: string;
  readonly chosen: Choice;
  /** All classes of the configuration. */
  readonly repositories: readonly string[];
  /** Milliseconds between two checks. */
  readonly interval: number;
  /** When it is due; absent: now. */
  readonly due?: Date | undefined;
  /** Milliseconds that it tells of; absent: since the report before it, or a week. */
  readonly since?: number | undefined;
}

/**
 * The report of the environments that are chosen, as they are remembered. Reads Git and the state bucket, never a
 * cluster, and writes nothing. Throws `StorageUnavailable` (retry).
 */
export async function gatherReport(
  asked: ReportAsked,
  ports: ReadPorts,
  { report: before, unreadable: lost }: LastReport = {},
): Promise<Report> {
  const { name, chosen, due, since, interval } = asked;
  const repositories = asked.repositories.filter((repository) => choosesClass(chosen, repository));
  const at = ports.now();
  const { environments, unchosen, unreadable } = await reportedEnvironments({ repositories, interval, chosen }, ports);
  const read = await inParallel(repositories, async (repository) => refusedUploads({ repository, chosen }, ports));
  const lookedAtWithin = intervalsUntilStale * interval;
  const first = new Date(at.getTime() - (since ?? firstPeriod));
  const from = since === undefined && before !== undefined ? new Date(before.at) : first;
  return makeReport({
    ...{ name, chosen, at, due: due ?? at, from, lookedAtWithin, environments, unchosen, unreadable, before },
    ...{
      refused: read.flatMap(({ refused }) => refused),
      unknown: [...lostWords(name, lost), ...read.flatMap(({ unknown }) => unknown)],
    },
  });
}

function lostWords(name: string, unreadable: string | undefined): string[] {
  if (unreadable === undefined) return [];
  return [
    `The report before could not be read, and this one is compared with none: ${latestReportPath(name)} ${unreadable}.`,
  ];
}

async function reportedEnvironments(
  of: { repositories: readonly string[]; interval: number; chosen: Choice },
  ports: ReadPorts,
): Promise<Pick<ReportFacts, 'environments' | 'unchosen' | 'unreadable'>> {
  const { rows, isListed, ...others } = await shownRows(of, ports);
  const remembered = await inParallel(of.repositories, async (repository) =>
    recallMemories({ repository }, ports, (memory) => withoutEvidence(memory, isListed)),
  );
  const memories = new Map(of.repositories.map((repository, index) => [repository, remembered[index]]));
  const environments = rows.map((row) => ({
    ...row,
    memory: memories.get(row.repository)?.get(row.name)?.memory ?? emptyMemory(ports.now()),
  }));
  return { ...others, environments };
}

/** What status shows of each that is chosen, without its incidents: a hundred thousand are not kept twice. */
async function shownRows(
  { repositories, interval, chosen }: { repositories: readonly string[]; interval: number; chosen: Choice },
  ports: ReadPorts,
) {
  const { environments, unreadable } = await status(
    { repositories, interval, unreachable: await unreachableNow(ports), incidents: 'alone' },
    ports,
  );
  const reported = environments.filter((environment) => chooses(chosen, environment));
  const unchosen = environments.filter((environment) => !chooses(chosen, environment)).map(keyOf);
  const rows = reported.map(({ incidents: _incidents, ...row }) => row);
  return { rows, unchosen, unreadable, isListed: mayBeListed(reported) };
}

/** Of those that are open, by what status says: what has differed for longest is listed. Another may end meanwhile. */
function mayBeListed(environments: Status['environments']): (incident: Incident) => boolean {
  const begun = environments.flatMap(({ incidents }) => incidents.map(({ since }) => parseTime(since)));
  const last = begun.sort((a, b) => a - b)[2 * listedEntries] ?? Number.POSITIVE_INFINITY;
  return (incident) => !isOpen(incident) || !(parseTime(incident.since) > last);
}

/** Of some environments of a class, the uploads are counted: what is refused says of whose environment it is to nobody. */
async function refusedUploads(
  { repository: repositoryClass, chosen }: { repository: string; chosen: Choice },
  ports: StateAccess,
): Promise<{ refused: Report['refused']; unknown: readonly string[] }> {
  const { refusals, unreadable } = await readRefusals({ repositoryClass }, ports);
  const refused = refusals.map((refusal) => refusalOf(repositoryClass, refusal));
  const path = ledgerPath({ repositoryClass });
  const unknown = `Which uploads of ${repositoryClass} are refused could not be read: ${path} ${unreadable ?? ''}.`;
  if (unreadable !== undefined) return { refused: [], unknown: [unknown] };
  if (refused.length === 0 || choosesAllOf(chosen)) return { refused, unknown: [] };
  const count = refused.length === 1 ? '1 upload' : `${refused.length} uploads`;
  const unlisted = `${count} of ${repositoryClass} ${refused.length === 1 ? 'is' : 'are'} refused: for which environments nobody knows, so that ${refused.length === 1 ? 'it is' : 'they are'} not listed here.`;
  return { refused: [], unknown: [unlisted] };
}

function refusalOf(repositoryClass: string, { upload, told }: Refusal): Report['refused'][number] {
  const { since = null, reason = null, message = null, remedy = null, author = null, build = null } = told ?? {};
  return { class: repositoryClass, upload, since, reason, message, remedy, author, build };
}

/** A report of the configuration, and when it is due. */
type DueReport = Omit<ReportAsked, 'repositories' | 'interval'> & { readonly due: Date };

/**
 * The report that is named, due when the schedule called; or, without a name, those that were due within the last day
 * and are not made. Throws `BadRequest` (refuse) for a name that the configuration lacks, `StorageUnavailable` (retry).
 *
 * @param tick when the schedule was to call, ISO 8601; anything else: now
 */
export async function dueReports(
  { reports, name, tick }: { reports: readonly ReportConfig[]; name: string | undefined; tick: string },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<DueReport[]> {
  const now = ports.now().getTime();
  if (name !== undefined) {
    const found = reports.find((one) => one.name === name);
    if (found === undefined) throw unknownReport(name, reports);
    const called = parseTime(tick);
    return [{ ...askedOf(found), due: new Date(wholeMinute(Number.isNaN(called) ? now : called)) }];
  }
  const due = await inParallel(reports, async (one): Promise<DueReport[]> => {
    const cron = parseCron(one.schedule);
    const time = typeof cron === 'string' ? undefined : lastDue({ cron, zone: one.zone, now });
    if (time === undefined) return [];
    const { report: last } = await lastReport(one.name, ports);
    return last !== undefined && parseTime(last.due) >= time ? [] : [{ ...askedOf(one), due: new Date(time) }];
  });
  return due.flat();
}

function wholeMinute(time: number): number {
  return Math.floor(time / 60_000) * 60_000;
}

/** What the configuration says of a report. */
export function askedOf({ name, classes = [], environments = [], labels = {} }: ReportConfig) {
  return { name, chosen: { classes, environments, labels } };
}

export function unknownReport(name: string, reports: readonly ReportConfig[]): ConvergeError {
  return new ConvergeError({
    code: 'BadRequest',
    subject: `report ${name}`,
    message: 'the configuration has no report of this name',
    remedy: `there are ${reports.map((one) => one.name).join(', ') || 'none'}`,
    disposition: 'refuse',
  });
}

/** The last report of a name, or why nobody can read what is in its place; neither where there is none. */
export interface LastReport {
  readonly report?: Report | undefined;
  readonly unreadable?: string | undefined;
}

export async function lastReport(name: string, ports: StateAccess): Promise<LastReport> {
  const found = await readState({ path: latestReportPath(name), decode: decodeReport }, ports);
  return found !== undefined && 'unreadable' in found
    ? { unreadable: found.unreadable }
    : { report: valueOrNone(found) };
}

/**
 * Makes a report that is due, keeps it in the state bucket, and publishes it. One that is made already for that time is
 * published once more, with the same id: whoever asks twice had no answer. Throws `StorageUnavailable`,
 * `PubSubUnavailable` (retry).
 */
export async function report(
  asked: ReportAsked & { readonly due: Date },
  ports: ReadPorts & Pick<Ports, 'documents' | 'topics'>,
): Promise<Report> {
  const last = await lastReport(asked.name, ports);
  const made =
    last.report?.due === asked.due.toISOString()
      ? last.report
      : await keepReport(await gatherReport(asked, ports, last), ports);
  await ports.topics.publish('report', encodeReport(made, ports.now()));
  return made;
}

/** `latest-<name>.json` goes last: where a run dies before, the report is made anew, and compared with the same one. */
async function keepReport(made: Report, { documents, state }: Pick<Ports, 'documents' | 'state'>): Promise<Report> {
  const paths = reportPaths(made);
  const html = await documents.write({ path: paths.html, text: renderHtml(made), type: 'text/html; charset=utf-8' });
  const markdown = await documents.write({
    ...{ path: paths.markdown, text: renderMarkdown(made), type: 'text/markdown; charset=utf-8' },
  });
  const json = `${html.slice(0, -paths.html.length)}${paths.json}`;
  const kept: Report = { ...made, kept: { html, markdown, json } };
  await state.write({ path: paths.json, value: kept, ifGeneration: 'any' });
  await state.write({ path: latestReportPath(made.name), value: kept, ifGeneration: 'any' });
  return kept;
}
