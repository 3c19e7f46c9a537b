import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { keptAlive } from '../kept-alive.ts';

/** What becomes of one request. */
export type Fault =
  | { readonly fault: 'none' }
  /** The proxy answers in the server's stead. */
  | { readonly fault: 'answer'; readonly status: number; readonly body?: string }
  /** The connection breaks before the server has the request. */
  | { readonly fault: 'cut' }
  /** The server does it; the connection breaks before its answer, or in the middle of it. */
  | { readonly fault: 'lost answer' | 'cut answer' }
  /** Nobody answers, ever; the server never has the request, or does it. */
  | { readonly fault: 'silence' | 'silence after' }
  /** The connection breaks, and the server has the request that much later all the same. */
  | { readonly fault: 'late'; readonly milliseconds: number }
  | { readonly fault: 'slow'; readonly milliseconds: number };

export interface Asked {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  readonly body: Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Where a request is held: before the server has it, or with its answer. */
export type Held = 'request' | 'answer';

export interface ProxyOptions {
  /** `https://127.0.0.1:PORT` */
  readonly target: string;
  /** PEM. */
  readonly certificateAuthority?: string;
  /** Sent with each request. */
  readonly authorization?: string;
  readonly decide: (asked: Asked) => Fault;
  /** Waited for before a request is decided about, and before its answer goes back. */
  readonly hold?: (held: Held, asked: Asked & { readonly status?: number }) => Promise<'busy' | undefined>;
  /** What the client hears of an answer. */
  readonly pass?: (answered: Answered, asked: Asked) => Answered;
}

export interface Proxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Breaks the connections of those who wait for ever. */
  hangUp(): void;
  stop(): Promise<void>;
}

/** Stands between the functions and one server, and does to each request what is decided about it. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const send = senderTo(options);
  const silent = new Set<IncomingMessage>();
  const late = new Set<Promise<unknown>>();

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const asked: Asked = { method: incoming.method ?? '', path: incoming.url ?? '', body: await buffer(incoming) };
    const request = { ...asked, headers: incoming.headers };
    if ((await options.hold?.('request', asked)) === 'busy') {
      outgoing.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' }).end('{}');
      return;
    }
    const fault = options.decide(asked);
    switch (fault.fault) {
      case 'answer':
        outgoing.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body ?? '{}');
        return;
      case 'cut':
        incoming.socket.destroy();
        return;
      case 'silence':
        silent.add(incoming);
        return;
      case 'late': {
        incoming.socket.destroy();
        const sending = sleep(fault.milliseconds)
          .then(async () => (await send(request)).resume())
          .catch(() => undefined)
          .finally(() => late.delete(sending));
        late.add(sending);
        return;
      }
      case 'slow':
        await sleep(fault.milliseconds);
        break;
      case 'none':
      case 'lost answer':
      case 'cut answer':
      case 'silence after':
    }
    // Nobody holds what a client no longer waits for: contents have up to 100 MB.
    const gone = new AbortController();
    if (fault.fault === 'none' && asked.method === 'GET') outgoing.once('close', () => gone.abort());
    const opened = await send(request, gone.signal);
    const pass = options.pass ?? ((same: Answered) => same);
    if (isLarge(opened) && (fault.fault === 'none' || fault.fault === 'slow')) {
      await options.hold?.('answer', { ...asked, status: opened.statusCode ?? 502 });
      const { status, headers } = pass(await wholeOf(opened, asked, 'head'), asked);
      outgoing.writeHead(status, { ...headers, 'content-length': opened.headers['content-length'] });
      await pipeline(opened, outgoing);
      return;
    }
    const answered = pass(await wholeOf(opened, asked, 'all'), asked);
    await options.hold?.('answer', { ...asked, status: answered.status });
    switch (fault.fault) {
      case 'silence after':
        silent.add(incoming);
        return;
      case 'lost answer':
        incoming.socket.destroy();
        return;
      case 'cut answer':
        outgoing.writeHead(answered.status, { ...answered.headers, 'content-length': answered.body.length + 1 });
        outgoing.write(answered.body.subarray(0, answered.body.length >> 1), () => incoming.socket.destroy());
        return;
      default:
        outgoing.writeHead(answered.status, answered.headers).end(answered.body);
    }
  }

  const server = createServer(keptAlive, (incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    hangUp() {
      for (const incoming of silent) incoming.socket.destroy();
      silent.clear();
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await Promise.all([closed, ...late]);
    },
  };
}

export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}

type Sent = Asked & { readonly headers: IncomingMessage['headers'] };

/** What nobody changes is handed on in pieces from so many bytes on: a front that holds all of it answers too late. */
const large = 1024 * 1024;

function isLarge({ headers }: IncomingMessage): boolean {
  return headers['x-goog-generation'] !== undefined && Number(headers['content-length'] ?? 0) > large;
}

async function wholeOf(answer: IncomingMessage, { method }: Asked, part: 'all' | 'head'): Promise<Answered> {
  const content = part === 'all' ? await buffer(answer) : Buffer.alloc(0);
  const { 'transfer-encoding': _pieces, connection: _own, ...answered } = answer.headers;
  const isWhole = method === 'HEAD' ? {} : { 'content-length': String(content.length) };
  return { status: answer.statusCode ?? 502, headers: { ...answered, ...isWhole }, body: content };
}

/** Sends a request to the server as it came, and resolves where its answer begins. */
function senderTo({
  target,
  certificateAuthority,
  authorization,
}: ProxyOptions): (sent: Sent, gone?: AbortSignal) => Promise<IncomingMessage> {
  const { protocol, host, hostname, port } = new URL(target);
  const isSecure = protocol === 'https:';
  const agent = isSecure ? new SecureAgent({ keepAlive: true, ca: certificateAuthority }) : new Agent();
  return async (
    { method, path, body, headers: { 'transfer-encoding': _chunked, connection: _hop, ...headers } },
    gone,
  ) => {
    const length = body.length === 0 && method !== 'POST' ? {} : { 'content-length': String(body.length) };
    const request = (isSecure ? secureRequest : httpRequest)({
      ...{ hostname, port, method, path, agent },
      ...(gone === undefined ? {} : { signal: gone }),
      headers: { ...headers, host, ...length, ...(authorization === undefined ? {} : { authorization }) },
    });
    request.end(body);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
  };
}
