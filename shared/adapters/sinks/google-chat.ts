import type { AlertSink } from '../../config/sinks.ts';
import type { Notice } from '../../notices/notice.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import { escapeHtml } from './escape-html.ts';
import type { Post } from './post.ts';
import { readAddress } from './secrets.ts';

/**
 * An incoming webhook of Google Chat: a card in a thread of the incident's own. By `requestId` a message that is sent
 * again is not another one.
 * https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create
 */
export async function deliverToGoogleChat(
  { sink, notice, id, perhaps }: SinkDelivery,
  { urlSecretFile }: NonNullable<AlertSink['googleChat']>,
  post: Post,
): Promise<undefined> {
  if (notice.incident === null) return;
  const { url, login } = await readAddress({ file: urlSecretFile, sink: sink.name });
  const address = new URL(url);
  address.searchParams.set('messageReplyOption', 'REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD');
  address.searchParams.set('requestId', id);
  const message = {
    cardsV2: [{ cardId: id, card: cardOf(notice, { perhaps }) }],
    // Outside of cards, `<users/all>` would be everybody.
    fallbackText: notice.title.replaceAll('<', '‹'),
    thread: { threadKey: notice.incident.key },
  };
  await post({
    url: address.href,
    headers: { 'content-type': 'application/json; charset=UTF-8', ...login },
    body: JSON.stringify(message),
  });
}

const signs = { opened: '🔴', changed: '🟠', acknowledged: '🟡', closed: '✅' } as const;

/** Paragraphs are read as HTML, and a header as plain text; neither names a person, or all. */
function cardOf({ state, title, about, lines }: Notice, { perhaps }: { perhaps: boolean }): object {
  const said = perhaps ? [...lines, 'This may have been told before: an answer was lost'] : lines;
  return {
    header: { title: `${signs[state]} ${about}`, subtitle: state },
    sections: [
      {
        widgets: [
          { textParagraph: { text: `<b>${escapeHtml(title)}</b>` } },
          { textParagraph: { text: said.map(escapeHtml).join('<br>') } },
        ],
      },
    ],
  };
}
