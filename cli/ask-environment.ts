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
  const keys = found.environments.map(keyOf);
  throw new CommandError({
    subject: name,
    message: first === undefined ? 'cannot be found: its repository cannot be read' : 'is one of several classes',
    remedy: first === undefined ? 'try again once converge status reads it' : `say ${keys.join(' or ')}`,
    exit: first === undefined ? 1 : 2,
  });
}

/**
 * `<class>/<name>`: where the incident is open, as status shows it, where no environment is named. What says its class is taken at
 * its word. Throws `CommandError`: 2 for what is none, 1 where what cannot be read may have it.
 */
export async function environmentOfIncident(
  context: Context,
  { incident, named }: { incident: string; named: string | undefined },
): Promise<string> {
  if (named !== undefined) return saidWithClass(context, named) ?? keyOf(await namedEnvironment(context, named));
  const { environments, unreadable } = await readStatus(context);
  const found = environments.find(({ incidents }) => incidents.some(({ id }) => id === incident));
  if (found !== undefined) return keyOf(found);
  const isSeen = unreadable.length === 0;
  throw new CommandError({
    subject: incident,
    message: isSeen
      ? 'is no open incident of an environment: it has ended, or never was'
      : `is no open incident of what can be read; ${unreadable.map(({ repository }) => repository).join(', ')} cannot`,
    remedy: isSeen ? 'converge alerts lists what is open; -e names the environment' : '-e names the environment',
    exit: isSeen ? 2 : 1,
  });
}

/** A name that says a class of the configuration: whoever may only ask `act` needs nobody to find it. */
export function saidWithClass({ config }: Context, target: string): string | undefined {
  const [first = '', second, ...more] = target.split('/');
  return second !== undefined && more.length === 0 && first in config.repositories ? target : undefined;
}

function keyOf({ repository, name }: Pick<EnvironmentStatus, 'repository' | 'name'>): string {
  return `${repository}/${name}`;
}
