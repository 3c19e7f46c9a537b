import type { AlertSink } from '../../config/sinks.ts';
import type { Notice } from '../../notices/notice.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import type { Post } from './post.ts';
import { readToken } from './secrets.ts';

const actions = { opened: 'trigger', changed: 'trigger', acknowledged: 'acknowledge', closed: 'resolve' } as const;

/**
 * Events API v2: the incident's key is the `dedup_key`, by which what is sent again changes nothing.
 * https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
 */
export async function deliverToPagerduty(
  { notice, time }: SinkDelivery,
  { routingKeySecretFile, api }: NonNullable<AlertSink['pagerduty']>,
  post: Post,
): Promise<undefined> {
  if (notice.incident === null) return;
  const routingKey = await readToken({ file: routingKeySecretFile, what: 'integration key' });
  const event = {
    ...{ routing_key: routingKey, event_action: actions[notice.state], dedup_key: notice.incident.key },
    ...(notice.state === 'opened' || notice.state === 'changed'
      ? { payload: payloadOf(notice, time), ...linksIn(notice) }
      : {}),
    client: 'Converge',
  };
  await post({
    url: `${api}/v2/enqueue`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
}

function linksIn({ links = [] }: Notice): object {
  return links.length === 0 ? {} : { links: links.map(({ title: text, url: href }) => ({ href, text })) };
}

/** Its text is shown as it is. A summary has 1,024 characters at most. */
function payloadOf({ about, severity, title, lines, incident }: Notice, time: string | undefined): object {
  return {
    ...{ summary: title, source: about, severity },
    ...(time === undefined ? {} : { timestamp: time }),
    custom_details: { occurrence: incident?.occurrence, said: lines },
  };
}
