import type { AlertSink } from '../../config/sinks.ts';
import { eventId } from '../../events/cloud-event.ts';
import type { SinkMessage } from '../../notices/delivery-record.ts';
import type { Notice } from '../../notices/notice.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import { escapeHtml, linkAsHtml } from './escape-html.ts';
import type { Post } from './post.ts';
import { readAddress } from './secrets.ts';

type GoogleChat = NonNullable<AlertSink['googleChat']>;

/** The scope of a Chat app's own messages. */
export const chatScope = 'https://www.googleapis.com/auth/chat.bot';

/**
 * Google Chat: a card in a thread of the incident's own.
 * https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create
 *
 * @param token of the app, where there is a space
 */
export async function deliverToGoogleChat(
  delivery: SinkDelivery,
  { urlSecretFile, space, api }: GoogleChat,
  { post, token }: { post: Post; token: () => Promise<string> },
): Promise<SinkMessage | undefined> {
  if (delivery.notice.incident === null && delivery.alert.kind !== 'report') return undefined;
  if (space !== undefined) {
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json; charset=UTF-8' };
    const as = { messages: `${api}/v1/${space}/messages`, headers, post };
    return delivery.alert.kind === 'report' ? postReport(delivery, as) : postAsApp(delivery, as);
  }
  return urlSecretFile === undefined ? undefined : postByWebhook(delivery, urlSecretFile, post);
}

/** By `requestId` a message that is sent again is not another one. */
async function postByWebhook(delivery: SinkDelivery, file: string, post: Post): Promise<undefined> {
  const { url, login } = await readAddress({ file, sink: delivery.sink.name });
  const headers = { 'content-type': 'application/json; charset=UTF-8', ...login };
  const body = messageOf(delivery, { isMarked: delivery.perhaps });
  await post({ url: inThread(url, { requestId: delivery.id }), headers, body });
}

interface AsApp {
  readonly messages: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly post: Post;
}

/**
 * One message of an occurrence, under a name of ours, which is changed in place; what changed in its thread. A name that
 * is taken is that of the message whose answer was lost. Where the end of the occurrence before is not told, its message
 * is that of the next one, too.
 */
async function postAsApp(delivery: SinkDelivery, as: AsApp): Promise<SinkMessage> {
  const { notice, id, message } = delivery;
  const { key = '', since } = notice.incident ?? {};
  const known = notice.state === 'opened' ? undefined : message?.['name'];
  const name = known ?? `client-${eventId('incident', key, since ?? '')}`;
  if (notice.state === 'opened' && (await create(delivery, { ...as, name }))) return { name };
  if (!(await change(delivery, { ...as, name }))) await create(delivery, { ...as, name });
  else if (notice.state !== 'opened') await create(delivery, { ...as, name: `client-${eventId('alert', id)}` });
  return { name };
}

/** A name that is taken is that of the report whose answer was lost. */
async function postReport(delivery: SinkDelivery, as: AsApp): Promise<undefined> {
  await create(delivery, { ...as, name: `client-${eventId('alert', delivery.id)}` });
}

/** False where the name is taken. */
async function create(delivery: SinkDelivery, { messages, headers, post, name }: AsApp & { name: string }) {
  const url = inThread(messages, { messageId: name });
  const { status } = await post({ url, headers, body: messageOf(delivery, { isMarked: false }), unless: [409] });
  return status !== 409;
}

/** False where there is no message of that name. */
async function change(delivery: SinkDelivery, { messages, headers, post, name }: AsApp & { name: string }) {
  const url = `${messages}/${name}?updateMask=cardsV2`;
  const body = messageOf(delivery, { isMarked: false });
  const { status } = await post({ method: 'PATCH', url, headers, body, unless: [404] });
  return status !== 404;
}

function inThread(url: string, parameters: Readonly<Record<string, string>>): string {
  const address = new URL(url);
  address.searchParams.set('messageReplyOption', 'REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD');
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
}

function messageOf({ notice, id, alert }: SinkDelivery, { isMarked }: { isMarked: boolean }): string {
  const card = cardOf(notice, { isMarked });
  const header = { title: `📋 ${notice.about}`, subtitle: 'report' };
  return JSON.stringify({
    cardsV2: [{ cardId: id, card: alert.kind === 'report' ? { ...card, header } : card }],
    // Outside of cards, `<users/all>` would be everybody.
    fallbackText: notice.title.replaceAll('<', '‹'),
    thread: { threadKey: notice.incident?.key ?? id },
  });
}

const signs = { opened: '🔴', changed: '🟠', acknowledged: '🟡', closed: '✅' } as const;

/** Paragraphs are read as HTML, and a header as plain text; neither names a person, or all. */
function cardOf({ state, title, about, lines, links = [] }: Notice, { isMarked }: { isMarked: boolean }): object {
  const said = isMarked ? [...lines, 'This may have been told before: an answer was lost'] : lines;
  return {
    header: { title: `${signs[state]} ${about}`, subtitle: state },
    sections: [
      {
        widgets: [
          { textParagraph: { text: `<b>${escapeHtml(title)}</b>` } },
          { textParagraph: { text: said.map(escapeHtml).join('<br>') } },
          ...(links.length === 0 ? [] : [{ textParagraph: { text: links.map(linkAsHtml).join(' · ') } }]),
        ],
      },
    ],
  };
}
