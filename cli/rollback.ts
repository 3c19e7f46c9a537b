import { rollbackAction, rolledBackSchema, type RollbackResult } from '../shared/pipeline/act/rollback.ts';
import { shownPath } from '../shared/source/path-bytes.ts';
import { lateTopics, unannouncedLines } from './announcing.ts';
import { act, saidOf, type ActOptions } from './ask-act.ts';
import { plainRevision, type CommandResult, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';

export interface RollbackOptions extends ActOptions {
  readonly to?: string;
  readonly incident?: string;
  readonly reason?: string;
  readonly includeShared?: boolean;
}

/** `converge rollback <environment|repository>`: exit code 1 where it would take more back than was asked for. */
export async function rollBack(context: Context, target: string, options: RollbackOptions): Promise<CommandResult> {
  if (options.to !== undefined && options.incident !== undefined)
    throw new CommandError({
      subject: '--to',
      message: 'says where it goes, and so does --incident',
      remedy: 'give one of them',
    });
  const { to, incident, includeShared = false } = options;
  const action = { action: 'rollback' as const, target, to, incident, includeShared, ...saidOf(options) };
  context.progress(`rolling back ${target}`);
  const { unannounced, ...result } = await act(context, {
    ...{ action, options, schema: rolledBackSchema },
    async own(by) {
      const [state, repository] = await Promise.all([context.open.state(), context.open.repository()]);
      const topics = lateTopics(context);
      const settings = { repositories: Object.keys(context.config.repositories) };
      return await rollbackAction(action, by, { ...context.ports, state, repository, topics }, settings);
    },
  });
  return {
    exit: 0,
    json: result,
    lines: [...linesOf(result), ...unannouncedLines(unannounced)],
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
