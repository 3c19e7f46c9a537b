import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import type { AlertSink } from '../../config/sinks.ts';
import type { SinkMessage } from '../../notices/delivery-record.ts';
import { eventId } from '../../events/cloud-event.ts';
import type { Notice } from '../../notices/notice.ts';
import type { HeardAnswer, Missed, SinkDelivery } from '../../ports/messages.ts';
import { inSeconds, within } from '../patience.ts';
import { readSecretFile, unreadableFile, unusableSecret } from '../secret-file.ts';
import { escapeHtml, linkAsHtml } from './escape-html.ts';
import { isUnsent } from './post.ts';
import { reportMail } from './report-mail.ts';

type Email = NonNullable<AlertSink['email']>;

type SmtpOptions = Awaited<ReturnType<typeof optionsOf>>;

/** What sends mails to one server. */
export interface MailTransport {
  sendMail(mail: ReturnType<typeof mailOf>): Promise<unknown>;
  close(): void;
}

/**
 * One mail at the beginning of an incident and one at its end, which answers the first: in one thread where the reader
 * has threads; and one of each report. `Message-ID` derives from the incident, so that a mail that is sent again is the
 * same to who looks at it. Of several recipients it is sent to those whom the server takes it for, and `missed` is told of
 * the others; one that it takes for nobody is refused, or tried again.
 */
export async function deliverByMail(
  delivery: SinkDelivery,
  email: Email,
  {
    answer,
    missed = () => {},
    heard = () => {},
    connect = createTransport,
  }: {
    answer: number;
    missed?: Missed;
    heard?: ((answer: HeardAnswer) => void) | undefined;
    connect?: (options: SmtpOptions) => MailTransport;
  },
): Promise<SinkMessage | undefined> {
  if (delivery.notice.incident === null && delivery.alert.kind !== 'report') return undefined;
  const subject = `alert sink ${delivery.sink.name}`;
  const [transport, mail] = [connect(await optionsOf(email, { answer })), mailOf(delivery, email)];
  try {
    const work = transport.sendMail(mail);
    // A server that trickles would keep a connection for ever.
    const late = (): Error => new Error(`did not answer in ${inSeconds(answer * 3)}`);
    const sent = await within({ milliseconds: answer * 3, work, late });
    hear(sent, heard);
    for (const whom of refusedOf(sent)) missed(whom);
  } catch (error) {
    hear(error, heard);
    throw translate({ error, subject });
  } finally {
    transport.close();
  }
  if (delivery.alert.kind === 'report') return undefined;
  return { subject: mail.subject, first: ('inReplyTo' in mail ? mail.inReplyTo : undefined) ?? mail.messageId };
}

async function optionsOf({ host, port, tls, caFile, loginSecretFile }: Email, { answer }: { answer: number }) {
  const login = loginSecretFile === undefined ? undefined : await readLogin(loginSecretFile);
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile, 'utf8').catch((cause: unknown) => {
          throw unreadableFile({ file: caFile, cause });
        });
  return {
    ...{ host, port, secure: tls === 'implicit', requireTLS: tls === 'starttls', ignoreTLS: tls === 'none' },
    ...{ connectionTimeout: answer, greetingTimeout: answer, socketTimeout: 2 * answer, dnsTimeout: answer },
    ...{ auth: login, tls: ca === undefined ? {} : { ca }, disableFileAccess: true, disableUrlAccess: true },
  };
}

async function readLogin(file: string): Promise<{ user: string; pass: string }> {
  const [, user, pass] = /^([^:\r\n]+):([^\r\n]+)$/.exec((await readSecretFile(file)).trim()) ?? [];
  if (user !== undefined && pass !== undefined) return { user, pass };
  throw unusableSecret({
    subject: file,
    message: 'holds no login of a mail server',
    remedy: 'put `user:password`, and nothing else, into its secret',
  });
}

function mailOf(delivery: SinkDelivery, email: Email) {
  const { from, to } = email;
  const { alert } = delivery;
  const content =
    alert.kind === 'report'
      ? reportMail(delivery, { report: alert.data, domain: domainOf(from) })
      : incidentMail(delivery, email);
  return { from, to: [...to], ...content, headers: { ...content.headers } };
}

function incidentMail({ notice, message, perhaps, id }: SinkDelivery, { from }: Email) {
  const [first, last] = [
    messageIdOf(notice, { from, state: 'opened' }),
    messageIdOf(notice, { from, state: 'closed' }),
  ];
  const { links = [] } = notice;
  const isFirst = notice.state === 'opened';
  const own = { opened: first, closed: last, ...betweenIds({ notice, from, id }) }[notice.state];
  const begun = message?.['subject'];
  // Where the end of the occurrence before is not told, its first mail is that of the next one, too.
  const root = (isFirst ? undefined : message?.['first']) ?? first;
  const lines = perhaps ? [...notice.lines, 'This may have been told before: an answer was lost.'] : notice.lines;
  return {
    messageId: own,
    // Readers make a thread of what answers a mail under its subject.
    subject: isFirst || begun === undefined ? `[Converge] ${notice.title}` : `Re: ${begun.replace(/^(Re: )+/, '')}`,
    ...(isFirst ? {} : { inReplyTo: root, references: [root] }),
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Converge-Incident': notice.incident?.key ?? '' },
    text: [notice.title, '', ...lines, ...links.map(({ title, url }) => `${title}: ${url}`)].join('\n'),
    html: htmlOf(notice.title, [...lines.map(escapeHtml), ...links.map(linkAsHtml)]),
  };
}

/** @param lines HTML */
function htmlOf(title: string, lines: readonly string[]): string {
  const items = lines.map((line) => `<li>${line}</li>`).join('');
  return `<!doctype html><html><body><h3>${escapeHtml(title)}</h3><ul>${items}</ul></body></html>`;
}

/** Of mails between the first and the last, such as that more have failed: each is of its alert. */
function betweenIds({ notice, from, id }: { notice: Notice; from: string; id: string }) {
  const between = messageIdOf(notice, { from, state: eventId('mail', id).slice(0, 12) });
  return { changed: between, acknowledged: between };
}

function messageIdOf({ incident }: Notice, { from, state }: { from: string; state: string }): string {
  const began = createHash('sha256')
    .update(`${incident?.since ?? ''} ${incident?.occurrence ?? 1}`)
    .digest('hex');
  return `<${incident?.key ?? ''}.${began.slice(0, 12)}.${state}@${domainOf(from)}>`;
}

function domainOf(from: string): string {
  return /@([^\s<>@]+?)>?$/.exec(from)?.[1] ?? 'converge.invalid';
}

/** What fails before a mail is sent: no name, no connection, no TLS, and what comes before a content. */
const unsentCodes: ReadonlySet<string> = new Set([
  'EDNS',
  'ETLS',
  'EREQUIRETLS',
  'EAUTH',
  'ENOAUTH',
  'EENVELOPE',
  'EPROTOCOL',
]);
const unsentTimeouts: ReadonlySet<string> = new Set(['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT']);

/** https://nodemailer.com/errors */
function translate({ error, subject }: { error: unknown; subject: string }): ConvergeError {
  const facts = factsSchema.safeParse(error).data ?? {};
  const { responseCode: status, code = '', originalCode = code, syscall, timeoutType = '' } = facts;
  const isFinal = status !== undefined && status >= 500 && status < 600;
  const why =
    status === undefined
      ? `did not take the mail${originalCode === '' ? '' : ` (${originalCode})`}`
      : `answered ${status}`;
  const isEarly = unsentCodes.has(code) || isUnsent(originalCode);
  const isUnheard = syscall === 'connect' || unsentTimeouts.has(timeoutType);
  return new ConvergeError({
    code: isFinal ? 'SinkRefused' : 'SinkUnavailable',
    subject,
    message: `the mail server ${why}`,
    disposition: isFinal ? 'refuse' : 'retry',
    unanswered: status === undefined && !isEarly && !isUnheard,
    cause: error,
  });
}

/** The last reply of the server, `250 2.0.0 queued`, which Nodemailer hands on whether it took the mail or not. */
function hear(told: unknown, heard: (answer: HeardAnswer) => void): void {
  const [, status, text] = /^(\d{3})[ -]?(.*)$/s.exec(repliedSchema.safeParse(told).data?.response ?? '') ?? [];
  if (status !== undefined && text !== undefined) heard({ status: Number(status), text });
}

const repliedSchema = z.object({ response: z.string() });

/** Those whom the server did not take a mail for that it took for others, with the status that it gave each. */
function refusedOf(sent: unknown): string[] {
  const refused = sentSchema.safeParse(sent).data?.rejectedErrors ?? [];
  return refused.map(({ recipient, responseCode }) => `${recipient}: ${responseCode ?? 'no answer'}`);
}

const sentSchema = z.object({
  rejectedErrors: z.array(z.object({ recipient: z.string(), responseCode: z.int().optional() })).default([]),
});

const factsSchema = z.object({
  responseCode: z.int().optional().catch(undefined),
  code: z.string().optional().catch(undefined),
  originalCode: z.string().optional().catch(undefined),
  syscall: z.string().optional().catch(undefined),
  timeoutType: z.string().optional().catch(undefined),
});
