import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { gcpMetadata } from 'google-auth-library';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPubSub } from '../../local/parts/pubsub.ts';
import { ensureProgram } from '../../local/programs.ts';
import { createGitHost } from '../../shared/adapters/git/smart-http.ts';
import { createTokens } from '../../shared/adapters/google/tokens.ts';
import { createIdTokens } from '../../shared/adapters/id-tokens.ts';
import type { Access } from '../../shared/adapters/kubernetes/access.ts';
import { connect } from '../../shared/adapters/kubernetes/cluster.ts';
import { patience } from '../../shared/adapters/patience.ts';
import { createTopics } from '../../shared/adapters/pubsub.ts';
import { createSinks } from '../../shared/adapters/sinks.ts';
import { deliveryOf } from '../sink-delivery.ts';
import { connectStorage, createBuckets, createStateStore } from '../../shared/adapters/storage.ts';
import { createUploads } from '../../shared/adapters/uploads.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { configSchema, type RepositoryConfig } from '../../shared/config/config.ts';
import type { Alert } from '../../shared/events/alert.ts';
import { onGoogleCloud } from '../google/surroundings.ts';
import { rejectionOf } from '../refusal.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What one server does with the requests it gets, in their order; the last of them with all that follow. */
let answers: Answer[];
let asked: number;
let url: string;
let stop: () => Promise<void>;
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);

/** Accepts, reads, and never answers. */
const silence: Answer = (request) => void request.resume();
/** Reads nothing either. */
const deaf: Answer = () => undefined;

function md5(bytes: string | Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}

function json(value: unknown): Answer {
  return (request, response) => {
    const tell = () => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (request.readableEnded) tell();
    else request.resume().on('end', tell);
  };
}

beforeEach(async () => {
  answers = [silence];
  asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    // What was given up learns of the end of its connection.
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  process.on('unhandledRejection', onUnhandled).on('uncaughtException', onUnhandled);
});
afterEach(async () => {
  await stop();
  process.off('unhandledRejection', onUnhandled).off('uncaughtException', onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

const times = { answer: 300, wholeUpload: 1_000, wholeState: 1_000, upload: 300, tries: 2, reads: 2, firstPause: 10 };
const object = { bucket: 'b', name: 'x' };
const described = {
  generation: '1',
  size: 3,
  updated: '2026-01-01T00:00:00Z',
  timeCreated: '2026-01-01T00:00:00Z',
  name: 'x',
};
const toldHeaders = {
  'content-type': 'application/json',
  'x-goog-generation': '1',
  'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
};
const content =
  (text: string): Answer =>
  (_request, response) =>
    void response.writeHead(200, toldHeaders).end(text);
/** Half of a content, whose other half never comes. */
const half: Answer = (_request, response) => {
  response.writeHead(200, { ...toldHeaders, 'content-length': '100000' });
  response.write('x'.repeat(50_000));
};
/** A part of a content in each tenth of a second, for ever. */
const dripping: Answer = (_request, response) => {
  response.writeHead(200, toldHeaders);
  const drip = setInterval(() => response.write(' '), 100);
  response.on('close', () => clearInterval(drip));
};
const late =
  (answer: Answer): Answer =>
  (request, response) =>
    void setTimeout(() => answer(request, response), times.answer + 100);
const unanswered = {
  code: 'StorageUnavailable',
  disposition: 'retry',
  problem: expect.stringContaining('Cloud Storage did not answer in 0.3 s'),
};
const drippedFor = (seconds: number) => ({ ...unanswered, problem: `Cloud Storage did not answer in ${seconds} s` });

describe('a Storage that does not answer', () => {
  const client = () => connectStorage({ project: 'local', storage: { endpoint: url } });
  const buckets = () => createBuckets(client(), times);
  const state = () => createStateStore({ storage: client(), bucket: 'b', times });

  async function textOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks ?? []) parts.push(chunk);
    return Buffer.concat(parts).toString();
  }

  it.each([
    ['find an object', async () => buckets().find(object)],
    ['list a bucket', async () => buckets().list('b')],
    ['read state', async () => state().read('x')],
    ['write state', async () => state().write({ path: 'x', value: 1, ifGeneration: 'any' })],
    ['list state', async () => state().list('x')],
    ['delete state', async () => state().delete({ path: 'x', generation: '1' })],
    ['find an upload', async () => createUploads(client(), times).find(object)],
  ])('costs who wants to %s a few time-outs', async (_what, ask) => {
    expect(await rejectionOf(ask())).toMatchObject(unanswered);
    expect(asked).toBe(2);
  });

  it('costs a read of a content one time-out, and the next read comes through', async () => {
    const own = buckets();
    answers = [silence, content('abc')];
    expect(await rejectionOf(own.read({ ...object, generation: '1' }))).toMatchObject(unanswered);
    expect(await textOf(await own.read({ ...object, generation: '1' }))).toBe('abc');
  });

  it('in the middle of a content costs one time-out, and the next read comes through', async () => {
    const own = buckets();
    answers = [half, content('abc')];
    const begun = await own.read({ ...object, generation: '1' });
    expect(await rejectionOf(textOf(begun))).toMatchObject(unanswered);
    expect(await textOf(await own.read({ ...object, generation: '1' }))).toBe('abc');
  });

  it('that sends a content by drops costs one time-out, and the next read comes through', async () => {
    const own = buckets();
    answers = [dripping, content('abc')];
    const begun = await own.read({ ...object, generation: '1' });
    expect(await rejectionOf(textOf(begun))).toMatchObject(drippedFor(1));
    expect(await textOf(await own.read({ ...object, generation: '1' }))).toBe('abc');
  });

  it('that sends state by drops costs a few time-outs, and is asked again', async () => {
    answers = [dripping];
    expect(await rejectionOf(state().read('x'))).toMatchObject(drippedFor(1));
    answers = [dripping, content('{"a":1}')];
    expect(await state().read('x')).toMatchObject({ value: { a: 1 } });
  });

  it('is no matter while nobody asks for the next part', async () => {
    answers = [content('y'.repeat(3_000_000))];
    const chunks = (await buckets().read({ ...object, generation: '1' })) ?? [];
    let bytes = 0;
    for await (const chunk of chunks) {
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, times.answer * 2));
      bytes += chunk.length;
    }
    expect(bytes).toBe(3_000_000);
  });

  it('or whose answer comes when nobody waits any more, harms nobody', async () => {
    const own = buckets();
    answers = [late(content('old')), late(half), late(json(described)), json(described)];
    expect(await rejectionOf(own.read({ ...object, generation: '1' }))).toMatchObject(unanswered);
    expect(await rejectionOf(own.read({ ...object, generation: '1' }))).toMatchObject(unanswered);
    expect(await own.find(object)).toMatchObject({ generation: '1', bytes: 3 });
    await new Promise((resolve) => setTimeout(resolve, times.answer));
  });

  it.each([
    ['silent', silence],
    ['half an answer', half],
  ])('but once (%s), is asked again for the state', async (_how, once) => {
    answers = [once, content('{"a":1}')];
    expect(await state().read('x')).toMatchObject({ value: { a: 1 }, generation: '1' });
  });

  it('but once, is asked again to take state', async () => {
    answers = [silence, json({ ...described, md5Hash: md5('1') })];
    expect(await state().write({ path: 'x', value: 1, ifGeneration: 'any' })).toEqual({ generation: '1' });
  });

  const upload = (bytes: number) => ({
    ...object,
    content: new Uint8Array(bytes),
    metadata: {},
    ifGeneration: 'absent' as const,
  });

  it.each([
    ['answers no upload', silence, 3],
    ['takes no part of one', deaf, 60_000_000],
  ])('or %s, costs one time-out', async (_how, answer, bytes) => {
    answers = [answer];
    expect(await rejectionOf(createUploads(client(), times).write(upload(bytes)))).toMatchObject(unanswered);
  });

  it('takes a large upload as slowly as it likes', async () => {
    const large = upload(200_000_000);
    answers = [
      (request, response) => {
        request.on('data', () => {
          request.pause();
          setTimeout(() => request.resume(), 1);
        });
        request.on('end', () => json({ ...described, md5Hash: md5(large.content) })(request, response));
      },
    ];
    const beganAt = performance.now();
    // What the buffers of the machine hold (some 10 MB) is on its way when the last part is taken.
    const own = createUploads(client(), { ...times, upload: 2_000 });
    expect(await own.write(large)).toEqual({ generation: '1' });
    expect(performance.now() - beganAt).toBeGreaterThan(2_000);
  });
});

describe('a Pub/Sub that does not answer', () => {
  it('costs a publication one time-out, and the next one comes through', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-half-open-'));
    const pubsub = await startPubSub({ program: await ensureProgram('pubsub'), folder });
    const [, port = ''] = pubsub.host.split(':');
    const sockets = new Set<Socket>();
    // The first connection is taken, and that is all.
    const gate = createTcpServer((incoming) => {
      sockets.add(incoming.on('error', () => {}));
      if (sockets.size === 1) return void incoming.resume();
      const real = connectTcp(Number(port), '127.0.0.1').on('error', () => {});
      incoming.pipe(real).pipe(incoming);
    });
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    const before = process.env['PUBSUB_EMULATOR_HOST'];
    process.env['PUBSUB_EMULATOR_HOST'] = pubsub.host;
    try {
      await new PubSub({ projectId: 'local' }).createTopic('converge-diff');
      process.env['PUBSUB_EMULATOR_HOST'] = `127.0.0.1:${(gate.address() as AddressInfo).port}`;
      const topics = createTopics({ project: 'local', topicPrefix: 'converge-' }, { answer: 1_500 });
      const event = {
        ...{ id: 'e1', type: 't', source: 's', subject: 'x', time: new Date() },
        data: {},
      };
      expect(await rejectionOf(topics.publish('diff', event))).toMatchObject({
        code: 'PubSubUnavailable',
        disposition: 'retry',
        problem: 't e1 was not taken by Pub/Sub in 1.5 s',
      });
      await topics.publish('diff', event);
      expect(sockets.size).toBeGreaterThan(1);
    } finally {
      if (before === undefined) delete process.env['PUBSUB_EMULATOR_HOST'];
      else process.env['PUBSUB_EMULATOR_HOST'] = before;
      for (const socket of sockets) socket.destroy();
      gate.close();
      await pubsub.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a metadata server that does not answer', () => {
  const good: Answer = (request, response) => {
    const token = { access_token: 'good', expires_in: 3600, token_type: 'Bearer' };
    response.setHeader('metadata-flavor', 'Google');
    json(request.url?.includes('token') === true ? token : 'default')(request, response);
  };
  const surroundings = () => ({ GCE_METADATA_HOST: url.replace('http://', '') });

  it('costs one time-out, and the next token comes through', async () => {
    const undo = onGoogleCloud({ ...surroundings(), METADATA_SERVER_DETECTION: 'assume-present' });
    try {
      const tokens = createTokens({ answer: 300 });
      expect(await rejectionOf(tokens.current())).toMatchObject({
        code: 'CredentialsUnavailable',
        disposition: 'retry',
        problem: 'no access token came in 0.3 s',
      });
      answers = [good];
      expect(await tokens.current()).toBe('good');
    } finally {
      undo();
    }
  });

  it('or not when it is asked first, is asked again by the library itself, on Cloud Run, too', async () => {
    const undo = onGoogleCloud({ ...surroundings(), K_SERVICE: 'reconcile' });
    gcpMetadata.setGCPResidency(true);
    try {
      answers = [silence, good];
      const beganAt = performance.now();
      const tokens = createTokens();
      expect(await tokens.current()).toBe('good');
      expect(performance.now() - beganAt).toBeGreaterThan(2_900);
    } finally {
      undo();
      delete process.env['METADATA_SERVER_DETECTION'];
      gcpMetadata.setGCPResidency();
    }
  });
});

function repositorySettings(proxy: string | undefined): RepositoryConfig {
  const repository = { url: 'https://git.example.com/family', bucket: 'b', ...(proxy === undefined ? {} : { proxy }) };
  const { master } = configSchema.shape.repositories.parse({ master: repository });
  if (master === undefined) throw new Error('no repository');
  return master;
}

const alert: Alert = {
  topic: 'converged',
  data: {
    ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', revision: 'main@sha1:9f2c' },
    ...{ cause: null, incident: null, occurrence: null, since: null, seconds: 1, policy: null },
    changes: { created: 1, configured: 0, unchanged: 0, pruned: 0 },
  },
};

describe('a Git host that does not answer', () => {
  const hostAt = (at: string, proxy?: string) =>
    createGitHost({
      settings: repositorySettings(proxy),
      ...{ url: at, now: () => new Date(), times: { answer: 1_000, whole: 3_000 } },
    });
  const refs: Answer = (_request, response) => {
    const lines = ['# service=git-upload-pack\n', undefined, `${'1'.repeat(40)} refs/heads/main\0\n`, undefined];
    response.end(
      lines
        .map((line) => (line === undefined ? '0000' : (line.length + 4).toString(16).padStart(4, '0') + line))
        .join(''),
    );
  };
  const halfOfRefs: Answer = (_request, response) => void response.write('001e# service=git-up');
  const drops: Answer = (_request, response) => {
    const drip = setInterval(() => response.write('0'), 200);
    response.on('close', () => clearInterval(drip));
  };

  it.each([
    ['at all', silence, '(1 s)'],
    ['to the end', halfOfRefs, '(1 s)'],
    ['but by drops', drops, '(3 s)'],
  ])('%s costs one time-out, and the next look comes through', async (_how, answer, waited) => {
    answers = [answer, refs];
    const host = hostAt(url);
    expect(await rejectionOf(host.readRef('refs/heads/main'))).toMatchObject({
      code: 'GitUnavailable',
      disposition: 'retry',
      problem: expect.stringContaining(`the Git host did not answer in time ${waited}`),
    });
    expect(await host.readRef('refs/heads/main')).toBe('1'.repeat(40));
  });

  it('takes a push as slowly as it likes', async () => {
    const bytes = 40_000_000;
    async function* pack(): AsyncIterable<Uint8Array> {
      for (let sent = 0; sent < bytes; sent += 100_000) yield new Uint8Array(100_000);
    }
    const packet = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text;
    answers = [
      (request, response) => {
        request.on('data', () => {
          request.pause();
          setTimeout(() => request.resume(), 6);
        });
        request.on('end', () => {
          const report = `${packet('unpack ok\n')}${packet('ok refs/heads/main\n')}0000`;
          response.end(`${packet(`\u0001${report}`)}0000`);
        });
      },
    ];
    const beganAt = performance.now();
    const own = createGitHost({
      ...{ settings: repositorySettings(undefined), url, now: () => new Date() },
      times: { answer: 2_000, whole: 60_000 },
    });
    const moves = [{ ref: 'refs/heads/main', expected: undefined, commit: '1'.repeat(40) }];
    const push = { moves, pack, bytes };
    expect(await own.receivePack(push)).toEqual({ result: 'ok', words: [] });
    expect(performance.now() - beganAt).toBeGreaterThan(3_000);
  });

  it('for a proxy opens no tunnel, costs one time-out', async () => {
    const taken = new Set<Socket>();
    const proxy = createTcpServer((socket) => void taken.add(socket.on('error', () => {}).resume()));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const host = hostAt(url, `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
      expect(await rejectionOf(host.readRef('refs/heads/main'))).toMatchObject({
        code: 'GitUnavailable',
        disposition: 'retry',
      });
    } finally {
      for (const socket of taken) socket.destroy();
      proxy.close();
    }
  });
});

describe('an API server that does not answer', () => {
  const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
  const read = async () => {
    const dispatcher = new Agent({ headersTimeout: 500, bodyTimeout: 500 });
    const access: Access = {
      endpoint: () => Promise.resolve({ server: url, dispatcher }),
      credentials: () => Promise.resolve({}),
      renewCredentials: () => Promise.resolve(false),
      lookAgain: () => Promise.resolve(),
      explainFrontEnd: ({ message }) =>
        new ConvergeError({ code: 'ClusterRefused', subject: 'front end', message, disposition: 'refuse' }),
    };
    const cluster = connect({ name: 'family', access, actingAs: undefined }, { last: undefined });
    return await cluster.get({ resource, namespace: 'acme', name: 'settings' });
  };
  const halfOfObject: Answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"kind":');
  };

  it.each([
    ['at all', silence],
    ['to the end', halfOfObject],
  ])('%s is asked once more, and told', async (_how, answer) => {
    answers = [answer];
    expect(await rejectionOf(read())).toMatchObject({
      code: 'ClusterUnavailable',
      disposition: 'retry',
      problem: expect.stringContaining('got no answer in 2 tries of 30 s'),
    });
    expect(asked).toBe(2);
    answers = [answer, json({ kind: 'ConfigMap' })];
    expect(await read()).toMatchObject({ kind: 'ConfigMap' });
  });

  it('but by drops is asked once more, and told', async () => {
    const whole = patience.kubernetes.wholeAnswer;
    Object.assign(patience.kubernetes, { wholeAnswer: 1_000 });
    try {
      answers = [dripping];
      expect(await rejectionOf(read())).toMatchObject({
        code: 'ClusterUnavailable',
        disposition: 'retry',
        problem: expect.stringContaining('got no answer in 2 tries of 1 s'),
      });
      expect(asked).toBe(2);
    } finally {
      Object.assign(patience.kubernetes, { wholeAnswer: whole });
    }
  });
});

describe('who else does not answer', () => {
  it('is told for a sink', async () => {
    const sink = { name: 'chat', webhook: { url } };
    const deliver = async () => createSinks({ answer: 300 }).deliver(deliveryOf({ sink, alert, id: 'a' }));
    expect(await rejectionOf(deliver())).toMatchObject({
      code: 'SinkUnavailable',
      disposition: 'retry',
      problem: 'the webhook did not answer in 0.3 s',
    });
    answers = [json({})];
    await deliver();
  });

  it.each([
    ['at all', silence, ': no answer in 0.3 s'],
    ['to the end', half, ''],
  ])('%s is told for the keys of an issuer', async (_how, answer, why) => {
    answers = [answer];
    const header = Buffer.from('{"alg":"RS256","kid":"k"}').toString('base64url');
    const tokens = createIdTokens({ keys: url }, { answer: 300 });
    expect(await rejectionOf(tokens.verify(`${header}.e30.c2ln`))).toMatchObject({
      code: 'IssuerUnavailable',
      disposition: 'retry',
      problem: `the issuer's keys cannot be read${why}`,
    });
    answers = [json({ keys: [] })];
    expect(await rejectionOf(tokens.verify(`${header}.e30.c2ln`))).toMatchObject({ code: 'NotAuthenticated' });
  });
});
