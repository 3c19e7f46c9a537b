import { once } from 'node:events';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGitHttp } from '../../../../shared/adapters/git/http.ts';
import { parseConfig } from '../../../../shared/config/config.ts';
import { rejectionOf } from '../../../refusal.ts';

/** Lets one password through, and answers `ok` in the place of every Git host. */
let password = 'first';
const asked: string[] = [];
const proxy = createServer().on('connect', ({ headers }, socket) => {
  const given = String(headers['proxy-authorization']);
  asked.push(given);
  if (given !== `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`) {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'));
});
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-renewed-'));
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});
afterAll(async () => {
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function hostThrough(proxySecretFile: string): ReturnType<typeof createGitHttp> {
  const { repositories } = parseConfig({
    file: 'converge.yaml',
    text: `project: p\nstate: { bucket: s }\nclusters: {}\nrepositories: { m: { url: "http://git.example.com/m", bucket: b, proxySecretFile: ${JSON.stringify(proxySecretFile)} } }`,
  });
  const settings = repositories['m'];
  if (settings === undefined) throw new Error('is configured');
  return createGitHttp({ settings, url: settings.url, now: () => new Date(0) });
}

describe('the proxy of a Git host', () => {
  const write = async (text: string): Promise<string> => {
    const file = join(folder, 'proxy');
    const { port } = proxy.address() as AddressInfo;
    await writeFile(file, `http://ada:${text}@127.0.0.1:${port}\n`);
    return file;
  };
  const ask = { method: 'GET', path: '/info/refs', headers: {} } as const;

  it('is asked by its new password where the old one is no longer accepted', async () => {
    const send = hostThrough(await write('first'));
    expect(String(await send(ask))).toBe('ok');
    password = 'second';
    await write('second');
    expect(String(await send(ask))).toBe('ok');
  });

  it('that accepts no password is asked once more, and refused by name', async () => {
    const send = hostThrough(await write('second'));
    expect(String(await send(ask))).toBe('ok');
    await write('third');
    password = 'fourth';
    asked.length = 0;
    expect(await rejectionOf(send(ask))).toMatchObject({ code: 'GitRefused', disposition: 'refuse' });
    expect(asked).toHaveLength(2);
  });
});

describe('the login to a Git host', () => {
  const newest = `Basic ${Buffer.from('x-access-token:new').toString('base64')}`;
  let status = 404;
  let calls = 0;
  const host = createServer(({ headers }, outgoing) => {
    calls += 1;
    outgoing.writeHead(headers.authorization === newest ? 200 : status).end('ok');
  });
  beforeAll(async () => {
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
  });
  afterAll(async () => {
    host.closeAllConnections();
    await new Promise((resolve) => host.close(resolve));
  });

  /** A secret's mount changes what a file says without changing its time. */
  async function writeLogin(file: string, token: string): Promise<void> {
    await writeFile(file, token);
    await utimes(file, 1, 1);
  }

  async function hostAskedBy(token: string): Promise<{ send: ReturnType<typeof createGitHttp>; file: string }> {
    const { port } = host.address() as AddressInfo;
    const file = join(folder, 'login');
    await writeLogin(file, token);
    const { repositories } = parseConfig({
      file: 'converge.yaml',
      text: `project: p\nstate: { bucket: s }\nclusters: {}\nrepositories: { m: { url: "http://127.0.0.1:${port}/m", bucket: b, credentials: { file: ${JSON.stringify(file)} } } }`,
    });
    const settings = repositories['m'];
    if (settings === undefined) throw new Error('is configured');
    return { send: createGitHttp({ settings, url: settings.url, now: () => new Date(0) }), file };
  }

  it.each([401, 403, 404])('is the new one where the old one may not see the repository any more: %i', async (says) => {
    status = says;
    const { send, file } = await hostAskedBy('old');
    await rejectionOf(send({ method: 'GET', path: '/info/refs', headers: {} }));
    await writeLogin(file, 'new');
    expect(String(await send({ method: 'GET', path: '/info/refs', headers: {} }))).toBe('ok');
  });

  it('that is no other is not tried twice', async () => {
    status = 403;
    const { send } = await hostAskedBy('old');
    calls = 0;
    await rejectionOf(send({ method: 'GET', path: '/info/refs', headers: {} }));
    expect(calls).toBe(1);
  });
});
