import { eventsAnswerSchema, type ShownEvent } from '../shared/pipeline/inspect/answers.ts';
import { aboutLine, askInspect, unhiddenNotes, unreadLines } from './ask-inspect.ts';
import { shortTime, table, type CommandResult, type Line } from './command-result.ts';
import type { Context } from './context.ts';

/** `converge events ENVIRONMENT`: exit code 1 where some could not be looked at. */
export async function showEvents(
  context: Context,
  environment: string,
  { since }: { since?: string },
): Promise<CommandResult> {
  const query = { since };
  const answer = await askInspect(context, { environment, what: 'events', query, schema: eventsAnswerSchema });
  const { events, omitted, unread } = answer;
  const older: Line[] = omitted === 0 ? [] : [{ text: `${omitted} older ones are left out`, tone: 'detail' }];
  const none: Line[] = unread.length > 0 ? [] : [{ text: 'the cluster keeps none', tone: 'detail' }];
  return {
    exit: unread.length > 0 ? 1 : 0,
    json: answer,
    notes: unhiddenNotes(answer),
    lines: [aboutLine(answer), ...older, ...(events.length === 0 ? none : eventLines(events)), ...unreadLines(answer)],
  };
}

/** A table, in their order. */
export function eventLines(events: readonly ShownEvent[]): Line[] {
  return table({
    free: ['MESSAGE'],
    heading: ['LAST', 'TYPE', 'REASON', 'OBJECT', 'COUNT', 'MESSAGE'],
    rows: events.map(({ last, type, reason, object, count, message }) => ({
      tone: type === 'Warning' ? ('bad' as const) : ('plain' as const),
      cells: [shortTime(last), type, reason, object, String(count), message],
    })),
  });
}
