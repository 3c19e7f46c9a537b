import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import type { IncomingEvent } from './cloud-event.ts';
import { sinksAttribute } from './refused-sinks.ts';

/** A POST as it reached a function; header names in lower case. */
export interface EventRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/**
 * The event in which Eventarc wraps a Pub/Sub message. https://docs.cloud.google.com/eventarc/docs/cloudevents#pubsub
 */
const messagePublishedType = 'google.cloud.pubsub.topic.v1.messagePublished';

const structuredSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  type: z.string().min(1),
  source: z.string().min(1),
  subject: z.string().optional(),
  time: z.string().optional(),
  sinks: z.string().optional(),
  data: z.unknown().optional(),
});

/** https://docs.cloud.google.com/pubsub/docs/push#receive_push */
const wrappedSchema = z.object({
  message: z.object({ attributes: z.record(z.string(), z.string()).default({}), data: z.base64().default('') }),
});

/**
 * The CloudEvent of a request, in each form that a platform delivers one of ours in: binary, which is how a push
 * subscription without wrapper and Eventarc's Storage trigger send it; structured; and wrapped as a Pub/Sub message, by
 * Eventarc's Pub/Sub trigger or a push subscription with wrapper.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 *
 * Throws `InvalidEvent` (refuse).
 */
export function readEvent({ headers, body }: EventRequest): IncomingEvent {
  const binary = attributesOf((name) => {
    const value = headers[`ce-${name}`];
    return typeof value === 'string' ? value : undefined;
  });
  if (binary !== undefined) return unwrapped({ ...binary, data: parseJson(body, binary.id) });
  const content = parseJson(body, 'message without attributes');
  const structured = structuredSchema.safeParse(content);
  return unwrapped(
    structured.success ? structured.data : { id: '', type: messagePublishedType, source: '', data: content },
  );
}

function unwrapped(event: IncomingEvent): IncomingEvent {
  if (event.type !== messagePublishedType) return event;
  const wrapped = wrappedSchema.safeParse(event.data);
  const attributes = wrapped.success
    ? attributesOf((name) => wrapped.data.message.attributes[`ce-${name}`])
    : undefined;
  if (!wrapped.success || attributes === undefined)
    throw invalid(
      event.id,
      'is no CloudEvent: it has neither its attributes as headers nor those of a Pub/Sub message',
    );
  return { ...attributes, data: parseJson(Buffer.from(wrapped.data.message.data, 'base64'), attributes.id) };
}

/** The attributes that make an event one, or undefined where any is missing. */
function attributesOf(
  valueOf: (name: string) => string | undefined,
): Pick<IncomingEvent, 'id' | 'type' | 'source' | 'subject' | 'time' | 'sinks'> | undefined {
  const names = ['specversion', 'id', 'type', 'source', 'subject', 'time', sinksAttribute];
  const [version, id, type, source, subject, time, sinks] = names.map(valueOf);
  if (version !== '1.0' || id === undefined || type === undefined || source === undefined) return undefined;
  return { id, type, source, subject, time, sinks };
}

function parseJson(body: Uint8Array, subject: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw invalid(subject, `its content is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

function invalid(subject: string, message: string): ConvergeError {
  return new ConvergeError({
    code: 'InvalidEvent',
    subject,
    message,
    remedy: 'docs/contracts.md shows the shape of each message',
    disposition: 'refuse',
  });
}
