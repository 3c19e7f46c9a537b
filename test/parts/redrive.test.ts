import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message, Subscription } from '@google-cloud/pubsub';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { startPipeline, type LocalFacts, type Pipeline } from '../../local/pipeline.ts';
import { ensureProgram } from '../../local/programs.ts';
import { convergedType, diffType } from '../../shared/events/alert.ts';
import { changeCommittedType } from '../../shared/events/change-committed.ts';
import { planRequestedType } from '../../shared/events/plan-requested.ts';
import { eventSource } from '../../shared/events/cloud-event.ts';
import { encodeDeadLetter, type DeadLetter } from '../../shared/events/dead-letter.ts';
import { reconcileRequestedType } from '../../shared/events/reconcile-requested.ts';
import { reportType } from '../../shared/events/report.ts';
import { artifactUri } from '../../shared/source/artifact.ts';
import { emptyLedger, encodeLedger, ledgerPath, type Ledger } from '../../shared/source/ledger.ts';
import { runConverge, type Ended } from '../e2e/command.ts';
import { eventually } from '../eventually.ts';

/** Functions that write down what reaches them; Pub/Sub, Storage and the command are the real ones. */
const functions = join(import.meta.dirname, 'recording-functions.ts');
let scratch: string;
let pipeline: Pipeline;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'converge-redrive-'));
  const programs = {
    pubsub: await ensureProgram('pubsub'),
    storage: await ensureProgram('storage'),
    kwok: await ensureProgram('kwok'),
    cluster: await ensureProgram('cluster'),
    render: process.execPath,
  };
  const folder = join(scratch, 'pipeline');
  pipeline = await startPipeline({ folder, programs, functions, chaos: 'none', scheduleSeconds: 0, attempts: 2 });
  await announce(scratch, pipeline.facts);
});
afterAll(async () => {
  await pipeline.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** What makes a folder one whose pipeline runs: the command finds Pub/Sub by it. */
async function announce(folder: string, facts: LocalFacts): Promise<void> {
  await mkdir(join(folder, '.converge'), { recursive: true });
  await writeFile(join(folder, '.converge', 'local.json'), JSON.stringify(facts));
}

const shownSchema = z.object({
  letters: z.array(
    z.looseObject({
      id: z.string(),
      stage: z.string(),
      reason: z.string(),
      subject: z.string(),
      outcome: z.string().optional(),
    }),
  ),
});
type Shown = z.infer<typeof shownSchema>['letters'];

async function converge(...parameters: string[]): Promise<Ended> {
  return await runConverge(parameters, { folder: scratch });
}

async function letters(): Promise<Shown> {
  const ended = await converge('--output', 'json', 'dead-letters');
  expect(ended).toMatchObject({ code: 0, err: '' });
  return shownSchema.parse(JSON.parse(ended.out)).letters;
}

/** The letter of a subject, once it lies there. */
async function letterOf(subject: string): Promise<Shown[number]> {
  return await eventually(`the letter of ${subject} lies there`, async () =>
    (await letters()).find((letter) => letter.subject === subject),
  );
}

const receivedSchema = z.object({
  function: z.string(),
  event: z.looseObject({ id: z.string().optional(), data: z.unknown().optional() }).optional(),
});

/** Which functions an event reached, and with what. */
async function receivedOf(id: string): Promise<{ function: string; data: unknown }[]> {
  const lines = (await readFile(join(pipeline.folder, 'tmp', 'received.jsonl'), 'utf8').catch(() => '')).split('\n');
  return lines.slice(0, -1).flatMap((line) => {
    const { function: name, event } = receivedSchema.parse(JSON.parse(line));
    return event?.id === id ? [{ function: name, data: event.data }] : [];
  });
}

/** As a function puts a letter there. */
async function refuse(letter: DeadLetter): Promise<void> {
  const { id, type, source, subject, data } = encodeDeadLetter(letter, new Date());
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-type': type,
    'ce-source': source,
    'ce-subject': subject,
  };
  await pipeline.clients.pubsub
    .topic('dead-letter')
    .publishMessage({ data: Buffer.from(JSON.stringify(data)), attributes });
}

/** Everything that anybody who subscribes to a topic is sent from now on. */
async function subscribeTo(topic: string): Promise<readonly string[]> {
  const name = `team-${topic}-${crypto.randomUUID()}`;
  const [subscription]: [Subscription, unknown] = await pipeline.clients.pubsub.topic(topic).createSubscription(name);
  const heard: string[] = [];
  subscription.on('message', (message: Message) => {
    heard.push(message.attributes['ce-id'] ?? '');
    message.ack();
  });
  onTestFinished(async () => subscription.close());
  return heard;
}

const messages = [
  { topic: 'change-committed', type: changeCommittedType, stage: 'fanOut' },
  { topic: 'reconcile', type: reconcileRequestedType, stage: 'reconcile' },
  { topic: 'plan-change', type: planRequestedType, stage: 'planChange' },
  { topic: 'diff', type: diffType, stage: 'deliverAlert' },
  { topic: 'converged', type: convergedType, stage: 'deliverAlert' },
  { topic: 'report', type: reportType, stage: 'deliverAlert' },
] as const;

describe('converge redrive', () => {
  test.each(messages)(
    'sends a $topic that $stage refused to it, and to nobody else',
    async ({ topic, type, stage }) => {
      const heard = await subscribeTo(topic);
      const [id, subject] = [`refused-${topic}`, `master/refused-${topic}`];
      const data = { words: 'größer', order: 'none' };
      const event = { id, type, source: eventSource, subject, data };
      await refuse({ stage, reason: 'InvalidEvent', message: 'is wrong', subject, event });
      const letter = await letterOf(subject);
      expect(letter).toMatchObject({ stage, reason: 'InvalidEvent', message: 'is wrong', redrivable: true });

      const ended = await converge('redrive', '--own-rights', letter.id);
      expect(ended).toMatchObject({ code: 0, err: '', out: `${letter.id} (${subject}) sent to ${stage}\n` });
      const reached = await eventually('it arrives', async () => (await receivedOf(id))[0]);
      expect(reached).toEqual({ function: stage, data });
      expect(await letters()).not.toContainEqual(expect.objectContaining({ id: letter.id }));
      // What everybody is sent comes after it, so that what has come by then is all.
      await pipeline.clients.pubsub
        .topic(topic)
        .publishMessage({ data: Buffer.from('{}'), attributes: { 'ce-id': 'last' } });
      await eventually('the last one is heard', () => heard.includes('last'));
      expect(heard).toEqual(['last']);
    },
  );

  test.each(messages)('sends a $topic that Pub/Sub gave up to $stage, as it was', async ({ topic, type, stage }) => {
    const [id, subject] = [`given-up-${topic}`, `master/given-up-${topic}`];
    await pipeline.clients.pubsub.topic(`${topic}-given-up`).publishMessage({
      data: Buffer.from('{"as":"sent"}'),
      attributes: {
        ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': type, 'ce-source': eventSource, 'ce-subject': subject },
        ...{ 'content-type': 'application/json', CloudPubSubDeadLetterSourceDeliveryCount: '20' },
      },
    });
    const letter = await letterOf(subject);
    expect(letter).toMatchObject({ stage, reason: 'GivenUp', subscription: `${topic}-given-up` });
    expect(await converge('redrive', '--own-rights', letter.id)).toMatchObject({ code: 0, err: '' });
    const reached = await eventually('it arrives', async () => (await receivedOf(id))[0]);
    expect(reached).toEqual({ function: stage, data: { as: 'sent' } });
  });

  test('is a dead letter once more where it fails once more', async () => {
    const subject = 'master/hopeless';
    const event = { id: 'hopeless', type: diffType, source: eventSource, subject, data: { order: 'fail' } };
    await refuse({ stage: 'deliverAlert', reason: 'SinkRefused', message: 'is wrong', subject, event });
    const { id } = await letterOf(subject);
    expect(await converge('redrive', '--own-rights', id)).toMatchObject({ code: 0, err: '' });
    const again = await eventually('it is given up', async () =>
      (await letters()).find((letter) => letter.subject === subject && letter.reason === 'GivenUp'),
    );
    expect(again.id).not.toBe(id);
  });
});

describe('an upload', () => {
  const bucket = 'family-master';
  const metadata = { 'converge-build': 'https://ci.example.com/7' };

  async function upload(name: string): Promise<string> {
    const file = pipeline.clients.storage.bucket(bucket).file(name);
    await file.save('v: 1\n', { resumable: false, metadata: { metadata } });
    return String((await file.getMetadata())[0].generation);
  }

  async function record(ledger: Partial<Ledger>): Promise<void> {
    const file = pipeline.clients.storage.bucket('family-state').file(ledgerPath({ repositoryClass: 'master' }));
    await file.save(JSON.stringify(encodeLedger({ ...emptyLedger, ...ledger })), { resumable: false });
  }

  /** As `copyArtifact`, or the schedule, tells of it. */
  async function refused(name: string, generation: string, stage = 'copyArtifact'): Promise<Shown[number]> {
    const data = { bucket, name, generation };
    const source = `//storage.googleapis.com/projects/_/buckets/${bucket}`;
    const event = { id: '7', type: 'google.cloud.storage.object.v1.finalized', source, data };
    await refuse({ stage, reason: 'SecretUnavailable', message: 'cannot be read', subject: artifactUri(data), event });
    return await letterOf(artifactUri(data));
  }

  test.each(['copyArtifact', 'checkDrift'])('that %s refused is written once more, as it is', async (stage) => {
    const name = `config/${stage}.yaml`;
    const generation = await upload(name);
    await record({ refused: new Map([[name, generation]]) });
    const { id } = await refused(name, generation, stage);

    expect(await converge('redrive', '--own-rights', id)).toMatchObject({ code: 0, err: '' });
    const file = pipeline.clients.storage.bucket(bucket).file(name);
    const [{ generation: written, metadata: kept }] = await file.getMetadata();
    expect(String(written)).not.toBe(generation);
    expect(kept).toEqual(metadata);
    expect((await file.download()).toString()).toBe('v: 1\n');
    await eventually('its event reaches copyArtifact', async () => {
      const lines = await readFile(join(pipeline.folder, 'tmp', 'received.jsonl'), 'utf8');
      return lines.split('\n').some((line) => line.includes('"copyArtifact"') && line.includes(`${written}`));
    });
    expect(await letters()).not.toContainEqual(expect.objectContaining({ id }));
  });

  test('that is in Git, was replaced, or is gone needs nothing, and is a dead letter no more', async () => {
    const [copied, replaced, gone] = ['config/copied.yaml', 'config/replaced.yaml', 'config/gone.yaml'];
    const generation = await upload(copied);
    const commit = 'c'.repeat(40);
    const at = '2026-11-21T01:00:00.000Z';
    await record({ copied: new Map([[copied, { name: copied, generation, commit, at, content: null }]]) });
    await upload(replaced);
    const ids = [await refused(copied, generation), await refused(replaced, '1'), await refused(gone, '1')].map(
      ({ id }) => id,
    );
    const ended = await converge('--output', 'json', 'redrive', '--own-rights', ...ids);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(shownSchema.parse(JSON.parse(ended.out)).letters.map(({ outcome }) => outcome)).toEqual([
      'committed',
      'replaced',
      'gone',
    ]);
    const left = (await letters()).map(({ id }) => id);
    expect(left.filter((id) => ids.includes(id))).toEqual([]);
  });

  test('of a bucket that is none of the configuration stays a dead letter, and the command says so', async () => {
    const name = 'config/elsewhere.yaml';
    const data = { bucket: 'elsewhere', name, generation: '1' };
    const event = { id: '8', type: 'google.cloud.storage.object.v1.finalized', source: 'x', data };
    await refuse({
      stage: 'copyArtifact',
      reason: 'UnknownRepository',
      message: 'no',
      subject: 'gs://elsewhere',
      event,
    });
    const { id } = await letterOf('gs://elsewhere');
    const ended = await converge('redrive', '--own-rights', id);
    expect(ended).toMatchObject({
      code: 1,
      out: expect.stringContaining('stays: gs://elsewhere: is no bucket of uploads'),
    });
    expect(await letters()).toContainEqual(expect.objectContaining({ id }));
  });
});

describe('converge dead-letters', () => {
  test('shows a line for each, as often as it is asked', async () => {
    await pipeline.clients.pubsub.topic('dead-letter').publishMessage({ data: Buffer.from('no letter') });
    await eventually('it lies there', async () => (await letters()).find(({ reason }) => reason === 'Unreadable'));
    const [first, second] = [await converge('dead-letters'), await converge('dead-letters')];
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/^TIME +STAGE +REASON +ID +SUBJECT +MESSAGE\n/);
    expect(first.out).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\? +Unreadable +\S+ +- +it is no dead letter of Converge$/m,
    );
    expect(second.out).toBe(first.out);
    expect((await converge('dead-letters', '--limit', '1')).out).toContain('There may be more');
  });

  test('says where what is asked for is not there, before anything is sent', async () => {
    const unknown = await converge('redrive', '--own-rights', '424242');
    expect(unknown).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('424242: is the id of no dead letter'),
    });
    expect(await converge('redrive', '--own-rights')).toMatchObject({ code: 2, err: expect.stringContaining('--all') });
    expect(await converge('redrive', '--own-rights', '1', '--all')).toMatchObject({ code: 2 });
  });

  test('tells apart that nothing lies there from subscriptions that are not there', async () => {
    const elsewhere = join(scratch, 'elsewhere');
    const config = join(scratch, 'elsewhere.yaml');
    const loaded = z.looseObject({}).parse(load(await readFile(pipeline.config, 'utf8')));
    await writeFile(config, dump({ ...loaded, topicPrefix: 'other-' }));
    await announce(elsewhere, { ...pipeline.facts, config });
    const absent = await runConverge(['dead-letters'], { folder: elsewhere });
    expect(absent).toMatchObject({ code: 1, out: '', err: expect.stringContaining('other-dead-letter: is not there') });
  });

  test('sends all at once where it is asked to, and leaves what cannot be sent again', async () => {
    const before = await letters();
    const stuck = before.filter(({ stage }) => stage === '?' || stage === 'copyArtifact').map(({ id }) => id);
    expect(stuck.length).toBeGreaterThan(1);
    expect(before.length).toBeGreaterThan(stuck.length);
    const ended = await converge('redrive', '--own-rights', '--all');
    expect(ended).toMatchObject({ code: 1, err: '' });
    expect(ended.out).toContain('stays: cannot be sent again: it is no dead letter of Converge');
    expect(ended.out).toContain('sent to deliverAlert');
    const left = (await letters()).map(({ id }) => id);
    expect(left.filter((id) => before.some((letter) => letter.id === id)).toSorted()).toEqual(stuck.toSorted());
  });
});
