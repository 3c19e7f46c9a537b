import type { Requested, RequestPorts } from '../shared/pipeline/act/reconcile.ts';
import type { EnvironmentStatus } from '../shared/pipeline/common/environment-status.ts';
import type { ActOptions } from './ask-act.ts';
import { chosenOf } from './choose-environments.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { followRequest } from './follow-request.ts';
import { readStatus } from './read-status.ts';

export interface AskOptions extends ActOptions {
  /** False: it is asked for, and not followed. */
  readonly wait: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** What a request of a person takes: the topic of jobs, Git and the state. */
export async function requestPorts(context: Context): Promise<RequestPorts> {
  const [state, repository, topics] = await Promise.all([
    context.open.state(),
    context.open.repository(),
    context.open.topics(),
  ]);
  return { ...context.ports, state, repository, topics };
}

/** What was asked for, and what came of it. Exit code 0 without `wait`, and by `dryRun`. */
export async function followed(
  context: Context,
  { asked, lines }: { asked: Requested; lines: readonly Line[] },
  { wait, timeout }: AskOptions,
): Promise<CommandResult> {
  const notes = asked.notes.map((text): Line => ({ text: `  ${text}`, tone: 'warning' }));
  const said = [...lines, ...notes];
  if (asked.outcome === 'planned' || !wait)
    return { exit: 0, json: { ...asked, done: null, state: null }, lines: said };
  context.progress(`${asked.environment} is asked to be looked at`);
  const { exit, done, environment, lines: end } = await followRequest(context, asked, { timeout });
  return { exit, json: { ...asked, done, state: environment?.state ?? null }, lines: [...said, ...end] };
}

/** The one environment that is called so, `<class>/<name>` or its name alone, as status shows it. */
export async function namedEnvironment(context: Context, name: string): Promise<EnvironmentStatus> {
  const found = chosenOf(await readStatus(context), { names: [name], class: [], label: {} }, context);
  const [first, ...others] = found.environments;
  if (first !== undefined && others.length === 0) return first;
  const keys = found.environments.map((one) => `${one.repository}/${one.name}`);
  throw new CommandError({
    subject: name,
    message: first === undefined ? 'cannot be found: its repository cannot be read' : 'is one of several classes',
    remedy: first === undefined ? 'try again once converge status reads it' : `say ${keys.join(' or ')}`,
    exit: first === undefined ? 1 : 2,
  });
}
