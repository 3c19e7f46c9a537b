import { letterFacts } from '../shared/pipeline/act/redrive.ts';
import { shortTime, table, type CommandResult } from './command-result.ts';
import type { Context } from './context.ts';
import { withLetters, type LetterOptions } from '../shared/pipeline/common/find-letters.ts';

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
      json: { letters: letters.map(letterFacts), mayBeMore },
      lines: [
        ...(rows.length === 0
          ? [{ text: 'No dead letters.', tone: 'plain' as const }]
          : table({ heading, rows, free: ['MESSAGE'] })),
        ...(mayBeMore ? [more] : []),
      ],
    };
  });
}
