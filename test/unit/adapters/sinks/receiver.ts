import { execFile } from 'node:child_process';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A request that reached the receiver. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Of a JSON body; undefined for any other. */
  readonly body: unknown;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** What becomes of the body: the connection ends in the middle of it, or it goes on for ever. */
  readonly never?: 'ends' | 'whole';
}

/** `silence`: no answer. */
export type Answers = (call: Call) => Answer | 'silence';

/** A server on this machine, which stands for whom alerts are sent to. */
export interface Receiver {
  readonly url: string;
  readonly calls: readonly Call[];
  answers: Answers;
  stop(): Promise<void>;
}

export async function startReceiver(tls?: { key: string; cert: string }): Promise<Receiver> {
  const calls: Call[] = [];
  const listen = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const { method = '', url: path = '', headers: sent } = request;
      const call = { method, path, headers: sent, text, body: parseJson(text) };
      calls.push(call);
      const answer = receiver.answers(call);
      if (answer === 'silence') return;
      const { status = 200, headers = {}, body = '', never } = answer;
      response.writeHead(status, { connection: 'close', ...headers });
      const content = typeof body === 'string' ? body : JSON.stringify(body);
      if (never === undefined) return void response.end(content);
      response.write(`${content} `, () => (never === 'whole' ? response.destroy() : undefined));
    });
  };
  const server: Server = tls === undefined ? createServer(listen) : createSecureServer(tls, listen);
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  const receiver: Receiver = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    calls,
    answers: () => ({}),
    async stop() {
      server.closeAllConnections();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
  return receiver;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface Secrets {
  fileWith(name: string, text: string): Promise<string>;
  remove(): Promise<void>;
}

/** A folder of secrets, gone after the test. */
export async function secretFolder(): Promise<Secrets> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-sinks-'));
  return {
    async fileWith(name, text) {
      const file = join(folder, name);
      await writeFile(file, text);
      return file;
    },
    remove: async () => rm(folder, { recursive: true, force: true }),
  };
}

/** A certificate of 127.0.0.1 that no authority signed. */
export async function selfSigned(secrets: Secrets): Promise<{ key: string; cert: string }> {
  const [key, cert] = [await secrets.fileWith('tls.key', ''), await secrets.fileWith('tls.pem', '')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}
