import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import {
  acknowledge as acknowledgeAction,
  acknowledgedSchema,
  type Acknowledged,
} from '../shared/pipeline/act/acknowledge.ts';
import { act, saidOf, type ActOptions } from './ask-act.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';

export interface AcknowledgeOptions extends ActOptions {
  /** Milliseconds. */
  readonly for?: number;
  readonly comment?: string;
  readonly undo?: boolean;
}

/** `converge acknowledge <environment|incident>`: of an environment, all that is open there. */
export async function acknowledge(
  context: Context,
  target: string,
  { for: milliseconds, comment, undo = false, ...options }: AcknowledgeOptions,
): Promise<CommandResult> {
  const reason = options.reason ?? comment;
  if (undo && (milliseconds !== undefined || reason !== undefined))
    throw new CommandError({
      subject: '--undo',
      message: 'takes back what was said, and --for and --comment say something',
      remedy: 'give one or the other',
    });
  if (options.reason !== undefined && comment !== undefined)
    throw new CommandError({
      subject: '--reason',
      message: 'is what --comment is, too',
      remedy: 'give one of them',
    });
  const duration = milliseconds === undefined ? undefined : `${milliseconds}ms`;
  const action = { action: 'acknowledge' as const, target, undo, for: duration, ...saidOf({ ...options, reason }) };
  const said = await act(context, {
    ...{ action, options, schema: acknowledgedSchema },
    async own(by) {
      const ports = {
        ...context.ports,
        state: await context.open.state(),
        readStatus: async () => readStatus(context),
      };
      return await acknowledgeAction(action, by, ports);
    },
  });
  const incidents = said.incidents.map(({ incident, about, since }) => ({ incident, about, since }));
  return { exit: 0, json: { ...said, incidents }, lines: linesOf(said) };
}

function linesOf({ outcome, incidents, by, until, comment }: Acknowledged): Line[] {
  if (outcome === 'nothing') return [{ text: 'Nothing of it is acknowledged.', tone: 'plain' }];
  const words = by === null ? 'acknowledged no more' : acknowledgedWords({ by, until, comment });
  return incidents.map((one) =>
    outcome === 'planned'
      ? { text: `${titleOf(one)} would be ${words}`, tone: 'heading' }
      : { text: `${titleOf(one)} is ${words}`, tone: 'good' },
  );
}

function titleOf({ about, incident, summary }: Acknowledged['incidents'][number]): string {
  return `${about} ${incident} (${boundedText(summary, 100)})`;
}
