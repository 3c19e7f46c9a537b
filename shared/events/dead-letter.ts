import { z } from 'zod';
import { eventId, eventSource, type OutgoingEvent } from './cloud-event.ts';

export const deadLetterType = 'dev.converge.dead.letter.v1';

/** What was refused, or given up after the last retry. */
export const deadLetterSchema = z.object({
  stage: z.string(),
  /** An error code, `UnsafePath` say; `GivenUp` where retries ran out. */
  reason: z.string(),
  message: z.string(),
  subject: z.string(),
  event: z.record(z.string(), z.unknown()),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

export function encodeDeadLetter(letter: DeadLetter, time: Date): OutgoingEvent {
  return {
    id: eventId(
      deadLetterType,
      letter.stage,
      letter.reason,
      letter.subject,
      JSON.stringify(letter.event['id'] ?? null),
    ),
    type: deadLetterType,
    source: eventSource,
    subject: letter.stage,
    time,
    data: letter,
  };
}
