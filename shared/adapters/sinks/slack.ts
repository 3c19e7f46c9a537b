import { z } from 'zod';
import type { AlertSink } from '../../config/sinks.ts';
import type { SinkMessage } from '../../notices/delivery-record.ts';
import type { NoticeLink } from '../../notices/links.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import type { Post } from './post.ts';
import { readToken } from './secrets.ts';
import { slackCalls, type SlackCall } from './slack-calls.ts';

type Slack = NonNullable<AlertSink['slack']>;

/** Of messages of ours, with the incident's key and occurrence, and the alert's id. */
const eventType = 'converge_incident';

/**
 * One message of an incident's occurrence, which is updated in place, and what changed in its thread. Where an answer was
 * lost, the channel is asked first for the message that has the incident in its metadata; where it cannot be, what is
 * sent says that it may have been told before.
 * https://docs.slack.dev/reference/methods/chat.postMessage
 */
export async function deliverToSlack(
  delivery: SinkDelivery,
  slack: Slack,
  post: Post,
): Promise<SinkMessage | undefined> {
  const { notice, message, perhaps, alert } = delivery;
  if (notice.incident === null && alert.kind !== 'report') return undefined;
  const token = await readToken({ file: slack.tokenSecretFile, what: 'token' });
  const { channel } = slack;
  const asked = { delivery, channel, call: slackCalls({ sink: delivery.sink.name, api: slack.api, token, post }) };
  if (alert.kind === 'report') return tellReport(asked);
  const known = notice.state === 'opened' ? undefined : message?.['ts'];
  // Of what goes on without a message that is remembered, whoever told the beginning could remember nothing. Where an
  // answer was lost, that may be of another message than the one that is remembered.
  const isAsked = perhaps || (known === undefined && notice.state !== 'opened');
  const found = isAsked ? await findMessage(asked) : undefined;
  const ts = (found === 'unknown' ? undefined : found?.ts) ?? known;
  if (ts === undefined || !(await update({ ...asked, ts })))
    return { ts: await tell({ ...asked, isMarked: perhaps && found === 'unknown' }) };
  if (notice.state !== 'opened') await reply({ ...asked, ts });
  return { ts };
}

/** One message of a report, of which nothing more is told. Where an answer was lost, it is looked for by its alert. */
async function tellReport(asked: Asked): Promise<undefined> {
  const { delivery, channel, call } = asked;
  if (!delivery.perhaps) return void (await tell({ ...asked, isMarked: false }));
  const args = { channel, limit: '999', include_all_metadata: 'true' };
  const found = await call.read('conversations.history', args, { schema: messagesSchema, unless: unreadable });
  const isThere = found?.messages.some(({ metadata }) => metadata?.event_payload['alert'] === delivery.id);
  if (isThere !== true) await tell({ ...asked, isMarked: found === undefined });
}

interface Asked {
  readonly delivery: SinkDelivery;
  readonly channel: string;
  readonly call: SlackCall;
}

const postedSchema = z.object({ ts: z.string() });
const messagesSchema = z.object({
  messages: z
    .array(
      z.object({
        ts: z.string(),
        metadata: z
          .object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) })
          .optional()
          .catch(undefined),
      }),
    )
    .default([]),
});
/** A token that may not read the channel may well write to it. */
const unreadable = ['missing_scope', 'not_in_channel', 'channel_not_found', 'no_permission'];

/** Returns what Slack knows the message by. */
async function tell({
  delivery,
  channel,
  call,
  thread,
  isMarked,
}: Asked & { thread?: string; isMarked: boolean }): Promise<string> {
  const inThread = thread === undefined ? {} : { thread_ts: thread };
  const args = { channel, ...inThread, ...contentOf(delivery, { isMarked }), unfurl_links: false, unfurl_media: false };
  return (await call.write('chat.postMessage', args, postedSchema)).ts;
}

/** False where the message is there no more. */
async function update({ delivery, channel, call, ts }: Asked & { ts: string }): Promise<boolean> {
  const args = { channel, ts, ...contentOf(delivery, { isMarked: false }) };
  const updated = await call.tried('chat.update', args, { schema: postedSchema, unless: ['message_not_found'] });
  return updated !== undefined;
}

async function reply(asked: Asked & { ts: string }): Promise<void> {
  const { delivery, channel, call, ts } = asked;
  if (!delivery.perhaps) return void (await tell({ ...asked, thread: ts, isMarked: false }));
  const args = { channel, ts, limit: '200', include_all_metadata: 'true' };
  const found = await call.read('conversations.replies', args, { schema: messagesSchema, unless: unreadable });
  const isThere = found?.messages.some(
    (message) => message.ts !== ts && message.metadata?.event_payload['alert'] === delivery.id,
  );
  if (isThere !== true) await tell({ ...asked, thread: ts, isMarked: found === undefined });
}

/**
 * The newest message of this occurrence, or of one before it that still shows the incident as open, of the last 999 of the
 * channel; `unknown` where that cannot be read.
 */
async function findMessage({ delivery, channel, call }: Asked): Promise<{ ts: string } | 'unknown' | undefined> {
  const { incident } = delivery.notice;
  const args = { channel, limit: '999', include_all_metadata: 'true' };
  const found = await call.read('conversations.history', args, { schema: messagesSchema, unless: unreadable });
  if (found === undefined) return 'unknown';
  return found.messages.find(
    ({ metadata }) =>
      metadata?.event_type === eventType &&
      metadata.event_payload['incident'] === incident?.key &&
      (metadata.event_payload['since'] === (incident?.since ?? '') || isOpen(metadata.event_payload['state'])),
  );
}

function isOpen(state: unknown): boolean {
  return typeof state === 'string' && state !== 'closed';
}

const signs = { opened: '🔴', changed: '🟠', acknowledged: '🟡', closed: '✅' } as const;
const reportSign = '📋';

/** Blocks of plain text, in which nothing is markup; `text` is what notifications show, and is read as markup. */
function contentOf({ notice, id, alert }: SinkDelivery, { isMarked }: { isMarked: boolean }): object {
  const { state, title, lines, incident, links = [] } = notice;
  const headline = `${alert.kind === 'report' ? reportSign : signs[state]} ${title}`;
  const { key = '', occurrence = 1, since } = incident ?? {};
  const said = isMarked ? [...lines, 'This may have been told before: an answer was lost.'] : lines;
  return {
    text: escapeSlack(headline),
    blocks: [plain(headline), plain(said.join('\n')), ...(links.length === 0 ? [] : [linked(links)])],
    metadata: {
      event_type: eventType,
      event_payload: { incident: key, occurrence, since: since ?? '', alert: id, state },
    },
  };
}

/** At most 3,000 characters. https://docs.slack.dev/reference/block-kit/blocks/section-block */
function plain(text: string): object {
  return { type: 'section', text: { type: 'plain_text', emoji: false, text: text.slice(0, 3_000).toWellFormed() } };
}

/** `|` and `>` would end an address. https://docs.slack.dev/messaging/formatting-message-text#linking-urls */
function linked(links: readonly NoticeLink[]): object {
  const texts = links.map(({ title, url }) => `<${escapeSlack(url.replaceAll('|', '%7C'))}|${escapeSlack(title)}>`);
  return { type: 'context', elements: [{ type: 'mrkdwn', text: texts.join(' · ') }] };
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
