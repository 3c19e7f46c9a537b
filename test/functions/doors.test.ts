import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { partEnvironment } from '../../local/environment.ts';
import { startFunctions, type Functions } from '../../local/functions.ts';
import type { ConfigInput } from '../../local/pipeline.ts';
import { rates } from '../../functions/api/rate-limit.ts';
import { actionNames, type ActionName } from '../../shared/access/action-names.ts';
import { guardedFunctions, type GuardedFunction } from '../../shared/access/access.ts';
import { problemSchema } from '../../shared/base/problem.ts';
import { eventually } from '../eventually.ts';
import { postBody } from '../post-body.ts';

/*
 * The functions as a process of their own, called with tokens that a key set of the test signs, which is served over
 * HTTP as Google serves its own. What answers is `status` at /healthz, which asks nobody, so that 200 says: let in.
 */
const issuer = 'https://accounts.example.com';
const push = 'converge-push@family.iam.gserviceaccount.com';
const audience = (name: GuardedFunction): string => `https://europe-west1-family.cloudfunctions.net/converge-${name}`;

const ours = await generateKeyPair('RS256', { extractable: true });
const foreign = await generateKeyPair('RS256');
const elliptic = await generateKeyPair('ES256');
const keyServer = { isUp: true, calls: 0 };
const server = createServer((_request, response) => {
  keyServer.calls += 1;
  void Promise.all([exportJWK(ours.publicKey), exportJWK(elliptic.publicKey)]).then(([key, other]) =>
    response.writeHead(keyServer.isUp ? 200 : 500).end(
      JSON.stringify({
        keys: [
          { ...key, kid: 'ours', alg: 'RS256' },
          { ...other, kid: 'elliptic', alg: 'ES256' },
        ],
      }),
    ),
  );
});

/** A Storage whose buckets are there, and empty. Of one that is not there the functions ask again for minutes. */
const emptyStorage = createServer(({ url = '' }, response) => {
  const isList = /^\/storage\/v1\/b\/[^/]+\/o(\?|$)/.test(url);
  const [status, body] = isList
    ? [200, { kind: 'storage#objects' }]
    : [404, { error: { code: 404, message: 'Not Found', errors: [{ reason: 'notFound', message: 'Not Found' }] } }];
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});

async function listening(one: Server): Promise<string> {
  one.listen(0, '127.0.0.1');
  await once(one, 'listening');
  const address = one.address();
  if (address === null || typeof address === 'string') throw new Error('a server of the test listens on no port');
  return `http://127.0.0.1:${address.port}`;
}

let folder: string;
let keys: string;
let storage: string;
const lines: string[] = [];
const started: Functions[] = [];

type Access = ConfigInput['access'];

function access(changes: Partial<Exclude<Access, string | undefined>> = {}): Access {
  const functions = Object.fromEntries(
    guardedFunctions.map((name) => {
      const audiences = [audience(name)];
      return [
        name,
        name === 'inspect' || name === 'act' ? { audiences } : { audiences, callers: [push, '*@family.example'] },
      ];
    }),
  );
  return { issuer: { name: issuer, keys }, functions, ...changes };
}

async function start(
  name: string,
  configuration: {
    access?: Access;
    onCloudRun?: boolean;
    webhooks?: ConfigInput['webhooks'];
  },
): Promise<Functions> {
  const config: ConfigInput = {
    project: 'local',
    state: { bucket: 'family-state' },
    repositories: {
      master: { url: 'http://127.0.0.1:9/master.git', bucket: 'family-master' },
      staging: { url: 'http://127.0.0.1:9/staging.git', bucket: 'family-staging' },
    },
    // No Git host is there: whoever is let in is told that something does not answer.
    storage: { endpoint: storage },
    clusters: {},
    ...(configuration.access === undefined ? {} : { access: configuration.access }),
    ...(configuration.webhooks === undefined ? {} : { webhooks: configuration.webhooks }),
  };
  await writeFile(join(folder, `${name}.yaml`), dump(config));
  const variables = {
    CONVERGE_CONFIG: join(folder, `${name}.yaml`),
    NODE_ENV: 'production',
    METADATA_SERVER_DETECTION: 'none',
    ...(configuration.onCloudRun === true ? { K_SERVICE: 'converge' } : {}),
  };
  const functions = await startFunctions({
    source: join(import.meta.dirname, '..', '..', 'functions', 'index.ts'),
    environment: partEnvironment({ home: folder, variables }),
    logFile: join(folder, `${name}.log`),
    onLine: (line) => lines.push(line),
  });
  started.push(functions);
  return functions;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Not by `fetch`, which joins two headers of one name. */
async function call(
  functions: Functions,
  headers: Record<string, string | string[]> = {},
  name: GuardedFunction | 'receivePush' = 'status',
): Promise<Answer> {
  const sent = request(`${functions.url(name)}/healthz`, { method: name === 'status' ? 'GET' : 'POST', headers });
  sent.end();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  sent.once('error', reject);
  sent.once(
    'response',
    (response) =>
      void text(response).then((body) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: body }),
      ),
  );
  return promise;
}

/**
 * The number of lines once all are here that the functions had written before: they come by a pipe, so that one may
 * follow the answer to what it is about. Needs functions that verify tokens.
 */
async function linesOf(functions: Functions): Promise<number> {
  const echo = `https://${randomUUID()}.example.com`;
  await call(functions, bearer(await tokenOf({ aud: echo })));
  return await eventually('all lines are read', () => {
    const last = lines.findLastIndex((line) => line.includes(echo));
    return last < 0 ? undefined : last + 1;
  });
}

const now = (): number => Math.floor(Date.now() / 1000);
const claimsOf = (changes: JWTPayload = {}): JWTPayload => ({
  iss: issuer,
  sub: '1137',
  aud: audience('status'),
  email: push,
  email_verified: true,
  iat: now(),
  exp: now() + 3600,
  ...changes,
});

async function tokenOf(claims: JWTPayload = {}, { kid = 'ours', key = ours.privateKey } = {}): Promise<string> {
  return new SignJWT(claimsOf(claims)).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' }).sign(key);
}

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
const withoutSignature = (token: string): string =>
  `${token.slice(0, token.lastIndexOf('.'))}.SIGNATURE_REMOVED_BY_GOOGLE`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-doors-'));
  keys = `${await listening(server)}/certs`;
  storage = await listening(emptyStorage);
});

afterAll(async () => {
  for (const functions of started) await functions.stop();
  for (const one of [server, emptyStorage]) {
    one.close();
    one.closeAllConnections();
  }
  await rm(folder, { recursive: true, force: true });
});

describe('a function that verifies tokens itself', () => {
  let functions: Functions;

  beforeAll(async () => {
    functions = await start('required', { access: access() });
  });

  test('answers 503 while the keys of the issuer cannot be read, and lets the same call in afterwards', async () => {
    const token = await tokenOf();
    keyServer.isUp = false;
    expect(await call(functions, bearer(token))).toMatchObject({ status: 503 });
    keyServer.isUp = true;
    expect(await call(functions, bearer(token))).toMatchObject({ status: 200 });
  });

  test.each(['Bearer', 'bearer', 'BEARER'])('lets a good token in behind the word %s', async (word) => {
    expect(await call(functions, { authorization: `${word} ${await tokenOf()}` })).toMatchObject({ status: 200 });
  });

  test('lets people of a Workspace in by their domain', async () => {
    expect(
      await call(functions, bearer(await tokenOf({ email: 'Ana@family.example', hd: 'family.example' }))),
    ).toMatchObject({ status: 200 });
  });

  test.each<{ what: string; token: () => Promise<string> }>([
    { what: 'that has ended', token: () => tokenOf({ iat: now() - 7200, exp: now() - 60 }) },
    { what: 'that is not valid yet', token: () => tokenOf({ nbf: now() + 600 }) },
    { what: 'without an end', token: () => tokenOf({ exp: undefined }) },
    { what: 'of another issuer', token: () => tokenOf({ iss: 'https://accounts.example.org' }) },
    { what: 'that was sent to another function', token: () => tokenOf({ aud: audience('fanOut') }) },
    { what: 'for a function of a longer name', token: () => tokenOf({ aud: `${audience('status')}x` }) },
    { what: 'for nobody', token: () => tokenOf({ aud: undefined }) },
    { what: 'of another key under our key’s name', token: () => tokenOf({}, { key: foreign.privateKey }) },
    { what: 'of a key that nobody knows', token: () => tokenOf({}, { kid: 'unknown', key: foreign.privateKey }) },
    {
      what: 'of an algorithm that ID tokens are not signed by, though with a key of the issuer',
      token: async () =>
        new SignJWT(claimsOf()).setProtectedHeader({ alg: 'ES256', kid: 'elliptic' }).sign(elliptic.privateKey),
    },
    { what: 'of no algorithm', token: async () => new UnsecuredJWT(claimsOf()).encode() },
    { what: 'of no algorithm, with a signature', token: async () => `${new UnsecuredJWT(claimsOf()).encode()}AAAA` },
    {
      what: 'whose secret is our public key',
      token: async () =>
        new SignJWT(claimsOf())
          .setProtectedHeader({ alg: 'HS256', kid: 'ours' })
          .sign(new TextEncoder().encode(await exportSPKI(ours.publicKey))),
    },
    {
      what: 'whose claims were changed',
      token: async () =>
        `${(await tokenOf({ email: 'eve@example.org' })).split('.').slice(0, 2).join('.')}.${(await tokenOf()).split('.')[2]}`,
    },
    { what: 'whose signature the platform has removed', token: async () => withoutSignature(await tokenOf()) },
    { what: 'of other content', token: async () => 'opaque' },
  ])('answers 401 to a token $what', async ({ token }) => {
    const answer = await call(functions, bearer(await token()));
    expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    // The same words for all of them: nobody learns by trying which check is next.
    expect(JSON.parse(answer.text)).toMatchObject({
      ...{ status: 401, code: 'NotAuthenticated', detail: 'the call needs an ID token that is valid here' },
      ...{ subject: null, remedy: null },
    });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  test('answers 401 without a token, with another scheme, with two headers, and with a good token in another header', async () => {
    const token = await tokenOf();
    const calls: Record<string, string | string[]>[] = [
      {},
      { authorization: `Basic ${token}` },
      { authorization: [`Bearer ${token}`, `Bearer ${token}`] },
      { 'x-serverless-authorization': `Bearer ${token}` },
    ];
    for (const headers of calls) expect(await call(functions, headers)).toMatchObject({ status: 401 });
  });

  test.each<{ what: string; claims: JWTPayload }>([
    { what: 'somebody else', claims: { email: 'eve@example.org' } },
    { what: 'somebody whose address is not verified', claims: { email_verified: false } },
    { what: 'somebody whose address nobody says is verified', claims: { email_verified: undefined } },
    { what: 'nobody', claims: { email: undefined } },
    { what: 'an address of the domain that its Workspace does not know', claims: { email: 'eve@family.example' } },
    { what: 'another domain that ends alike', claims: { email: 'eve@notfamily.example', hd: 'notfamily.example' } },
  ])('answers 403 to a good token of $what', async ({ claims }) => {
    const answer = await call(functions, bearer(await tokenOf(claims)));
    expect(answer).toMatchObject({ status: 403 });
    expect(JSON.parse(answer.text)).toMatchObject({
      ...{ status: 403, code: 'NotAllowed', detail: 'the caller may not call this function' },
      ...{ subject: null, remedy: null },
    });
  });

  test('has read the keys once, however many forged tokens there were', async () => {
    for (let forged = 0; forged < 20; forged++)
      await call(functions, bearer(await tokenOf({}, { kid: `forged-${forged}`, key: foreign.privateKey })));
    // Once in vain, while the key server was down.
    expect(keyServer.calls).toBe(2);
  });

  test('takes a replayed call as the same one until its token ends', async () => {
    const token = await tokenOf();
    expect([(await call(functions, bearer(token))).status, (await call(functions, bearer(token))).status]).toEqual([
      200, 200,
    ]);
  });

  test.each(guardedFunctions)('%s is behind the door, and opens to a token of its own alone', async (name) => {
    expect(await call(functions, {}, name)).toMatchObject({ status: 401 });
    const other = name === 'fanOut' ? 'reconcile' : 'fanOut';
    expect(await call(functions, bearer(await tokenOf({ aud: audience(other) })), name)).toMatchObject({ status: 401 });
    const { status } = await call(functions, bearer(await tokenOf({ aud: audience(name) })), name);
    expect([401, 403]).not.toContain(status);
  });

  test('receivePush asks for the signature of the Git host, and no token', async () => {
    const seen = await linesOf(functions);
    expect((await call(functions, bearer(await tokenOf()), 'receivePush')).status).toBe(500);
    await linesOf(functions);
    expect(lines[seen]).toContain('no Git host is configured');
  });

  test('says in its log why nobody was let in, and never quotes a token', async () => {
    const signature = (await tokenOf({ aud: 'https://elsewhere.example.com' })).split('.')[2] ?? '';
    const seen = await linesOf(functions);
    await call(functions, bearer(await tokenOf({ aud: 'https://elsewhere.example.com' })));
    await linesOf(functions);
    // The framework prints the stack of what a function throws, beside our own lines.
    const entries = lines.slice(seen).filter((line) => line.startsWith('{'));
    expect(JSON.parse(entries[0] ?? '')).toMatchObject({
      severity: 'WARNING',
      stage: 'status',
      code: 'NotAuthenticated',
      error: 'call: the token is made for https://elsewhere.example.com',
    });
    for (const reason of [
      'ended',
      'is valid only in',
      'issued by',
      'not among the callers',
      'is not verified',
      'its signature is not accepted',
      'has 2 authorization headers',
      "issuer's keys cannot be read",
    ]) {
      expect(lines.join('\n')).toContain(reason);
    }
    expect(lines.join('\n')).not.toContain(signature);
    expect(lines.join('\n')).not.toContain('eyJ');
  });
});

describe('a function whose tokens the IAM of Cloud Run has verified', () => {
  let functions: Functions;

  beforeAll(async () => {
    functions = await start('platform', { access: access({ signature: 'platform' }), onCloudRun: true });
  });

  test('lets a token in whose signature was removed, and one that still has its signature', async () => {
    const token = await tokenOf();
    expect(await call(functions, bearer(withoutSignature(token)))).toMatchObject({ status: 200 });
    expect(await call(functions, bearer(token))).toMatchObject({ status: 200 });
  });

  test.each<{ what: string; status: number; claims: JWTPayload }>([
    { what: 'that has ended', status: 401, claims: { iat: now() - 7200, exp: now() - 60 } },
    { what: 'of another issuer', status: 401, claims: { iss: 'https://accounts.example.org' } },
    { what: 'for another function', status: 401, claims: { aud: audience('fanOut') } },
    { what: 'of somebody else', status: 403, claims: { email: 'eve@example.org' } },
    { what: 'whose address is not verified', status: 403, claims: { email_verified: false } },
  ])('judges the claims all the same: $status to one $what', async ({ status, claims }) => {
    expect((await call(functions, bearer(withoutSignature(await tokenOf(claims))))).status).toBe(status);
  });

  test('believes no other missing signature, and no other key', async () => {
    const [header, claims] = (await tokenOf()).split('.');
    for (const token of [
      `${header}.${claims}.`,
      `${header}.${claims}.REMOVED`,
      await tokenOf({}, { key: foreign.privateKey }),
      withoutSignature(`${new UnsecuredJWT(claimsOf()).encode()}x`),
    ]) {
      expect((await call(functions, bearer(token))).status).toBe(401);
    }
  });

  test('believes the header that IAM verified, and not the one beside it, which anybody may write', async () => {
    const verified = {
      'x-serverless-authorization': `Bearer ${withoutSignature(await tokenOf({ email: 'eve@example.org' }))}`,
    };
    expect((await call(functions, { ...verified, ...bearer(withoutSignature(await tokenOf())) })).status).toBe(403);
  });

  test('can ask for the signature at one function that IAM lets everybody call', async () => {
    const status = { audiences: [audience('status')], callers: [push], signature: 'required' as const };
    const mixed = await start('mixed', {
      access: access({ signature: 'platform', functions: { status } }),
      onCloudRun: true,
    });
    expect((await call(mixed, bearer(withoutSignature(await tokenOf())))).status).toBe(401);
    expect((await call(mixed, bearer(await tokenOf()))).status).toBe(200);
  });
});

describe('an action', () => {
  const ci = 'converge-ci-master@family.iam.gserviceaccount.com';
  const environment = 'master/shop';
  /** Each is let in where it is answered otherwise than by 403. */
  const bodies: Readonly<Record<ActionName, object>> = {
    suspend: { environment },
    resume: { environment },
    rollback: { target: environment },
    accept: { environment, incident: '1' },
    reconcile: { environment },
    revert: { environment, incident: '1' },
    acknowledge: { target: environment },
    'retry-upload': { artifact: 'gs://family-master/config/acme.yaml' },
    redrive: { letters: ['1'] },
    'new-customer': { name: 'initech', from: environment },
  };
  let functions: Functions;

  beforeAll(async () => {
    const named = actionNames.map((action) => ({ who: [`${action}@family.example`], actions: [action] }));
    functions = await start('act', {
      access: access({
        people: [
          ...named,
          { who: ['all@family.example'], actions: ['*'] },
          { who: ['eva@family.example'], environments: ['shop'], actions: ['*'] },
          { who: ['bob@family.example'], classes: ['staging'], actions: ['*'] },
          { who: ['looks@family.example'] },
          { who: ['*@partner.example'], actions: ['*'] },
        ],
      }),
    });
  });

  async function ask(
    action: ActionName,
    headers: Record<string, string>,
    more: object = {},
  ): Promise<[number, string]> {
    const answer = await fetch(`${functions.url('act')}/v1/actions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ action, dryRun: true, ...bodies[action], ...more }),
    });
    return [answer.status, await answer.text()];
  }

  test.each<{ who: string; claims: JWTPayload; may: readonly ActionName[] }>([
    ...actionNames.map((action) => ({
      who: `a person of ${action}`,
      claims: { email: `${action}@family.example` },
      may: [action],
    })),
    { who: 'a person of all', claims: { email: 'all@family.example' }, may: actionNames },
    {
      who: 'a person of all of that environment alone',
      claims: { email: 'eva@family.example' },
      may: actionNames.filter(
        (action) => action !== 'retry-upload' && action !== 'redrive' && action !== 'new-customer',
      ),
    },
    { who: 'a person of another class', claims: { email: 'bob@family.example' }, may: [] },
    { who: 'a person who only looks', claims: { email: 'looks@family.example' }, may: [] },
    { who: 'a person of a domain', claims: { email: 'kim@partner.example', hd: 'partner.example' }, may: actionNames },
    { who: 'an address of it that its Workspace does not know', claims: { email: 'lee@partner.example' }, may: [] },
    { who: 'a person of no entry', claims: { email: 'eve@family.example', hd: 'family.example' }, may: [] },
    { who: 'CI, which may call status', claims: { email: ci }, may: [] },
    { who: 'the account that pushes messages', claims: { email: push }, may: [] },
  ])('is done for $who: $may', async ({ claims, may }) => {
    const headers = bearer(await tokenOf({ ...claims, aud: audience('act') }));
    for (const action of actionNames) {
      const [status, body] = await ask(action, headers);
      expect({ action, isLetIn: status !== 403 }).toEqual({ action, isLetIn: may.includes(action) });
      expect([403, 422, 503]).toContain(status);
      if (status === 403)
        expect(body).toMatch(/is a service account, as CI has|calls a function of the flow|access\.people/);
    }
  });

  test('past a freeze is asked for beside reconcile', async () => {
    const headers = bearer(await tokenOf({ email: 'reconcile@family.example', aud: audience('act') }));
    const [status, body] = await ask('reconcile', headers, { override: true });
    expect([status, body]).toEqual([403, expect.stringContaining('may not override-freeze') as string]);
  });

  test.each<{ what: string; status: number; claims: JWTPayload }>([
    { what: 'for inspect', status: 401, claims: { aud: audience('inspect') } },
    { what: 'of another issuer', status: 401, claims: { iss: 'https://accounts.example.org' } },
    { what: 'that has ended', status: 401, claims: { iat: now() - 7200, exp: now() - 60 } },
    { what: 'whose address is not verified', status: 403, claims: { email_verified: false } },
    { what: 'of nobody', status: 403, claims: { email: undefined } },
  ])('is done for nobody by a token $what', async ({ claims, status }) => {
    const token = await tokenOf({ email: 'all@family.example', aud: audience('act'), ...claims });
    for (const action of actionNames) expect((await ask(action, bearer(token)))[0]).toBe(status);
    expect((await ask('suspend', {}))[0]).toBe(401);
  });

  test('says who asks by the token alone', async () => {
    const headers = {
      ...bearer(await tokenOf({ email: 'looks@family.example', aud: audience('act') })),
      'converge-by': 'all@family.example',
    };
    const [status, body] = await ask('rollback', headers);
    expect([status, body]).toEqual([403, expect.stringContaining('looks@family.example') as string]);
    const scene = await fetch(`${functions.url('act')}/v1/actions/master/shop`, {
      headers: bearer(await tokenOf({ email: 'eve@family.example', aud: audience('act') })),
    });
    expect(scene.status).toBe(403);
    expect(lines.filter((line) => line.includes('"stage":"act"') && line.includes('"ERROR"'))).toEqual([]);
  });
});

describe('what is in a cluster', () => {
  const environments = ['master/shop', 'master/acme-eu', 'staging/shop'] as const;
  const routes = [
    'objects',
    'objects?tree=true',
    'diff',
    'events?since=1h',
    'why?object=deployment/web',
    'plan',
  ] as const;
  const ci = 'converge-ci-master@family.iam.gserviceaccount.com';
  let functions: Functions;

  beforeAll(async () => {
    functions = await start('inspect', {
      access: access({
        people: [
          { who: ['ana@family.example', 'ada@family.example', 'max@family.example', 'mia@family.example'] },
          { who: ['bob@family.example'], classes: ['staging'] },
          { who: ['*@partner.example'], classes: ['master'], environments: ['acme-*'] },
        ],
      }),
    });
  });

  async function ask(key: string, route: string, headers: Record<string, string>): Promise<[number, string]> {
    const answer = await fetch(`${functions.url('inspect')}/v1/environments/${key}/${route}`, { headers });
    return [answer.status, await answer.text()];
  }

  test.each<{ who: string; claims: JWTPayload; sees: readonly string[] }>([
    { who: 'a person', claims: { email: 'ana@family.example' }, sees: environments },
    { who: 'a person of another class', claims: { email: 'bob@family.example' }, sees: ['staging/shop'] },
    {
      who: 'a person of a domain',
      claims: { email: 'kim@partner.example', hd: 'partner.example' },
      sees: ['master/acme-eu'],
    },
    {
      who: 'an address of that domain that its Workspace does not know',
      claims: { email: 'lee@partner.example' },
      sees: [],
    },
    { who: 'a person of no entry', claims: { email: 'eve@family.example', hd: 'family.example' }, sees: [] },
    { who: 'CI, which may call status', claims: { email: ci }, sees: [] },
    { who: 'the account that pushes messages', claims: { email: push }, sees: [] },
  ])('is shown to $who as $sees, by every route', async ({ claims, sees }) => {
    const headers = bearer(await tokenOf({ ...claims, aud: audience('inspect') }));
    for (const key of environments)
      for (const route of routes) {
        const [status, body] = await ask(key, route, headers);
        expect({ key, route, status }).toEqual({ key, route, status: sees.includes(key) ? 503 : 403 });
        if (status === 403)
          expect(body).toMatch(/is a service account, as CI has|calls a function of the flow|access\.people/);
      }
    for (const repository of ['master', 'staging']) {
      const { status } = await fetch(`${functions.url('inspect')}/v1/plans/${repository}`, { headers });
      const isShown = sees.some((key) => key.startsWith(`${repository}/`));
      expect({ repository, status }).toEqual({ repository, status: isShown ? 503 : 403 });
    }
  });

  test.each<{ what: string; status: number; claims: JWTPayload }>([
    { what: 'for status', status: 401, claims: { aud: audience('status') } },
    { what: 'of another issuer', status: 401, claims: { iss: 'https://accounts.example.org' } },
    { what: 'that has ended', status: 401, claims: { iat: now() - 7200, exp: now() - 60 } },
    { what: 'whose address is not verified', status: 403, claims: { email_verified: false } },
    { what: 'of nobody', status: 403, claims: { email: undefined } },
  ])('is told to nobody by a token $what, by no route', async ({ claims, status }) => {
    const token = await tokenOf({ email: 'ana@family.example', aud: audience('inspect'), ...claims });
    for (const key of environments)
      for (const route of routes) expect((await ask(key, route, bearer(token)))[0]).toBe(status);
  });

  test('is told to nobody without a token', async () => {
    for (const key of environments) for (const route of routes) expect((await ask(key, route, {}))[0]).toBe(401);
  });

  test('is asked for by GET, of a class and a route that there are', async () => {
    const headers = bearer(await tokenOf({ email: 'ada@family.example', aud: audience('inspect') }));
    for (const [key, route, status, subject] of [
      ['nowhere/shop', 'objects', 404, 'nowhere'],
      ['master/shop', 'secrets', 404, '/v1/environments/master/shop/secrets'],
      ['master/shop', 'why', 400, 'object'],
      ['master/shop', 'events?since=yesterday', 400, 'since'],
      ['master/shop', 'events?sinse=1h', 400, 'sinse'],
      ['nowhere/shop', 'plan', 404, 'nowhere'],
      ['master/shop', 'plan?revision=../main', 400, 'revision'],
      ['master/shop', 'plan?revision=a&revision=b', 400, 'revision'],
    ] as const) {
      const [answered, body] = await ask(key, route, headers);
      expect({ answered, ...z.looseObject({}).parse(JSON.parse(body)) }).toMatchObject({
        answered: status,
        status,
        subject,
      });
    }
    const url = `${functions.url('inspect')}/v1/environments/master/shop/diff`;
    const deleted = await fetch(url, { method: 'DELETE', headers });
    expect([deleted.status, deleted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(lines.filter((line) => line.includes('"stage":"inspect"') && line.includes('"ERROR"'))).toEqual([]);
  });

  // Of `inspect`, which lets so few in a second that the slowest machine asks more.
  test('is told to nobody who asks all the time, and to everybody else meanwhile', async () => {
    const asks = async (route: string, email: string): Promise<Response> =>
      fetch(`${functions.url('inspect')}/${route}`, {
        headers: bearer(await tokenOf({ email, aud: audience('inspect') })),
      });
    const answers = await Promise.all(
      Array.from({ length: 3 * rates.inspect.burst }, async () => asks('v1/openapi.json', 'max@family.example')),
    );
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await refused?.json()).toMatchObject({ code: 'TooManyCalls', status: 429 });
    expect((await asks('healthz', 'max@family.example')).status).toBe(200);
    expect((await asks('v1/openapi.json', 'mia@family.example')).status).toBe(200);
  }, 60_000);
});

describe('how environments stand', () => {
  /** What whoever is let in is answered, where Storage is empty and no Git host is there. */
  const routes = {
    '': 503,
    'v1/environments': 200,
    'v1/environments/master/shop': 503,
    'v1/incidents': 200,
    'v1/reports': 200,
    'v1/events': 200,
    'v1/reports/2026-11-22-weekly': 404,
    'v1/openapi.json': 200,
    version: 200,
    healthz: 200,
  };
  const ci = 'converge-ci-master@family.iam.gserviceaccount.com';
  let functions: Functions;

  beforeAll(async () => {
    const status = { audiences: [audience('status')], callers: ['ana@family.example', ci] };
    functions = await start('status-routes', {
      access: access({ functions: { status }, people: [{ who: ['bob@family.example'] }] }),
    });
  });

  const ask = async (route: string, headers: Record<string, string>, method = 'GET'): Promise<Response> =>
    fetch(`${functions.url('status')}/${route}`, { method, headers });

  test.each<{ who: string; claims: JWTPayload }>([
    { who: 'a person', claims: { email: 'ana@family.example' } },
    { who: 'CI', claims: { email: ci } },
  ])('is told by every route to $who', async ({ claims }) => {
    const headers = bearer(await tokenOf(claims));
    const answers = await Promise.all(
      Object.keys(routes).map(async (route) => [route, (await ask(route, headers)).status] as const),
    );
    expect(Object.fromEntries(answers)).toEqual(routes);
  });

  test.each<{ who: string; claims: JWTPayload | undefined; status: number }>([
    { who: 'a person who may look into clusters alone', claims: { email: 'bob@family.example' }, status: 403 },
    { who: 'the account that pushes messages', claims: { email: push }, status: 403 },
    { who: 'somebody with a token for inspect', claims: { email: ci, aud: audience('inspect') }, status: 401 },
    { who: 'somebody whose token has ended', claims: { email: ci, iat: now() - 7200, exp: now() - 60 }, status: 401 },
    { who: 'somebody without a token', claims: undefined, status: 401 },
  ])('is told by no route to $who: $status', async ({ claims, status }) => {
    const headers = claims === undefined ? {} : bearer(await tokenOf(claims));
    for (const route of Object.keys(routes)) {
      const answer = await ask(route, headers);
      expect({ route, status: answer.status }).toEqual({ route, status });
      expect(problemSchema.parse(await answer.json()).status).toBe(status);
    }
  });

  test('is asked for by GET or HEAD, of a path and by parameters that there are', async () => {
    const headers = bearer(await tokenOf({ email: 'ana@family.example' }));
    expect((await ask('v1/openapi.json', headers, 'HEAD')).status).toBe(200);
    for (const [route, method, status, subject] of [
      ['v1/environments', 'POST', 405, 'POST'],
      ['v1/environment', 'GET', 404, '/v1/environment'],
      ['v1/environments/nowhere/shop', 'GET', 404, 'nowhere'],
      ['v1/reports/latest-weekly', 'GET', 404, 'latest-weekly'],
      ['v1/environments?class=mastre', 'GET', 400, 'class'],
      ['v1/environments?label=acme', 'GET', 400, 'label'],
      ['v1/environments?problems=yes', 'GET', 400, 'problems'],
      ['v1/environments?limit=501', 'GET', 400, 'limit'],
      ['v1/events?since=36d', 'GET', 400, 'since'],
      ['v1/events?sinse=1d', 'GET', 400, 'sinse'],
    ] as const) {
      const answer = await ask(route, headers, method);
      expect(answer.status, route).toBe(status);
      expect(problemSchema.parse(await answer.json())).toMatchObject({ status, subject });
    }
  }, 60_000);
});

describe('without a word about access', () => {
  test('nobody may call, and what is no door stays as it is', async () => {
    const functions = await start('absent', {});
    for (const name of guardedFunctions)
      expect((await call(functions, bearer(await tokenOf({ aud: audience(name) })), name)).status).toBe(403);
    expect((await call(functions, {}, 'receivePush')).status).toBe(500);
  });
});

describe('access that is open', () => {
  test('lets anybody in on this machine, and nobody on Cloud Run', async () => {
    expect((await call(await start('open', { access: 'open' }))).status).toBe(200);
    expect(
      (await call(await start('open-on-cloud-run', { access: 'open', onCloudRun: true }), bearer(await tokenOf())))
        .status,
    ).toBe(403);
  });
});

describe('a body from somebody whom nobody let in', () => {
  let functions: Functions;
  const bomb = gzipSync(Buffer.alloc(200_000_000, 'a'), { level: 9 });

  /** The most memory that the functions ever held, in MB. */
  const peak = (): number =>
    Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${functions.pids()[0]}/status`, 'utf8'))?.[1]) / 1000;

  const post = async (
    name: string,
    headers: Record<string, string>,
    body: Buffer | AsyncIterable<Buffer>,
  ): Promise<number> => postBody({ url: functions.url(name), headers, body });

  async function* endless(): AsyncGenerator<Buffer> {
    for (let chunk = 0; chunk < 200; chunk++) yield Buffer.alloc(1_000_000, 'a');
  }

  beforeAll(async () => {
    await writeFile(join(folder, 'webhook-secret'), 'secret');
    functions = await start('bodies', {
      access: access(),
      webhooks: { github: { secretFile: join(folder, 'webhook-secret') } },
    });
    await call(functions, bearer(await tokenOf()));
    await post('receivePush', { 'content-type': 'application/json' }, Buffer.from('{}'));
  });

  test.each([
    'application/json',
    'application/octet-stream',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/cloudevents+json',
  ])('is never inflated, whatever it says it is: %s', async (type) => {
    const before = peak();
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async () =>
        post('receivePush', { 'content-type': type, 'content-encoding': 'gzip' }, bomb),
      ),
    );
    expect(statuses).toEqual(Array.from({ length: 8 }, () => 400));
    expect(await post('reconcile', { 'content-type': type, 'content-encoding': 'gzip' }, bomb)).toBe(401);
    expect(peak() - before).toBeLessThan(60);
  });

  const mebibyte = 1024 * 1024;

  async function* ofBytes(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 'a');
  }

  test.each([
    { what: 'of 500 MB', length: 500_000_000, body: endless },
    { what: 'of a byte more than a mebibyte', length: mebibyte + 1, body: () => ofBytes(mebibyte + 1) },
  ])('is refused by its length, unread: one $what', async ({ length, body }) => {
    const headers = { 'content-type': 'application/json', 'content-length': String(length) };
    expect(await post('receivePush', headers, body())).toBe(413);
  });

  test('is taken up to a mebibyte, with or without its length', async () => {
    const type = { 'content-type': 'application/json' };
    expect(await post('receivePush', type, Buffer.alloc(mebibyte, 'a'))).toBe(401);
    expect(await post('receivePush', { ...type, 'transfer-encoding': 'chunked' }, ofBytes(mebibyte))).toBe(401);
    expect(await post('receivePush', { ...type, 'transfer-encoding': 'chunked' }, ofBytes(mebibyte + 1))).toBe(413);
  });

  test.each([
    ['gzip', 400],
    ['identity', 413],
  ])('is refused whatever its encoding: %s', async (encoding, status) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    expect(await post('receivePush', { ...headers, 'transfer-encoding': 'chunked' }, endless())).toBe(status);
  });

  test('is read up to a limit where it says no length', async () => {
    const before = peak();
    expect(
      await post('receivePush', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, endless()),
    ).toBe(413);
    expect(peak() - before).toBeLessThan(60);
  });

  test.each<{ name: GuardedFunction; limit: number }>([
    { name: 'copyArtifact', limit: mebibyte },
    { name: 'reconcile', limit: 65_536 },
    { name: 'planChange', limit: 65_536 },
    { name: 'fanOut', limit: 16 * mebibyte },
    { name: 'deliverAlert', limit: 16 * mebibyte },
  ])('of a message to $name is refused where it is larger than any of its messages', async ({ name, limit }) => {
    const seen = await linesOf(functions);
    const headers = { ...bearer(await tokenOf({ aud: audience(name) })), 'content-type': 'application/json' };
    // Without Pub/Sub the dead letter cannot be published, so the message comes again.
    await post(name, { ...headers, 'content-length': String(limit + 1) }, ofBytes(limit + 1));
    await linesOf(functions);
    expect(lines.slice(seen).find((line) => line.includes(`"${name} failed"`))).toContain(`and ${limit} are taken`);
  });

  test('of a stranger is told as INFO, with what it failed by, and never as an error', async () => {
    const seen = await linesOf(functions);
    const type = { 'content-type': 'application/json' };
    const ofGitHub = { ...type, 'x-github-event': 'push' };
    await post('receivePush', type, Buffer.from('{}'));
    await post('receivePush', ofGitHub, Buffer.from('{}'));
    await post('receivePush', { ...ofGitHub, 'x-hub-signature-256': 'sha256=00' }, Buffer.from('{}'));
    await post('receivePush/%ff', type, Buffer.from('{}'));
    await post('receivePush', type, Buffer.alloc(2 * mebibyte));
    await post('receivePush', { ...type, 'content-encoding': 'gzip' }, bomb);
    await linesOf(functions);
    const told = lines.slice(seen).filter((line) => line.includes('receivePush'));
    expect(lines.slice(seen).join('\n')).not.toContain('URIError');
    expect(told.map((line): unknown => JSON.parse(line))).toEqual(
      ['BadSignature', 'BadSignature', 'BadSignature', 'BadSignature', 'TooLarge', 'UnreadableBody'].map((code) =>
        expect.objectContaining({ severity: 'INFO', message: 'receivePush let nobody in', stage: 'receivePush', code }),
      ),
    );
  });
});
