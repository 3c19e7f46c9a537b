import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGitHttp } from '../../../shared/adapters/git/http.ts';
import { createSinks } from '../../../shared/adapters/sinks.ts';
import { describeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { Alert } from '../../../shared/events/alert.ts';
import { deliveryOf } from '../../sink-delivery.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-addresses-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));
const asked = vi.fn<(url: unknown) => Promise<Response>>(async () => new Response(null, { status: 204 }));
beforeEach(() => {
  vi.stubGlobal('fetch', asked);
  asked.mockClear();
  return () => void vi.unstubAllGlobals();
});

async function fileWith(text: string): Promise<string> {
  const file = join(folder, 'address');
  await writeFile(file, text);
  return file;
}

const alert: Alert = {
  topic: 'converged',
  data: {
    ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', revision: 'main@sha1:9f2c' },
    ...{ incident: null, occurrence: null, since: null, cause: null, seconds: 1, policy: null },
    changes: { created: 1, configured: 0, unchanged: 0, pruned: 0 },
  },
};
const deliver = async (urlSecretFile: string): Promise<unknown> =>
  createSinks().deliver(deliveryOf({ sink: { name: 'chat', webhook: { urlSecretFile } }, alert }));

async function headThrough(proxySecretFile: string): Promise<unknown> {
  const config = parseConfig({
    file: 'converge.yaml',
    text: `project: p\nstate: { bucket: s }\nclusters: {}\nrepositories: { m: { url: "http://git.example.com/m", bucket: b, proxySecretFile: ${JSON.stringify(proxySecretFile)} } }`,
  });
  const settings = config.repositories['m'];
  if (settings === undefined) throw new Error('is configured');
  const send = createGitHttp({ settings, url: settings.url, now: () => new Date(0) });
  return send({ method: 'GET', path: '/info/refs', headers: {} }).catch((error: unknown) => error);
}

describe('an address that is a secret', () => {
  it('of a sink is read from its file', async () => {
    await deliver(await fileWith('https://hooks.slack.com/services/T0/B0/canary\n'));
    expect(asked.mock.calls.map(([url]) => url)).toEqual(['https://hooks.slack.com/services/T0/B0/canary']);
  });

  it('of a sink is told by no error where its file holds something else', async () => {
    const error: unknown = await deliver(await fileWith('canary')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
      problem: expect.stringContaining('holds no URL'),
    });
    expect(String(error)).not.toContain('canary');
    expect(asked).not.toHaveBeenCalled();
  });

  it('of a sink with user and password is asked as them, and told by no error', async () => {
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => asked(new Request(url, init)));
    await deliver(await fileWith('https://ada:can%40ry@alerts.example.com/hook'));
    const request = asked.mock.calls[0]?.[0];
    expect(request).toMatchObject({ url: 'https://alerts.example.com/hook' });
    const login = request instanceof Request ? request.headers.get('authorization') : undefined;
    expect(login).toBe(`Basic ${Buffer.from('ada:can@ry').toString('base64')}`);
  });

  it.each(['https://ada:can%ZZary@alerts.example.com/', 'data:text/plain,canary', 'ada:canary@alerts.example.com'])(
    'of a sink is told by no error where nobody can post to it: %s',
    async (text) => {
      const error: unknown = await deliver(await fileWith(text)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'SecretUnavailable', problem: expect.stringContaining('holds no URL') });
      expect(describeError(error)).not.toMatch(/can.*ary/);
      expect(asked).not.toHaveBeenCalled();
    },
  );

  it('of a proxy is read from its file, and asked', async () => {
    const error = await headThrough(await fileWith('http://ada:canary@127.0.0.1:1\n'));
    expect(error).toMatchObject({ code: 'GitUnavailable', problem: expect.not.stringContaining('holds no URL') });
    expect(String(error)).not.toContain('canary');
  });

  it('of a proxy is told by no error where its file holds something else', async () => {
    const error = await headThrough(await fileWith('canary'));
    expect(error).toMatchObject({ code: 'SecretUnavailable', problem: expect.stringContaining('holds no URL') });
    expect(String(error)).not.toContain('canary');
  });

  it.each(['ada:canary@proxy.example.com:3128', 'file:///canary', 'http://ada:can%ZZary@127.0.0.1:1'])(
    'of a proxy is named by its file where nothing can be tunnelled through it: %s',
    async (text) => {
      const error = await headThrough(await fileWith(text));
      expect(error).toMatchObject({ code: 'SecretUnavailable', problem: expect.stringContaining('holds no URL') });
      expect(describeError(error)).not.toMatch(/can.*ary/);
    },
  );
});
