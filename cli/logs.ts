import { boundedText } from '../shared/notices/bounded-text.ts';
import { formatTime } from '../shared/base/time.ts';
import { logsOf, type LogSubject } from '../shared/pipeline/logs.ts';
import type { LogEntry, Logs } from '../shared/ports/logs.ts';
import { CommandError } from './command-error.ts';
import { shortTime, type CommandResult, type Line, type Tone } from './command-result.ts';
import type { Context } from './context.ts';
import type { LiveOutput } from './live-output.ts';
import { looksEach, problemOf } from './watch-status.ts';

export interface LogsOptions {
  /** How far back, in milliseconds. */
  readonly since: number;
  /** How many lines at the most. */
  readonly limit: number;
}

/** Where the functions of this configuration log to: a file beside the local pipeline, else Cloud Logging. */
export async function openLogs({ config, log }: Pick<Context, 'config' | 'log'>): Promise<Logs> {
  return log === undefined
    ? (await import('../shared/adapters/cloud-logging.ts')).createCloudLogging(config)
    : (await import('../shared/adapters/log-file.ts')).createLogFile(log);
}

/** `converge logs ENVIRONMENT|gs://BUCKET/NAME|COMMIT`: exit code 0, also where there is nothing. */
export async function showLogs(
  context: Context,
  logs: Logs,
  { asked, since, limit }: LogsOptions & { asked: string },
): Promise<CommandResult> {
  const subject = subjectOf(asked, context);
  const from = new Date(context.ports.now().getTime() - since);
  const { entries, mayBeMore } = await logsOf({ subject, since: from, limit }, { logs });
  const none: Line = {
    text: `nothing since ${shortTime(from.toISOString())}: --since goes further back`,
    tone: 'detail',
  };
  const more: Line = { text: 'There are more, older ones: --limit says how many are looked at.', tone: 'detail' };
  return {
    exit: 0,
    json: { entries: entries.map(shownOf), mayBeMore },
    lines: [...(mayBeMore ? [more] : []), ...(entries.length === 0 ? [none] : entries.map(lineOf))],
  };
}

/** Lines come to Cloud Logging a while after they were written, and not in their order. */
const lateBy = 60_000;

/**
 * `converge logs --follow`: what there is, and then each line once as it comes, until Ctrl-C. A look that fails is told
 * and tried again, but for the first.
 */
export async function followLogs(
  context: Context,
  logs: Logs,
  { asked, since, limit, output }: LogsOptions & { asked: string; output: LiveOutput },
): Promise<never> {
  const subject = subjectOf(asked, context);
  const told = new Set<string>();
  let from = context.ports.now().getTime() - since;
  let lost: string | undefined;
  for (let look = 0; ; look++) {
    const began = context.ports.now().getTime();
    try {
      const { entries } = await logsOf({ subject, since: new Date(from), limit }, { logs });
      for (const entry of entries.filter(({ id }) => !told.has(id))) {
        told.add(entry.id);
        output.tell({ json: shownOf(entry), lines: [lineOf(entry)] });
      }
      // Which commits an upload became is known by its own first lines.
      if (subject.kind !== 'upload') from = Math.max(from, began - lateBy);
      lost = undefined;
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined || look === 0) throw error;
      if (problem !== lost) {
        const line: Line = { text: `${shortTime(formatTime(began))}  cannot be read: ${problem}`, tone: 'bad' };
        output.tell({ json: { error: { code: 'Failed', subject: 'logs', message: problem, exit: 1 } }, lines: [line] });
      }
      lost = problem;
    }
    context.progress('following');
    await context.ports.sleep(looksEach);
  }
}

/** What somebody means by it. Throws `CommandError`. */
export function subjectOf(asked: string, { config }: Pick<Context, 'config'>): LogSubject {
  const [, bucket, name, generation] = /^gs:\/\/([^/]+)\/([^#]+)(?:#(\d+))?$/.exec(asked) ?? [];
  if (bucket !== undefined && name !== undefined) return { kind: 'upload', bucket, name, generation };
  if (/^[0-9a-f]{7,40}$/.test(asked)) return { kind: 'commit', id: asked };
  const classes = Object.keys(config.repositories).toSorted();
  const [, repository, environment] = /^(?:([a-z][a-z0-9-]*)\/)?([a-z0-9][a-z0-9-]*)$/.exec(asked) ?? [];
  if (environment === undefined)
    throw new CommandError({
      subject: asked,
      message: 'is no environment, upload or commit',
      remedy: 'write it like acme-production, master/acme-production, gs://BUCKET/NAME or 9f2c6a1b3d4e',
    });
  if (repository === undefined) return { kind: 'environment', name: environment, repositories: classes };
  if (!classes.includes(repository))
    throw new CommandError({
      subject: asked,
      message: `${repository} is no class of the configuration`,
      remedy: `there are ${classes.join(', ') || 'none'}`,
    });
  return { kind: 'environment', name: environment, repositories: [repository] };
}

function functionOf({ fields: { stage, service } }: LogEntry): string | null {
  const [named] = [stage, service].filter((one) => typeof one === 'string');
  return named ?? null;
}

/** A line as programs are told of it. */
function shownOf(entry: LogEntry) {
  const { id, time, severity, message, fields } = entry;
  return { id, time, severity, function: functionOf(entry), message, fields };
}

function toneOf(severity: string): Tone {
  if (/^(?:ERROR|CRITICAL|ALERT|EMERGENCY)$/.test(severity)) return 'bad';
  return severity === 'DEBUG' ? 'detail' : 'plain';
}

const longestMessage = 1000;

/** With what it says of a failure, or of what came of it. */
function lineOf(entry: LogEntry): Line {
  const { time, severity, message, fields } = entry;
  const words = [
    shortTime(time),
    severity.padEnd(7),
    (functionOf(entry) ?? '-').padEnd(13),
    `${message}${detailOf(fields)}`,
  ];
  return { text: boundedText(words.join('  '), longestMessage), tone: toneOf(severity) };
}

function detailOf({ error, problem, result }: LogEntry['fields']): string {
  const said = [error, problem].find((one) => typeof one === 'string');
  if (said !== undefined) return `: ${said}`;
  const outcome = typeof result === 'object' && result !== null && 'outcome' in result ? result.outcome : undefined;
  return typeof outcome === 'string' ? `: ${outcome}` : '';
}
