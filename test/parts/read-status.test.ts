import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openContext } from '../../cli/context.ts';
import { findProof } from '../../cli/id-token.ts';
import { readStatus } from '../../cli/read-status.ts';
import { problemOf } from '../../shared/base/problem.ts';

/** Plays the status function, and the metadata server that mints tokens on Google Cloud. */
const calls: IncomingMessage[] = [];
const answer: { status: number; problem: object } = { status: 200, problem: {} };
let server: Server;
let origin: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-status-'));
  server = createServer((request, response) => {
    calls.push(request);
    if (request.url?.startsWith('/computeMetadata/') !== true) {
      response
        .writeHead(answer.status, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer.status === 200 ? { environments: [], unreadable: [] } : answer.problem));
      return;
    }
    const asked = new URL(request.url, 'http://metadata').searchParams.get('audience');
    response
      .writeHead(asked === null ? 404 : 200, { 'metadata-flavor': 'Google', 'content-type': 'text/plain' })
      .end(`minted.for.${asked}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  origin = `http://127.0.0.1:${address.port}`;
  await writeFile(
    join(folder, 'converge.yaml'),
    `project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}\nstatus: { url: "${origin}/status/" }\n`,
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  calls.length = 0;
  Object.assign(answer, { status: 200, problem: { error: { code: 'x', message: 'no' } } });
  vi.unstubAllEnvs();
  for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'CONVERGE_ID_TOKEN']) vi.stubEnv(name, '');
  vi.stubEnv('HOME', folder);
  vi.stubEnv('CLOUDSDK_CONFIG', folder);
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
});

const read = async () => readStatus(openContext({ config: join(folder, 'converge.yaml') }));

describe('the status function', () => {
  test('is sent the token that the environment names', async () => {
    vi.stubEnv('CONVERGE_ID_TOKEN', 'mine\n');
    await read();
    expect(calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine']);
  });

  test('is sent no token of our making without HTTPS', async () => {
    await read();
    expect(calls.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test.each([
    {
      status: 401,
      token: '',
      says: 'asks for an ID token (401), and no token is sent without HTTPS',
      remedy: 'set CONVERGE_ID_TOKEN="$(gcloud auth print-identity-token)"',
    },
    {
      status: 401,
      token: 'old',
      says: 'does not accept the ID token of CONVERGE_ID_TOKEN (401)',
      remedy: 'another audience; set',
    },
    { status: 403, token: 'mine', says: 'you may not read it (403)', remedy: 'access.functions.status.callers' },
  ])('that answers $status to the token "$token" is explained', async ({ status, token, says, remedy }) => {
    answer.status = status;
    vi.stubEnv('CONVERGE_ID_TOKEN', token);
    await expect(read()).rejects.toMatchObject({ problem: says, remedy: expect.stringContaining(remedy), exit: 1 });
  });

  test.each([
    { subject: 'class', remedy: 'there are master', says: 'class: is no class' },
    { subject: null, remedy: null, says: 'is no class' },
  ])('that answers a problem is quoted, with the remedy', async ({ subject, remedy, says }) => {
    const problem = problemOf({ status: 400, code: 'BadRequest', detail: 'is no class', subject, remedy });
    Object.assign(answer, { status: 400, problem });
    await expect(read()).rejects.toMatchObject({ problem: says, remedy: remedy ?? undefined, exit: 1 });
  });

  test('of the version before is quoted as it answers', async () => {
    answer.status = 503;
    await expect(read()).rejects.toMatchObject({ problem: 'no', exit: 1 });
  });
});

describe('the proof of a call by HTTPS', () => {
  const proofFor = async () =>
    findProof({ url: new URL('https://status.example.com/'), audience: 'https://status.example.com', environment: {} });

  test('is an ID token for the audience, from the metadata server where that is there', async () => {
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GCE_METADATA_HOST', origin.slice('http://'.length));
    expect(await proofFor()).toEqual({
      kind: 'token',
      token: 'minted.for.https://status.example.com',
      from: 'Application Default Credentials',
    });
  });

  test('is none where there are no credentials, and says so', async () => {
    expect(await proofFor()).toEqual({
      kind: 'none',
      reason: expect.stringMatching(/Application Default Credentials give none: .*credentials/),
    });
  });

  test('is none of credentials that cannot be used, and says so', async () => {
    await writeFile(
      join(folder, 'account.json'),
      JSON.stringify({ type: 'service_account', client_email: 'ci@family.iam.gserviceaccount.com' }),
    );
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', join(folder, 'account.json'));
    expect(await proofFor()).toEqual({ kind: 'none', reason: expect.stringContaining('private_key') });
  });
});
