import { ConvergeError } from '../shared/base/errors.ts';
import { needsSomebody, type EnvironmentStatus, type Status } from '../shared/pipeline/common/environment-status.ts';
import { chosenOf, type Choice } from './choose-environments.ts';
import { CommandError } from './command-error.ts';
import { plainRevision, shortTime, type Line } from './command-result.ts';
import type { Context } from './context.ts';
import type { LiveOutput } from './live-output.ts';
import { readStatus } from './read-status.ts';
import {
  messageOf,
  refusedLine,
  statusAnswer,
  tones,
  unreachableLine,
  unreadableLine,
  type StatusOptions,
} from './status.ts';

/** Between two looks: each asks Git for the head of every branch. */
export const looksEach = 10_000;

/**
 * `converge status --watch`: until Ctrl-C. A terminal is drawn anew at each look; elsewhere a line is told for each row
 * that changed, and programs are told the whole status where anything did. A look that fails is told and tried again;
 * the first one, and a mistake that stays one, end it.
 */
export async function watchStatus(
  context: Context,
  { names, wide, problems, ...chosen }: Omit<Choice, 'class' | 'label'> & Partial<StatusOptions>,
  output: LiveOutput,
): Promise<never> {
  const choice = { names, class: chosen.class ?? [], label: chosen.label ?? {} };
  let told: ReadonlyMap<string, Line> | undefined;
  let lost: string | undefined;
  for (;;) {
    const at = context.ports.now().toISOString();
    try {
      const found = chosenOf(await readStatus(context), choice, context);
      const answer = statusAnswer(found, { wide, problems });
      const rows = rowsOf(found, { problems: problems ?? false });
      const news = newsOf({ rows, told, found, at });
      if (output.canRedraw) output.redraw([headerOf(at), ...answer.lines]);
      else if (told === undefined || news.length > 0) output.tell({ json: answer.json, lines: news });
      told = rows;
      lost = undefined;
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined || told === undefined) throw error;
      // The rows stay as they were seen last: what is drawn says from when they are.
      const line: Line = { text: `${shortTime(at)}  cannot be asked: ${problem}`, tone: 'bad' };
      if (output.canRedraw) output.redraw([line, ...told.values()]);
      else if (lost !== problem)
        output.tell({
          json: { error: { code: 'Failed', subject: 'status', message: problem, exit: 1 } },
          lines: [line],
        });
      lost = problem;
    }
    // On a screen it would be written into what is drawn.
    if (!output.canRedraw) context.progress('watching');
    await context.ports.sleep(looksEach);
  }
}

function headerOf(at: string): Line {
  return { text: `${shortTime(at)} UTC, every ${looksEach / 1000} s; Ctrl-C ends`, tone: 'detail' };
}

/** What a later look may mend; undefined for all else. */
export function problemOf(error: unknown): string | undefined {
  if (error instanceof CommandError) return error.lasting ? undefined : error.message;
  return error instanceof ConvergeError && error.disposition === 'retry' ? error.message : undefined;
}

/** Each row by what it is of. */
function rowsOf(found: Required<Status>, { problems }: { problems: boolean }): ReadonlyMap<string, Line> {
  const shown = found.environments.filter((environment) => !problems || needsSomebody(environment));
  return new Map([
    ...shown.map((environment) => [keyOf(environment), rowOf(environment)] as const),
    ...found.uploads.map((upload) => [upload.artifact, refusedLine(upload)] as const),
    ...found.unreachable.map((one) => [one.incident, unreachableLine(one)] as const),
    ...found.unreadable.map((one) => [`unreadable ${one.repository}`, unreadableLine(one)] as const),
  ]);
}

const keyOf = ({ repository, name }: EnvironmentStatus): string => `environment ${repository}/${name}`;

/** Without the times: a look that found the same is no news. */
function rowOf(environment: EnvironmentStatus): Line {
  const { repository, name, state, revision, health } = environment;
  const words = [`${repository}/${name}`, state, plainRevision(revision) || '-', health, messageOf(environment)];
  return { text: words.join('  ').trimEnd(), tone: tones[state] };
}

/** What is new since the look before; of the first one, all there is. */
function newsOf({
  rows,
  told,
  found,
  at,
}: {
  rows: ReadonlyMap<string, Line>;
  told: ReadonlyMap<string, Line> | undefined;
  found: Required<Status>;
  at: string;
}): Line[] {
  const stamped = ({ text, tone }: Line): Line => ({ text: `${shortTime(at)}  ${text}`, tone });
  const changed = [...rows].flatMap(([key, row]) => (told?.get(key)?.text === row.text ? [] : [stamped(row)]));
  const gone = [...(told ?? [])].flatMap(([key, row]) => (rows.has(key) ? [] : [stamped(goneOf({ key, row, found }))]));
  return [...changed, ...gone];
}

/** A row that is shown no more: as the environment is now, or that it is over. */
function goneOf({ key, row, found }: { key: string; row: Line; found: Required<Status> }): Line {
  const now = found.environments.find((environment) => keyOf(environment) === key);
  return now === undefined ? { text: `no more: ${row.text}`, tone: 'good' } : rowOf(now);
}
