import { ConvergeError } from '../base/errors.ts';
import type { AlertSink } from '../config/sinks.ts';
import type { HeardAnswer, Missed, SinkDelivery, Sinks } from '../ports/messages.ts';
import { linksOf, type RepositoryUrl } from '../notices/links.ts';
import { kindOf } from '../notices/sink-abilities.ts';
import { patience } from './patience.ts';
import type { Tokens } from './google/tokens.ts';
import { chatScope, deliverToGoogleChat } from './sinks/google-chat.ts';
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

export interface SinkOptions {
  /** Milliseconds for each request. */
  readonly answer: number;
  /** An access token of the Chat app; absent: of the function's own account. */
  readonly chatToken?: () => Promise<string>;
  /** For links; absent: of no class is known where its repository is. */
  readonly repositoryUrl?: RepositoryUrl;
  /** Told what each sink answers, for who asks how it does. */
  readonly heard?: ((answer: HeardAnswer) => void) | undefined;
}

/** Delivers alerts to sinks of every kind, each by its file in `sinks/`. */
export function createSinks({
  answer = patience.sinks.answer,
  chatToken = ownChatToken(),
  repositoryUrl = () => undefined,
  heard,
}: Partial<SinkOptions> = {}): Sinks {
  const pauses = new Map<string, number>();
  const silences = new Map<string, number>();
  return {
    async deliver(delivery, missed = () => {}) {
      const { sink } = delivery;
      refuseToWait(sink.name, silences);
      const startedAt = Date.now();
      const post = posting({ sink: sink.name, receiver: receivers[kindOf(sink)], answer, pauses, heard });
      try {
        return await deliverBy(withLinks(delivery, repositoryUrl), sink, { post, answer, chatToken, missed, heard });
      } catch (error) {
        if (Date.now() - startedAt >= answer) silences.set(sink.name, Date.now() + patience.sinks.silence);
        throw error;
      }
    },
  };
}

function withLinks(delivery: SinkDelivery, repositoryUrl: RepositoryUrl): SinkDelivery {
  const links = linksOf(delivery.alert, { repositoryUrl });
  return links.length === 0 ? delivery : { ...delivery, notice: { ...delivery.notice, links } };
}

/** Each alert would wait as long, and those behind it, which are for other sinks, too. */
function refuseToWait(sink: string, silences: ReadonlyMap<string, number>): void {
  const until = silences.get(sink) ?? 0;
  if (until <= Date.now()) return;
  throw new ConvergeError({
    code: 'SinkUnavailable',
    subject: `alert sink ${sink}`,
    message: `did not answer a moment ago, and is asked again after ${new Date(until).toISOString()}`,
    disposition: 'retry',
  });
}

async function deliverBy(
  delivery: SinkDelivery,
  { webhook, slack, googleChat, pagerduty, email }: AlertSink,
  {
    post,
    answer,
    chatToken,
    missed,
    heard,
  }: { post: Post; missed: Missed } & Required<Omit<SinkOptions, 'repositoryUrl' | 'heard'>> &
    Pick<SinkOptions, 'heard'>,
): ReturnType<Sinks['deliver']> {
  if (webhook !== undefined) return deliverToWebhook(delivery, webhook, post);
  if (slack !== undefined) return deliverToSlack(delivery, slack, post);
  if (googleChat !== undefined) return deliverToGoogleChat(delivery, googleChat, { post, token: chatToken });
  if (pagerduty !== undefined) return deliverToPagerduty(delivery, pagerduty, post);
  if (email === undefined) return undefined;
  // Its library is loaded by those alone who send mail.
  return (await import('./sinks/email.ts')).deliverByMail(delivery, email, { answer, missed, heard });
}

/** Its library is loaded by those alone who post as a Chat app. */
function ownChatToken(): () => Promise<string> {
  let tokens: Promise<Tokens> | undefined;
  return async () => {
    tokens ??= import('./google/tokens.ts').then(({ createTokens }) => createTokens({ scopes: [chatScope] }));
    return (await tokens).current();
  };
}
