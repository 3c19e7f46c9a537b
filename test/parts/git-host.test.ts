import { execFile } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeError } from '../../shared/base/errors.ts';
import type { Commit, Repository } from '../../shared/ports/git.ts';
import { commitAndPush, file, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
let clock: Date;
const host = gitHostOfFile({ tests: 40 });
const servers: Server[] = [];

const open = (settings: Readonly<Record<string, unknown>> = {}, cacheFolder?: string): Repository =>
  host.open({ settings, cacheFolder, now: () => clock });
const pushText = async (repository: Repository, text = '1'): Promise<Commit> =>
  commitAndPush({ repository, changes: [file('a', text)] });

beforeEach(() => {
  clock = new Date('2026-11-21T01:02:03Z');
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const target = new URL(host.url);
  const { url: path, method, headers } = incoming;
  const real = httpRequest({ host: target.hostname, port: target.port, path, method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(outgoing);
  });
  incoming.pipe(real);
}

/** A server before the real host: what `answer` does not take is passed on. Returns the URL of the repository there. */
async function before(answer: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean): Promise<string> {
  const port = await listen(
    createServer((incoming, outgoing) => void (answer(incoming, outgoing) || forward(incoming, outgoing))),
  );
  return `http://127.0.0.1:${port}/${host.name}.git`;
}

const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;
const ignore = (): void => {};

/** What the work throws, whole, as a log or an alert would show it. */
async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  return `${describeError(error)} ${JSON.stringify(error)} ${error instanceof Error ? error.stack : ''}`;
}

describe('credentials of a file', () => {
  it('are read again when the file changes, and when they are not accepted any more', async () => {
    const file = join(host.folder, `token-${host.name}`);
    await writeFile(file, 'first');
    let accepted = 'first';
    let refused = 0;
    const url = await before((incoming, outgoing) => {
      if (incoming.headers.authorization === basic(`x-access-token:${accepted}`)) return false;
      refused += 1;
      outgoing.writeHead(401).end();
      return true;
    });
    const repository = open({ url, credentials: { file } });
    await repository.head();
    await writeFile(file, 'second');
    await utimes(file, 1, 1);
    accepted = 'second';
    await repository.head();
    expect(refused).toBe(0);
    // As Secret Manager's mount does it: other bytes, the same time.
    await writeFile(file, 'third');
    await utimes(file, 1, 1);
    accepted = 'third';
    await repository.head();
    expect(refused).toBe(1);
    accepted = 'fourth';
    await expect(repository.head()).rejects.toMatchObject({
      code: 'GitRefused',
      disposition: 'refuse',
      problem: expect.stringContaining('credentials'),
    });
    expect(refused).toBe(2);
  });

  it('that cannot be read may be readable later', async () => {
    await expect(open({ credentials: { file: join(host.folder, 'absent') } }).head()).rejects.toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
    });
  });
});

describe('a GitHub App', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

  /** GitHub's API and Git host: mints a token a time, and accepts the newest. */
  async function github(
    options: { answer?: (outgoing: ServerResponse) => boolean } = {},
  ): Promise<{ settings: Record<string, unknown>; minted: string[]; revoke: () => void }> {
    const minted: string[] = [];
    let accepted: string | undefined;
    const url = await before((incoming, outgoing) => {
      if (incoming.url === '/api/v3/app/installations/77/access_tokens') {
        if (options.answer?.(outgoing) === true) return true;
        const [header = '', payload = '', signature = ''] = (incoming.headers.authorization ?? '')
          .replace('Bearer ', '')
          .split('.');
        const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
        const at = clock.getTime() / 1000;
        const isGood =
          incoming.method === 'POST' &&
          verify('sha256', Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url')) &&
          Buffer.from(header, 'base64url').toString() === '{"alg":"RS256","typ":"JWT"}';
        expect(isGood).toBe(true);
        expect(claims).toEqual({ iat: at - 60, exp: expect.any(Number), iss: '4711' });
        expect((claims as { exp: number }).exp).toBeLessThanOrEqual(at + 600);
        accepted = `ghs_${minted.push('')}_${host.name}`;
        minted[minted.length - 1] = accepted;
        outgoing
          .writeHead(201)
          .end(JSON.stringify({ token: accepted, expires_at: new Date(clock.getTime() + 3_600_000).toISOString() }));
        return true;
      }
      if (accepted !== undefined && incoming.headers.authorization === basic(`x-access-token:${accepted}`))
        return false;
      outgoing.writeHead(401).end('Bad credentials');
      return true;
    });
    const privateKeyFile = join(host.folder, `app-${host.name}.pem`);
    await writeFile(privateKeyFile, privateKey.export({ format: 'pem', type: 'pkcs1' }));
    const githubApp = { appId: 4711, installationId: 77, privateKeyFile, api: `${new URL(url).origin}/api/v3` };
    return { settings: { url, credentials: { githubApp } }, minted, revoke: () => (accepted = undefined) };
  }

  it('mints one token, and another five minutes before it ends', async () => {
    const { settings, minted } = await github();
    const repository = open(settings);
    await pushText(repository);
    await repository.head();
    expect(minted.length).toBe(1);
    clock = new Date(clock.getTime() + 54 * 60_000);
    await repository.head();
    expect(minted.length).toBe(1);
    clock = new Date(clock.getTime() + 2 * 60_000);
    await Promise.all([repository.head(), repository.head()]);
    expect(minted.length).toBe(2);
  });

  it('mints another token where one is not accepted any more, once', async () => {
    const { settings, minted, revoke } = await github();
    const repository = open(settings);
    await repository.head();
    revoke();
    await repository.head();
    expect(minted.length).toBe(2);
  });

  it.each([
    [401, 'GitRefused'],
    [404, 'GitRefused'],
    [500, 'GitUnavailable'],
  ])('that GitHub answers %i is %s', async (status, code) => {
    const { settings } = await github({
      answer: (outgoing) => outgoing.writeHead(status).end('{"message":"no"}') && true,
    });
    await expect(open(settings).head()).rejects.toMatchObject({
      code,
      subject: expect.stringContaining('/app/installations/77/'),
    });
  });

  it('with a key file that holds no key waits for another version of the secret', async () => {
    const { settings } = await github();
    await writeFile(join(host.folder, `app-${host.name}.pem`), 'canary, no key');
    const told = await failure(open(settings).head());
    expect(told).toContain('SecretUnavailable');
    expect(told).not.toContain('canary');
  });
});

it('shows no secret in any error', async () => {
  const file = join(host.folder, `token-${host.name}`);
  await writeFile(file, 'ada:canary-secret');
  for (const status of [400, 401, 403, 404, 500]) {
    const url = await before((incoming, outgoing) =>
      Boolean(outgoing.writeHead(status).end(`you sent ${incoming.headers.authorization} with canary-secret`)),
    );
    const told = await failure(open({ url, credentials: { file } }).head());
    expect(told).toContain(`HTTP ${status}`);
    expect(told).not.toContain('canary-secret');
    expect(told).not.toContain(Buffer.from('ada:canary-secret').toString('base64'));
  }
  const proxySecretFile = join(host.folder, `proxy-${host.name}`);
  await writeFile(proxySecretFile, 'http://ada:canary-secret@127.0.0.1:1');
  expect(await failure(open({ proxySecretFile }).head())).not.toContain('canary-secret');
});

describe('a certificate authority of one’s own', () => {
  async function certificates(): Promise<{ ca: string; key: string; cert: string }> {
    const at = (file: string): string => join(host.folder, `${host.name}-${file}`);
    const openssl = (...parameters: string[]): Promise<unknown> => run('openssl', parameters);
    const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    await openssl(
      'req',
      '-x509',
      ...elliptic,
      '-days',
      '2',
      '-subj',
      '/CN=Test CA',
      '-keyout',
      at('ca.key'),
      '-out',
      at('ca.pem'),
    );
    await openssl('req', ...elliptic, '-subj', '/CN=127.0.0.1', '-keyout', at('key.pem'), '-out', at('csr.pem'));
    await writeFile(at('ext'), 'subjectAltName=IP:127.0.0.1\n');
    await openssl(
      'x509',
      '-req',
      '-in',
      at('csr.pem'),
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      at('ext'),
      '-out',
      at('cert.pem'),
    );
    return {
      ca: at('ca.pem'),
      key: await readFile(at('key.pem'), 'utf8'),
      cert: await readFile(at('cert.pem'), 'utf8'),
    };
  }

  it('is trusted where its file is named, directly and through a proxy, and nowhere else', async () => {
    const { ca, key, cert } = await certificates();
    const port = await listen(createTlsServer({ key, cert }, forward));
    const url = `https://127.0.0.1:${port}/${host.name}.git`;
    await expect(open({ url }).head()).rejects.toMatchObject({
      code: 'GitRefused',
      remedy: expect.stringContaining('tls.caFile'),
    });
    await pushText(open({ url, tls: { caFile: ca } }));
    await expect(open({ url, tls: { caFile: join(host.folder, 'absent') } }).head()).rejects.toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
    });
    const through = await proxy();
    await pushText(open({ url, tls: { caFile: ca }, proxy: through.url }), '2');
    expect(new Set(through.targets)).toEqual(new Set([`127.0.0.1:${port}`]));
  });
});

/** A proxy that opens tunnels to whoever has the login. */
async function proxy(login?: string): Promise<{ url: string; targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((_incoming, outgoing) => void outgoing.writeHead(405).end());
  server.on('connect', (incoming, socket) => {
    socket.on('error', ignore);
    if (login !== undefined && incoming.headers['proxy-authorization'] !== basic(login))
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const [address, port] = (incoming.url ?? '').split(':');
    targets.push(incoming.url ?? '');
    const tunnel = connect(Number(port), address, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    tunnel.on('error', ignore);
  });
  const port = await listen(server);
  return { url: `http://${login === undefined ? '' : `${login}@`}127.0.0.1:${port}`, targets };
}

describe('a proxy', () => {
  it('carries every request, with its credentials', async () => {
    const { url, targets } = await proxy('ada:secret');
    const proxySecretFile = join(host.folder, `proxy-${host.name}`);
    await writeFile(proxySecretFile, url);
    await pushText(open({ proxySecretFile }));
    expect(targets.length).toBeGreaterThan(0);
    await writeFile(proxySecretFile, url.replace('secret', 'wrong'));
    await expect(open({ proxySecretFile }).head()).rejects.toMatchObject({
      code: 'GitRefused',
      problem: expect.stringContaining('proxy'),
    });
  });

  it('that is not there makes the host unavailable', async () => {
    await expect(open({ proxy: 'http://127.0.0.1:1' }).head()).rejects.toMatchObject({
      code: 'GitUnavailable',
      disposition: 'retry',
    });
  });
});

describe('a redirect', () => {
  it('is followed on the same host, as to a repository that was renamed', async () => {
    const url = await before((incoming, outgoing) => {
      if (!incoming.url?.startsWith('/old.git/')) return false;
      outgoing.writeHead(301, { location: incoming.url.replace('/old.git/', `/${host.name}.git/`) }).end();
      return true;
    });
    await pushText(open({ url: url.replace(`/${host.name}.git`, '/old.git') }));
  });

  it('to another host is refused, and sent no credentials', async () => {
    let reached = 0;
    const other = await before(() => (reached++, false));
    const target = other.replace('127.0.0.1', 'localhost');
    const url = await before((incoming, outgoing) =>
      Boolean(outgoing.writeHead(302, { location: target + incoming.url }).end()),
    );
    const file = join(host.folder, `token-${host.name}`);
    await writeFile(file, 'secret');
    await expect(open({ url, credentials: { file } }).head()).rejects.toMatchObject({
      code: 'GitRefused',
      problem: expect.stringContaining('redirects'),
    });
    expect(reached).toBe(0);
  });
});

describe('a host that asks to wait', () => {
  it.each([
    [429, '0'],
    [503, '0'],
    [403, 'Sat, 21 Nov 2026 01:02:03 GMT'],
  ])('by %i and Retry-After: %s is asked again after that', async (status, after) => {
    let count = 0;
    const url = await before(
      (_incoming, outgoing) => count++ < 2 && Boolean(outgoing.writeHead(status, { 'retry-after': after }).end()),
    );
    expect(await open({ url }).head()).toBeUndefined();
    // Two answers that ask to wait, the host's protocol version, the branch, and, since that is not there, whether
    // there are others.
    expect(count).toBe(5);
  });

  it('for longer than a run may take is left to the next delivery', async () => {
    let count = 0;
    const url = await before((_incoming, outgoing) =>
      Boolean(outgoing.writeHead(429, { 'retry-after': '3600' }).end(String(count++))),
    );
    await expect(open({ url }).head()).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
    expect(count).toBe(1);
  });
});

it('answers of a page in place of a repository are not taken for an empty one', async () => {
  const url = await before((_incoming, outgoing) =>
    Boolean(outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>')),
  );
  await expect(open({ url }).head()).rejects.toMatchObject({ code: 'GitUnavailable' });
  await expect(open({ url }).fetchHead()).rejects.toMatchObject({ code: 'GitUnavailable' });
});

it.each(['', '0000', '000eversion 2\n'])(
  'an answer that ends early (%j) is not taken for an empty repository',
  async (answer) => {
    const url = await before((_incoming, outgoing) => Boolean(outgoing.writeHead(200).end(answer)));
    await expect(open({ url }).head()).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
  },
);

it('takes a push for pushed where both its answers were lost and the branch is there', async () => {
  let lost = 0;
  const url = await before((incoming, outgoing) => {
    if (!incoming.url?.endsWith('/git-receive-pack')) return false;
    lost += 1;
    const target = new URL(host.url);
    const { url: path, method, headers } = incoming;
    const real = httpRequest({ host: target.hostname, port: target.port, path, method, headers }, (answered) => {
      answered.on('end', () => outgoing.destroy()).resume();
    });
    incoming.pipe(real);
    return true;
  });
  await pushText(open({ url }));
  expect(lost).toBe(2);
});

it('brings a large repository of a host that does not filter without its history, and what a commit changed after that', async () => {
  const [files, commits] = [20_000, 5000];
  const person = (at: number): string => `committer Ada <ada@example.com> ${1_700_000_000 + at} +0000\ndata 1\nx\n`;
  const parts = [`commit refs/heads/main\n${person(0)}`];
  for (let index = 0; index < files; index++)
    parts.push(`M 100644 inline folder${index % 200}/file${index}\ndata ${String(index).length}\n${index}\n`);
  for (let at = 1; at < commits; at++)
    parts.push(`commit refs/heads/main\n${person(at)}M 100644 inline folder0/file0\ndata ${`c${at}`.length}\nc${at}\n`);
  const imported = run('git', ['--git-dir', host.path, 'fast-import', '--quiet']);
  imported.child.stdin?.end(parts.join(''));
  await imported;

  await host.onHost('config', 'uploadpack.allowFilter', 'false');
  const cacheFolder = join(host.folder, `cache-${host.name}`);
  const repository = open({}, cacheFolder);
  const head = await repository.fetchHead();
  // The files that differ, their folders, the root, the commit.
  expect(await objectsFetched(cacheFolder)).toBe(files + 200 + 1 + 1);
  expect((await repository.files({ commit: head?.id ?? '', folder: '' })).length).toBe(files);
  const second = await pushText(open(), 'new');
  expect((await repository.fetchHead())?.id).toBe(second.id);
  // A few more commits of history come with it, never their trees' whole content.
  expect(await objectsFetched(cacheFolder)).toBeLessThan(files + 200 + 2 + 100);
});

async function objectsFetched(cacheFolder: string): Promise<number> {
  const packs = (await readdir(cacheFolder, { recursive: true })).filter((file) => file.endsWith('.pack'));
  const counts = await Promise.all(
    packs.map(async (file) => (await readFile(join(cacheFolder, file))).readUInt32BE(8)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

it('speaks version 0 of the protocol with a host that knows no other', async () => {
  const url = await before((incoming) => {
    delete incoming.headers['git-protocol'];
    return false;
  });
  const repository = open({ url });
  expect(await repository.fetchHead()).toBeUndefined();
  const first = await pushText(repository, '1');
  const others = open();
  await others.fetchHead();
  const second = await pushText(others, '2');
  expect((await repository.fetchHead())?.id).toBe(second.id);
  expect(await repository.isAncestor({ ancestor: first.id, descendant: second.id })).toBe(true);
  const late = open({ url });
  expect((await late.fetchHead())?.id).toBe(second.id);
  expect(await late.isAncestor({ ancestor: first.id, descendant: second.id })).toBe(true);
  expect(Buffer.from((await late.readFile({ commit: second.id, path: 'a' })) ?? []).toString()).toBe('2');
});

it('needs one request for a look at a host that is known, and one for a push', async () => {
  const asked: string[] = [];
  const url = await before((incoming) => (asked.push(incoming.url?.split('/').at(-1) ?? ''), false));
  const repository = open({ url });
  await pushText(repository);
  asked.length = 0;
  await repository.head();
  await repository.fetchHead();
  await pushText(repository, '2');
  expect(asked).toEqual(['git-upload-pack', 'git-upload-pack', 'git-upload-pack', 'git-receive-pack']);
});
