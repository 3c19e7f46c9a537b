import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../free-port.ts';
import { keptAlive } from '../kept-alive.ts';

/*
 * The few of Google's APIs that Converge calls, as their published descriptions have them: the metadata server,
 * `clusters.get` of the container API, `versions.access` of Secret Manager, and Connect Gateway, which hands requests
 * on. All at one address, over HTTP.
 */

/** `Cluster` of the container API, as far as anybody reads it here. */
export interface FakeCluster {
  readonly status?: string;
  readonly statusMessage?: string;
  readonly endpoint?: string;
  readonly masterAuth?: { readonly clusterCaCertificate: string };
  readonly controlPlaneEndpointsConfig?: {
    readonly dnsEndpointConfig?: { readonly endpoint?: string; readonly allowExternalTraffic?: boolean };
    readonly ipEndpointsConfig?: {
      readonly enabled?: boolean;
      readonly enablePublicEndpoint?: boolean;
      readonly publicEndpoint?: string;
      readonly privateEndpoint?: string;
    };
  };
}

/** A version of a secret; `damaged`: its checksum is that of another payload. */
export interface FakeSecret {
  readonly data: string;
  readonly crc32c: string;
}

/** A service account of Google's, by both of its names. */
export interface ServiceAccount {
  readonly email: string;
  /** A decimal number. */
  readonly uniqueId: string;
}

/** The account of the function that reaches clusters. */
export const reconcileAccount: ServiceAccount = {
  email: 'converge-reconcile@family.iam.gserviceaccount.com',
  uniqueId: '104242424242424242424',
};

/** What a token opens all of Google Cloud with, and what tells the e-mail address of its account. */
export const scopeNames = {
  cloud: 'https://www.googleapis.com/auth/cloud-platform',
  email: 'https://www.googleapis.com/auth/userinfo.email',
} as const;

export interface GoogleApis {
  /** `http://127.0.0.1:PORT`, of all of them. */
  readonly url: string;
  readonly account: ServiceAccount;
  /** By resource name. */
  readonly clusters: Map<string, FakeCluster>;
  readonly secrets: Map<string, FakeSecret>;
  /** What answers behind a membership, by `projects/…/locations/…/gkeMemberships/…`. */
  readonly members: Map<string, (incoming: IncomingMessage, outgoing: ServerResponse, path: string) => void>;
  /** `METHOD path` of every request so far. */
  readonly requests: string[];
  /** How many access tokens were handed out. */
  readonly tokensIssued: () => number;
  /** Whether an access token is good now. */
  isGood(token: string): boolean;
  /** The scopes of an access token that is good now; none of another. */
  scopesOf(token: string): readonly string[];
  /** No token that was handed out so far is good any more. */
  endTokens(): void;
  /** An identity token as the metadata server gives it. */
  identityToken(audience: string): string;
  /** Decides about each request from now on: an answer in place of the usual one, or undefined. */
  fail(decide: (request: string) => { status: number; message: string } | undefined): void;
  /** What this process must have in its environment, so that the client library finds the metadata server. */
  readonly variables: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const statusNames: Readonly<Record<number, string>> = {
  400: 'FAILED_PRECONDITION',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

/** @param tokenSeconds for how long an access token is good */
export async function startGoogleApis({
  tokenSeconds = 3600,
  account = reconcileAccount,
}: { tokenSeconds?: number; account?: ServiceAccount } = {}): Promise<GoogleApis> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const clusters = new Map<string, FakeCluster>();
  const secrets = new Map<string, FakeSecret>();
  const members: GoogleApis['members'] = new Map();
  const requests: string[] = [];
  let good = new Map<string, { readonly end: number; readonly scopes: readonly string[] }>();
  let issued = 0;
  const usual = (): undefined => undefined;
  let decide: (request: string) => { status: number; message: string } | undefined = usual;

  const json = (outgoing: ServerResponse, status: number, body: unknown): void => {
    outgoing.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
    outgoing.end(JSON.stringify(body));
  };
  const refuse = (outgoing: ServerResponse, status: number, message: string): void =>
    json(outgoing, status, { error: { code: status, message, status: statusNames[status] ?? 'UNKNOWN' } });
  const isGood = (token: string): boolean => (good.get(token)?.end ?? 0) > Date.now();
  const scopesOf = (token: string): readonly string[] => (isGood(token) ? (good.get(token)?.scopes ?? []) : []);
  const { email, uniqueId } = account;
  const identityToken = (audience: string): string =>
    signedToken(privateKey, { aud: audience, azp: uniqueId, email, email_verified: true, sub: uniqueId });

  function metadata(path: string, query: URLSearchParams, incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.setHeader('metadata-flavor', 'Google');
    if (incoming.headers['metadata-flavor'] !== 'Google')
      return void outgoing.writeHead(403).end('Missing Metadata-Flavor:Google header.');
    if (path.endsWith('/token')) {
      const token = `ya29.fake-${++issued}`;
      // https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
      const scopes = (query.get('scopes') ?? scopeNames.cloud).split(',');
      good.set(token, { end: Date.now() + tokenSeconds * 1000, scopes });
      return json(outgoing, 200, { access_token: token, expires_in: tokenSeconds, token_type: 'Bearer' });
    }
    if (path.endsWith('/identity'))
      return void outgoing
        .writeHead(200, { 'content-type': 'text/html' })
        .end(identityToken(query.get('audience') ?? ''));
    if (path.endsWith('/email')) return void outgoing.writeHead(200, { 'content-type': 'application/text' }).end(email);
    if (path === '/computeMetadata/v1/instance')
      return void outgoing
        .writeHead(200, { 'content-type': 'application/text' })
        .end('attributes/\nservice-accounts/\n');
    outgoing.writeHead(404).end('Not Found');
  }

  function handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { pathname: path, searchParams: query } = new URL(incoming.url ?? '/', url);
    const request = `${incoming.method ?? ''} ${path}`;
    requests.push(request);
    const fault = decide(request);
    if (fault !== undefined) return refuse(outgoing, fault.status, fault.message);
    if (path.startsWith('/computeMetadata/')) return metadata(path, query, incoming, outgoing);
    if (path === '/oauth2/v3/certs')
      return json(outgoing, 200, {
        keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'fake', use: 'sig', alg: 'RS256' }],
      });
    const token = bearerOf(incoming);
    if (!isGood(token)) return refuse(outgoing, 401, 'Request had invalid authentication credentials.');
    if (!scopesOf(token).includes(scopeNames.cloud))
      return refuse(outgoing, 403, 'Request had insufficient authentication scopes.');
    const name = path.replace(/^\/v1\//, '');
    const member = [...members].find(([membership]) => name.startsWith(`${membership}/`));
    if (member !== undefined)
      return member[1](incoming, outgoing, (incoming.url ?? '').slice(`/v1/${member[0]}`.length));
    const cluster = clusters.get(name);
    if (cluster !== undefined)
      return json(outgoing, 200, { name: name.split('/').at(-1), location: name.split('/')[3], ...cluster });
    const secret = name.endsWith(':access') ? secrets.get(name.slice(0, -':access'.length)) : undefined;
    if (secret !== undefined)
      return json(outgoing, 200, {
        name: name.slice(0, -':access'.length),
        payload: { data: Buffer.from(secret.data).toString('base64'), dataCrc32c: secret.crc32c },
      });
    return refuse(outgoing, 404, `Not found: ${name}.`);
  }

  const server = createServer(keptAlive, handle);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url,
    account,
    clusters,
    secrets,
    members,
    requests,
    tokensIssued: () => issued,
    isGood,
    scopesOf,
    endTokens: () => {
      good = new Map();
    },
    identityToken,
    fail: (next) => {
      decide = next;
    },
    variables: { GCE_METADATA_HOST: `127.0.0.1:${port}`, METADATA_SERVER_DETECTION: 'assume-present' },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The token of a request, or an empty text. */
export function bearerOf({ headers }: IncomingMessage): string {
  return headers.authorization?.replace(/^Bearer /, '') ?? '';
}

function signedToken(key: KeyObject, claims: Readonly<Record<string, unknown>>): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'RS256', kid: 'fake', typ: 'JWT' })}.${encode({ iss: 'https://accounts.google.com', iat: now, exp: now + 3600, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}
