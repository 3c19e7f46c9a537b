import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
