import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHeartbeat } from '../../../shared/adapters/heartbeat.ts';
import { describeError } from '../../../shared/base/errors.ts';

let folder: string;
let server: Server;
let url: string;
const heard: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-heartbeat-'));
  server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    if (request.url === '/silent') return;
    response.writeHead(Number(request.url?.slice(1, 4))).end();
  });
  url = await new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
    }),
  );
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const failureOf = async (beat: Promise<void>): Promise<unknown> =>
  beat.then(() => undefined).catch((error: unknown) => error);

describe('a heartbeat', () => {
  it('is a GET, also to a URL that is a secret', async () => {
    const urlSecretFile = join(folder, 'beat');
    await writeFile(urlSecretFile, `${url}/200/canary\n`);
    await createHeartbeat({ urlSecretFile }).beat();
    await createHeartbeat({ url: `${url}/204` }).beat();
    expect(heard).toEqual(['GET /200/canary', 'GET /204']);
  });

  it.each([
    { path: '/500/canary', code: 'SinkUnavailable' },
    { path: '/404/canary', code: 'SinkRefused' },
    { path: '/silent', code: 'SinkUnavailable' },
  ])('that is not heard says so, and not where it went: $path', async ({ path, code }) => {
    const error = await failureOf(createHeartbeat({ url: `${url}${path}` }, { answer: 50 }).beat());
    expect(error).toMatchObject({ code, subject: 'alerts.heartbeat' });
    expect(describeError(error)).not.toMatch(/canary|127\.0\.0\.1/);
  });

  it.each(['canary', 'ftp://beats.example.com/canary', 'https://ada:canary@beats.example.com/'])(
    'goes nowhere where its secret holds %s, and tells none of it',
    async (text) => {
      const urlSecretFile = join(folder, 'wrong');
      await writeFile(urlSecretFile, text);
      const error = await failureOf(createHeartbeat({ urlSecretFile }).beat());
      expect(error).toMatchObject({ code: 'SecretUnavailable', subject: urlSecretFile });
      expect(describeError(error)).not.toContain('canary');
    },
  );
});
