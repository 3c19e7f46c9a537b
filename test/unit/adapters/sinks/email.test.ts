import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import type { AlertSink } from '../../../../shared/config/sinks.ts';
import { noticeOf } from '../../../../shared/notices/notice.ts';
import type { Missed, SinkDelivery } from '../../../../shared/ports/messages.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { closed, hostile, news, opened } from './alerts.ts';
import { startMailServer, type MailServer } from './mail-server.ts';
import { secretFolder, selfSigned } from './receiver.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let server: MailServer;
beforeAll(async () => {
  secrets = await secretFolder();
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  server = await startMailServer();
});
afterEach(async () => server.stop());

async function deliver({
  alert = opened(),
  answer = 5_000,
  email = {},
  missed,
  ...given
}: Partial<SinkDelivery> & {
  answer?: number;
  email?: Partial<NonNullable<AlertSink['email']>>;
  missed?: Missed;
} = {}) {
  const sink: AlertSink = {
    name: 'mail',
    email: {
      ...{ host: '127.0.0.1', port: server.port, tls: 'none', from: 'Converge <converge@example.com>' },
      ...{ to: ['ops@example.com', 'Ana <ana@example.com>'], ...email },
    },
  };
  return createSinks({ answer }).deliver(deliveryOf({ sink, alert, ...given }), missed);
}
const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );

describe('a mail', () => {
  it('tells the beginning of an incident, as text and as HTML', async () => {
    const loginSecretFile = await secrets.fileWith('login', 'converge:sesame:street\n');
    const message = await deliver({ email: { loginSecretFile } });
    expect(message).toEqual({
      subject: '[Converge] master/acme-production Drifted: Deployment acme/web: image differs',
      first: expect.stringMatching(/^<4be0d1a2c3f40516\.[0-9a-f]{12}\.opened@example\.com>$/),
    });
    expect(server.mails).toMatchObject([
      { from: 'converge@example.com', to: ['ops@example.com', 'ana@example.com'], login: 'converge sesame:street' },
    ]);
    const { headers, content } = server.mails[0] ?? { headers: {}, content: '' };
    expect(headers).toMatchObject({
      'message-id': expect.stringMatching(/^<4be0d1a2c3f40516\.[0-9a-f]{12}\.opened@example\.com>$/),
      subject: '[Converge] master/acme-production Drifted: Deployment acme/web: image differs',
      'auto-submitted': 'auto-generated',
      'content-type': expect.stringContaining('multipart/alternative'),
    });
    expect(headers).not.toHaveProperty('in-reply-to');
    expect(content).toContain('text/plain');
    expect(content).toContain('<h3>master/acme-production Drifted');
  });

  it('tells the end as an answer to the first', async () => {
    const message = await deliver();
    await deliver({ alert: closed, ...(message === undefined ? {} : { message }) });
    const [first, last] = server.mails;
    expect(last?.headers).toMatchObject({
      ...{ 'in-reply-to': first?.headers['message-id'], references: first?.headers['message-id'] },
      subject: `Re: ${first?.headers['subject']}`,
    });
    expect(last?.headers['message-id']).toMatch(/\.closed@example\.com>$/);
  });

  it('tells what goes on as an answer to the first, also where that is of the occurrence before', async () => {
    const message = await deliver();
    const again = opened({ occurrence: 2, since: '2026-11-21T03:00:00.000Z' });
    const notice = noticeOf(again, { isTold: true });
    const told = { alert: again, notice, id: 'second', ...(message === undefined ? {} : { message }) };
    const next = await deliver(told);
    await deliver({ alert: closed, ...(next === undefined ? {} : { message: next }) });
    const [first, ...others] = server.mails.map(({ headers }) => headers);
    expect(others.map((headers) => headers['in-reply-to'])).toEqual([first?.['message-id'], first?.['message-id']]);
    expect(new Set([first, ...others].map((headers) => headers?.['message-id'])).size).toBe(3);
  });

  it('is the same mail to who looks at its id when it is sent again', async () => {
    await deliver();
    await deliver({ perhaps: true });
    const [first, second] = server.mails;
    expect(second?.headers['message-id']).toBe(first?.headers['message-id']);
    expect(second?.content).toContain('may have been told before');
  });

  it('is of another thread where the incident comes back', async () => {
    await deliver();
    await deliver({ alert: opened({ occurrence: 2, since: '2026-11-21T03:00:00.000Z' }) });
    const ids = server.mails.map(({ headers }) => headers['message-id']);
    expect(new Set(ids).size).toBe(2);
  });

  it('is sent for nothing that ends no incident', async () => {
    await deliver({ alert: news });
    expect(server.mails).toEqual([]);
  });

  it('shows names as they are, and gets no header from them', async () => {
    await deliver({ alert: hostile });
    await deliver({ alert: opened({ summary: 'a\r\nBcc: eve@example.com\r\n\r\nhi' }) });
    const decoded = (server.mails[0]?.content ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=');
    expect(decoded).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(decoded.split('text/html')[1]).not.toContain('<script>');
    expect(server.mails[1]?.headers).not.toHaveProperty('bcc');
    expect(server.mails[1]?.to).toEqual(['ops@example.com', 'ana@example.com']);
  });
});

describe('a mail server that', () => {
  it.each([
    { command: 'RCPT TO', says: '550 no such mailbox', code: 'SinkRefused', unanswered: false },
    { command: 'AUTH', says: '535 bad credentials', code: 'SinkRefused', unanswered: false },
    { command: 'CONTENT', says: '554 no spam here', code: 'SinkRefused', unanswered: false },
    { command: 'MAIL FROM', says: '451 try again later', code: 'SinkUnavailable', unanswered: false },
  ])('answers $command with $says is $code', async ({ command, says, code, unanswered }) => {
    server.answers.set(command, says);
    const loginSecretFile = await secrets.fileWith('login', 'converge:canary');
    const error = await failureOf(deliver({ email: { loginSecretFile } }));
    expect(error).toMatchObject({ code, unanswered, problem: `the mail server answered ${says.slice(0, 3)}` });
    expect(String(error)).not.toContain('canary');
  });

  it.each(['550 no such mailbox', '450 try again later'])(
    'answers one of three with %s, it is said of that one',
    async (says) => {
      server.answers.set('RCPT TO:<ana@', says);
      const missed: string[] = [];
      const to = ['ops@example.com', 'Ana <ana@example.com>', 'eve@example.com'];
      await deliver({ email: { to }, missed: (whom) => void missed.push(whom) });
      expect(server.mails).toHaveLength(1);
      expect(missed).toEqual([`ana@example.com: ${says.slice(0, 3)}`]);
    },
  );

  it('never says that it took the mail may have it', async () => {
    server.answers.set('CONTENT', undefined);
    expect(await failureOf(deliver({ answer: 300 }))).toMatchObject({ code: 'SinkUnavailable', unanswered: true });
  });

  it('never greets does not have it', async () => {
    server.answers.set('CONNECT', undefined);
    expect(await failureOf(deliver({ answer: 300 }))).toMatchObject({ code: 'SinkUnavailable', unanswered: false });
  });

  it('is not there does not have it', async () => {
    const { port } = server;
    await server.stop();
    expect(await failureOf(deliver({ email: { port } }))).toMatchObject({ code: 'SinkUnavailable', unanswered: false });
  });

  it('has a certificate that nobody signed gets nothing, but where that authority is named', async () => {
    const certificate = await selfSigned(secrets);
    const secure = await startMailServer(certificate);
    const email = { port: secure.port, tls: 'implicit' as const };
    expect(await failureOf(deliver({ email }))).toMatchObject({
      ...{ code: 'SinkUnavailable', disposition: 'retry', unanswered: false },
    });
    expect(secure.mails).toEqual([]);
    await deliver({ email: { ...email, caFile: await secrets.fileWith('ca', certificate.cert) } });
    expect(secure.mails).toHaveLength(1);
    await secure.stop();
  });

  it('offers no TLS gets nothing where that is wanted', async () => {
    const error = await failureOf(deliver({ email: { tls: 'starttls' } }));
    expect(error).toMatchObject({ code: expect.stringMatching(/^Sink/), unanswered: false });
    expect(server.mails).toEqual([]);
  });
});
