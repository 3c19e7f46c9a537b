import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import type { Server } from 'node:http';
import packageFile from '../../package.json' with { type: 'json' };
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { eventually } from '../eventually.ts';
import { readDelivery, startParts, type Parts } from './parts.ts';

/*
 * Each function behind the framework's own test server, on real parts, sent what the platform would send it. The
 * deliveries are written by the documentation of Eventarc, Pub/Sub's payload unwrapping, Cloud Scheduler and the Git
 * hosts (see deliveries/README.md).
 */

let parts: Parts;
/** What the functions log. */
const lines: string[] = [];
/** What anybody prints beside the log: the framework does so for what a function throws. */
const bare: string[] = [];
const servers = new Map<string, Server>();

beforeAll(async () => {
  parts = await startParts();
  vi.stubEnv('CONVERGE_CONFIG', parts.config);
  vi.stubEnv('PUBSUB_EMULATOR_HOST', parts.pubsubHost);
  vi.stubEnv('NODE_ENV', 'production');
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  vi.spyOn(console, 'error').mockImplementation((text) => void bare.push(String(text)));
  await import('../../functions/index.ts');
});

afterAll(async () => {
  for (const server of servers.values()) {
    server.close();
    server.closeAllConnections();
  }
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await parts.stop();
});

beforeEach(async () => {
  parts.sink.answer = 200;
  parts.sink.calls.length = 0;
  // What a sink has is not sent to it again, and the tests send the same alert.
  await parts.forgetTold();
});

async function urlOf(name: string): Promise<string> {
  let server = servers.get(name);
  if (server === undefined) {
    server = getTestServer(name);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.set(name, server);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`${name} listens on no port`);
  return `http://127.0.0.1:${address.port}`;
}

async function deliver(delivery: string, to: string, query = ''): Promise<{ status: number; text: string }> {
  const { headers, body } = await readDelivery(delivery);
  const answer = await fetch(`${await urlOf(to)}/${query}`, {
    method: 'POST',
    headers,
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${await urlOf('status')}${path}`);
  return { status: answer.status, body: await answer.json() };
}

const environmentFile = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme }
spec:
  cluster: sandbox
  namespace: acme
  sources: [{ manifests: manifests }]
`;
const manifest = `apiVersion: v1
kind: ConfigMap
metadata: { name: greeting }
data: { message: Good morning }
`;

/** Answered and done with: the platform does not deliver it again. */
const acknowledged = { status: 204, text: '' };

async function expectDeadLetter(expected: { stage: string; reason: string; sinks?: readonly string[] }): Promise<void> {
  const { data } = await parts.next('dead-letter');
  expect(data).toMatchObject(expected);
}

describe('copyArtifact', () => {
  test('commits the upload that an event names, and announces the commit', async () => {
    await parts.storage.bucket('family-master').file('config/acme.yaml').save('message: hello\n', { resumable: false });
    expect(await deliver('storage-finalized', 'copyArtifact')).toEqual(acknowledged);
    const commit = await parts.askMaster('rev-parse', 'main');
    const { attributes, data } = await parts.next('change-committed');
    expect(attributes).toMatchObject({ 'ce-type': 'dev.converge.change.committed.v1', 'ce-subject': 'master' });
    expect(data).toMatchObject({
      repository: 'master',
      commit,
      artifacts: [{ bucket: 'family-master', name: 'config/acme.yaml' }],
    });
    expect(await parts.askMaster('show', 'main:config/acme.yaml')).toBe('message: hello');
  });

  test('makes no second commit of the same event, which was announced before it was acknowledged', async () => {
    const before = await parts.askMaster('rev-parse', 'main');
    expect(await deliver('storage-finalized', 'copyArtifact')).toEqual(acknowledged);
    expect(await parts.askMaster('rev-parse', 'main')).toBe(before);
  });

  test('acknowledges an event without a generation, and puts it on the dead-letter topic', async () => {
    expect(await deliver('storage-finalized-without-generation', 'copyArtifact')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'copyArtifact', reason: 'InvalidEvent' });
  });

  test('refuses the event of a bucket that is not configured', async () => {
    expect(await deliver('storage-finalized-in-unknown-bucket', 'copyArtifact')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'copyArtifact', reason: 'UnknownRepository' });
  });
});

describe('receivePush', () => {
  async function push(delivery: string): Promise<{ status: number; body: unknown }> {
    const { status, text } = await deliver(delivery, 'receivePush');
    return { status, body: JSON.parse(text) };
  }

  test.each(['github-push', 'gitlab-push', 'bitbucket-cloud-push', 'bitbucket-data-center-push', 'gitea-push'])(
    'announces %s once, and no replay of it',
    async (delivery) => {
      const { body: sent } = await readDelivery(delivery);
      const first = await push(delivery);
      expect(first).toMatchObject({ status: 200, body: { outcome: 'announced', repository: 'master' } });
      const { data } = await parts.next('change-committed');
      const { commit } = z.object({ commit: z.string() }).parse(first.body);
      expect(JSON.stringify(sent)).toContain(commit);
      expect(data).toMatchObject({
        repository: 'master',
        branch: 'main',
        commit,
        previous: '1b7e0d9c8b7a695847362514039281706f5e4d3c',
        artifacts: [],
      });
      expect(await push(delivery)).toEqual({
        status: 200,
        body: { outcome: 'ignored', reason: 'this delivery was announced before' },
      });
      expect(parts.unread('change-committed')).toEqual([]);
    },
  );

  test.each(['github-push-with-another-secrets-signature', 'gitlab-push-with-another-token'])(
    'answers 401 to %s, and announces nothing',
    async (delivery) => {
      expect(await push(delivery)).toMatchObject({ status: 401, body: { error: { code: 'BadSignature' } } });
      expect(parts.unread('change-committed')).toEqual([]);
    },
  );

  test('ignores the push of a tag', async () => {
    expect(await push('github-push-of-a-tag')).toMatchObject({ status: 200, body: { outcome: 'ignored' } });
  });

  test('answers 400 to a signed body that is no push', async () => {
    expect(await push('github-push-that-is-none')).toMatchObject({ status: 400 });
  });
});

describe('fanOut', () => {
  test('publishes a job for each environment that the commit affects', async () => {
    await parts.commit({ 'environments/acme.yaml': environmentFile, 'manifests/greeting.yaml': manifest });
    expect(await deliver('change-committed', 'fanOut')).toEqual(acknowledged);
    expect((await parts.next('reconcile')).data).toEqual({
      repository: 'master',
      environment: 'acme',
      cause: 'commit',
      head: expect.stringMatching(/^[0-9a-f]{40}$/),
      told: '',
      waitId: '',
    });
  });

  test('acknowledges a message without a commit, and puts it on the dead-letter topic', async () => {
    expect(await deliver('change-committed-without-commit', 'fanOut')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'fanOut', reason: 'InvalidEvent' });
  });
});

describe('reconcile', () => {
  test('brings the environment to the head of its branch, and tells that it converged', async () => {
    expect(await deliver('reconcile-requested', 'reconcile')).toEqual(acknowledged);
    const revision = `main@sha1:${await parts.askMaster('rev-parse', 'main')}`;
    expect((await parts.next('converged')).data).toMatchObject({
      environment: 'acme',
      revision,
      changes: { created: 1 },
    });
    const message = await parts.kubernetes.kubectl([
      'get',
      'configmap',
      'greeting',
      '-n',
      'acme',
      '-o',
      'jsonpath={.data.message}',
    ]);
    expect(message).toBe('Good morning');
  });

  test.each([
    'reconcile-requested-wrapped-by-eventarc',
    'reconcile-requested-wrapped',
    'reconcile-requested-structured',
  ])('takes %s as the same message', async (delivery) => {
    const { headers } = await readDelivery('reconcile-requested');
    const before = lines.length;
    expect(await deliver(delivery, 'reconcile')).toEqual(acknowledged);
    expect(lines.slice(before).map((line): unknown => JSON.parse(line))).toMatchObject([
      { message: 'reconcile done', event: headers['ce-id'], subject: 'master/acme' },
    ]);
  });

  test('takes a message whose content nobody named', async () => {
    const { headers, body } = await readDelivery('reconcile-requested');
    const { 'content-type': _named, ...others } = headers;
    const answer = await fetch(await urlOf('reconcile'), {
      method: 'POST',
      headers: others,
      body: Buffer.from(JSON.stringify(body)),
    });
    expect(answer.status).toBe(204);
    expect(lines.at(-1)).toContain('reconcile done');
  });

  test.each([
    { what: 'no event', headers: { 'content-type': 'application/json' }, content: '{}' },
    {
      what: 'a message of somebody else',
      headers: { 'content-type': 'application/json' },
      content: '{"message":{"data":"e30=","messageId":"1"},"subscription":"s"}',
    },
    { what: 'nothing at all', headers: {}, content: '' },
  ])('acknowledges $what, and puts it on the dead-letter topic', async ({ headers, content }) => {
    const answer = await fetch(await urlOf('reconcile'), { method: 'POST', headers, body: Buffer.from(content) });
    expect(answer.status).toBe(204);
    await expectDeadLetter({ stage: 'reconcile', reason: 'InvalidEvent' });
  });

  test('tells nothing again when the message comes twice', async () => {
    expect(await deliver('reconcile-requested', 'reconcile')).toEqual(acknowledged);
    await deliver('reconcile-requested-of-unknown-cause', 'reconcile');
    await expectDeadLetter({ stage: 'reconcile', reason: 'InvalidEvent' });
    expect([...parts.unread('converged'), ...parts.unread('diff')]).toEqual([]);
  });

  test('acknowledges a job of an unknown cause, and puts it on the dead-letter topic', async () => {
    expect(await deliver('reconcile-requested-of-unknown-cause', 'reconcile')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'reconcile', reason: 'InvalidEvent' });
  });

  test('acknowledges a job as earlier versions sent it, with a mode', async () => {
    expect(await deliver('reconcile-requested-with-a-mode', 'reconcile')).toEqual(acknowledged);
  });
});

describe('checkDrift', () => {
  test('publishes a check of every environment when the scheduler calls', async () => {
    const { status, text } = await deliver('scheduler-call', 'checkDrift');
    expect({ status, body: JSON.parse(text) }).toEqual({ status: 200, body: { checked: ['master/acme'], copied: [] } });
    expect((await parts.next('reconcile')).data).toEqual({
      repository: 'master',
      environment: 'acme',
      cause: 'schedule',
      head: expect.stringMatching(/^[0-9a-f]{40}$/),
      told: '',
      waitId: '',
    });
  });

  test('gives the jobs of one tick the same ids, however often the scheduler calls', async () => {
    await deliver('scheduler-call', 'checkDrift');
    await deliver('scheduler-call', 'checkDrift');
    const [first, second] = [await parts.next('reconcile'), await parts.next('reconcile')];
    expect(first.attributes['ce-id']).toBe(second.attributes['ce-id']);
  });
});

describe('report', () => {
  test('makes the report that its schedule names, and publishes where it is kept', async () => {
    const { status, text } = await deliver('scheduler-call', 'report', '?report=weekly');
    expect({ status, body: JSON.parse(text) }).toEqual({ status: 200, body: { made: ['weekly'] } });
    const { attributes, data } = await parts.next('report');
    expect(attributes).toMatchObject({ 'ce-type': 'dev.converge.report.v1', 'ce-subject': 'report/weekly' });
    expect(data).toMatchObject({
      ...{ name: 'weekly', due: '2026-11-21T01:05:00.000Z', counts: { environments: 1 } },
      kept: { html: 'gs://family-state/reports/2026-11-21-weekly.html' },
    });
    const kept = parts.storage.bucket('family-state').file('reports/2026-11-21-weekly.html');
    const [{ contentType }] = await kept.getMetadata();
    expect(contentType).toBe('text/html; charset=utf-8');
    expect((await kept.download()).toString()).toContain('Drift report: weekly');
  });

  test('makes it once for one call of the schedule, and answers 400 for a name that is none', async () => {
    expect(await deliver('scheduler-call', 'report', '?report=weekly')).toMatchObject({ status: 200 });
    const again = await parts.next('report');
    expect(again.attributes['ce-subject']).toBe('report/weekly');
    expect(await deliver('scheduler-call', 'report', '?report=monthly')).toMatchObject({ status: 400 });
  });
});

describe('deliverAlert', () => {
  test('posts the alert to the configured sink, under the id of its event', async () => {
    expect(await deliver('diff', 'deliverAlert')).toEqual(acknowledged);
    const { headers, body } = await readDelivery('diff');
    expect(parts.sink.calls).toMatchObject([
      { headers: { 'ce-id': headers['ce-id'] }, body: { topic: 'diff', ...Object(body) } },
    ]);
  });

  test('posts it once, however often it comes', async () => {
    expect(await deliver('diff', 'deliverAlert')).toEqual(acknowledged);
    expect(await deliver('diff', 'deliverAlert')).toEqual(acknowledged);
    expect(parts.sink.calls).toHaveLength(1);
  });

  test('posts a report as the function of reports publishes it, once', async () => {
    expect(await deliver('scheduler-call', 'report', '?report=weekly')).toMatchObject({ status: 200 });
    const { attributes, data } = await parts.next('report');
    const message = { method: 'POST', headers: { ...attributes }, body: JSON.stringify(data) };
    for (let time = 0; time < 2; time++)
      expect((await fetch(await urlOf('deliverAlert'), message)).status).toBe(acknowledged.status);
    expect(parts.sink.calls).toMatchObject([
      { headers: { 'ce-id': attributes['ce-id'] }, body: { topic: 'report', name: 'weekly', ...Object(data) } },
    ]);
  });

  test('acknowledges an alert without objects, and puts it on the dead-letter topic', async () => {
    expect(await deliver('diff-without-objects', 'deliverAlert')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'deliverAlert', reason: 'InvalidEvent' });
    expect(parts.sink.calls).toEqual([]);
  });

  test('acknowledges an alert that the sink refuses for good', async () => {
    parts.sink.answer = 410;
    expect(await deliver('diff', 'deliverAlert')).toEqual(acknowledged);
    await expectDeadLetter({ stage: 'deliverAlert', reason: 'SinkRefused', sinks: ['ops'] });
  });

  test('fails, so that the alert comes again, where the sink is overloaded', async () => {
    parts.sink.answer = 503;
    expect(await deliver('diff', 'deliverAlert')).toMatchObject({ status: 500 });
    expect(parts.sink.calls).toHaveLength(1);
  });

  test('fails, so that the alert comes again, where a secret cannot be read, and tells that once it has lasted', async () => {
    const away = `${parts.sinkSecret}-away`;
    const errors = (): string[] => lines.filter((line) => line.includes('"something cannot be read'));
    await rename(parts.sinkSecret, away);
    try {
      expect(await deliver('diff', 'deliverAlert')).toMatchObject({ status: 500 });
      expect(errors()).toEqual([]);
      vi.useFakeTimers({ now: Date.now() + 11 * 60_000, toFake: ['Date'] });
      await eventually('it is told', async () => {
        expect(await deliver('diff', 'deliverAlert')).toMatchObject({ status: 500 });
        return errors().length > 0;
      });
      expect(await deliver('diff', 'deliverAlert')).toMatchObject({ status: 500 });
    } finally {
      vi.useRealTimers();
      await rename(away, parts.sinkSecret);
    }
    expect(errors().map((line): unknown => JSON.parse(line))).toMatchObject([
      { severity: 'ERROR', code: 'SecretUnavailable', subject: parts.sinkSecret, remedy: expect.stringMatching(/./) },
    ]);
    expect(parts.unread('dead-letter')).toEqual([]);
    expect(await deliver('diff', 'deliverAlert')).toEqual(acknowledged);
    expect(parts.sink.calls).toHaveLength(1);
  });
});

describe('status', () => {
  test('answers with every environment', async () => {
    const environments = [{ name: 'acme', repository: 'master', state: 'Converged', objects: 1 }];
    expect(await get('/')).toMatchObject({ status: 200, body: { environments } });
  });

  test('tells when an environment was looked at, as one object of the instance says', async () => {
    const [objects] = await parts.storage.bucket('family-state').getFiles({ prefix: 'looks/master/' });
    expect(objects).toHaveLength(1);
    const looked = { checkedAt: expect.stringMatching(/^\d.*Z$/), attemptedAt: expect.stringMatching(/^\d.*Z$/) };
    expect(await get('/')).toMatchObject({ status: 200, body: { environments: [{ name: 'acme', ...looked }] } });
  });

  test('answers its health check without asking anybody', async () => {
    expect(await get('/healthz')).toEqual({ status: 200, body: { status: 'ok', repositories: ['develop', 'master'] } });
    expect(await get('/version')).toEqual({ status: 200, body: { version: packageFile.version } });
  });
});

describe('with the Git host of develop gone', () => {
  beforeAll(async () => {
    await parts.storage
      .bucket('family-develop')
      .file('config/acme.yaml')
      .save('message: hello\n', { resumable: false });
    await parts.git.develop.stop();
  });

  test.each([
    { name: 'copyArtifact', delivery: 'storage-finalized-in-develop' },
    { name: 'fanOut', delivery: 'change-committed-in-develop' },
    { name: 'reconcile', delivery: 'reconcile-requested-in-develop' },
  ])('$name fails, so that its message comes again, and says nothing of why', async ({ name, delivery }) => {
    expect(await deliver(delivery, name)).toEqual({ status: 500, text: 'Internal Server Error' });
    expect(parts.unread('dead-letter')).toEqual([]);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      severity: 'WARNING',
      message: `${name} failed`,
      stage: name,
    });
    expect(bare).toEqual([]);
  });

  test('checkDrift answers 503, so that the scheduler calls again', async () => {
    expect(await deliver('scheduler-call', 'checkDrift')).toMatchObject({ status: 503 });
  });

  test('whoever meets it once it has lasted tells it, and status says so', async () => {
    expect(parts.unread('diff')).toEqual([]);
    try {
      vi.useFakeTimers({ now: Date.now() + 3 * 60_000, toFake: ['Date'] });
      await eventually('it is told', async () => {
        expect(await deliver('change-committed-in-develop', 'fanOut')).toMatchObject({ status: 500 });
        return parts.unread('diff').length > 0;
      });
    } finally {
      vi.useRealTimers();
    }
    const told = await parts.next('diff');
    expect(told.attributes).toMatchObject({
      ...{ 'ce-type': 'dev.converge.dependency.unreachable.v1', 'ce-subject': 'repository/develop' },
    });
    expect(parts.unread('diff')).toEqual([]);
    expect(await get('/')).toMatchObject({ body: { unreachable: [{ subject: 'repository/develop', count: 0 }] } });
  });

  test('status answers 503 with the environments it can still read', async () => {
    expect(await get('/')).toMatchObject({ status: 503, body: { environments: [{ name: 'acme' }], unreadable: [{}] } });
  });
});

describe('with the topic of announcements gone', () => {
  beforeAll(() => parts.deleteTopic('change-committed'));

  test('receivePush answers 503, so that the Git host shows the failure and can send it again', async () => {
    for (let again = 0; again < 2; again++) {
      const { status, text } = await deliver('gitea-push-while-pubsub-is-gone', 'receivePush');
      expect({ status, body: JSON.parse(text) }).toMatchObject({
        status: 503,
        body: { error: { code: 'PubSubUnavailable' } },
      });
    }
  });

  test('copyArtifact fails although the commit is pushed, so that the announcement is made up for', async () => {
    await parts.storage
      .bucket('family-master')
      .file('config/acme.yaml')
      .save('message: goodbye\n', { resumable: false });
    expect(await deliver('storage-finalized', 'copyArtifact')).toEqual({ status: 500, text: 'Internal Server Error' });
    expect(await parts.askMaster('show', 'main:config/acme.yaml')).toBe('message: goodbye');
  });
});
