import { z } from 'zod';
import type { ConvergeError } from '../base/errors.ts';
import { eventId, eventSource, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';
import { sinksOf } from './refused-sinks.ts';

export const deadLetterType = 'dev.converge.dead.letter.v1';

/** What was refused, or given up after the last retry. */
export const deadLetterSchema = z.object({
  stage: z.string(),
  /** An error code, `UnsafePath` say; `GivenUp` where retries ran out. */
  reason: z.string(),
  message: z.string(),
  subject: z.string(),
  /** Of an alert: the names of the sinks that refused it, to which alone it is sent again; absent: to all. */
  sinks: z.array(z.string()).optional(),
  event: z.record(z.string(), z.unknown()),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** What becomes of an event that a function refused. */
export function deadLetterOf({
  stage,
  event,
  refused,
}: {
  stage: string;
  event: IncomingEvent;
  refused: ConvergeError;
}): DeadLetter {
  const { id, type, source, subject, time, data } = event;
  const { code: reason, problem: message } = refused;
  const sinks = refused.sinks ?? sinksOf(event);
  return {
    ...{ stage, reason, message, subject: refused.subject },
    ...(sinks === undefined ? {} : { sinks: [...sinks] }),
    event: { id, type, source, subject, ...(time === undefined ? {} : { time }), data },
  };
}

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
