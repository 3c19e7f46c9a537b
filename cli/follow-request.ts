import type { EnvironmentStatus } from '../shared/pipeline/common/environment-status.ts';
import type { Requested } from '../shared/pipeline/act/reconcile.ts';
import { plainRevision, type Line } from './command-result.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';
import { problemOf } from './watch-status.ts';

const betweenLooks = 1_000;

type Done = EnvironmentStatus['requests'][number];

/** What became of a request, and of the environment that it was made of. */
export interface Followed {
  readonly exit: 0 | 1;
  /** Null where it was not done in time. */
  readonly done: Done | null;
  /** As it is then; null where it is no more, or nobody can say. */
  readonly environment: Pick<EnvironmentStatus, 'state' | 'revision' | 'message'> | null;
  readonly lines: readonly Line[];
}

/**
 * Follows what a person asked for until its run is done and, where that left something under way, until the environment
 * has settled. Exit code 0 where it has converged then.
 *
 * @param options.timeout milliseconds
 */
export async function followRequest(
  context: Context,
  { environment: key, request }: Pick<Requested, 'environment' | 'request'>,
  { timeout }: { timeout: number },
): Promise<Followed> {
  const deadline = context.ports.now().getTime() + timeout;
  for (;;) {
    const found = await look(context, { key, request });
    const isOver = context.ports.now().getTime() >= deadline;
    if (found !== undefined && (isSettled(found) || isOver)) return endOf(key, found);
    if (isOver) return endOf(key, { environment: undefined, done: undefined });
    context.progress(progressOf(key, found));
    await context.ports.sleep(betweenLooks);
  }
}

interface Found {
  readonly environment: EnvironmentStatus | undefined;
  readonly done: Done | undefined;
}

/** Undefined where nobody answers for the moment. */
async function look(
  context: Context,
  { key, request }: { key: string; request: string | null },
): Promise<Found | undefined> {
  try {
    const { environments } = await readStatus(context);
    const environment = environments.find(({ repository, name }) => `${repository}/${name}` === key);
    return { environment, done: environment?.requests.find(({ id }) => id === request) };
  } catch (error) {
    if (problemOf(error) === undefined) throw error;
    return undefined;
  }
}

function isSettled({ environment, done }: Found): boolean {
  return done !== undefined && environment?.state !== 'Converging';
}

function progressOf(key: string, found: Found | undefined): string {
  if (found?.done === undefined) return `${key} is about to be looked at`;
  const message = found.environment?.message ?? '';
  return `${key} is on its way${message === '' ? '' : `: ${message}`}`;
}

function endOf(key: string, { environment, done }: Found): Followed {
  const seen =
    environment === undefined
      ? null
      : { state: environment.state, revision: environment.revision, message: environment.message };
  if (done === undefined) {
    const text = `late      ${key} was not looked at in time: converge status says how it is`;
    return { exit: 1, done: null, environment: seen, lines: [{ text, tone: 'bad' }] };
  }
  const line = lineOf(key, { environment, done });
  return { exit: line.tone === 'good' ? 0 : 1, done, environment: seen, lines: [line] };
}

/** As `upload --wait` says it. What the run left under way is judged by what came of that. */
function lineOf(key: string, { environment, done }: { environment: EnvironmentStatus | undefined; done: Done }): Line {
  const { outcome, message } = done;
  const line = (word: string, text: string, tone: Line['tone']): Line => ({
    text: `${word.padEnd(9)} ${key}${text}`,
    tone,
  });
  switch (outcome) {
    case 'converged':
    case 'unchanged':
      return line('converged', ` at ${plainRevision(environment?.revision ?? '')}`, 'good');
    case 'waiting':
      if (environment?.state === 'Converged')
        return line('converged', ` at ${plainRevision(environment.revision)}`, 'good');
      return environment?.state === 'Converging' || environment === undefined
        ? line('late', ` has not converged in time: ${message}`, 'bad')
        : line(environment.state.toLowerCase(), `: ${environment.message}`, 'bad');
    case 'diverged':
      return line('diverged', `: ${message}`, 'bad');
    case 'frozen':
    case 'suspended':
    case 'refused':
      return line(outcome, `: ${message}`, 'bad');
  }
}
