import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCloudLogging } from '../../../shared/adapters/cloud-logging.ts';
import { createLogFile } from '../../../shared/adapters/log-file.ts';
import type { Tokens } from '../../../shared/adapters/google/tokens.ts';

const tokens: Tokens = { current: async () => 'first', renew: async () => 'second' };
const since = new Date('2026-11-21T01:00:00Z');

/** Answers, one after the other, and what was asked. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}
let server: Server;
let endpoint: string;
const answers: Answer[] = [];
const asked: { token: string | undefined; url: string | undefined; body: unknown }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { authorization: token } = request.headers;
      asked.push({ token, url: request.url, body: JSON.parse(Buffer.concat(parts).toString()) });
      const { status, body } = answers.shift() ?? { status: 500, body: {} };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  endpoint = await new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
    }),
  );
});
afterEach(() => {
  answers.length = 0;
  asked.length = 0;
});
afterAll(() => void server.close());

const cloud = () => {
  const google = { container: endpoint, secretManager: endpoint, logging: endpoint, monitoring: endpoint };
  return createCloudLogging({ project: 'family', google }, tokens);
};
const entry = (insertId: string, message: string) => ({
  ...{ insertId, timestamp: '2026-11-21T01:02:03.000004Z', severity: 'WARNING' },
  jsonPayload: { message, stage: 'reconcile' },
  resource: { type: 'cloud_run_revision', labels: { service_name: 'converge-reconcile' } },
});

describe('Cloud Logging', () => {
  it('is asked page by page for the newest, and answers the oldest first', async () => {
    answers.push(
      { status: 200, body: { entries: [entry('c', 'third')], nextPageToken: 'next' } },
      { status: 200, body: { nextPageToken: 'more' } },
      {
        status: 200,
        body: { entries: [entry('b', 'second'), { insertId: 'a', timestamp: 't', textPayload: 'first' }] },
      },
    );
    const found = await cloud().read({ since, mentions: [['a"b\\'], ['fanOut', 'acme']], limit: 10 });
    expect(found).toEqual({
      entries: [
        { id: 'a', time: 't', severity: 'DEFAULT', message: 'first', fields: {} },
        {
          ...{ id: 'b', time: '2026-11-21T01:02:03.000004Z', severity: 'WARNING', message: 'second' },
          fields: { service: 'converge-reconcile', stage: 'reconcile' },
        },
        expect.objectContaining({ id: 'c', message: 'third' }),
      ],
      mayBeMore: false,
    });
    expect(asked[0]).toEqual({
      ...{ token: 'Bearer first', url: '/v2/entries:list' },
      body: {
        resourceNames: ['projects/family'],
        filter: String.raw`resource.type="cloud_run_revision" AND timestamp>="2026-11-21T01:00:00.000Z" AND jsonPayload.message:* AND (("a\"b\\") OR ("fanOut" AND "acme"))`,
        ...{ orderBy: 'timestamp desc', pageSize: 10 },
      },
    });
    expect(asked.slice(1).map(({ body }) => body)).toMatchObject([{ pageToken: 'next' }, { pageToken: 'more' }]);
  });

  it('says that there are more than were wanted', async () => {
    answers.push({ status: 200, body: { entries: [entry('b', 'second')], nextPageToken: 'next' } });
    expect(await cloud().read({ since, mentions: [['x']], limit: 1 })).toMatchObject({
      entries: [{}],
      mayBeMore: true,
    });
    expect(asked).toHaveLength(1);
  });

  it('is asked with another token where the first is not accepted', async () => {
    answers.push({ status: 401, body: { error: { code: 401, message: 'ended' } } }, { status: 200, body: {} });
    expect(await cloud().read({ since, mentions: [['x']], limit: 1 })).toEqual({ entries: [], mayBeMore: false });
    expect(asked.map(({ token }) => token)).toEqual(['Bearer first', 'Bearer second']);
  });

  it.each([
    [403, 'answered 403: may not', /roles\/logging\.viewer/],
    [404, 'answered 404: may not', undefined],
    [200, 'answered what is no list of entries', undefined],
  ])('that answers %s is said to, with what helps', async (status, message, remedy) => {
    const body = status === 200 ? { entries: 'none' } : { error: { code: status, message: 'may not' } };
    answers.push({ status, body });
    await expect(cloud().read({ since, mentions: [['x']], limit: 1 })).rejects.toMatchObject({
      ...{ code: 'LogsUnavailable', subject: 'project family', problem: `Cloud Logging ${message}` },
      remedy: remedy === undefined ? undefined : expect.stringMatching(remedy),
    });
  });
});

describe('the log of the local pipeline', () => {
  it('is its lines of that time that have the texts, the newest of them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-log-'));
    try {
      const file = join(folder, 'functions.log');
      const written = (minute: number, message: string, fields: object = {}) =>
        JSON.stringify({ severity: 'INFO', message, time: `2026-11-21T01:0${minute}:00.000Z`, ...fields });
      const before = written(0, 'before', { subject: 'master/acme' }).replace('T01:00', 'T00:59');
      const lines = [
        ...['(node:1) Warning: master/acme', '{"severity": master/acme', before],
        written(1, 'of another', { subject: 'master/other' }),
        written(2, 'quoted', { path: 'a"b' }),
        written(3, 'one', { stage: 'reconcile', subject: 'master/acme' }),
        written(4, 'two', { subject: 'master/acme' }),
      ];
      await writeFile(file, `${lines.join('\n')}\n`);
      const logs = createLogFile(file);
      const read = async (limit: number, mention = 'master/acme') => logs.read({ since, mentions: [[mention]], limit });
      expect(await read(10)).toEqual({
        entries: [
          {
            ...{ id: '6', time: '2026-11-21T01:03:00.000Z', severity: 'INFO', message: 'one' },
            fields: { stage: 'reconcile', subject: 'master/acme' },
          },
          expect.objectContaining({ id: '7', message: 'two' }),
        ],
        mayBeMore: false,
      });
      expect(await read(1)).toMatchObject({ entries: [{ message: 'two' }], mayBeMore: true });
      expect(await read(1, 'a"b')).toMatchObject({ entries: [{ message: 'quoted' }], mayBeMore: false });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that is gone is said to be', async () => {
    const file = join(tmpdir(), 'converge-nowhere', 'functions.log');
    const read = createLogFile(file).read({ since, mentions: [['x']], limit: 1 });
    await expect(read).rejects.toMatchObject({ code: 'LogsUnavailable', subject: file });
  });
});
