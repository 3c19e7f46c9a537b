import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import type { AlertSink } from '../../../../shared/config/sinks.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { opened } from './alerts.ts';
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
  receiver.answers = () => ({ body: { ok: true, ts: '1503435956.000247' } });
});
afterEach(async () => Promise.all([receiver.stop(), mails.stop()]));

const commit = '7b1e6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const commitPage = `https://github.com/family/shop/commit/${commit}`;
/** Of characters that would end an address, or begin another, where links are text. */
const build = 'https://ci.example.com/shop/7?a=1&b="|x>';
const buildPage = 'https://ci.example.com/shop/7?a=1&b=%22|x%3E';
const alert = opened({
  cause: { commit, subject: 'Copy', author: null, artifact: 'gs://family-master/x#1', build, restores: null },
});

async function deliver(sink: AlertSink): Promise<unknown> {
  const repositoryUrl = (): string => 'https://github.com/family/shop.git';
  const sinks = createSinks({ answer: 5_000, chatToken: async () => 'token', repositoryUrl });
  await sinks.deliver(deliveryOf({ sink, alert }));
  return receiver.calls[0]?.body;
}

describe('the links of an alert', () => {
  it('are buttons of no kind in Slack, but words', async () => {
    const tokenSecretFile = await secrets.fileWith('token', 'xoxb-token');
    const body = Object(await deliver({ name: 's', slack: { tokenSecretFile, channel: 'C1', api: receiver.url } }));
    const text = `<${commitPage}|Commit 7b1e6a1b3d4e> · <https://ci.example.com/shop/7?a=1&amp;b=%22%7Cx%3E|Build at ci.example.com>`;
    expect(body.blocks.at(-1)).toEqual({ type: 'context', elements: [{ type: 'mrkdwn', text }] });
  });

  it('are HTML in Google Chat', async () => {
    const body = JSON.stringify(await deliver({ name: 'c', googleChat: { space: 'spaces/A', api: receiver.url } }));
    expect(JSON.parse(body).cardsV2[0].card.sections[0].widgets.at(-1)).toEqual({
      textParagraph: {
        text: `<a href="${commitPage}">Commit 7b1e6a1b3d4e</a> · <a href="https://ci.example.com/shop/7?a=1&amp;b=%22|x%3E">Build at ci.example.com</a>`,
      },
    });
  });

  it('are those of PagerDuty', async () => {
    const routingKeySecretFile = await secrets.fileWith('key', 'R0uT1nGk3y');
    const body = await deliver({ name: 'p', pagerduty: { routingKeySecretFile, api: receiver.url } });
    expect(body).toMatchObject({
      links: [
        { href: commitPage, text: 'Commit 7b1e6a1b3d4e' },
        { href: buildPage, text: 'Build at ci.example.com' },
      ],
    });
  });

  it('stand in both parts of a mail', async () => {
    const email = {
      host: '127.0.0.1',
      port: mails.port,
      tls: 'none' as const,
      from: 'c@example.com',
      to: ['o@example.com'],
    };
    await deliver({ name: 'm', email });
    const content = (mails.mails[0]?.content ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=');
    expect(content).toContain(`Commit 7b1e6a1b3d4e: ${commitPage}`);
    expect(content).toContain(`<li><a href="${commitPage}">Commit 7b1e6a1b3d4e</a></li>`);
  });

  it('are in the notice of a webhook', async () => {
    const body = await deliver({ name: 'w', webhook: { url: receiver.url, body: 'cloudevents' } });
    expect(body).toMatchObject({
      data: {
        notice: {
          links: [
            { title: 'Commit 7b1e6a1b3d4e', url: commitPage },
            { title: 'Build at ci.example.com', url: buildPage },
          ],
        },
      },
    });
  });
});
