import type { Message, PubSub, Subscription } from '@google-cloud/pubsub';
import { z } from 'zod';
import type { Converged, Diff } from '../shared/events/alert.ts';
import { parseChangeCommitted, type ChangeCommitted } from '../shared/events/change-committed.ts';
import type { IncomingEvent } from '../shared/events/cloud-event.ts';
import { deadLetterSchema, type DeadLetter } from '../shared/events/dead-letter.ts';
import { parseReceivedAlert, type ReceivedAlert } from '../shared/events/received-alert.ts';
import { parseReconcileRequested, type ReconcileRequested } from '../shared/events/reconcile-requested.ts';

/** Where the local buckets announce their objects. */
const storageTopic = 'storage-events';
const watchedTopics = [storageTopic, 'change-committed', 'reconcile', 'diff', 'converged', 'dead-letter'] as const;
type WatchedTopic = (typeof watchedTopics)[number];

/** A message of one of the topics. The same one may come more than once, with the same id. */
export type Seen = { readonly id: string } & (
  | {
      readonly kind: 'upload';
      readonly data: z.infer<typeof notificationSchema>;
      /** As it came, to be delivered once more. */
      readonly message: { readonly data: Buffer; readonly attributes: Record<string, string> };
    }
  | { readonly kind: 'change-committed'; readonly data: ChangeCommitted }
  | { readonly kind: 'reconcile'; readonly data: ReconcileRequested }
  | { readonly kind: 'diff'; readonly data: Diff }
  | { readonly kind: 'converged'; readonly data: Converged }
  /** Of no environment: of what does not answer, or of an upload. */
  | { readonly kind: 'alert'; readonly alert: Exclude<ReceivedAlert, { readonly kind?: undefined }> }
  | { readonly kind: 'dead-letter'; readonly data: DeadLetter }
);

const notificationSchema = z.object({ bucket: z.string(), name: z.string(), generation: z.coerce.string() });

/**
 * Subscribes to what the pipeline says of its work, from now on. `stop` takes the subscriptions away.
 *
 * @param name of the subscriber, unlike that of any other
 * @param fail called where a message is none of ours, and where Pub/Sub itself fails
 */
export async function subscribeToTopics(wanted: {
  pubsub: PubSub;
  name: string;
  take: (seen: Seen) => void;
  fail: (error: Error) => void;
}): Promise<{ stop(): Promise<void> }> {
  const subscriptions = await Promise.all(watchedTopics.map((topic) => subscribe({ ...wanted, topic })));
  return {
    async stop() {
      // Where Pub/Sub itself has gone, there is nothing to take away.
      await Promise.allSettled(
        subscriptions.map((subscription) => subscription.delete({ timeout: 2000, maxRetries: 0 })),
      );
    },
  };
}

async function subscribe({
  pubsub,
  topic,
  name,
  take,
  fail,
}: Parameters<typeof subscribeToTopics>[0] & { topic: WatchedTopic }): Promise<Subscription> {
  const [subscription] = await pubsub.topic(topic).createSubscription(`${name}-${topic}`);
  subscription.on('error', fail);
  subscription.on('message', (message: Message) => {
    message.ack();
    try {
      take(read(topic, message));
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
  return subscription;
}

function read(topic: WatchedTopic, { id, attributes, data }: Message): Seen {
  const content: unknown = JSON.parse(data.toString('utf8'));
  if (topic === storageTopic)
    return { kind: 'upload', id, data: notificationSchema.parse(content), message: { data, attributes } };
  const { 'ce-id': eventIdentity = '', 'ce-type': type = '', 'ce-source': source = '' } = attributes;
  const event: IncomingEvent = { id: eventIdentity, type, source, data: content };
  switch (topic) {
    case 'change-committed':
      return { kind: topic, id: event.id, data: parseChangeCommitted(event) };
    case 'reconcile':
      return { kind: topic, id: event.id, data: parseReconcileRequested(event) };
    case 'dead-letter':
      return { kind: topic, id: event.id, data: deadLetterSchema.parse(content) };
    default:
      return alertSeen(event);
  }
}

function alertSeen(event: IncomingEvent): Seen {
  const alert = parseReceivedAlert(event);
  if (alert.kind !== undefined) return { kind: 'alert', id: event.id, alert };
  if (alert.topic === 'diff') return { kind: 'diff', id: event.id, data: alert.data };
  return { kind: 'converged', id: event.id, data: alert.data };
}
