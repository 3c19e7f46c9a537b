import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import type { GoogleApis } from './google-apis.ts';

/** A request that reached the cluster, and as whom: undefined where nobody was impersonated. */
export interface FrontedRequest {
  readonly method: string;
  readonly path: string;
  readonly user: string | undefined;
}

/** What GKE puts before the API server: it takes Google's access tokens, and knows the account that they are of. */
export interface GkeFront {
  /** `127.0.0.1:PORT`, as the container API tells the address. */
  readonly address: string;
  /** The authority of its certificate, PEM. */
  readonly ca: string;
  readonly requests: FrontedRequest[];
  /** Hands a request on that Connect Gateway took. */
  readonly serve: (incoming: IncomingMessage, outgoing: ServerResponse, path: string) => void;
  stop(): Promise<void>;
}

/**
 * @param server of the API server behind it: `https://127.0.0.1:PORT`
 * @param certificates the folder of its certificate, which the front shows too
 * @param account a token that the API server takes, for Converge's account
 */
export async function startGkeFront({
  google,
  server,
  certificates,
  account,
}: {
  google: GoogleApis;
  server: string;
  certificates: string;
  account: string;
}): Promise<GkeFront> {
  const [certificate, key] = await Promise.all([
    readFile(join(certificates, 'apiserver.crt'), 'utf8'),
    readFile(join(certificates, 'apiserver.key'), 'utf8'),
  ]);
  const agent = new Agent({ keepAlive: true, ca: certificate });
  const requests: FrontedRequest[] = [];

  function serve(incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
    if (!google.isGood(incoming.headers.authorization?.replace(/^Bearer /, '') ?? '')) {
      incoming.resume();
      outgoing.writeHead(401, { 'content-type': 'application/json' });
      return void outgoing.end(
        JSON.stringify({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: 'Unauthorized',
          reason: 'Unauthorized',
          code: 401,
        }),
      );
    }
    const user = incoming.headers['impersonate-user'];
    requests.push({ method: incoming.method ?? '', path, user: typeof user === 'string' ? user : undefined });
    const headers = { ...incoming.headers, host: new URL(server).host, authorization: `Bearer ${account}` };
    const sent = request(`${server}${path}`, { agent, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    sent.on('error', () => incoming.socket.destroy());
    incoming.pipe(sent);
  }

  const front = createServer({ cert: certificate, key }, (incoming, outgoing) =>
    serve(incoming, outgoing, incoming.url ?? '/'),
  );
  const port = await freePort();
  await new Promise<void>((resolve) => front.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    ca: certificate,
    requests,
    serve,
    async stop() {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      agent.destroy();
    },
  };
}
