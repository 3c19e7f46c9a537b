import { rollback, type RollbackResult } from '../shared/pipeline/rollback.ts';
import { shownPath } from '../shared/source/path-bytes.ts';
import { announcing, unannouncedLines } from './announcing.ts';
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
  const { topics, problem } = announcing(context);
  const [state, repository, by] = await Promise.all([
    context.open.state(),
    context.open.repository(),
    whoAsks(context.environment),
  ]);
  context.progress(`rolling back ${target}`);
  const result = await rollback(
    { target, by, ...options },
    { ...context.ports, state, repository, topics },
    { repositories: Object.keys(context.config.repositories) },
  );
  return {
    exit: 0,
    json: { ...result, announced: result.outcome !== 'planned' && problem() === undefined },
    lines: [...linesOf(result), ...unannouncedLines(problem())],
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
