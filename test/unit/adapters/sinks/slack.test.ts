import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import { noticeOf } from '../../../../shared/notices/notice.ts';
import type { Alert } from '../../../../shared/events/alert.ts';
import type { SinkDelivery } from '../../../../shared/ports/messages.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { closed, hostile, news, opened } from './alerts.ts';
import { secretFolder, startReceiver, type Answer, type Call, type Receiver } from './receiver.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let slack: Receiver;
let tokenSecretFile: string;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', 'xoxb-17653672481-19874698323\n');
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  slack = await startReceiver();
  slack.answers = answer();
});
afterEach(async () => slack.stop());

/** As Slack's reference shows its answers. https://docs.slack.dev/reference/methods */
function answer(of: Readonly<Record<string, object>> = {}): (call: Call) => Answer {
  const usual: Readonly<Record<string, object>> = {
    '/chat.postMessage': {
      ...{ ok: true, channel: 'C123ABC456', ts: '1503435956.000247' },
      message: { text: 'Here’s a message for you', username: 'ecto1', bot_id: 'B123ABC456', type: 'message' },
    },
    '/chat.update': { ok: true, channel: 'C123ABC456', ts: '1503435956.000247', text: 'Updated text' },
    '/conversations.history': { ok: true, messages: [], has_more: false, pin_count: 0 },
    '/conversations.replies': { ok: true, messages: [], has_more: false },
  };
  return ({ path }) => ({ body: of[path] ?? usual[path] ?? { ok: false, error: 'unknown_method' } });
}

async function deliver({
  alert = opened(),
  isTold = false,
  ...given
}: { alert?: Alert; isTold?: boolean } & Partial<SinkDelivery> = {}) {
  const sink = { name: 'chat', slack: { tokenSecretFile, channel: 'C123ABC456', api: slack.url } };
  const notice = noticeOf(alert, { isTold });
  return createSinks({ answer: 5_000 }).deliver(deliveryOf({ sink, alert, notice, ...given }));
}
const methods = (): string[] => slack.calls.map(({ path }) => path);
const message = { ts: '1503435956.000247' };
const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );

describe('Slack', () => {
  it('gets one message of an incident, with its key in the metadata', async () => {
    expect(await deliver()).toEqual({ ts: '1503435956.000247' });
    expect(slack.calls).toMatchObject(
      [
        {
          path: '/chat.postMessage',
          headers: { authorization: 'Bearer xoxb-17653672481-19874698323', 'content-type': /^application\/json/ },
          body: {
            channel: 'C123ABC456',
            text: '🔴 master/acme-production Drifted: Deployment acme/web: image differs',
            blocks: [{ type: 'section', text: { type: 'plain_text', emoji: false } }, { type: 'section' }],
            metadata: {
              event_type: 'converge_incident',
              event_payload: { incident: '4be0d1a2c3f40516', since: '2026-11-21T01:02:03.000Z', alert: 'event-7' },
            },
          },
        },
      ].map((call) => ({ ...call, headers: { ...call.headers, 'content-type': 'application/json; charset=utf-8' } })),
    );
  });

  it('has it updated in place, and what changed told in its thread', async () => {
    expect(await deliver({ isTold: true, message })).toEqual(message);
    expect(methods()).toEqual(['/chat.update', '/chat.postMessage']);
    expect(slack.calls[0]?.body).toMatchObject({ ts: message.ts, text: expect.stringMatching(/^🟠/) });
    expect(slack.calls[1]?.body).toMatchObject({ thread_ts: message.ts });
  });

  it('has its end told in the message and its thread', async () => {
    await deliver({ alert: closed, message });
    expect(methods()).toEqual(['/chat.update', '/chat.postMessage']);
    expect(slack.calls[0]?.body).toMatchObject({ text: '✅ master/acme-production converged' });
  });

  it('gets another message where the incident comes back', async () => {
    await deliver({ message });
    expect(methods()).toEqual(['/chat.postMessage']);
  });

  it('gets another where somebody deleted the first', async () => {
    slack.answers = answer({ '/chat.update': { ok: false, error: 'message_not_found' } });
    await deliver({ isTold: true, message });
    expect(methods()).toEqual(['/chat.update', '/chat.postMessage']);
    expect(slack.calls[1]?.body).not.toHaveProperty('thread_ts');
  });

  it('is told nothing of a revision that ends no incident', async () => {
    await deliver({ alert: news });
    expect(methods()).toEqual([]);
  });

  it('shows names as they are, and mentions nobody', async () => {
    await deliver({ alert: hostile });
    const { text, blocks } = Object(slack.calls[0]?.body);
    expect(text).toContain('&lt;!channel&gt; &lt;users/all&gt;');
    expect(text).not.toMatch(/[<>]/);
    expect(blocks.map((block: { text: { type: string } }) => block.text.type)).toEqual(['plain_text', 'plain_text']);
    expect(slack.calls[0]?.text).not.toContain('\u001b');
    expect(text).toContain(String.raw`acme\u001b[31m`);
  });
});

describe('Slack, where an answer was lost', () => {
  const found = {
    ...{ type: 'message', text: 'Drifted', ts: '1503435956.000247' },
    metadata: {
      event_type: 'converge_incident',
      event_payload: {
        incident: '4be0d1a2c3f40516',
        occurrence: 1,
        since: '2026-11-21T01:02:03.000Z',
        alert: 'event-7',
      },
    },
  };

  it('is asked for the message first', async () => {
    slack.answers = answer({ '/conversations.history': { ok: true, messages: [{ ts: '1', text: 'hi' }, found] } });
    expect(await deliver({ perhaps: true })).toEqual(message);
    expect(methods()).toEqual(['/conversations.history', '/chat.update']);
    expect(slack.calls[0]?.text).toBe('channel=C123ABC456&limit=999&include_all_metadata=true');
  });

  it('gets it, unmarked, where it is not there', async () => {
    const earlier = {
      ...found,
      metadata: {
        ...found.metadata,
        event_payload: { ...found.metadata.event_payload, since: '2026-11-20T01:02:03.000Z' },
      },
    };
    slack.answers = answer({ '/conversations.history': { ok: true, messages: [earlier] } });
    await deliver({ perhaps: true });
    expect(methods()).toEqual(['/conversations.history', '/chat.postMessage']);
    expect(slack.calls[1]?.text).not.toContain('told before');
  });

  it('goes on with the message of an occurrence of which it was never told the end', async () => {
    const { event_payload: payload, ...metadata } = found.metadata;
    const open = { ...payload, since: '2026-11-20T01:02:03.000Z', state: 'opened' };
    slack.answers = answer({
      '/conversations.history': { ok: true, messages: [{ ...found, metadata: { ...metadata, event_payload: open } }] },
    });
    expect(await deliver({ perhaps: true })).toEqual(message);
    expect(methods()).toEqual(['/conversations.history', '/chat.update']);
  });

  it('is asked for the message of an end of which no beginning is remembered', async () => {
    slack.answers = answer({ '/conversations.history': { ok: true, messages: [found] } });
    expect(await deliver({ alert: closed })).toEqual(message);
    expect(methods()).toEqual(['/conversations.history', '/chat.update', '/chat.postMessage']);
    slack.answers = answer({ '/conversations.history': { ok: false, error: 'missing_scope' } });
    await deliver({ alert: closed });
    expect(slack.calls.at(-1)?.path).toBe('/chat.postMessage');
    expect(slack.calls.at(-1)?.text).not.toContain('told before');
  });

  it('gets it, marked, where the token may not read', async () => {
    slack.answers = answer({
      '/conversations.history': { ok: false, error: 'missing_scope', needed: 'channels:history' },
    });
    await deliver({ perhaps: true });
    expect(slack.calls[1]?.text).toContain('may have been told before');
  });

  it('is told in the thread what is not there', async () => {
    slack.answers = answer({
      '/conversations.replies': { ok: true, messages: [found, { ...found, ts: '1503435957.000100' }] },
    });
    await deliver({ isTold: true, message, perhaps: true });
    // Whose answer was lost may be another message than the one that is remembered.
    const asked = ['/conversations.history', '/chat.update', '/conversations.replies'];
    expect(methods()).toEqual(asked);
    await deliver({ isTold: true, message, perhaps: true, id: 'event-8' });
    expect(methods().slice(asked.length)).toEqual([...asked, '/chat.postMessage']);
  });
});

describe('an error of Slack', () => {
  it.each([
    { error: 'channel_not_found', code: 'SinkRefused', unanswered: false },
    { error: 'invalid_auth', code: 'SinkRefused', unanswered: false },
    { error: 'ratelimited', code: 'SinkUnavailable', unanswered: false },
    { error: 'internal_error', code: 'SinkUnavailable', unanswered: true },
  ])('$error is $code', async ({ error, code, unanswered }) => {
    slack.answers = answer({ '/chat.postMessage': { ok: false, error } });
    const problem = `Slack answered chat.postMessage with ${error}`;
    expect(await failureOf(deliver())).toMatchObject({ code, unanswered, subject: 'alert sink chat', problem });
  });

  it('tells no token', async () => {
    const before = tokenSecretFile;
    tokenSecretFile = await secrets.fileWith('two', 'xoxb-canary\nsecond line');
    const error = await failureOf(deliver());
    tokenSecretFile = before;
    expect(error).toMatchObject({ code: 'SecretUnavailable' });
    expect(String(error)).not.toContain('canary');
  });
});
