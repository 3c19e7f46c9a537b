import { z } from 'zod';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const planRequestedType = 'dev.converge.plan.requested.v1';

/** "Look at this pull request": what is planned is what the host says it is then. */
export const planRequestedSchema = z.object({
  repository: z.string().min(1),
  /** As the host counts. */
  number: z.int().positive(),
  /** Where its head was; Bitbucket Cloud tells how that begins. */
  head: z.string().regex(/^[0-9a-f]{12,40}$/),
  /** Whether somebody put the label on it that lets what is of a fork be planned, at that head. */
  labelled: z.boolean(),
});
export type PlanRequested = z.infer<typeof planRequestedSchema>;

/** Throws `InvalidEvent` (refuse). */
export function parsePlanRequested(event: IncomingEvent): PlanRequested {
  return parseEventData(planRequestedSchema, event);
}

export function encodePlanRequested(job: PlanRequested, time: Date): OutgoingEvent {
  const subject = `${job.repository}/${job.number}`;
  return {
    id: eventId(planRequestedType, subject, job.head, String(job.labelled)),
    type: planRequestedType,
    source: eventSource,
    subject,
    time,
    data: job,
  };
}
