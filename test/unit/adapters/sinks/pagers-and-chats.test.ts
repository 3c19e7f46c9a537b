import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import type { SinkMessage } from '../../../../shared/notices/delivery-record.ts';
import { noticeOf, type Notice } from '../../../../shared/notices/notice.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { closed, hostile, news, opened } from './alerts.ts';
import { secretFolder, startReceiver, type Receiver } from './receiver.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let receiver: Receiver;
beforeAll(async () => {
  secrets = await secretFolder();
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => receiver.stop());
const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
const time = '2026-11-21T01:02:04.000Z';

describe('PagerDuty', () => {
  async function deliver(alert = opened(), of: Partial<Notice> = {}) {
    // As its reference shows an answer. https://developer.pagerduty.com/docs/events-api-v2/overview/
    receiver.answers = () => ({
      status: 202,
      body: { status: 'success', message: 'Event processed', dedup_key: '4be0d1a2c3f40516' },
    });
    const routingKeySecretFile = await secrets.fileWith('routing', 'R0uT1nGk3y0f32characters00000000\n');
    const sink = { name: 'pager', pagerduty: { routingKeySecretFile, api: receiver.url } };
    const notice = { ...noticeOf(alert, { isTold: false }), ...of };
    return createSinks({ answer: 5_000 }).deliver(deliveryOf({ sink, alert, notice, time }));
  }

  it('is told to trigger an alert by the key of the incident', async () => {
    await deliver();
    expect(receiver.calls).toMatchObject([{ path: '/v2/enqueue' }]);
    expect(receiver.calls[0]?.body).toEqual({
      ...{ routing_key: 'R0uT1nGk3y0f32characters00000000', event_action: 'trigger', dedup_key: '4be0d1a2c3f40516' },
      payload: {
        summary: 'master/acme-production Drifted: Deployment acme/web: image differs',
        ...{ source: 'master/acme-production', severity: 'warning', timestamp: time },
        custom_details: {
          occurrence: 1,
          said: ['Since 2026-11-21T01:02:03.000Z. Nothing is done about it.', 'At main@sha1:9f2c in production-eu'],
        },
      },
      client: 'Converge',
    });
  });

  it('is told to acknowledge and to resolve it by the same', async () => {
    await deliver(opened(), { state: 'acknowledged' });
    await deliver(closed);
    expect(receiver.calls.map(({ body }) => body)).toMatchObject([
      { event_action: 'acknowledge', dedup_key: '4be0d1a2c3f40516' },
      { event_action: 'resolve', dedup_key: '4be0d1a2c3f40516' },
    ]);
  });

  it('wakes nobody for a revision that ends no incident', async () => {
    await deliver(news);
    expect(receiver.calls).toEqual([]);
  });

  it('refuses what it takes for invalid', async () => {
    const work = deliver();
    receiver.answers = () => ({
      status: 400,
      body: { status: 'invalid event', message: 'Event object is invalid', errors: ["'routing_key' is invalid"] },
    });
    expect(await failureOf(work)).toMatchObject({ code: 'SinkRefused', problem: 'PagerDuty answered 400' });
  });
});

describe('Google Chat', () => {
  async function deliver(alert = opened(), perhaps = false) {
    // As its reference shows the answer to an incoming webhook.
    receiver.answers = () => ({
      body: { name: 'spaces/AAAA/messages/BBBB.CCCC', thread: { name: 'spaces/AAAA/threads/CCCC' } },
    });
    const url = `${receiver.url}/v1/spaces/AAAA/messages?key=canary-key&token=canary-token`;
    const urlSecretFile = await secrets.fileWith('chat', `${url}\n`);
    const sink = { name: 'space', googleChat: { urlSecretFile, api: 'https://chat.googleapis.com' } };
    return createSinks({ answer: 5_000 }).deliver(deliveryOf({ sink, alert, perhaps }));
  }

  it('gets a card in a thread of the incident, under the id of the alert', async () => {
    await deliver();
    const [call] = receiver.calls;
    expect(call?.path).toBe(
      '/v1/spaces/AAAA/messages?key=canary-key&token=canary-token&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId=event-7',
    );
    expect(call?.body).toMatchObject({
      thread: { threadKey: '4be0d1a2c3f40516' },
      fallbackText: 'master/acme-production Drifted: Deployment acme/web: image differs',
      cardsV2: [{ cardId: 'event-7', card: { header: { title: '🔴 master/acme-production', subtitle: 'opened' } } }],
    });
  });

  it('gets the end in the same thread', async () => {
    await deliver(closed);
    expect(receiver.calls[0]?.body).toMatchObject({ thread: { threadKey: '4be0d1a2c3f40516' } });
  });

  it('shows names as they are, and mentions nobody', async () => {
    await deliver(hostile);
    expect(JSON.stringify(Object(receiver.calls[0]?.body).cardsV2)).not.toMatch(/<(?!b>|\/b>|br>)/);
    const { fallbackText } = Object(receiver.calls[0]?.body);
    expect(fallbackText).toContain(String.raw`acme\u001b[31m`);
    expect(fallbackText).not.toContain('<');
    expect(fallbackText).not.toContain('\u001b');
  });

  it('tells no address', async () => {
    const work = deliver();
    receiver.answers = () => ({ status: 403 });
    const error = await failureOf(work);
    expect(error).toMatchObject({ code: 'SinkRefused', problem: 'Google Chat answered 403' });
    expect(JSON.stringify(error) + String(error)).not.toContain('canary');
  });
});

describe('Google Chat, as an app', () => {
  const name = 'client-b7d2';
  async function deliver(
    alert = opened(),
    { isTold = false, id = 'event-7', message }: { isTold?: boolean; id?: string; message?: SinkMessage } = {},
  ) {
    const sink = { name: 'space', googleChat: { space: 'spaces/AAAA', api: receiver.url } };
    const notice = noticeOf(alert, { isTold });
    const sinks = createSinks({ answer: 5_000, chatToken: async () => 'ya29.token' });
    return sinks.deliver(deliveryOf({ sink, alert, notice, id, message }));
  }
  const methods = (): string[] =>
    receiver.calls.map(({ method, path }) => `${method} ${path.replaceAll(/client-[0-9a-f]{32}/g, name)}`);
  const created = `POST /v1/spaces/AAAA/messages?messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&messageId=${name}`;
  const changed = `PATCH /v1/spaces/AAAA/messages/${name}?updateMask=cardsV2`;

  it('gets a message under a name of ours', async () => {
    await deliver();
    expect(methods()).toEqual([created]);
    expect(receiver.calls[0]).toMatchObject({
      ...{ headers: { authorization: 'Bearer ya29.token' }, body: { thread: { threadKey: '4be0d1a2c3f40516' } } },
    });
  });

  it('has it changed in place, and what changed told in its thread', async () => {
    await deliver();
    await deliver(opened(), { isTold: true, id: 'event-8' });
    await deliver(closed, { id: 'event-9' });
    expect(methods()).toEqual([created, changed, created, changed, created]);
    const ids = receiver.calls.map(({ path }) => /client-[0-9a-f]{32}/.exec(path)?.[0]);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[3]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });

  it('has the message of before changed where the incident came back, and its end was not told', async () => {
    const message = await deliver();
    await deliver(opened({ occurrence: 2, since: '2026-11-21T03:00:00.000Z' }), {
      ...{ isTold: true, id: 'event-8' },
      ...(message === undefined ? {} : { message }),
    });
    const [first, second] = receiver.calls.map(({ path }) => /client-[0-9a-f]{32}/.exec(path)?.[0]);
    expect(second).toBe(first);
  });

  it('has a message whose answer was lost once', async () => {
    receiver.answers = ({ method }) => ({ status: method === 'POST' ? 409 : 200 });
    await deliver();
    expect(methods()).toEqual([created, changed]);
  });

  it('gets another where somebody deleted the first', async () => {
    receiver.answers = ({ method }) => ({ status: method === 'PATCH' ? 404 : 200 });
    await deliver(closed);
    expect(methods()).toEqual([changed, created]);
  });
});
