import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import type { AlertSink } from '../../../../shared/config/sinks.ts';
import type { ReceivedAlert } from '../../../../shared/events/received-alert.ts';
import type { SinkDelivery } from '../../../../shared/ports/messages.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { environmentOf, incidentOf, reportOf } from '../../report/reported.ts';
import { startMailServer, type MailServer } from './mail-server.ts';
import { secretFolder, startReceiver, type Receiver } from './receiver.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let receiver: Receiver;
let mails: MailServer;
beforeAll(async () => {
  secrets = await secretFolder();
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  [receiver, mails] = await Promise.all([startReceiver(), startMailServer()]);
  receiver.answers = ({ path }) => ({ body: path === '/conversations.history' ? history : posted });
});
afterEach(async () => Promise.all([receiver.stop(), mails.stop()]));

const posted = { ok: true, channel: 'C123ABC456', ts: '1503435956.000247' };
let history: object = { ok: true, messages: [] };
const html = 'gs://family-state/reports/2026-11-22-weekly.html';

function reportAlert(summary = 'Deployment acme/web: image differs'): ReceivedAlert {
  const report = reportOf([environmentOf({ state: 'Diverged', incidents: [incidentOf({ summary })] })]);
  return { kind: 'report', topic: 'report', data: { ...report, kept: { html, markdown: html, json: html } } };
}
const hostile = '<script>alert(1)</script> <!channel> @channel [here](https://evil.example) \u001b[31mred\u001b[0m';

async function deliver(sink: AlertSink, given: Partial<SinkDelivery> & { alert?: ReceivedAlert } = {}) {
  return createSinks({ answer: 5_000, chatToken: async () => Promise.resolve('ya29.token') }).deliver(
    deliveryOf({ sink, alert: reportAlert(), id: 'event-9', ...given }),
  );
}

describe('a mail of a report', () => {
  const sink = (): AlertSink => ({
    name: 'mail',
    email: {
      host: '127.0.0.1',
      port: mails.port,
      tls: 'none',
      from: 'C <converge@example.com>',
      to: ['o@example.com'],
    },
  });
  const decoded = (which: number): string =>
    Buffer.from(
      (mails.mails[which]?.content ?? '')
        .replaceAll('=\r\n', '')
        .replaceAll(/=([0-9A-F]{2})/g, (_found, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ).toString();

  it('is the whole page, and the same as text, with where all of it is', async () => {
    expect(await deliver(sink())).toBeUndefined();
    const { headers } = mails.mails[0] ?? { headers: {} };
    expect(headers).toMatchObject({
      subject: '[Converge] Drift report weekly: 1 of 1 environment differs from Git.',
      'message-id': expect.stringMatching(/^<[0-9a-f]{32}\.report@example\.com>$/),
      'content-type': expect.stringContaining('multipart/alternative'),
      'x-converge-report': 'weekly',
    });
    expect(headers).not.toHaveProperty('in-reply-to');
    const [, text = '', page = ''] = decoded(0).split('Content-Type: text/');
    expect(text).toContain('Differs from Git now');
    expect(text).toContain(`All of it is kept: ${html}`);
    expect(page).toContain('<h2 style="');
    expect(page).toContain('Differs from Git now</h2>');
    expect(page).toContain(`All of it is kept: ${html}`);
    expect(page).not.toMatch(/<script|<link|<style|src=|href=/);
  });

  it('is the same mail to who looks at its id when it is sent again, and says that it may be', async () => {
    await deliver(sink());
    await deliver(sink(), { perhaps: true });
    const [first, second] = mails.mails;
    expect(second?.headers['message-id']).toBe(first?.headers['message-id']);
    expect(decoded(1).match(/may have been told before/g)).toHaveLength(2);
  });

  it('shows what others wrote as text', async () => {
    await deliver(sink(), { alert: reportAlert(hostile) });
    const [, text = '', page = ''] = decoded(0).split('Content-Type: text/');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toContain('<script>');
    expect(`${text}${page}`).not.toContain('\u001b');
  });
});

describe('Slack', () => {
  async function slack(): Promise<AlertSink> {
    const tokenSecretFile = await secrets.fileWith('token', 'xoxb-17653672481-19874698323\n');
    return { name: 'chat', slack: { tokenSecretFile, channel: 'C123ABC456', api: receiver.url } };
  }
  const methods = (): string[] => receiver.calls.map(({ path }) => path);

  it('gets a summary of a few lines, and where the whole is', async () => {
    await deliver(await slack());
    expect(methods()).toEqual(['/chat.postMessage']);
    expect(receiver.calls[0]?.body).toMatchObject({
      text: '📋 Drift report weekly: 1 of 1 environment differs from Git.',
      metadata: { event_payload: { incident: '', alert: 'event-9' } },
    });
    const { blocks } = Object(receiver.calls[0]?.body);
    expect(blocks[1].text.text.split('\n')).toEqual([
      'Of all environments, from 2026-11-15T06:00:00.000Z to 2026-11-22T06:00:00.000Z',
      '0 of 1 as Git says, 0 suspended, 0 not looked at',
      'master/acme: Drifted since 2026-11-21T01:02:03.000Z: Deployment acme/web: image differs (by kubectl-set)',
      `All of it: ${html}`,
    ]);
  });

  it('is asked for it first where an answer was lost, and gets it once', async () => {
    const metadata = { event_type: 'converge_incident', event_payload: { incident: '', since: '', alert: 'event-9' } };
    history = { ok: true, messages: [{ ts: '1503435956.000247', metadata }] };
    await deliver(await slack(), { perhaps: true });
    expect(methods()).toEqual(['/conversations.history']);
    const other = { ...metadata, event_payload: { ...metadata.event_payload, alert: 'event-8' } };
    history = { ok: true, messages: [{ ts: '1503435956.000247', metadata: other }] };
    await deliver(await slack(), { perhaps: true });
    expect(methods().slice(1)).toEqual(['/conversations.history', '/chat.postMessage']);
  });

  it('mentions nobody', async () => {
    await deliver(await slack(), { alert: reportAlert(hostile) });
    const { text, blocks } = Object(receiver.calls[0]?.body);
    expect(text).not.toContain('<');
    expect(blocks.map((block: { text: { type: string } }) => block.text.type)).toEqual(['plain_text', 'plain_text']);
    expect(blocks[1].text.text).not.toContain('\u001b');
  });
});

describe('Google Chat', () => {
  const app = (): AlertSink => ({ name: 'space', googleChat: { space: 'spaces/AAAA', api: receiver.url } });

  it('gets a card in a thread of its own', async () => {
    const urlSecretFile = await secrets.fileWith('chat', `${receiver.url}/v1/spaces/AAAA/messages?key=k&token=t\n`);
    const sink = { name: 'space', googleChat: { urlSecretFile, api: 'https://chat.googleapis.com' } };
    await deliver(sink, { alert: reportAlert(hostile) });
    expect(receiver.calls[0]?.path).toContain('requestId=event-9');
    expect(receiver.calls[0]?.body).toMatchObject({
      thread: { threadKey: 'event-9' },
      cardsV2: [{ card: { header: { title: '📋 report/weekly', subtitle: 'report' } } }],
    });
    const said = JSON.stringify(receiver.calls[0]?.body);
    expect(said).toContain('&lt;script&gt;');
    expect(said).not.toMatch(/<script|<!channel/);
  });

  it('gets it once by a name of ours, where an app posts', async () => {
    receiver.answers = () => ({ status: 409, body: {} });
    await deliver(app(), { perhaps: true });
    expect(receiver.calls.map(({ path }) => path.replace(/client-[0-9a-f]{32}/, 'client-ID'))).toEqual([
      '/v1/spaces/AAAA/messages?messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&messageId=client-ID',
    ]);
  });
});

describe('a webhook', () => {
  it('gets the CloudEvent of it', async () => {
    const sink = { name: 'hook', webhook: { url: `${receiver.url}/`, body: 'cloudevents' as const } };
    await deliver(sink, { time: '2026-11-22T06:00:02.000Z' });
    expect(receiver.calls[0]?.body).toMatchObject({
      ...{ specversion: '1.0', id: 'event-9', type: 'dev.converge.report.v1', subject: 'report/weekly' },
      data: {
        name: 'weekly',
        counts: { differing: 1 },
        kept: { html },
        notice: { incident: null, severity: 'warning' },
      },
    });
  });

  it('gets its data alone, with its topic, where it is asked so', async () => {
    await deliver({ name: 'hook', webhook: { url: `${receiver.url}/` } });
    expect(receiver.calls[0]?.headers['ce-type']).toBe('dev.converge.report.v1');
    expect(receiver.calls[0]?.body).toMatchObject({ topic: 'report', name: 'weekly' });
  });
});
