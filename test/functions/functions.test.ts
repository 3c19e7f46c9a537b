import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import type { Server } from 'node:http';
import packageFile from '../../package.json' with { type: 'json' };
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { actionRights } from '../../shared/access/action-names.ts';
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
      ...{ by: '', reason: '', revert: '', since: '', override: '' },
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
      ...{ by: '', reason: '', revert: '', since: '', override: '' },
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

const documentSchema = z.object({
  paths: z.record(z.string(), z.object({ get: z.object({ responses: z.record(z.string(), z.looseObject({})) }) })),
  components: z.looseObject({ responses: z.record(z.string(), z.looseObject({})) }),
});
const contentSchema = z.record(z.string(), z.object({ schema: z.looseObject({}) }));
const documents = new Map<string, z.infer<typeof documentSchema>>();

/**
 * Asks a function, and holds the answer against what its own OpenAPI document says of that route and status.
 *
 * @param route as the document calls it
 */
async function ask(
  name: 'status' | 'inspect',
  route: string,
  {
    path = route,
    method = 'GET',
    headers = {},
  }: { path?: string; method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Readonly<Record<string, unknown>>; headers: Headers }> {
  const url = await urlOf(name);
  const document = documents.get(name) ?? documentSchema.parse(await (await fetch(`${url}/v1/openapi.json`)).json());
  documents.set(name, document);
  const answer = await fetch(`${url}${path}`, { method, headers });
  const { status } = answer;
  const said = document.paths[route]?.get.responses[status];
  expect(said, `${route} ${status}`).toBeDefined();
  if (status === 304) return { status, body: {}, headers: answer.headers };
  const { content } =
    said?.['$ref'] === undefined ? { content: said?.['content'] } : (document.components.responses['Problem'] ?? {});
  const [found] = Object.entries(contentSchema.parse(content));
  if (found === undefined) throw new Error(`${route} answers nothing`);
  const [type, { schema }] = found;
  expect(answer.headers.get('content-type')).toContain(type);
  const body = z.looseObject({}).parse(await answer.json());
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile({
    ...schema,
    components: document.components,
  });
  expect(validate(body), JSON.stringify(validate.errors)).toBe(true);
  return { status, body, headers: answer.headers };
}

describe('what may be asked of status', () => {
  test('is every environment, and those that are chosen', async () => {
    const all = await ask('status', '/v1/environments');
    expect(all).toMatchObject({ status: 200, body: { environments: [{ name: 'acme' }], unreadable: [], next: null } });
    for (const query of ['class=mas*', 'class=develop&class=master', 'problems=false'])
      expect((await ask('status', '/v1/environments', { path: `/v1/environments?${query}` })).body).toEqual(all.body);
    for (const query of ['class=develop', 'problems=true', 'label=customer%3Dglobex'])
      expect(await ask('status', '/v1/environments', { path: `/v1/environments?${query}` })).toMatchObject({
        body: { environments: [] },
      });
  });

  test('is one environment, as it stands in the list, until it changes', async () => {
    const [row] = z.array(z.unknown()).parse((await ask('status', '/v1/environments')).body['environments']);
    const route = '/v1/environments/{class}/{name}';
    const path = '/v1/environments/master/acme';
    const first = await ask('status', route, { path });
    expect(first.body).toEqual(row);
    const etag = first.headers.get('etag') ?? '';
    expect(await ask('status', route, { path, headers: { 'if-none-match': etag } })).toMatchObject({ status: 304 });
    expect(await deliver('reconcile-requested', 'reconcile')).toEqual(acknowledged);
    await eventually('it is seen that it was looked at', async () => {
      const again = await ask('status', route, { path, headers: { 'if-none-match': etag } });
      return again.status === 200;
    });
  });

  test('is each report that is kept, whole by its name', async () => {
    const { body } = await ask('status', '/v1/reports');
    const [kept] = z.array(z.object({ id: z.string(), name: z.string(), html: z.string() })).parse(body['reports']);
    expect(kept).toMatchObject({ name: 'weekly', html: `gs://family-state/reports/${kept?.id}.html` });
    const report = await ask('status', '/v1/reports/{id}', { path: `/v1/reports/${kept?.id}` });
    expect(report.body).toMatchObject({ name: 'weekly', kept: { html: kept?.html } });
    expect((await ask('status', '/v1/reports', { path: '/v1/reports?name=daily' })).body).toEqual({
      reports: [],
      next: null,
    });
  });

  test('is what happened, page by page, as it is told at once', async () => {
    const all = z.array(z.object({ id: z.string(), kind: z.string() }));
    const { body } = await ask('status', '/v1/events');
    const told = all.parse(body['events']);
    expect(told.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['commit', 'converged']));
    const paged: unknown[] = [];
    for (let path = '/v1/events?limit=1'; ;) {
      const page = await ask('status', '/v1/events', { path });
      paged.push(...all.parse(page.body['events']));
      const [, next] = /^<(.*)>; rel="next"$/.exec(page.headers.get('link') ?? '') ?? [];
      if (next === undefined) break;
      path = `/v1/events${next}`;
    }
    expect(paged).toEqual(told);
    expect((await ask('status', '/v1/events', { path: '/v1/events?since=0s' })).body['events']).toEqual([]);
  });

  test('is what the command asks, its health and its version', async () => {
    expect(await ask('status', '/')).toMatchObject({ status: 200 });
    const commit = await parts.askMaster('rev-parse', 'main');
    const path = `/?repository=master&commit=${commit}`;
    expect(await ask('status', '/', { path })).toMatchObject({ status: 200, body: { commit } });
    for (const route of ['/healthz', '/version', '/v1/openapi.json', '/v1/incidents'])
      expect(await ask('status', route)).toMatchObject({ status: 200 });
  });

  test.each([
    ['/', `/?repository=master&commit=${'0'.repeat(40)}`, 'GET', 400, 'BadRequest'],
    ['/v1/environments', '/v1/environments?limit=0', 'GET', 400, 'BadRequest'],
    ['/v1/environments', '/v1/environments', 'POST', 405, 'MethodNotAllowed'],
    ['/v1/environments', '/v1/environment', 'GET', 404, 'NotFound'],
    ['/v1/environments/{class}/{name}', '/v1/environments/master/nobody', 'GET', 404, 'NotFound'],
    ['/v1/environments/{class}/{name}', '/v1/environments/nowhere/acme', 'GET', 404, 'NotFound'],
    ['/v1/reports/{id}', '/v1/reports/2020-01-01-weekly', 'GET', 404, 'NotFound'],
    ['/v1/reports/{id}', '/v1/reports/latest-weekly', 'GET', 404, 'NotFound'],
    ['/v1/events', '/v1/events?since=36d', 'GET', 400, 'BadRequest'],
    ['/v1/incidents', '/v1/incidents?state=over', 'GET', 400, 'BadRequest'],
  ])('is not %s by %s (%s): %i', async (route, path, method, status, code) => {
    expect(await ask('status', route, { path, method })).toMatchObject({ status, body: { status, code } });
  });
});

describe('what may be asked of inspect', () => {
  const one = '/v1/environments/master/acme';
  const each = '/v1/environments/{class}/{name}';

  test('is what is in the cluster, and the same as long as it is', async () => {
    const objects = await ask('inspect', `${each}/objects`, { path: `${one}/objects?tree=true` });
    expect(objects.body).toMatchObject({ objects: [{ kind: 'ConfigMap', name: 'greeting' }] });
    const headers = { 'if-none-match': objects.headers.get('etag') ?? '' };
    expect(await ask('inspect', `${each}/objects`, { path: `${one}/objects?tree=true`, headers })).toMatchObject({
      status: 304,
    });
    for (const asks of ['diff', 'events?since=1h', 'why?object=configmap/greeting', 'plan', 'plan?revision=main'])
      expect(await ask('inspect', `${each}/${asks.split('?')[0]}`, { path: `${one}/${asks}` })).toMatchObject({
        status: 200,
      });
    expect(await ask('inspect', '/v1/plans/{class}', { path: '/v1/plans/master?revision=main' })).toMatchObject({
      ...{ status: 200, body: { repository: 'master', environments: ['acme'] } },
    });
    for (const route of ['/healthz', '/v1/openapi.json'])
      expect(await ask('inspect', route)).toMatchObject({ status: 200 });
  });

  test.each([
    ['why', `${one}/why`, 'GET', 400, 'BadRequest'],
    ['why', `${one}/why?object=configmap/nobody`, 'GET', 400, 'BadRequest'],
    ['events', `${one}/events?since=yesterday`, 'GET', 400, 'BadRequest'],
    ['diff', `${one}/diff?tree=true`, 'GET', 400, 'BadRequest'],
    ['diff', `${one}/diff`, 'DELETE', 405, 'MethodNotAllowed'],
    ['plan', `${one}/plan?revision=../main`, 'GET', 400, 'BadRequest'],
    ['plan', `${one}/plan?revision=nowhere`, 'GET', 400, 'BadRequest'],
    ['plan', '/v1/environments/nowhere/acme/plan', 'GET', 404, 'NotFound'],
    ['objects', `${one}/secrets`, 'GET', 404, 'NotFound'],
    ['objects', '/v1/environments/master/nobody/objects', 'GET', 404, 'NotFound'],
    ['objects', '/v1/environments/nowhere/acme/objects', 'GET', 404, 'NotFound'],
  ])('is not %s by %s (%s): %i', async (asks, path, method, status, code) => {
    expect(await ask('inspect', `${each}/${asks}`, { path, method })).toMatchObject({ status, body: { status, code } });
  });

  test('is answered 422 where the environment is wrong', async () => {
    await parts.commit({ 'environments/wrong.yaml': 'kind: Environment\n' });
    const path = '/v1/environments/master/wrong/objects';
    expect(await ask('inspect', `${each}/objects`, { path })).toMatchObject({
      status: 422,
      body: { code: 'InvalidEnvironment' },
    });
  });
});

describe('what may be asked of act', () => {
  const post = async (body: object | string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${await urlOf('act')}/v1/actions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, body: z.looseObject({}).parse(await answer.json()) };
  };
  const acknowledge = { action: 'acknowledge', target: 'master/acme' };

  test('is what somebody may do where, and what it would be done to, until that changes', async () => {
    const scene = await fetch(`${await urlOf('act')}/v1/actions/master/acme`);
    expect([scene.status, await scene.json()]).toMatchObject([
      200,
      { environment: 'master/acme', suspended: false, incidents: [], actions: [...actionRights] },
    ]);
    const seen = scene.headers.get('etag') ?? '';
    expect(seen).toMatch(/^"/);
    // Nothing is open that could be acknowledged: what was seen is as it was.
    const refused = { status: 422, body: { code: 'ActionRefused', subject: 'master/acme' } };
    for (const match of [seen, `"other", ${seen}`, '*'])
      expect(await post(acknowledge, { 'if-match': match })).toMatchObject(refused);
    expect(await post(acknowledge)).toMatchObject(refused);
    for (const match of ['"other"', `W/${seen}`])
      expect(await post(acknowledge, { 'if-match': match })).toMatchObject({
        ...{ status: 412, body: { code: 'PreconditionFailed', subject: 'master/acme' } },
      });
  });

  test('is not what is no action, or not said as one', async () => {
    const redrive = { action: 'redrive', letters: ['1'], dryRun: true };
    for (const [body, headers, status, code, subject] of [
      [redrive, { 'if-match': '"x"' }, 400, 'BadRequest', 'if-match'],
      [acknowledge, { 'idempotency-key': 'once' }, 400, 'BadRequest', 'idempotency-key'],
      [{ action: 'destroy' }, {}, 400, 'BadRequest', 'action'],
      [{ ...acknowledge, by: 'ana' }, {}, 400, 'BadRequest', 'by'],
      ['{', {}, 400, 'BadRequest', 'body'],
      [acknowledge, { 'content-type': 'text/plain' }, 415, 'UnsupportedMediaType', 'content-type'],
      [{ ...acknowledge, reason: 'x'.repeat(70_000) }, {}, 413, 'TooLarge', 'call'],
      [{ action: 'retry-upload', artifact: 'gs://elsewhere/x' }, {}, 422, 'ActionRefused', 'gs://elsewhere'],
    ] as const)
      expect(await post(body, headers), JSON.stringify(body).slice(0, 80)).toMatchObject({
        ...{ status, body: { code, subject } },
      });
    const read = await fetch(`${await urlOf('act')}/v1/actions`);
    expect([read.status, read.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await fetch(`${await urlOf('act')}/v1/actions/master/nobody`)).status).toBe(404);
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
    expect(await get('/')).toMatchObject({
      status: 503,
      body: { environments: [{ name: 'acme' }, {}], unreadable: [{}] },
    });
    const unreadable = [{ repository: 'develop' }];
    const route = '/v1/environments';
    expect(await ask('status', route)).toMatchObject({
      status: 200,
      body: { environments: [{ name: 'acme' }, {}], unreadable },
    });
    const one = { path: '/v1/environments/develop/acme' };
    expect(await ask('status', '/v1/environments/{class}/{name}', one)).toMatchObject({
      ...{ status: 503, body: { code: 'GitUnavailable', subject: 'develop/acme' } },
    });
    expect(await ask('status', '/v1/events')).toMatchObject({ status: 200, body: { unread: [{ what: 'develop' }] } });
    const about = { kind: 'dependency', about: 'repository/develop', until: null, acknowledged: null };
    expect(await ask('status', '/v1/incidents')).toMatchObject({ status: 200, body: { incidents: [about] } });
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
