import type { AlertSink } from '../config/sinks.ts';
import type { SinkDelivery, Sinks } from '../ports/messages.ts';
import { kindOf } from '../notices/sink-abilities.ts';
import { patience } from './patience.ts';
import { deliverToGoogleChat } from './sinks/google-chat.ts';
import { deliverToPagerduty } from './sinks/pagerduty.ts';
import { posting, type Post } from './sinks/post.ts';
import { deliverToSlack } from './sinks/slack.ts';
import { deliverToWebhook } from './sinks/webhook.ts';

/** What answers in the name of a sink, for its errors. */
const receivers = {
  webhook: 'the webhook',
  slack: 'Slack',
  googleChat: 'Google Chat',
  pagerduty: 'PagerDuty',
  email: 'the mail server',
} as const;

/**
 * Delivers alerts to sinks of every kind, each by its file in `sinks/`.
 *
 * @param answer milliseconds for each request
 */
export function createSinks({ answer }: { readonly answer: number } = patience.sinks): Sinks {
  const pauses = new Map<string, number>();
  return {
    async deliver(delivery) {
      const { sink } = delivery;
      const post = posting({ sink: sink.name, receiver: receivers[kindOf(sink)], answer, pauses });
      return deliverBy(delivery, sink, { post, answer });
    },
  };
}

async function deliverBy(
  delivery: SinkDelivery,
  { webhook, slack, googleChat, pagerduty, email }: AlertSink,
  { post, answer }: { post: Post; answer: number },
): ReturnType<Sinks['deliver']> {
  if (webhook !== undefined) return deliverToWebhook(delivery, webhook, post);
  if (slack !== undefined) return deliverToSlack(delivery, slack, post);
  if (googleChat !== undefined) return deliverToGoogleChat(delivery, googleChat, post);
  if (pagerduty !== undefined) return deliverToPagerduty(delivery, pagerduty, post);
  if (email === undefined) return undefined;
  // Its library is loaded by those alone who send mail.
  return (await import('./sinks/email.ts')).deliverByMail(delivery, email, { answer });
}
