import { boundedText, largestLine, mostLines } from './bounded-text.ts';
import type { Notice } from './notice.ts';

/** Who takes care of an incident. */
export interface AcknowledgedBy {
  readonly by: string;
  /** ISO 8601; null: until it ends. */
  readonly until: string | null;
  readonly comment: string | null;
}

/** `acknowledged by Ana until 2026-11-28T20:00:00.000Z: looking at it` */
export function acknowledgedWords({ by, until, comment }: AcknowledgedBy): string {
  const end = until === null ? 'until it ends' : `until ${until}`;
  return boundedText(`acknowledged by ${by} ${end}${comment === null ? '' : `: ${comment}`}`, largestLine);
}

/** The notice of what somebody takes care of. What ends, begins or is told again is so all the same. */
export function acknowledgedNotice(
  notice: Notice,
  { said, isRepeat }: { said: AcknowledgedBy | undefined; isRepeat: boolean },
): Notice {
  if (said === undefined || isRepeat || notice.state !== 'changed') return notice;
  return { ...notice, state: 'acknowledged', lines: [acknowledgedWords(said), ...notice.lines].slice(0, mostLines) };
}
