import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { isTime } from '../base/time.ts';

/** The topics of the pipeline; the operator's `topicPrefix` stands before each. */
export const topics = [
  'change-committed',
  'reconcile',
  'plan-change',
  'diff',
  'converged',
  'report',
  'dead-letter',
] as const;
export type Topic = (typeof topics)[number];

/** A CloudEvent (v1.0) to publish: `ce-*` attributes and JSON data. */
export interface OutgoingEvent {
  /** Derived from what the message says, so that the same message sent again carries the same id. */
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: Date;
  readonly data: unknown;
}

/** A CloudEvent as a function receives it, of any type. */
export interface IncomingEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject?: string | undefined;
  /** When it was made, as its sender wrote it. */
  readonly time?: string | undefined;
  /** Of an alert that is sent again to some sinks alone. */
  readonly sinks?: string | undefined;
  readonly data?: unknown;
}

/** The `source` of every event that Converge sends. */
export const eventSource = '//converge.dev/pipeline';

/** An id that is equal for equal facts: 32 hex digits of their SHA-256. */
export function eventId(...facts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

/** When an event was made, ISO 8601; undefined where it does not say so in a way that can be compared. */
export function timeOf({ time }: IncomingEvent): string | undefined {
  return time !== undefined && isTime(time) ? time : undefined;
}

/** Reads an event's data by its schema. Throws `InvalidEvent` (refuse) naming each wrong field. */
export function parseEventData<T>(schema: z.ZodType<T>, event: IncomingEvent): T {
  const parsed = schema.safeParse(event.data);
  if (parsed.success) return parsed.data;
  throw new ConvergeError({
    code: 'InvalidEvent',
    subject: `${event.type} ${event.id}`,
    message: z.prettifyError(parsed.error).replaceAll('\n', ' '),
    remedy: 'docs/contracts.md shows the shape of each message',
    disposition: 'refuse',
  });
}
