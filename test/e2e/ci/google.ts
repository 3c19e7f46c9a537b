import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { z } from 'zod';
import { startIssuer } from '../../../local/parts/issuer.ts';
import { findToken } from '../../../shared/access/bearer-token.ts';
import { judgeClaims } from '../../../shared/access/judge-claims.ts';
import { createIdTokens } from '../../../shared/adapters/id-tokens.ts';

/** Plays what a job meets of Google but Storage: tokens for tokens, the metadata server, and `status` behind its door. */
export interface Google {
  /** `http://127.0.0.1:PORT`, of the tokens. */
  readonly url: string;
  /** Where `status` answers, to the account alone. */
  readonly statusUrl: string;
  /** Path: the authority of the certificate of `statusUrl`. */
  readonly authority: string;
  /** A token as a CI signs it for a build. */
  ciToken(audience: string): Promise<string>;
  /** What Google's action on GitHub asks for: an access token for such a token, and with it an ID token. */
  exchange(request: { audience: string; token: string }): Promise<string>;
  idToken(request: { access: string; account: string; audience: string; includeEmail: boolean }): Promise<string>;
  stop(): Promise<void>;
}

export const provider = 'projects/7/locations/global/workloadIdentityPools/ci/providers/shop';
export const statusAccount = 'converge-status-master@family.iam.gserviceaccount.com';

const exchangeSchema = z.object({ audience: z.string(), token: z.string() });
const idTokenSchema = z.object({ audience: z.string(), includeEmail: z.boolean().default(false) });

export class Denied extends Error {}

/** @param certificates the folder of a certificate for 127.0.0.1 */
export async function startGoogle({ status, certificates }: { status: string; certificates: string }): Promise<Google> {
  const issuer = await startIssuer();
  const ofCi = new Map<string, string>();
  const access = new Set<string>();
  const exchange: Google['exchange'] = async ({ audience, token }) => {
    if (ofCi.get(token) !== audience.replace('//', 'https://')) throw new Denied('the token is for another audience');
    const granted = `access-${access.size}`;
    access.add(granted);
    return granted;
  };
  const idToken: Google['idToken'] = async (request) => {
    if (!access.has(request.access)) throw new Denied('Request had invalid authentication credentials.');
    if (request.account !== statusAccount)
      throw new Denied("Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).");
    return issuer.token({ audience: request.audience, email: request.includeEmail ? request.account : '' });
  };
  const answer: Answer = async ({ path, query, bearer, body }) => {
    if (path === '/sts') return { access_token: await exchange(exchangeSchema.parse(JSON.parse(body))) };
    if (path === '/computeMetadata/v1/instance/service-accounts/default/identity')
      return issuer.token({ audience: query.get('audience') ?? '', email: statusAccount });
    const account = /^\/v1\/projects\/-\/serviceAccounts\/([^:]+):generateIdToken$/.exec(path)?.[1];
    if (account === undefined) return undefined;
    return { token: await idToken({ access: bearer, account, ...idTokenSchema.parse(JSON.parse(body)) }) };
  };
  const [certificate, key] = await Promise.all(
    ['apiserver.crt', 'apiserver.key'].map((file) => readFile(join(certificates, file))),
  );
  const tokens = createServer(serve(answer));
  const door = createSecureServer({ cert: certificate, key }, guard({ status, issuer }));
  const [url, statusUrl] = [`http://${await listen(tokens)}`, `https://${await listen(door)}`];
  return {
    ...{ url, statusUrl, authority: join(certificates, 'apiserver.crt'), exchange, idToken },
    async ciToken(audience) {
      const token = await issuer.token({ audience, email: 'job@ci.example' });
      ofCi.set(token, audience);
      return token;
    },
    async stop() {
      for (const server of [tokens, door]) server.close().closeAllConnections();
      await issuer.stop();
    },
  };
}

type Answer = (call: { path: string; query: URLSearchParams; bearer: string; body: string }) => Promise<unknown>;

/** JSON, but text as it is; what is denied as Google says it. */
function serve(answer: Answer): RequestListener {
  return (request, response) => void reply(answer, request, response);
}

async function reply(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://google');
  const bearer = (request.headers.authorization ?? '').replace('Bearer ', '');
  response.setHeader('metadata-flavor', 'Google');
  try {
    const said = await answer({ path, query, bearer, body: await text(request) });
    response.writeHead(said === undefined ? 404 : 200);
    response.end(typeof said === 'string' ? said : JSON.stringify(said ?? {}, undefined, 2));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    response.writeHead(error instanceof Denied ? 403 : 500);
    response.end(JSON.stringify({ error: { code: 403, message, status: 'PERMISSION_DENIED' } }, undefined, 2));
  }
}

/** The door of `status` as in production, before the local one, which is open. */
function guard({ status, issuer }: { status: string; issuer: { name: string; keys: string } }): RequestListener {
  const idTokens = createIdTokens(issuer);
  const refuse = async (request: IncomingMessage): Promise<number | undefined> => {
    const found = findToken({ headers: request.headersDistinct, signature: 'required' });
    if (found.kind === 'none') return 401;
    const claims = await idTokens.verify(found.token);
    const rule = { audiences: [`https://${request.headers.host}`], callers: [statusAccount] };
    const { verdict } = judgeClaims({ claims, rule, issuer: issuer.name, now: new Date() });
    return { admitted: undefined, unauthenticated: 401, forbidden: 403 }[verdict];
  };
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = await refuse(request).catch(() => 401);
    if (refused !== undefined) return void response.writeHead(refused).end();
    const { search } = new URL(request.url ?? '/', status);
    const answer = await fetch(`${status}${search}`);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    response.end(await answer.text());
  };
  return (request, response) => void pass(request, response);
}

async function listen(server: ReturnType<typeof createServer> | ReturnType<typeof createSecureServer>) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}
