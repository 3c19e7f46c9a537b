import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { bearerOf, scopeNames, type GoogleApis } from './google-apis.ts';
import { keptAlive } from '../kept-alive.ts';

/** A request that reached the cluster, and as whom: `user` is undefined where nobody was impersonated. */
export interface FrontedRequest {
  readonly method: string;
  readonly path: string;
  /** Whom the API server took the caller for. */
  readonly caller: string;
  readonly user: string | undefined;
}

/**
 * What GKE puts before the API server: it takes Google's access tokens, and knows the account that they are of, by its
 * e-mail address where the token has the scope `userinfo.email`, by its number where it has not.
 * https://github.com/kubernetes/cloud-provider-gcp/blob/master/cmd/gke-gcloud-auth-plugin/default_credentials_token_provider.go
 */
export interface GkeFront {
  /** `127.0.0.1:PORT`, as the container API tells the address. */
  readonly address: string;
  /** The authority of its certificate, PEM. */
  readonly ca: string;
  readonly requests: FrontedRequest[];
  /**
   * Hands a request on that Connect Gateway took, whose agent impersonates the caller: whoever asks it to impersonate
   * somebody else is refused, for Kubernetes nests no impersonation.
   */
  readonly serveGateway: (incoming: IncomingMessage, outgoing: ServerResponse, path: string) => void;
  stop(): Promise<void>;
}

/**
 * @param server of the API server behind it: `https://127.0.0.1:PORT`
 * @param certificates the folder of its certificate, which the front shows too
 * @param tokenOf a token that the API server takes, for a user: an e-mail address, or the number of an account
 */
export async function startGkeFront({
  google,
  server,
  certificates,
  tokenOf,
}: {
  google: GoogleApis;
  server: string;
  certificates: string;
  tokenOf: (user: string) => string;
}): Promise<GkeFront> {
  const [certificate, key] = await Promise.all([
    readFile(join(certificates, 'apiserver.crt'), 'utf8'),
    readFile(join(certificates, 'apiserver.key'), 'utf8'),
  ]);
  const agent = new Agent({ keepAlive: true, ca: certificate });
  const requests: FrontedRequest[] = [];

  function serve(incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
    const token = bearerOf(incoming);
    if (!google.isGood(token)) {
      incoming.resume();
      return refuse(outgoing, 401, 'Unauthorized');
    }
    const { email, uniqueId } = google.account;
    const caller = google.scopesOf(token).includes(scopeNames.email) ? email : uniqueId;
    const user = incoming.headers['impersonate-user'];
    requests.push({ method: incoming.method ?? '', path, caller, user: typeof user === 'string' ? user : undefined });
    const headers = { ...incoming.headers, host: new URL(server).host, authorization: `Bearer ${tokenOf(caller)}` };
    const sent = request(`${server}${path}`, { agent, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    sent.on('error', () => incoming.socket.destroy());
    incoming.pipe(sent);
  }

  function serveGateway(incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
    if (Object.keys(incoming.headers).every((name) => !name.startsWith('impersonate-')))
      return serve(incoming, outgoing, path);
    incoming.resume();
    outgoing.writeHead(403, { 'content-type': 'application/json' });
    const message = 'impersonation is not supported through the gateway';
    outgoing.end(JSON.stringify({ error: { code: 403, message, status: 'PERMISSION_DENIED' } }));
  }

  const front = createServer({ ...keptAlive, cert: certificate, key }, (incoming, outgoing) =>
    serve(incoming, outgoing, incoming.url ?? '/'),
  );
  const port = await freePort();
  await new Promise<void>((resolve) => front.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    ca: certificate,
    requests,
    serveGateway,
    async stop() {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      agent.destroy();
    },
  };
}

/** In the API server's words. */
function refuse(outgoing: ServerResponse, code: number, reason: string): void {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code };
  outgoing.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}
