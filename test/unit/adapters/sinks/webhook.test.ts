import { createHmac, generateKeyPairSync, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import { standardHeaders } from '../../../../shared/adapters/sinks/standard-webhooks.ts';
import type { AlertSink } from '../../../../shared/config/sinks.ts';
import type { ReceivedAlert } from '../../../../shared/events/received-alert.ts';
import { webhookBodySchema } from '../../../../shared/notices/webhook-body.ts';
import { deliveryOf } from '../../../sink-delivery.ts';
import { closed, hostile, news, opened } from './alerts.ts';
import { secretFolder, selfSigned, startReceiver, type Receiver } from './receiver.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let receiver: Receiver;
beforeAll(async () => {
  secrets = await secretFolder();
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => receiver.stop());

const id = '0d5b7a3f6c1e48f29ab35d7c8e90f142';
const time = '2026-11-21T01:02:04.000Z';
const sinkWith = (settings: Partial<NonNullable<AlertSink['webhook']>> = {}): AlertSink => ({
  name: 'ops',
  webhook: { url: `${receiver.url}/converge`, ...settings },
});
const post = async (sink = sinkWith(), { answer = 5_000 } = {}) =>
  createSinks({ answer }).deliver(deliveryOf({ sink, alert: opened(), id, time }));
const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );

describe('a webhook', () => {
  it('is posted the data of the alert, with the headers of versions before and those of Standard Webhooks', async () => {
    const secretFile = await secrets.fileWith('secret', 'sesame\n');
    await post(sinkWith({ secretFile }));
    const [call] = receiver.calls;
    expect(call?.body).toMatchObject({ topic: 'diff', environment: 'acme-production', policies: [] });
    expect(call?.headers).toMatchObject({
      ...{ 'content-type': 'application/json', 'ce-id': id, 'ce-type': 'dev.converge.environment.diff.v1' },
      'x-converge-signature-256': `sha256=${createHmac('sha256', 'sesame')
        .update(call?.text ?? '')
        .digest('hex')}`,
      'webhook-id': id,
    });
    expect(
      new Webhook(Buffer.from('sesame').toString('base64')).verify(call?.text ?? '', headersOf(call?.headers)),
    ).toEqual(call?.body);
  });

  it('is posted the event in structured JSON where it asks for that', async () => {
    const secretFile = await secrets.fileWith('whsec', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n');
    await post(sinkWith({ secretFile, body: 'cloudevents' }));
    const [call] = receiver.calls;
    expect(call?.body).toMatchObject({
      ...{ specversion: '1.0', id, type: 'dev.converge.environment.diff.v1', source: '//converge.dev/pipeline' },
      ...{ subject: 'master/acme-production', time, datacontenttype: 'application/json' },
      data: { environment: 'acme-production', reason: 'Drifted', notice: { state: 'opened', severity: 'warning' } },
    });
    expect(call?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(Object.keys(call?.headers ?? {}).filter((name) => /^(ce|x-converge)-/.test(name))).toEqual([]);
    const verifier = new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(verifier.verify(call?.text ?? '', headersOf(call?.headers))).toEqual(call?.body);
    expect(() => verifier.verify(`${call?.text} `, headersOf(call?.headers))).toThrow();
  });

  it('is signed with both keys where it has both, also in PEM', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
    const both = Buffer.concat([seed, publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)]);
    const secretFile = await secrets.fileWith('one', 'sesame');
    for (const text of [pem, `whsk_${seed.toString('base64')}`, `whsk_${both.toString('base64')}\n`]) {
      await post(sinkWith({ secretFile, ed25519SecretFile: await secrets.fileWith('key', text) }));
      const call = receiver.calls.at(-1);
      const headers = headersOf(call?.headers);
      const [, v1a = ''] = /^v1,\S+ v1a,(\S+)$/.exec(headers['webhook-signature'] ?? '') ?? [];
      const signed = `${id}.${headers['webhook-timestamp']}.${call?.text}`;
      expect(verify(null, Buffer.from(signed), publicKey, Buffer.from(v1a, 'base64'))).toBe(true);
    }
  });

  it('tells nothing of what is no private key', async () => {
    const ed25519SecretFile = await secrets.fileWith('none', 'whsk_canary');
    const error = await failureOf(post(sinkWith({ ed25519SecretFile })));
    expect(error).toMatchObject({ code: 'SecretUnavailable', disposition: 'retry' });
    expect(String(error)).not.toContain('canary');
    expect(receiver.calls).toEqual([]);
  });
});

describe('what a webhook is posted', () => {
  const upload = { repository: 'master', artifact: 'gs://b/x#1', incident: 'a', since: time };
  const dependency = {
    ...{ subject: 'cluster/eu', kind: 'cluster' as const, name: 'eu', incident: 'a', since: time },
    ...{ environments: ['master/acme'], count: 1 },
  };
  const alerts: readonly ReceivedAlert[] = [
    ...[hostile, closed, news],
    {
      kind: 'upload',
      topic: 'diff',
      data: { ...upload, ...{ reason: 'X', message: 'x', remedy: null, author: null, build: null } },
    },
    {
      kind: 'upload',
      topic: 'converged',
      data: { ...upload, outcome: 'committed', commit: null, unused: [], omitted: 0 },
    },
    { kind: 'dependency', topic: 'diff', data: { ...dependency, code: 'X', message: 'x', remedy: null } },
    { kind: 'dependency', topic: 'converged', data: { ...dependency, outcome: 'answered', seconds: 1 } },
  ];

  it.each(alerts)('is what its schema says, and no more: $kind $topic', async (alert) => {
    for (const perhaps of [true, false]) {
      const sink = sinkWith({ body: 'cloudevents' });
      await createSinks({ answer: 5_000 }).deliver(deliveryOf({ sink, alert, id, time, perhaps }));
      const body = receiver.calls.at(-1)?.body;
      expect(webhookBodySchema.parse(body)).toEqual(body);
    }
  });
});

describe('a signature', () => {
  // From the tests of the specification's own libraries.
  it('is the one that Standard Webhooks publishes', async () => {
    const secretFile = await secrets.fileWith('published', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', seconds: 1614265330, body: '{"test": 2432232314}' };
    expect(await standardHeaders(message, { secretFile })).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});

function headersOf(headers: Receiver['calls'][number]['headers'] | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}

describe('a sink that answers', () => {
  it.each([400, 401, 404, 410])('%i refuses the alert for good', async (status) => {
    receiver.answers = () => ({ status });
    expect(await failureOf(post())).toMatchObject({
      ...{ code: 'SinkRefused', disposition: 'refuse', subject: 'alert sink ops', unanswered: false },
      problem: `the webhook answered ${status}`,
    });
  });

  it.each([
    { status: 500, unanswered: true },
    { status: 503, unanswered: true },
    { status: 408, unanswered: false },
    { status: 429, unanswered: false },
  ])('$status is tried again later', async ({ status, unanswered }) => {
    receiver.answers = () => ({ status });
    expect(await failureOf(post())).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry', unanswered });
  });

  it('with a redirect is not followed', async () => {
    const other = await startReceiver();
    receiver.answers = () => ({ status: 307, headers: { location: other.url } });
    expect(await failureOf(post())).toMatchObject({
      ...{ code: 'SinkRefused', problem: 'the webhook answered 307, which is not followed' },
    });
    expect(other.calls).toEqual([]);
    await other.stop();
  });

  it('that it wants a moment’s pause is asked again after it', async () => {
    receiver.answers = () => (receiver.calls.length === 1 ? { status: 429, headers: { 'retry-after': '0' } } : {});
    await post();
    expect(receiver.calls).toHaveLength(2);
  });

  it('that it wants a long pause is asked nothing before that', async () => {
    receiver.answers = () => ({ status: 429, headers: { 'retry-after': '120' } });
    const sinks = createSinks({ answer: 5_000 });
    const deliver = async (name: string) =>
      failureOf(sinks.deliver(deliveryOf({ sink: { ...sinkWith(), name }, alert: opened() })));
    expect(await deliver('ops')).toMatchObject({ code: 'SinkUnavailable', problem: 'the webhook answered 429' });
    expect(await deliver('ops')).toMatchObject({
      ...{ code: 'SinkUnavailable', disposition: 'retry', unanswered: false },
      problem: expect.stringContaining('wants no request before'),
    });
    expect(receiver.calls).toHaveLength(1);
    await deliver('chat');
    expect(receiver.calls).toHaveLength(2);
  });

  it('nothing may have the alert', async () => {
    receiver.answers = () => 'silence';
    expect(await failureOf(post(sinkWith(), { answer: 200 }))).toMatchObject({
      ...{ code: 'SinkUnavailable', disposition: 'retry', unanswered: true },
      problem: 'the webhook did not answer in 0.2 s',
    });
  });

  it.each(['ends', 'whole'] as const)(
    'with a status has it, or has not, though its words are never %s',
    async (never) => {
      receiver.answers = () => ({ status: 202, body: 'thanks', never });
      expect(await failureOf(post(sinkWith(), { answer: 200 }))).toBe('no error');
      receiver.answers = () => ({ status: 400, body: 'no', never });
      expect(await failureOf(post(sinkWith(), { answer: 200 }))).toMatchObject({
        ...{ code: 'SinkRefused', problem: 'the webhook answered 400', unanswered: false },
      });
    },
  );

  it('with words in no encoding that there is has it', async () => {
    receiver.answers = () => ({ headers: { 'content-encoding': 'gzip' }, body: 'thanks' });
    expect(await failureOf(post())).toBe('no error');
  });

  it('nothing keeps no alert waiting that comes in the next half minute, nor another sink', async () => {
    const sinks = createSinks({ answer: 200 });
    const deliver = async (name: string) =>
      failureOf(sinks.deliver(deliveryOf({ sink: { ...sinkWith(), name }, alert: opened() })));
    receiver.answers = () => 'silence';
    await deliver('ops');
    receiver.answers = () => ({});
    expect(await deliver('ops')).toMatchObject({
      ...{ code: 'SinkUnavailable', disposition: 'retry', unanswered: false, subject: 'alert sink ops' },
      problem: expect.stringContaining('is asked again after'),
    });
    expect(receiver.calls).toHaveLength(1);
    expect(await deliver('chat')).toBe('no error');
  });

  it('no connection cannot have it', async () => {
    const sink = sinkWith();
    await receiver.stop();
    expect(await failureOf(post(sink))).toMatchObject({ code: 'SinkUnavailable', unanswered: false });
  });

  it('with a certificate that nobody signed is sent nothing', async () => {
    const secure = await startReceiver(await selfSigned(secrets));
    const error = await failureOf(post(sinkWith({ url: secure.url })));
    expect(error).toMatchObject({
      ...{ code: 'SinkUnavailable', disposition: 'retry', unanswered: false },
      problem: expect.stringMatching(/certificate that is trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/),
    });
    expect(secure.calls).toEqual([]);
    await secure.stop();
  });
});
