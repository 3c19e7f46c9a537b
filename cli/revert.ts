import { requestRevert, revertRequestedSchema, type RevertRequested } from '../shared/pipeline/act/revert.ts';
import { act, saidOf } from './ask-act.ts';
import { environmentOfIncident, followed, requestPorts, type AskOptions } from './ask-environment.ts';
import { objectLines } from './await-upload.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';

export interface RevertOptions extends AskOptions {
  /** Absent: the one where the incident is open. */
  readonly environment?: string;
}

/** `converge revert INCIDENT`: exit code 0 where all has converged, and where it is not followed. */
export async function askRevert(context: Context, incident: string, options: RevertOptions): Promise<CommandResult> {
  const environment = await environmentOfIncident(context, { incident, named: options.environment });
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
