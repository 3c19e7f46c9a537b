import { requestReconcile, requestedSchema } from '../shared/pipeline/act/reconcile.ts';
import { act, saidOf } from './ask-act.ts';
import { followed, namedEnvironment, requestPorts, type AskOptions } from './ask-environment.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult } from './command-result.ts';
import type { Context } from './context.ts';

/** `converge reconcile ENV`: exit code 0 where it has converged, and where it is not followed. */
export async function askReconcile(
  context: Context,
  name: string,
  options: AskOptions & { override?: boolean },
): Promise<CommandResult> {
  if (options.override === true && options.reason === undefined)
    throw new CommandError({
      subject: '--override',
      message: 'goes past a freeze for a reason only',
      remedy: 'say why: --override --reason TEXT',
    });
  const { repository, name: short } = await namedEnvironment(context, name);
  const environment = `${repository}/${short}`;
  const action = { action: 'reconcile' as const, environment, override: options.override === true, ...saidOf(options) };
  const asked = await act(context, {
    ...{ action, options, schema: requestedSchema },
    own: async (by) =>
      requestReconcile(action, by, await requestPorts(context), {
        repositories: Object.keys(context.config.repositories),
        freeze: context.config.freeze,
      }),
  });
  const isPlanned = asked.outcome === 'planned';
  const text = isPlanned
    ? `${environment} would be looked at now, past every pause`
    : `asked     ${environment} to be looked at now, past every pause`;
  return await followed(context, { asked, lines: [{ text, tone: isPlanned ? 'heading' : 'plain' }] }, options);
}
