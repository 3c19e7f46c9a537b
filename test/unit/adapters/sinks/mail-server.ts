import { createServer, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';

/** A mail that the server took. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers by their names in lower case, unfolded; and what stands behind them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly content: string;
  readonly login: string | undefined;
}

export interface MailServer {
  readonly port: number;
  readonly mails: readonly Mail[];
  /** What it answers a command that begins so, in place of its usual answer; undefined: nothing, ever. */
  readonly answers: Map<string, string | undefined>;
  stop(): Promise<void>;
}

/** As much of SMTP as a client needs that sends a mail without TLS. https://www.rfc-editor.org/rfc/rfc5321 */
export async function startMailServer(tls?: { key: string; cert: string }): Promise<MailServer> {
  const [mails, answers, sockets] = [[] as Mail[], new Map<string, string | undefined>(), new Set<Socket>()];
  const open = (socket: Socket): void => {
    sockets.add(socket.on('error', () => {}));
    serve(socket, { mails, answers });
  };
  const server = tls === undefined ? createServer(open) : createSecureServer(tls, open);
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return {
    ...{ port: address.port, mails, answers },
    async stop() {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}

function serve(socket: Socket, { mails, answers }: { mails: Mail[]; answers: Map<string, string | undefined> }): void {
  let [from, to, login, buffered, inData] = ['', [] as string[], undefined as string | undefined, '', false];
  const say = (command: string, usual: string): void => {
    const other = [...answers].find(([start]) => command.startsWith(start));
    const line = other === undefined ? usual : other[1];
    if (line !== undefined) socket.write(`${line}\r\n`);
  };
  const take = (line: string): void => {
    const address = /<([^>]*)>/.exec(line)?.[1] ?? '';
    if (line.startsWith('EHLO')) return say('EHLO', '250-mail\r\n250 AUTH PLAIN');
    if (line.startsWith('AUTH PLAIN')) {
      login = Buffer.from(line.slice('AUTH PLAIN '.length), 'base64').toString().replaceAll('\0', ' ').trim();
      return say('AUTH', '235 welcome');
    }
    if (line === 'STARTTLS') return say(line, '502 not here');
    if (line.startsWith('MAIL FROM')) from = address;
    if (line.startsWith('RCPT TO')) to.push(address);
    if (line === 'DATA') {
      inData = true;
      return say('DATA', '354 go on');
    }
    return say(line, line === 'QUIT' ? '221 bye' : '250 ok');
  };
  socket.on('data', (bytes) => {
    buffered += bytes.toString();
    for (;;) {
      const end = buffered.indexOf(inData ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const part = buffered.slice(0, end);
      buffered = buffered.slice(end + (inData ? 5 : 2));
      if (!inData) take(part);
      else {
        inData = false;
        mails.push({ from, to, login, ...readMail(part) });
        to = [];
        say('CONTENT', '250 queued');
      }
    }
  });
  say('CONNECT', '220 mail');
}

function readMail(text: string): Pick<Mail, 'headers' | 'content'> {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = lines.map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.replace(/^[^:]*:\s*/, '')]);
  return { headers: Object.fromEntries(headers), content: rest.join('\r\n\r\n') };
}
