import { z } from 'zod';
import type { AlertSink } from '../../../../shared/config/sinks.ts';

/*
 * The services behind the sinks, as far as what they remember decides what people see: ids that they know again, messages
 * that are changed in place, alerts that open and resolve.
 */

/** Of each beginning and each end that people were shown: incident, when it began, and `opened` or `closed`. */
export interface Shown {
  readonly incident: string;
  /** Empty where the service knows an incident by its key alone. */
  readonly since: string;
  readonly state: 'opened' | 'closed';
  /** Whether it said that it may have been told before. */
  readonly marked: boolean;
}

export interface Came {
  readonly incident: string;
  readonly count: number;
}

function comes(came: Map<string, Came>, { id, incident }: { id: string; incident: string }): number {
  const count = (came.get(id)?.count ?? 0) + 1;
  came.set(id, { incident, count });
  return count;
}

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export interface Service {
  readonly sink: AlertSink;
  readonly host: string;
  /** What people were shown, in order. */
  readonly shown: readonly Shown[];
  /** How often each message came, by what the service knows it by, with the incident that it is of. */
  readonly came: ReadonlyMap<string, Came>;
  /** What it shows of an incident, where it shows all that is told of it: the title of the last that came. */
  readonly titles?: ReadonlyMap<string, string>;
  /** Keys of the incidents that it shows as open. */
  open(): ReadonlySet<string>;
  take(call: Call): Reply;
  /** How it says that it does not take a request. */
  readonly refusal: Reply;
}

/** Drops what it has had, as Standard Webhooks asks of a receiver; tells how often each came. */
export function webhookService(): Service {
  const bodySchema = z.object({
    sentbefore: z.string().optional(),
    data: z.object({
      notice: z.object({
        incident: z.object({ key: z.string(), since: z.string().nullable() }).nullable(),
        state: z.enum(['opened', 'changed', 'acknowledged', 'closed']),
        title: z.string(),
      }),
    }),
  });
  const [came, shown, open] = [new Map<string, Came>(), [] as Shown[], new Set<string>()];
  const titles = new Map<string, string>();
  return {
    ...{
      titles,
      sink: { name: 'hook', webhook: { url: 'https://hook.example.com/', body: 'cloudevents' } },
      shown,
      came,
    },
    ...{ host: 'hook.example.com', open: () => open, refusal: { status: 400, body: {} } },
    take({ headers, body }) {
      const { sentbefore, data } = bodySchema.parse(JSON.parse(body));
      const { incident, state, title } = data.notice;
      const times = comes(came, { id: headers['webhook-id'] ?? '', incident: incident?.key ?? '' });
      if (times > 1) return { status: 200, body: {} };
      if (incident === null) return { status: 200, body: {} };
      titles.set(incident.key, title);
      const of = { incident: incident.key, since: incident.since ?? '', marked: sentbefore !== undefined };
      if (state === 'opened' || state === 'closed') shown.push({ ...of, state });
      if (state === 'closed') open.delete(incident.key);
      else open.add(incident.key);
      return { status: 200, body: {} };
    },
  };
}

interface SlackMessage {
  ts: string;
  thread: string | undefined;
  text: string;
  metadata: z.infer<typeof metadataSchema>;
}
const metadataSchema = z.object({
  event_type: z.string(),
  event_payload: z.object({ incident: z.string(), since: z.string(), alert: z.string(), state: z.string() }),
});
const slackSchema = z.object({
  ts: z.string().optional(),
  thread_ts: z.string().optional(),
  blocks: z.unknown(),
  metadata: metadataSchema,
});

/** https://docs.slack.dev/reference/methods: newest first in `history`, which has no answers of threads. */
export function slackService({ tokenSecretFile }: { tokenSecretFile: string }): Service {
  const messages: SlackMessage[] = [];
  const [shown, came] = [[] as Shown[], new Map<string, Came>()];
  const show = ({ incident, since, state }: SlackMessage['metadata']['event_payload'], text: string): void => {
    const marked = text.includes('told before');
    if (state === 'closed' || state === 'opened') shown.push({ incident, since, state, marked });
  };
  const write = (method: string, said: z.infer<typeof slackSchema>): object => {
    const text = JSON.stringify(said.blocks);
    if (method === '/chat.update') {
      const message = messages.find(({ ts }) => ts === said.ts);
      if (message === undefined) return { ok: false, error: 'message_not_found' };
      const before = message.metadata.event_payload.state;
      [message.text, message.metadata] = [text, said.metadata];
      if (before !== said.metadata.event_payload.state) show(said.metadata.event_payload, text);
      return { ok: true, ts: message.ts };
    }
    const { alert, incident } = said.metadata.event_payload;
    comes(came, { id: `${said.thread_ts === undefined ? 'channel' : 'thread'} ${alert}`, incident });
    const ts = `1503435956.${String(messages.length).padStart(6, '0')}`;
    messages.unshift({ ts, thread: said.thread_ts, text, metadata: said.metadata });
    if (said.thread_ts === undefined) {
      show({ ...said.metadata.event_payload, state: 'opened' }, text);
      if (said.metadata.event_payload.state === 'closed') show(said.metadata.event_payload, text);
    }
    return { ok: true, ts };
  };
  const read = (method: string, of: URLSearchParams): object => {
    const isThread = method === '/conversations.replies';
    const found = messages.filter(({ ts, thread }) =>
      isThread ? ts === of.get('ts') || thread === of.get('ts') : thread === undefined,
    );
    return { ok: true, messages: found };
  };
  return {
    sink: { name: 'slack', slack: { tokenSecretFile, channel: 'C123ABC456', api: 'https://slack.example.com' } },
    ...{ host: 'slack.example.com', shown, came, refusal: { status: 200, body: { ok: false, error: 'invalid_auth' } } },
    open: () =>
      new Set(
        messages.flatMap(({ thread, metadata: { event_payload: of } }) =>
          thread === undefined && of.state !== 'closed' ? [of.incident] : [],
        ),
      ),
    take({ url: { pathname }, body }) {
      const isRead = pathname.startsWith('/conversations.');
      const answer = isRead
        ? read(pathname, new URLSearchParams(body))
        : write(pathname, slackSchema.parse(JSON.parse(body)));
      return { status: 200, body: answer };
    },
  };
}

const chatSchema = z.object({
  cardsV2: z.tuple([z.object({ card: z.object({ header: z.object({ subtitle: z.string() }) }) })]),
  thread: z.object({ threadKey: z.string() }),
});

/** One message for each `requestId`, each in the thread of its incident. */
export function chatWebhookService({ urlSecretFile }: { urlSecretFile: string }): Service {
  const [came, shown, open] = [new Map<string, Came>(), [] as Shown[], new Set<string>()];
  return {
    sink: { name: 'chat', googleChat: { urlSecretFile, api: 'https://unused.example.com' } },
    ...{ host: 'chat.example.com', shown, came, open: () => open, refusal: { status: 400, body: {} } },
    take({ url, body }) {
      const said = chatSchema.parse(JSON.parse(body));
      const [state, incident] = [said.cardsV2[0].card.header.subtitle, said.thread.threadKey];
      const times = comes(came, { id: url.searchParams.get('requestId') ?? '', incident });
      if (times > 1) return { status: 200, body: {} };
      if (state === 'opened' || state === 'closed')
        shown.push({ incident, since: '', state, marked: body.includes('told before') });
      if (state === 'closed') open.delete(incident);
      else open.add(incident);
      return { status: 200, body: {} };
    },
  };
}

/** Names that the app chose: one that is taken is answered 409, one that is not there 404. */
export function chatAppService(): Service {
  const messages = new Map<string, { incident: string; state: string }>();
  const [shown, came] = [[] as Shown[], new Map<string, Came>()];
  const show = (incident: string, name: string, state: string): void => {
    if (state === 'opened' || state === 'closed') shown.push({ incident, since: name, state, marked: false });
  };
  /** Those that began a thread: of names that were asked for before, or of a beginning. Answers have others. */
  const [first, missing] = [new Map<string, string>(), new Set<string>()];
  return {
    sink: { name: 'app', googleChat: { space: 'spaces/AAAA', api: 'https://app.example.com' } },
    ...{ host: 'app.example.com', shown, came, refusal: { status: 403, body: {} } },
    open: () => new Set([...first].flatMap(([name, key]) => (messages.get(name)?.state === 'closed' ? [] : [key]))),
    take({ method, url, body }) {
      const said = chatSchema.parse(JSON.parse(body));
      const [state, incident] = [said.cardsV2[0].card.header.subtitle, said.thread.threadKey];
      const patched = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
      const name = method === 'PATCH' ? patched : (url.searchParams.get('messageId') ?? '');
      const known = messages.get(name);
      if (method === 'PATCH' && known === undefined) {
        missing.add(name);
        return { status: 404, body: {} };
      }
      if (method === 'POST') comes(came, { id: name, incident });
      if (method === 'POST' && known !== undefined) return { status: 409, body: {} };
      messages.set(name, { incident, state });
      if (method === 'PATCH') {
        if (known?.state !== state) show(incident, name, state);
        return { status: 200, body: {} };
      }
      if (state !== 'opened' && !missing.has(name)) return { status: 200, body: {} };
      first.set(name, incident);
      show(incident, name, 'opened');
      if (state === 'closed') show(incident, name, 'closed');
      return { status: 200, body: {} };
    },
  };
}

/** An alert of a `dedup_key` is triggered once, until it is resolved; what is resolved is not resolved again. */
export function pagerdutyService({ routingKeySecretFile }: { routingKeySecretFile: string }): Service {
  const eventSchema = z.object({
    event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
    dedup_key: z.string(),
  });
  // Nothing tells one event of an alert from another.
  const [shown, open, came] = [[] as Shown[], new Set<string>(), new Map<string, Came>()];
  return {
    sink: { name: 'pager', pagerduty: { routingKeySecretFile, api: 'https://pager.example.com' } },
    ...{ host: 'pager.example.com', shown, came, open: () => open, refusal: { status: 400, body: {} } },
    take({ body }) {
      const { event_action: action, dedup_key: incident } = eventSchema.parse(JSON.parse(body));
      const of = { incident, since: '', marked: false };
      if (action === 'trigger' && !open.has(incident)) {
        open.add(incident);
        shown.push({ ...of, state: 'opened' });
      }
      if (action === 'resolve' && open.delete(incident)) shown.push({ ...of, state: 'closed' });
      return { status: 202, body: { status: 'success' } };
    },
  };
}

const mailSchema = z.object({ messageId: z.string(), inReplyTo: z.string().optional(), text: z.string() });

/** Mails of one `Message-ID` are one to those who read them by it. */
export function mailService(): Service {
  const [came, shown, open] = [new Map<string, Came>(), [] as Shown[], new Set<string>()];
  const [from, to] = ['Converge <converge@example.com>', ['ops@example.com']];
  return {
    sink: { name: 'mail', email: { host: 'mail.example.com', port: 587, tls: 'starttls', from, to } },
    ...{ host: 'mail.example.com', shown, came, open: () => open, refusal: { status: 550, body: {} } },
    take({ body }) {
      const { messageId, inReplyTo, text } = mailSchema.parse(JSON.parse(body));
      const [incident = '', since = '', said = ''] = messageId.slice(1).split(/[.@]/);
      if (comes(came, { id: messageId, incident }) > 1) return { status: 250, body: {} };
      // What goes on is an answer to the first, and begins and ends nothing.
      const state = said === 'opened' || said === 'closed' ? said : undefined;
      if (state === undefined) {
        if (inReplyTo === undefined || !came.has(inReplyTo)) return { status: 550, body: {} };
        return { status: 250, body: {} };
      }
      shown.push({ incident, since, state, marked: text.includes('told before') });
      if (state === 'closed') open.delete(incident);
      else open.add(incident);
      return { status: 250, body: {} };
    },
  };
}
