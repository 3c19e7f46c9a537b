import { requestRevert, revertRequestedSchema, type RevertRequested } from '../shared/pipeline/act/revert.ts';
import { act, saidOf } from './ask-act.ts';
import { followed, namedEnvironment, requestPorts, type AskOptions } from './ask-environment.ts';
import { objectLines } from './await-upload.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';

export interface RevertOptions extends AskOptions {
  /** Absent: the one where the incident is open. */
  readonly environment?: string;
}

/** `converge revert INCIDENT`: exit code 0 where all has converged, and where it is not followed. */
export async function askRevert(context: Context, incident: string, options: RevertOptions): Promise<CommandResult> {
  const environment = await environmentOf(context, incident, options.environment);
  const action = { action: 'revert' as const, environment, incident, ...saidOf(options) };
  const asked = await act(context, {
    ...{ action, options, schema: revertRequestedSchema },
    own: async (by) =>
      requestRevert(action, by, await requestPorts(context), {
        repositories: Object.keys(context.config.repositories),
        freeze: context.config.freeze,
      }),
  });
  return await followed(context, { asked, lines: linesOf(asked) }, options);
}

/** `<class>/<name>` */
async function environmentOf(context: Context, incident: string, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    const { repository, name } = await namedEnvironment(context, named);
    return `${repository}/${name}`;
  }
  const { environments, unreadable } = await readStatus(context);
  const found = environments.find(({ incidents }) => incidents.some(({ id }) => id === incident));
  if (found !== undefined) return `${found.repository}/${found.name}`;
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

function linesOf({
  outcome,
  environment,
  incident,
  since,
  summary,
  objects,
  titles,
  omitted,
}: RevertRequested): Line[] {
  const isPlanned = outcome === 'planned';
  const what = `${incident} of ${environment}, since ${since}: ${summary}`;
  const untold = titles.map((title): Line => ({ text: `  ${title}`, tone: 'plain' }));
  return [
    {
      text: isPlanned ? `would be undone: ${what}` : `asked     to undo ${what}`,
      tone: isPlanned ? 'heading' : 'plain',
    },
    ...(objects.length === 0 ? untold : objectLines({ objects, omitted })),
  ];
}
