import { planWords } from '../shared/notices/alert-lines.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { findEnvironment } from '../shared/pipeline/common/find-environment.ts';
import { history, type History, type HistoryEntry } from '../shared/pipeline/history.ts';
import { plainRevision, shortTime, type CommandResult, type Line } from './command-result.ts';
import type { Context } from './context.ts';
import { provenanceLines } from './provenance-lines.ts';

export interface HistoryOptions {
  /** How many commits at the most. */
  readonly limit: number;
  /** How far behind the branch's head, in milliseconds. */
  readonly since: number;
}

/** `converge history ENVIRONMENT`. */
export async function showHistory(
  context: Context,
  name: string,
  { limit, since }: HistoryOptions,
): Promise<CommandResult> {
  const ports = { ...context.ports, state: await context.open.state(), repository: await context.open.repository() };
  const repositories = Object.keys(context.config.repositories);
  const environment = await findEnvironment({ name, repositories, milliseconds: since }, ports);
  const found = await history(environment, { entries: limit, milliseconds: since }, ports);
  const lines =
    found.entries.length === 0
      ? [{ text: 'no commit in the time that was looked at: --since goes further back', tone: 'detail' as const }]
      : found.entries.flatMap(linesOf);
  return { exit: 0, json: found, lines: [...removedLines(found), ...found.requests.map(requestLine), ...lines] };
}

/** What a person asked for, and what came of it. */
function requestLine({
  override,
  action,
  incident,
  by,
  reason,
  at,
  outcome,
  message,
}: History['requests'][number]): Line {
  const what = incident === undefined ? action : `${action} ${incident}`;
  const why = reason === undefined ? '' : ` (${boundedText(reason, 120)})`;
  const past = override === undefined ? '' : ` past the freeze ${boundedText(override, 60)}`;
  const end = message === '' ? outcome : `${outcome}: ${boundedText(message, 120)}`;
  return { text: `asked  ${shortTime(at)}  ${what} by ${boundedText(by, 80)}${why}${past}: ${end}`, tone: 'plain' };
}

function removedLines({ removed }: History): Line[] {
  if (removed === null) return [];
  const { state, commit, committedAt } = removed;
  const when =
    commit === null || committedAt === null
      ? 'longer ago than was looked at: --since goes further back'
      : `${shortTime(committedAt)} by ${commit.slice(0, 12)}`;
  const left = state === 'Removing' ? '; converge status says what it waits for' : '';
  return [{ text: `removed ${when}${left}`, tone: 'heading' }];
}

function linesOf(entry: HistoryEntry): Line[] {
  const { state, revision, committedAt, attemptedAt, converged, plan, rolledBackBy, failure } = entry;
  return [
    {
      text: `${plainRevision(revision)}  ${shortTime(committedAt)}  ${state}`,
      tone: state === 'Failed' || state === 'RolledBack' ? 'bad' : 'heading',
    },
    ...provenanceLines(entry),
    ...(attemptedAt === null ? [] : [{ text: `  attempted     ${shortTime(attemptedAt)}`, tone: 'plain' as const }]),
    ...converged.map(({ at, seconds, event }) => ({
      text: `  converged     ${shortTime(at)} in ${seconds} s (alert ${event})`,
      tone: 'good' as const,
    })),
    ...(plan === null ? [] : [{ text: `  plan          ${planWords(plan)}`, tone: 'plain' as const }]),
    ...(rolledBackBy === null
      ? []
      : [{ text: `  rolled back   by ${rolledBackBy.slice(0, 12)}`, tone: 'plain' as const }]),
    ...(failure === null
      ? []
      : [
          {
            text: `  failed        ${shortTime(failure.since)} ${failureText(failure)}`,
            tone: 'bad' as const,
          },
        ]),
  ];
}

function failureText({ reason, summary, incident, alert }: NonNullable<HistoryEntry['failure']>): string {
  const named = alert === null ? `incident ${incident}` : `incident ${incident}, alert ${alert}`;
  return `${reason}: ${summary} (${named})`;
}
