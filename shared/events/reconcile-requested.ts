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
  /** Who asks for it on purpose, and why. Empty texts are none, as no keys are. */
  by: z.string().optional(),
  reason: z.string().optional(),
  /** Id of the incident whose drift is to be undone, and since when that stands. Empty texts are none, as no keys are. */
  revert: z.string().optional(),
  since: z.string().optional(),
  /**
   * Until when that person has freezes passed over, for this run and those that go on with it: ISO 8601, the end of the
   * freeze that was open when they asked. An empty text is none, as no key is.
   */
  override: z.string().optional(),
});
export type ReconcileRequested = z.infer<typeof reconcileRequestedSchema>;

/** What a person asks for on purpose: a look past every pause, or that the drift of one incident is undone, too. */
export type PersonsRequest = { readonly by: string; readonly reason?: string } & (
  | { readonly action: 'reconcile'; readonly override?: string }
  | { readonly action: 'revert'; readonly incident: string; readonly since: string }
);

/** Undefined where no person asks for the look: who asked for what this one goes on with asks for nothing more. */
export function personsRequestOf({
  by = '',
  reason = '',
  revert = '',
  since = '',
  waitId = '',
  override = '',
}: ReconcileRequested): PersonsRequest | undefined {
  if (by === '' || waitId !== '') return undefined;
  const who = { by, ...(reason === '' ? {} : { reason }) };
  if (revert !== '') return { ...who, action: 'revert', incident: revert, since };
  return { ...who, action: 'reconcile', ...(override === '' || reason === '' ? {} : { override }) };
}

/** What a job has passed over, and at whose word: nothing without a person and a reason. */
export type Override = { readonly by: string; readonly reason: string; readonly until: string };

export function overrideOf({
  by = '',
  reason = '',
  revert = '',
  override: until = '',
}: ReconcileRequested): Override | undefined {
  return [by, reason, until].includes('') || revert !== '' ? undefined : { by, reason, until };
}

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
    data: {
      ...{ ...job, head: job.head ?? '', told: job.told ?? '', waitId: job.waitId ?? '' },
      ...{ by: job.by ?? '', reason: job.reason ?? '', revert: job.revert ?? '', since: job.since ?? '' },
      override: job.override ?? '',
    },
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

/**
 * The job of what a person asks for. By its id, the memory of the environment tells whether it was done.
 *
 * @param nonce of this request alone: who asks twice wants two looks
 */
export function encodePersonsRequest({
  request,
  nonce,
  time,
  ...of
}: {
  repository: string;
  environment: string;
  request: PersonsRequest;
  nonce: string;
  time: Date;
}): OutgoingEvent {
  const { by, reason } = request;
  const reverted = request.action === 'revert' ? { revert: request.incident, since: request.since } : {};
  const override = request.action === 'reconcile' ? request.override : undefined;
  const job = {
    ...of,
    cause: 'request',
    by,
    ...(reason === undefined ? {} : { reason }),
    ...reverted,
    override,
  } as const;
  return encodeReconcileRequested({ job, occasion: `asked ${nonce}`, time });
}
