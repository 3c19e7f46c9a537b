import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import { freePort } from '../../local/free-port.ts';

/**
 * What becomes of one request: sent on as it is, answered by the proxy, cut off, never answered, or sent on, and its
 * answer lost.
 */
export type Fault =
  | { readonly fault: 'none' | 'cut' | 'silence' | 'lost' }
  | {
      readonly fault: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    };

export interface ProxiedRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
}

export interface FaultyProxy {
  /** Every request of Converge so far. */
  readonly requests: readonly ProxiedRequest[];
  /** Decides about each request of Converge from now on; everybody else's pass. */
  fail(decide: (request: ProxiedRequest) => Fault | Promise<Fault>): void;
  /** Lets everything pass again. */
  mend(): void;
  stop(): Promise<void>;
}

const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([
    z.looseObject({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) }),
  ]),
});

/**
 * Stands between the pipeline and its API server: the kubeconfig is rewritten to it, so this comes before the first
 * run. Converge is known by its user agent.
 */
export async function startFaultyProxy({
  kubeconfig,
  token,
}: {
  kubeconfig: string;
  token: string;
}): Promise<FaultyProxy> {
  const parsed = kubeconfigSchema.parse(load(await readFile(kubeconfig, 'utf8')));
  const [{ cluster }] = parsed.clusters;
  const agent = new Agent({ keepAlive: true, ca: Buffer.from(cluster['certificate-authority-data'], 'base64') });
  const requests: ProxiedRequest[] = [];
  const pass = (): Fault => ({ fault: 'none' });
  let decide: (request: ProxiedRequest) => Fault | Promise<Fault> = pass;

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, loses = false): void {
    // kubectl sends no token over plain HTTP.
    const headers = { ...incoming.headers, host: new URL(cluster.server).host, authorization: `Bearer ${token}` };
    const sent = request(
      `${cluster.server}${incoming.url ?? '/'}`,
      { agent, method: incoming.method, headers },
      (answer) => {
        if (loses) return void answer.resume().on('end', () => incoming.socket.destroy());
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    sent.on('error', () => incoming.socket.destroy());
    incoming.pipe(sent);
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (incoming.headers['user-agent'] !== 'converge') return forward(incoming, outgoing);
    const asked = { method: incoming.method ?? '', path: incoming.url ?? '' };
    requests.push(asked);
    const fault = await decide(asked);
    switch (fault.fault) {
      case 'none':
        return forward(incoming, outgoing);
      case 'lost':
        return forward(incoming, outgoing, true);
      case 'cut':
        return void incoming.socket.destroy();
      case 'silence':
        return;
      case 'answer':
        incoming.resume();
        outgoing.writeHead(fault.status, fault.headers ?? {});
        outgoing.end(fault.body ?? '');
    }
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await writeFile(
    kubeconfig,
    dump({
      ...parsed,
      clusters: [
        { ...parsed.clusters[0], cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
      ],
    }),
    { mode: 0o600 },
  );
  return {
    requests,
    fail: (next) => {
      decide = next;
    },
    mend: () => {
      decide = pass;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}
