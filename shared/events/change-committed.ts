import { z } from 'zod';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const changeCommittedType = 'dev.converge.change.committed.v1';

/** A commit arrived on the branch of a repository, by an upload or by a push of somebody else. */
export const changeCommittedSchema = z.object({
  repository: z.string().min(1),
  url: z.string(),
  branch: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  previous: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .nullable(),
  artifacts: z.array(z.object({ bucket: z.string(), name: z.string(), generation: z.string() })),
});
export type ChangeCommitted = z.infer<typeof changeCommittedSchema>;

/** Throws `InvalidEvent` (refuse). */
export function parseChangeCommitted(event: IncomingEvent): ChangeCommitted {
  return parseEventData(changeCommittedSchema, event);
}

/** Named by repository and commit: the webhook's announcement of our own push is the same event. */
export function encodeChangeCommitted(change: ChangeCommitted, time: Date): OutgoingEvent {
  return {
    id: eventId(changeCommittedType, change.repository, change.commit),
    type: changeCommittedType,
    source: eventSource,
    subject: change.repository,
    time,
    data: change,
  };
}
