import { createHmac } from 'node:crypto';
import type { AlertSink } from '../../config/sinks.ts';
import { alertData, encodeReceivedAlert } from '../../events/received-alert.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import type { Post } from './post.ts';
import { readAddress, type Address } from './secrets.ts';
import { readSharedSecret, standardHeaders } from './standard-webhooks.ts';

type Webhook = NonNullable<AlertSink['webhook']>;

/**
 * A POST by Standard Webhooks. Its `webhook-id` is the id of the alert's event, also when it is sent again. The body is
 * the event in structured JSON, or its data alone with the headers that versions before sent.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#32-structured-content-mode
 */
export async function deliverToWebhook(delivery: SinkDelivery, webhook: Webhook, post: Post): Promise<undefined> {
  const { url, login } = await addressOf(delivery.sink.name, webhook);
  const { body, headers } = webhook.body === 'cloudevents' ? structured(delivery) : await dataAlone(delivery, webhook);
  const signed = await standardHeaders({ id: delivery.id, seconds: Math.floor(Date.now() / 1000), body }, webhook);
  await post({ url, headers: { ...headers, ...login, ...signed }, body });
}

interface Content {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

function structured({ alert, id, time, notice, perhaps }: SinkDelivery): Content {
  const { type, source, subject } = encodeReceivedAlert(alert, new Date(time ?? 0));
  const data = { ...alertData(alert), notice };
  const event = {
    ...{ specversion: '1.0', id, type, source, subject, ...(time === undefined ? {} : { time }) },
    // An extension attribute: letters and digits.
    ...(perhaps ? { sentbefore: 'perhaps' } : {}),
    ...{ datacontenttype: 'application/json', data },
  };
  return { body: JSON.stringify(event), headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' } };
}

async function dataAlone({ alert, id, time }: SinkDelivery, { secretFile }: Webhook): Promise<Content> {
  const body = JSON.stringify({ topic: alert.topic, ...alertData(alert) });
  const signature: Record<string, string> =
    secretFile === undefined ? {} : { 'x-converge-signature-256': await signatureOf({ body, secretFile }) };
  const { type } = encodeReceivedAlert(alert, new Date(time ?? 0));
  return { body, headers: { 'content-type': 'application/json', 'ce-id': id, 'ce-type': type, ...signature } };
}

async function addressOf(sink: string, { url, urlSecretFile }: Webhook): Promise<Address> {
  if (url !== undefined || urlSecretFile === undefined) return { url: url ?? '', login: {} };
  return readAddress({ file: urlSecretFile, sink });
}

async function signatureOf({ body, secretFile }: { body: string; secretFile: string }): Promise<string> {
  const secret = await readSharedSecret(secretFile);
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
