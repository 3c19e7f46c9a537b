import { namesakes, trace, traceTitle, type Trace } from '../shared/pipeline/trace.ts';
import { shortTime, type CommandResult, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { provenanceLines } from './provenance-lines.ts';

export interface TraceOptions {
  readonly namespace?: string;
  readonly environment?: string;
  /** How far behind the branch's head, in milliseconds. */
  readonly since: number;
}

/**
 * `converge trace KIND/NAME`, or `KIND NAME`: exit code 1 where no environment owns such an object.
 *
 * @param words as kubectl takes them
 */
export async function showTrace(
  context: Context,
  words: readonly string[],
  { namespace, environment, since }: TraceOptions,
): Promise<CommandResult> {
  const object = words.join('/');
  const [kind = '', name = '', ...rest] = object.split('/');
  if (kind === '' || name === '' || rest.length > 0)
    throw new CommandError({ subject: object, message: 'is no KIND/NAME', remedy: 'write it like deployment/web' });
  const ports = { ...context.ports, state: await context.open.state(), repository: await context.open.repository() };
  const repositories = Object.keys(context.config.repositories);
  const traces = await trace({ kind, name, namespace, environment, repositories, milliseconds: since }, ports);
  if (traces.length > 0)
    return { exit: 0, json: { traces }, lines: [...severalLines(traces), ...traces.flatMap(linesOf)] };
  const others = await namesakes({ name, repositories }, ports);
  throw new CommandError({
    subject: object,
    message: 'no environment owns such an object',
    remedy:
      others.length === 0
        ? 'none owns one of that name: see kind, name, --namespace and --environment'
        : `of that name there are ${others.join(', ')}`,
    exit: 1,
  });
}

/** All that are called so, before the chain of each: who meant one of them sees how to say it. */
function severalLines(traces: readonly Trace[]): Line[] {
  if (traces.length < 2) return [];
  const heading = `${traces.length} objects are called so: a kind with its group, --namespace and --environment choose one`;
  return [
    { text: heading, tone: 'heading' },
    ...traces.map(({ object, repository, environment }): Line => {
      const { group, kind, namespace, name } = object;
      const where = namespace === null ? '' : ` -n ${namespace}`;
      const written = `${kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${name}${where}`;
      return { text: `  ${written} -e ${repository}/${environment}`, tone: 'plain' };
    }),
    { text: '', tone: 'plain' },
  ];
}

function linesOf(found: Trace): Line[] {
  const { environment, repository, cluster, revision, state, converged, attempted, inputs } = found;
  return [
    { text: traceTitle(found), tone: 'heading' },
    { text: `environment     ${repository}/${environment} on ${cluster}`, tone: 'plain' },
    {
      text: `revision        ${revision === '' ? 'none has converged yet' : `${revision} (${state})`}`,
      tone: state === 'Failed' ? 'bad' : 'plain',
    },
    ...converged.map(({ at, event }): Line => ({
      text: `converged       ${shortTime(at)} (alert ${event})`,
      tone: 'good',
    })),
    ...(attempted === null || attempted.revision === revision
      ? []
      : [{ text: `attempted       ${attempted.revision}`, tone: 'plain' as const }]),
    ...(attempted === null || attempted.failure === null
      ? []
      : [
          {
            text: `failed          ${attempted.failure.reason}: ${attempted.failure.summary} (incident ${attempted.failure.incident})`,
            tone: 'bad' as const,
          },
        ]),
    ...inputs.flatMap(({ path, lastChange }): Line[] =>
      lastChange === null
        ? [{ text: `${path}: not changed in the time that was looked at: --since goes further back`, tone: 'detail' }]
        : [
            {
              text: `${path}: changed by ${lastChange.commit.slice(0, 12)} at ${shortTime(lastChange.committedAt)}`,
              tone: 'plain',
            },
            ...provenanceLines(lastChange),
          ],
    ),
  ];
}
