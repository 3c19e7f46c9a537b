import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { callbackify } from 'node:util';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server';
import { z } from 'zod';
import type { sinksSchema } from '../../shared/config/sinks.ts';
import { inboxPage } from './inbox-page.ts';
import { keptAlive } from '../kept-alive.ts';

/** What one sink told people, in the order in which it arrived. */
export interface InboxMessage {
  /** Counts from 1. */
  readonly number: number;
  /** When it arrived, ISO 8601. */
  readonly at: string;
  readonly by: 'mail' | 'webhook';
  /** `news`: of no incident. */
  readonly state: 'opened' | 'changed' | 'acknowledged' | 'closed' | 'news';
  /** The key of its incident; null where it is of none. */
  readonly incident: string | null;
  readonly title: string;
  readonly lines: readonly string[];
}

/** Plays those who are told: a mail server and the receiver of a webhook, and a page that shows what came. */
export interface Inbox {
  /** Of the page; `messages` behind it is the same as JSON. */
  readonly url: string;
  /** What tells it everything, as a configuration says it. */
  readonly sinks: z.input<typeof sinksSchema>;
  messages(): readonly InboxMessage[];
  /** Resolves when something comes. Throws the reason of the signal. */
  next(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

type Arrived = Omit<InboxMessage, 'number' | 'at'>;

/** Of the last so many messages it shows all. */
const mostMessages = 1_000;
/** Of one message, in bytes. */
const largestMessage = 1024 * 1024;

/** @param port of the page; 0: any that is free */
export async function startInbox({ port = 0 }: { port?: number } = {}): Promise<Inbox> {
  const row: InboxMessage[] = [];
  const arrivals = new EventEmitter();
  let count = 0;
  const take = (arrived: Arrived): void => {
    row.push({ number: ++count, at: new Date().toISOString(), ...arrived });
    if (row.length > mostMessages) row.shift();
    arrivals.emit('arrival');
  };
  const mail = mailServer(take);
  const page = createServer(keptAlive, (request, response) => {
    void answer({ request, response, row, take }).catch(() => response.destroy());
  });
  const mailPort = await listening(mail.server, 0);
  const url = `http://127.0.0.1:${await listening(page, port)}/`;
  const email = {
    host: '127.0.0.1',
    port: mailPort,
    tls: 'none' as const,
    to: ['operations@family-insurance.example'],
  };
  return {
    url,
    sinks: [
      { name: 'inbox-mail', email: { ...email, from: 'Converge <converge@family-insurance.example>' } },
      { name: 'inbox-webhook', webhook: { url: `${url}webhook`, body: 'cloudevents' } },
    ],
    messages: () => [...row],
    async next(signal) {
      await once(arrivals, 'arrival', { signal });
    },
    async stop() {
      const closed = once(page, 'close');
      page.close();
      page.closeAllConnections();
      const ended = Promise.withResolvers<void>();
      mail.close(() => ended.resolve());
      await Promise.all([closed, ended.promise]);
    },
  };
}

async function listening(server: Server, port: number): Promise<number> {
  const begun = Promise.withResolvers<void>();
  server.once('error', begun.reject);
  server.listen(port, '127.0.0.1', begun.resolve);
  await begun.promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the inbox listens on no port');
  return address.port;
}

function mailServer(take: (arrived: Arrived) => void): SMTPServer {
  const receive = callbackify(async (stream: SMTPServerDataStream) => take(readMail(await simpleParser(stream))));
  return new SMTPServer({
    ...{ authOptional: true, disabledCommands: ['AUTH', 'STARTTLS'], size: largestMessage, closeTimeout: 1_000 },
    onData: (stream, _session, done) => receive(stream, done),
  });
}

/** A mail of Converge's; of anybody else's, it is of no incident. */
function readMail(mail: Awaited<ReturnType<typeof simpleParser>>): Arrived {
  const incident = z.string().min(1).safeParse(mail.headers.get('x-converge-incident')).data ?? null;
  const [, , ...lines] = (mail.text ?? '').trimEnd().split('\n');
  const state = mail.inReplyTo === undefined ? 'opened' : 'closed';
  return { by: 'mail', state: incident === null ? 'news' : state, incident, title: mail.subject ?? '', lines };
}

const eventSchema = z.object({
  data: z.object({
    notice: z.object({
      incident: z.object({ key: z.string() }).nullable(),
      state: z.enum(['opened', 'changed', 'acknowledged', 'closed']),
      title: z.string(),
      lines: z.array(z.string()),
    }),
  }),
});

function readEvent(body: string): Arrived | undefined {
  const notice = eventSchema.safeParse(parseJson(body)).data?.data.notice;
  if (notice === undefined) return undefined;
  const { incident, state, title, lines } = notice;
  return { by: 'webhook', state: incident === null ? 'news' : state, incident: incident?.key ?? null, title, lines };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function answer({
  request,
  response,
  row,
  take,
}: {
  request: IncomingMessage;
  response: ServerResponse;
  row: readonly InboxMessage[];
  take: (arrived: Arrived) => void;
}): Promise<void> {
  const asked = `${request.method} ${request.url}`;
  if (asked === 'GET /') {
    // Nothing that a message says may be run, nor be fetched.
    const policy = "default-src 'none'; style-src 'unsafe-inline'";
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy };
    response.writeHead(200, headers).end(inboxPage(row));
  } else if (asked === 'GET /messages') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(row, undefined, 2));
  } else if (asked === 'POST /webhook') {
    const length = Number(request.headers['content-length'] ?? Number.NaN);
    const arrived = length <= largestMessage ? readEvent(await text(request)) : undefined;
    if (arrived !== undefined) take(arrived);
    response.writeHead(arrived === undefined ? 400 : 204).end();
  } else {
    response.writeHead(404).end();
  }
}
