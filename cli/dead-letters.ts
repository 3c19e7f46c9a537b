import type { FoundLetter } from '../shared/events/found-letter.ts';
import { shortTime, table, type CommandResult } from './command-result.ts';
import type { Context } from './context.ts';
import { withLetters, type LetterOptions } from './find-letters.ts';

/** `converge dead-letters`: exit code 0, whatever lies there. */
export async function showDeadLetters(context: Context, options: LetterOptions): Promise<CommandResult> {
  const deadLetters = await context.open.deadLetters();
  return await withLetters(deadLetters, options, async ({ letters, mayBeMore }) => {
    const rows = letters.map(({ time, stage, reason, id, subject, message }) => ({
      tone: 'plain' as const,
      cells: [shortTime(time.toISOString()), stage, reason, id, subject || '-', message],
    }));
    const heading = ['TIME', 'STAGE', 'REASON', 'ID', 'SUBJECT', 'MESSAGE'];
    const more = { text: 'There may be more: --limit says how many are looked at.', tone: 'detail' as const };
    return {
      exit: 0,
      json: { letters: letters.map(shownOf), mayBeMore },
      lines: [
        ...(rows.length === 0
          ? [{ text: 'No dead letters.', tone: 'plain' as const }]
          : table({ heading, rows, free: ['MESSAGE'] })),
        ...(mayBeMore ? [more] : []),
      ],
    };
  });
}

/** A letter as programs are told of it. */
export function shownOf({ id, subscription, time, stage, reason, subject, message, redrive }: FoundLetter) {
  const canRedrive = redrive.kind !== 'none';
  return { id, subscription, time: time.toISOString(), stage, reason, subject, message, redrivable: canRedrive };
}
