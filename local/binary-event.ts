/** A Pub/Sub message, as far as its delivery needs it. */
export interface PulledMessage {
  readonly id: string;
  readonly publishTime: Date;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** A CloudEvent in the binary mode of the HTTP binding: attributes as `ce-*` headers, the data as body. */
export interface BinaryEvent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * What Eventarc makes of a bucket notification.
 * https://docs.cloud.google.com/eventarc/docs/run/create-trigger-storage-gcloud
 */
export function storageEvent(message: PulledMessage): BinaryEvent {
  const { bucketId = '', objectId = '', eventTime = message.publishTime.toISOString() } = message.attributes;
  return {
    headers: headerSafe({
      'content-type': 'application/json; charset=utf-8',
      'ce-specversion': '1.0',
      'ce-id': message.id,
      'ce-type': 'google.cloud.storage.object.v1.finalized',
      'ce-source': `//storage.googleapis.com/projects/_/buckets/${bucketId}`,
      'ce-subject': `objects/${objectId}`,
      'ce-bucket': bucketId,
      'ce-time': eventTime,
    }),
    body: message.data,
  };
}

/**
 * What a push subscription with `no_wrapper` and `write_metadata` makes of a message: attributes become headers as they
 * are, `content-type` among them, beside the message's own facts.
 * https://docs.cloud.google.com/pubsub/docs/payload-unwrapping
 */
export function unwrappedEvent(message: PulledMessage, subscription: string): BinaryEvent {
  return {
    headers: headerSafe({
      ...Object.fromEntries(Object.entries(message.attributes).map(([name, value]) => [name.toLowerCase(), value])),
      'x-goog-pubsub-message-id': message.id,
      'x-goog-pubsub-publish-time': message.publishTime.toISOString(),
      'x-goog-pubsub-subscription-name': subscription,
    }),
    body: message.data,
  };
}

/** Characters that no header may carry are percent-encoded, as the CloudEvents HTTP binding asks (v1.0.2, 3.1.3.2). */
function headerSafe(headers: Record<string, string>): Record<string, string> {
  const encode = (value: string): string =>
    value.replace(/[^\x20-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()));
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, encode(value)]));
}
