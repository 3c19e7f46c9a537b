import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openContext } from '../../cli/context.ts';
import { findProof } from '../../cli/id-token.ts';
import { askPlans } from '../../cli/ask-inspect.ts';
import { readStatus } from '../../cli/read-status.ts';
import { plansAnswerSchema } from '../../shared/pipeline/inspect/answers.ts';
import { problemOf } from '../../shared/base/problem.ts';

/** Plays the status function, and the metadata server that mints tokens on Google Cloud. */
const calls: IncomingMessage[] = [];
const answer: { status: number; problem: object } = { status: 200, problem: {} };
let server: Server;
let origin: string;
let folder: string;

async function listening(one: Server): Promise<string> {
  one.listen(0, '127.0.0.1');
  await once(one, 'listening');
  const address = one.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

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
  origin = await listening(server);
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

describe('a function that says it is asked too often', () => {
  const tooOften = problemOf({ status: 429, code: 'TooManyCalls', detail: 'takes 30 calls', subject: 'inspect' });
  const plans = { repository: 'master', revision: 'main@sha1:1', environments: ['shop'] };

  /** The plans that are told in the end, and how long was waited before each call after the first, in seconds. */
  async function askOften({ refusals, after }: { refusals: number; after?: string }): Promise<[unknown, number[]]> {
    let left = refusals;
    const busy = createServer((_request, response) => {
      const [status, body] = left-- > 0 ? [429, tooOften] : [200, plans];
      const headers = status === 200 || after === undefined ? {} : { 'retry-after': after };
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
    const inspectUrl = await listening(busy);
    const slept: number[] = [];
    const { ports, ...context } = openContext({ config: join(folder, 'converge.yaml') });
    const sleep = async (milliseconds: number): Promise<void> => void slept.push(milliseconds / 1000);
    try {
      const asked = { repository: 'master', query: {}, schema: plansAnswerSchema };
      const answered = await askPlans({ ...context, inspectUrl, ports: { ...ports, sleep } }, asked).catch(
        (error: unknown) => error,
      );
      return [answered, slept];
    } finally {
      busy.close();
      busy.closeAllConnections();
    }
  }

  test('is asked again when it says', async () => {
    expect(await askOften({ refusals: 2, after: '3' })).toEqual([plans, [3, 3]]);
  });

  test('is asked again after a second where it does not say when', async () => {
    expect(await askOften({ refusals: 1 })).toEqual([plans, [1]]);
  });

  test('is quoted once it has been waited for long enough', async () => {
    const [answered, slept] = await askOften({ refusals: 100, after: '50' });
    expect(answered).toMatchObject({ problem: 'inspect: takes 30 calls', exit: 1 });
    expect(slept).toEqual([50, 50]);
  });

  test('is not waited for by what looks again anyway', async () => {
    Object.assign(answer, { status: 429, problem: tooOften });
    await expect(read()).rejects.toMatchObject({ problem: 'inspect: takes 30 calls', exit: 1 });
    expect(calls).toHaveLength(1);
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
