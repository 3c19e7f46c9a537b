import { describeError } from '../shared/base/errors.ts';
import type { Topics } from '../shared/ports/messages.ts';
import { rollback, type RollbackResult } from '../shared/pipeline/act/rollback.ts';
import { shownPath } from '../shared/source/path-bytes.ts';
import { plainRevision, type CommandResult, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { whoAsks } from './who-asks.ts';

export interface RollbackOptions {
  readonly to?: string;
  readonly incident?: string;
  readonly reason?: string;
  readonly includeShared?: boolean;
  readonly dryRun?: boolean;
}

/** `converge rollback <environment|repository>`: exit code 1 where it would take more back than was asked for. */
export async function rollBack(context: Context, target: string, options: RollbackOptions): Promise<CommandResult> {
  if (options.to !== undefined && options.incident !== undefined)
    throw new CommandError({
      subject: '--to',
      message: 'says where it goes, and so does --incident',
      remedy: 'give one of them',
    });
  let unannounced: string | undefined;
  const announcing: Topics = {
    async publish(topic, event) {
      // The commit is there: the host's webhook or the next check announces it, too.
      await (
        await context.open.topics()
      )
        .publish(topic, event)
        .catch((error: unknown) => (unannounced = describeError(error)));
    },
  };
  const [state, repository, by] = await Promise.all([
    context.open.state(),
    context.open.repository(),
    whoAsks(context.environment),
  ]);
  context.progress(`rolling back ${target}`);
  const result = await rollback(
    { target, by, ...options },
    { ...context.ports, state, repository, topics: announcing },
    { repositories: Object.keys(context.config.repositories) },
  );
  return {
    exit: 0,
    json: { ...result, announced: result.outcome !== 'planned' && unannounced === undefined },
    lines: [
      ...linesOf(result),
      ...(unannounced === undefined
        ? []
        : [{ text: `not announced, the next check finds it: ${unannounced}`, tone: 'bad' as const }]),
    ],
  };
}

function linesOf({
  outcome,
  repository,
  environment,
  to,
  subject,
  because,
  commit,
  message,
  reverts,
  paths,
}: RollbackResult): Line[] {
  const what = environment === null ? repository : `${repository}/${environment}`;
  const where = `${plainRevision(to)}, because ${because}`;
  if (outcome === 'nothing') return [{ text: `${what} has nothing to take back to ${where}`, tone: 'plain' }];
  const first =
    outcome === 'planned'
      ? `${what} would be rolled back to ${where}`
      : `${what} was rolled back to ${where}, by ${commit ?? ''}`;
  return [
    { text: first, tone: outcome === 'planned' ? 'heading' : 'good' },
    ...reverts.map((id) => ({ text: `  undoes   ${id}`, tone: 'plain' as const })),
    ...paths.map((path) => ({ text: `  changes  ${shownPath(path)}`, tone: 'plain' as const })),
    { text: `  back to  ${plainRevision(to)} ${subject}`, tone: 'plain' },
    ...(outcome === 'planned'
      ? (message ?? '')
          .trimEnd()
          .split('\n')
          .map((line) => ({ text: line === '' ? '' : `    ${line}`, tone: 'detail' as const }))
      : []),
  ];
}
