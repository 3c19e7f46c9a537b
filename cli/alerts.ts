import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { shortTime, table, type CommandResult, type Line } from './command-result.ts';
import type { Context } from './context.ts';
import { readAlerts, type OpenAlert, type OpenAlerts } from './open-alerts.ts';

export interface AlertsOptions {
  /** Whether dead letters are looked at, which takes a right of its own. */
  readonly deadLetters: boolean;
}

/** `converge alerts [ENVIRONMENT…]`: exit code 1 where anything is open, or could not be looked at. */
export async function showAlerts(
  context: Context,
  names: readonly string[],
  { deadLetters }: AlertsOptions,
): Promise<CommandResult> {
  const found = await readAlerts(context, { names, letters: deadLetters });
  const { alerts, unseen } = found;
  return {
    exit: alerts.length + unseen.length === 0 ? 0 : 1,
    json: { alerts, unseen },
    lines: [...tableOf(found), ...alerts.flatMap(acknowledgedLines), ...unseen.map(unseenLine)],
  };
}

function tableOf({ alerts, unseen }: OpenAlerts): Line[] {
  if (alerts.length === 0) return unseen.length > 0 ? [] : [{ text: 'nothing is open', tone: 'good' }];
  const rows = alerts.map(({ since, about, reason, done, message }) => ({
    tone: 'bad' as const,
    cells: [shortTime(since), about, reason, done, boundedText(message, longestMessage)],
  }));
  return table({ heading: ['SINCE', 'ABOUT', 'REASON', 'DONE', 'MESSAGE'], rows, free: ['MESSAGE'] });
}

const longestMessage = 500;

function acknowledgedLines({ about, id, acknowledged }: OpenAlert): Line[] {
  if (acknowledged === null) return [];
  return [{ text: `${about}: ${id} is ${acknowledgedWords(acknowledged)}`, tone: 'detail' }];
}

export function unseenLine({ what, message }: OpenAlerts['unseen'][number]): Line {
  return { text: `${what}: not all can be looked at: ${message}`, tone: 'bad' };
}
