import { z } from 'zod';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const reconcileRequestedType = 'dev.converge.reconcile.requested.v1';

/**
 * "Look at this environment": the run reconciles the head of the branch, whatever the message was sent for. What else a
 * message holds is passed over: those of earlier versions name a `mode`, which meant nothing.
 */
export const reconcileRequestedSchema = z.object({
  repository: z.string().min(1),
  environment: z.string().min(1),
  cause: z.enum(['commit', 'schedule', 'dependency', 'request']),
  /**
   * Where the sender saw the head of the branch: a run that has that commit here, and nothing newer behind it, need not
   * ask. An empty text is none, as no key is.
   */
  head: z.string().optional(),
  /**
   * Generation of the environment's memory whose alerts were published by the run that this one goes on with. An empty
   * text is none, as no key is.
   */
  told: z.string().optional(),
  /** Id of the wait that this run goes on with: others only look. An empty text is none, as no key is. */
  waitId: z.string().optional(),
});
export type ReconcileRequested = z.infer<typeof reconcileRequestedSchema>;

/** Throws `InvalidEvent` (refuse). */
export function parseReconcileRequested(event: IncomingEvent): ReconcileRequested {
  return parseEventData(reconcileRequestedSchema, event);
}

/**
 * @param occasion what the job is sent for (a commit, a tick of the schedule, and what is the matter with it): equal
 * occasions give equal ids
 */
export function encodeReconcileRequested({
  job,
  occasion,
  time,
}: {
  job: ReconcileRequested;
  occasion: string;
  time: Date;
}): OutgoingEvent {
  const subject = `${job.repository}/${job.environment}`;
  return {
    id: eventId(reconcileRequestedType, subject, occasion),
    type: reconcileRequestedType,
    source: eventSource,
    subject,
    time,
    // The schema of the topic knows no key that may be missing.
    data: { ...job, head: job.head ?? '', told: job.told ?? '', waitId: job.waitId ?? '' },
  };
}

/**
 * The job of an environment that failed, and is to be tried again because what it is made of was uploaded once more: by its
 * id, the memory of the environment tells whether that try was made.
 *
 * @param artifact `gs://bucket/name#generation`
 */
export function encodeTryAgain({
  artifact,
  ...job
}: {
  repository: string;
  environment: string;
  head: string;
  artifact: string;
  time: Date;
}): OutgoingEvent {
  const { time, ...asked } = job;
  return encodeReconcileRequested({ job: { ...asked, cause: 'request' }, occasion: `again ${artifact}`, time });
}
