import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of one request to the Git host. Bytes are those of the body. */
export type GitFault =
  | { readonly fault: 'none' }
  /** The host gets that many bytes of the request, and then nobody answers: the connection breaks. */
  | { readonly fault: 'cut request' | 'cut answer'; readonly bytes: number }
  /** Both ways in small pieces. */
  | { readonly fault: 'slow' }
  | { readonly fault: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export interface GitRequest {
  readonly step: 'refs of a push' | 'push' | 'refs of a fetch' | 'ls-refs' | 'fetch';
  /** Bytes of the bodies, once they have passed as a whole. */
  requestBytes: number;
  answerBytes: number;
}

export interface FaultyGitHost {
  /** The clone URL of the same repository through the proxy. */
  url(repository: string): string;
  /** Every request since the last call of `fail` or `mend`. */
  readonly requests: readonly GitRequest[];
  fail(decide: (request: GitRequest) => GitFault): void;
  mend(): void;
  stop(): Promise<void>;
}

const pieceBytes = 16;
const pieceMilliseconds = 2;

/**
 * Stands between the Git adapter and its host, and knows what each request is for (gitprotocol-http, gitprotocol-v2).
 */
export async function startFaultyGitHost(host: { url(repository: string): string }): Promise<FaultyGitHost> {
  const target = new URL(host.url(''));
  const pass = (): GitFault => ({ fault: 'none' });
  let decide: (request: GitRequest) => GitFault = pass;
  let requests: GitRequest[] = [];

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const asked: GitRequest = { step: stepOf(incoming, body), requestBytes: body.length, answerBytes: 0 };
    requests.push(asked);
    const fault = decide(asked);
    if (fault.fault === 'answer') return void outgoing.writeHead(fault.status, fault.headers ?? {}).end('its words');

    const { 'transfer-encoding': _chunked, ...headers } = incoming.headers;
    const length = body.length === 0 ? {} : { 'content-length': body.length };
    const sent = httpRequest({
      host: target.hostname,
      port: target.port,
      path: incoming.url,
      method: incoming.method,
      headers: { ...headers, ...length },
    });
    if (fault.fault === 'cut request') {
      sent.on('error', () => {});
      sent.flushHeaders();
      if (fault.bytes > 0) await new Promise((resolve) => sent.write(body.subarray(0, fault.bytes), resolve));
      sent.destroy();
      incoming.socket.destroy();
      return;
    }
    // The host may answer while the last piece is still being waited for.
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    const send = async (): Promise<void> => {
      if (fault.fault === 'slow') await inPieces(body, (piece) => sent.write(piece));
      else sent.write(body);
      sent.end();
    };
    const [[answer]] = await Promise.all([answered, send()]);
    const content = await buffer(answer);
    asked.answerBytes = content.length;
    // With the length of the host's answer a client could tell a cut one from a whole one too easily.
    const { 'content-length': _length, ...answerHeaders } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, answerHeaders);
    if (fault.fault === 'cut answer') {
      if (fault.bytes > 0) await new Promise((resolve) => outgoing.write(content.subarray(0, fault.bytes), resolve));
      incoming.socket.destroy();
      return;
    }
    if (fault.fault === 'slow') await inPieces(content, (piece) => outgoing.write(piece));
    else outgoing.write(content);
    outgoing.end();
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  return {
    url: (repository) => `http://127.0.0.1:${address.port}${new URL(host.url(repository)).pathname}`,
    get requests() {
      return requests;
    },
    fail(next) {
      decide = next;
      requests = [];
    },
    mend() {
      decide = pass;
      requests = [];
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function stepOf({ method, url = '' }: IncomingMessage, body: Buffer): GitRequest['step'] {
  if (url.endsWith('/git-receive-pack')) return 'push';
  if (method === 'GET') return url.includes('service=git-receive-pack') ? 'refs of a push' : 'refs of a fetch';
  return body.includes('command=ls-refs') ? 'ls-refs' : 'fetch';
}

async function inPieces(content: Buffer, write: (piece: Buffer) => unknown): Promise<void> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    write(content.subarray(at, at + pieceBytes));
    await sleep(pieceMilliseconds);
  }
}
