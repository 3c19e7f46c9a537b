import { formatTime, isZonedTime, parseTime, zonedTimeExpected } from '../shared/base/time.ts';
import { actionSchema, type ActionOf } from '../shared/pipeline/act/action.ts';
import { resumeAction, resumedSchema, type Resumed } from '../shared/pipeline/act/resume.ts';
import { suspendAction, suspendedSchema, type Suspended } from '../shared/pipeline/act/suspend.ts';
import { act, saidOf, type ActOptions } from './ask-act.ts';
import { changePorts, unannouncedLines } from './announcing.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { keyToActOn } from './declared-key.ts';

export type ResumeOptions = ActOptions;

export interface SuspendOptions extends ResumeOptions {
  readonly for?: string;
  readonly until?: string;
}

/** `converge suspend ENVIRONMENT`. */
export async function suspendEnvironment(
  context: Context,
  target: string,
  { until, ...options }: SuspendOptions,
): Promise<CommandResult> {
  if (until !== undefined && options.for !== undefined)
    throw new CommandError({
      subject: '--until',
      message: 'says when it ends, and so does --for',
      remedy: 'give one of them',
    });
  if (until !== undefined && !isZonedTime(until))
    throw new CommandError({ subject: '--until', message: `is ${until}, ${zonedTimeExpected}` });
  const environment = await keyToActOn(context, target, options);
  const end = until === undefined ? {} : { until: formatTime(parseTime(until)) };
  const action = parsed('suspend', { environment, for: options.for, ...end, ...saidOf(options) });
  const result = await act(context, {
    ...{ action, options, schema: suspendedSchema },
    own: async (by) => suspendAction(action, by, await changePorts(context)),
  });
  return answerOf(result, suspendedWords(result));
}

/** `converge resume ENVIRONMENT`. */
export async function resumeEnvironment(
  context: Context,
  target: string,
  options: ResumeOptions,
): Promise<CommandResult> {
  const environment = await keyToActOn(context, target, options);
  const action = parsed('resume', { environment, ...saidOf(options) });
  const result = await act(context, {
    ...{ action, options, schema: resumedSchema },
    own: async (by) => resumeAction(action, by, await changePorts(context)),
  });
  return answerOf(result, resumedWords(result));
}

function parsed<Name extends 'suspend' | 'resume'>(name: Name, facts: Record<string, unknown>): ActionOf<Name> {
  const read = actionSchema.safeParse({ action: name, ...facts });
  if (read.success) return read.data as ActionOf<Name>;
  const [issue] = read.error.issues;
  throw new CommandError({ subject: `--${String(issue?.path[0])}`, message: issue?.message ?? 'is wrong' });
}

function answerOf({ unannounced, ...result }: Resumed, first: string): CommandResult {
  const { outcome, diff, message } = result;
  const tones = { done: 'good', planned: 'heading', nothing: 'plain' } as const;
  return {
    exit: 0,
    json: result,
    lines: [
      { text: first, tone: tones[outcome] },
      ...textLines(diff).map((text): Line => ({ text: `  ${text}`, tone: toneOf(text) })),
      ...(outcome === 'planned'
        ? textLines(message ?? '').map((text): Line => ({ text: text === '' ? '' : `    ${text}`, tone: 'detail' }))
        : []),
      ...unannouncedLines(unannounced),
    ],
  };
}

function textLines(text: string): string[] {
  return text === '' ? [] : text.trimEnd().split('\n');
}

function toneOf(line: string): Line['tone'] {
  if (line.startsWith('+')) return 'good';
  return line.startsWith('-') ? 'bad' : 'detail';
}

function suspendedWords({ outcome, repository, environment, commit, until, reason }: Suspended): string {
  const what = `${repository}/${environment}`;
  const how = `${until === null ? 'without an end' : `until ${until}`}${reason === null ? '' : ` (${reason})`}`;
  if (outcome === 'nothing') return `${what} is suspended already ${how}`;
  return outcome === 'planned'
    ? `${what} would be suspended ${how}`
    : `${what} is suspended ${how}, by ${commit ?? ''}`;
}

function resumedWords({ outcome, repository, environment, commit }: Resumed): string {
  const what = `${repository}/${environment}`;
  if (outcome === 'nothing') return `${what} is not suspended`;
  return outcome === 'planned' ? `${what} would be resumed` : `${what} is resumed, by ${commit ?? ''}`;
}
