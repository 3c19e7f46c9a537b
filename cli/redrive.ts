import { redrive as redriveAction, redrivenSchema, type Redriven } from '../shared/pipeline/act/redrive.ts';
import { act, saidOf, uploadSettings, type ActOptions } from './ask-act.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';

export interface RedriveOptions extends ActOptions {
  /** Of each subscription. */
  readonly limit: number;
  readonly all?: boolean;
}

/** `converge redrive ID…`: exit code 1 where one of them could not be sent; it stays where it is. */
export async function redrive(
  context: Context,
  ids: readonly string[],
  { all = false, limit, ...options }: RedriveOptions,
): Promise<CommandResult> {
  if (ids.length > 0 === all)
    throw new CommandError({
      subject: 'redrive',
      message: all ? 'takes ids or --all, not both' : 'was told of no dead letter',
      remedy: 'give the ids that converge dead-letters shows, or --all',
    });
  const letters = all ? ('all' as const) : [...ids];
  const action = { action: 'redrive' as const, letters, limit, ...saidOf(options) };
  const told = await act(context, {
    ...{ action, options, schema: redrivenSchema },
    async own(by) {
      const { open, progress } = context;
      const openUploads = async () => ({
        ...{ buckets: await open.buckets(), uploads: await open.uploads(), state: await open.state() },
      });
      const ports = { deadLetters: await open.deadLetters(), openUploads, progress };
      return await redriveAction(action, by, ports, uploadSettings(context));
    },
  });
  return {
    exit: told.letters.some(({ outcome }) => outcome === 'failed') ? 1 : 0,
    json: told,
    lines: told.letters.length === 0 ? [{ text: 'No dead letters.', tone: 'plain' }] : told.letters.map(lineOf),
  };
}

function lineOf({ id, subject, outcome, to = '', problem = '' }: Redriven['letters'][number]): Line {
  const what = subject === '' ? id : `${id} (${subject})`;
  switch (outcome) {
    case 'sent':
      return { text: `${what} sent to ${to}`, tone: 'good' };
    case 'written':
      return { text: `${what} written once more: ${to}`, tone: 'good' };
    case 'planned':
      return { text: `${what} would be sent again: ${to}`, tone: 'heading' };
    case 'committed':
      return { text: `${what} is in Git already: ${to}`, tone: 'good' };
    case 'replaced':
      return {
        text: `${what} needs nothing: ${to} took its place, and is copied by itself or has a dead letter of its own`,
        tone: 'detail',
      };
    case 'gone':
      return { text: `${what} needs nothing: the object is gone from its bucket`, tone: 'detail' };
    case 'failed':
      return { text: `${what} stays: ${problem}`, tone: 'bad' };
  }
}
