import { execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Message } from '@google-cloud/pubsub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { deadLetterSchema } from '../../shared/events/dead-letter.ts';
import { deliveryDelays } from '../../local/chaos.ts';
import { systemErrorCode } from '../../local/local-error.ts';
import { startGit, type Push } from '../../local/parts/git.ts';
import { startPubSub } from '../../local/parts/pubsub.ts';
import { decodeJwt } from 'jose';
import { readDelivery } from '../functions/parts.ts';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { ensureProgram, type Programs } from '../../local/programs.ts';
import { eventually } from '../eventually.ts';
import { eventSeconds } from '../guards.ts';

const execute = promisify(execFile);
const recordingFunctions = join(import.meta.dirname, 'recording-functions.ts');
const seed = 20_261_121;

let scratch: string;
let programs: Programs;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'converge-local-'));
  programs = {
    pubsub: await ensureProgram('pubsub'),
    storage: await ensureProgram('storage'),
    kwok: await ensureProgram('kwok'),
    cluster: await ensureProgram('cluster'),
    // Nothing renders here: the functions of this test only record.
    render: process.execPath,
  };
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const receivedSchema = z.object({
  function: z.string(),
  pid: z.number(),
  done: z.string().optional(),
  method: z.string().optional(),
  headers: z.record(z.string(), z.unknown()).optional(),
  body: z.string().optional(),
  event: z
    .looseObject({ id: z.string(), type: z.string(), source: z.string(), subject: z.string().optional() })
    .optional(),
});
type Received = z.infer<typeof receivedSchema>;

const announcedSchema = z.object({ pids: z.array(z.number()).length(8), facts: z.record(z.string(), z.unknown()) });

async function received({ folder }: { folder: string }, name: string): Promise<Received[]> {
  let text = '';
  try {
    text = await readFile(join(folder, 'tmp', 'received.jsonl'), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  // What follows the last line end is still being written.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => receivedSchema.parse(JSON.parse(line))).filter((entry) => entry.function === name);
}

async function publish(pipeline: Pipeline, message: { topic: string; id: string; data: unknown }): Promise<void> {
  await pipeline.clients.pubsub.topic(message.topic).publishMessage({
    data: Buffer.from(JSON.stringify(message.data)),
    attributes: {
      'ce-specversion': '1.0',
      'ce-id': message.id,
      'ce-type': 'dev.converge.test.v1',
      'ce-source': '//converge.dev/test',
      'ce-subject': 'master/acme',
      'content-type': 'application/json',
    },
  });
}

/** `git` as its user has it, without that user's own settings. */
async function git(folder: string, ...parameters: string[]): Promise<string> {
  const author = {
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.com',
  };
  const environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    ...author,
  };
  const { stdout } = await execute('git', parameters, { cwd: folder, env: environment });
  return stdout.trim();
}

async function cloneWithCommit(url: string): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'clone-'));
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await git(folder, 'remote', 'add', 'origin', url);
  await commit(folder, 'README.md', 'one');
  return folder;
}

async function commit(folder: string, file: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, file), content);
  await git(folder, 'add', '.');
  await git(folder, 'commit', '--quiet', '-m', `write ${file}`);
  return await git(folder, 'rev-parse', 'HEAD');
}

/** A process that ended but was not yet taken note of by its parent runs no more. */
async function runs(pid: number): Promise<boolean> {
  try {
    const { stdout } = await execute('ps', ['-o', 'stat=', '-p', String(pid)]);
    return !stdout.trim().startsWith('Z');
  } catch {
    return false;
  }
}

async function stillRunning(pids: readonly number[]): Promise<number[]> {
  const states = await Promise.all(pids.map(async (pid) => ((await runs(pid)) ? [pid] : [])));
  return states.flat();
}

function pidsOf(pipeline: Pipeline): number[] {
  return [...pipeline.kubernetes.pids, pipeline.pubsub.pid, pipeline.storage.pid, ...pipeline.functions.pids()];
}

describe('the local pipeline', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      folder: join(scratch, 'pipeline'),
      programs,
      functions: recordingFunctions,
      seed,
      attempts: 3,
      scheduleSeconds: 1,
    });
  });

  afterAll(async () => {
    await pipeline?.stop();
  });

  test('delivers an uploaded object to copyArtifact as the event that Eventarc sends', async () => {
    await pipeline.clients.storage
      .bucket(pipeline.facts.buckets.staging)
      .file('charts/größe.yaml')
      .save('replicas: 2\n');
    const { event } = await eventually('the object is delivered', async () =>
      (await received(pipeline, 'copyArtifact')).find((entry) => entry.event),
    );
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'google.cloud.storage.object.v1.finalized',
      source: '//storage.googleapis.com/projects/_/buckets/family-staging',
      subject: 'objects/charts/gr%C3%B6%C3%9Fe.yaml',
      bucket: 'family-staging',
      data: { bucket: 'family-staging', name: 'charts/größe.yaml', generation: expect.stringMatching(/^\d+$/) },
    });
  });

  test('retries what a function fails at, then gives it up to the dead-letter topic', async () => {
    const [subscription] = await pipeline.clients.pubsub.topic('dead-letter').createSubscription('dead-letter-test');
    const given = new Promise<Message>((resolve) => subscription.once('message', resolve));
    await publish(pipeline, { topic: 'change-committed', id: 'hopeless', data: { order: 'fail' } });
    const message = await given;
    message.ack();
    await subscription.close();
    expect(deadLetterSchema.parse(JSON.parse(message.data.toString()))).toMatchObject({
      stage: 'fanOut',
      reason: 'GivenUp',
      subject: 'master/acme',
      event: { id: 'hopeless', type: 'dev.converge.test.v1', data: { order: 'fail' } },
    });
    const copies = deliveryDelays({
      chaos: { kind: 'usual', seed },
      subscription: 'change-committed-fanOut',
      ordinal: 0,
    }).length;
    const attempts = await eventually('it is given up', async () => {
      const entries = await received(pipeline, 'fanOut');
      return entries.length >= 3 + copies - 1 ? entries : undefined;
    });
    expect(attempts).toHaveLength(3 + copies - 1);
  });

  test('delivers the messages doubled and shuffled that the seed says, and then no more', async () => {
    const delays = (ordinal: number): readonly number[] =>
      deliveryDelays({ chaos: { kind: 'usual', seed }, subscription: 'converged-deliverAlert', ordinal });
    const ids = Array.from({ length: 40 }, (_, index) => `message-${index}`);
    const expected = ids.flatMap((_, ordinal) => delays(ordinal)).length;
    // What comes too often has come by the time that a later message arrives which waits the longest.
    const longest = Math.max(...ids.flatMap((_, ordinal) => delays(ordinal)));
    const later: string[] = [];
    const waited = (): readonly number[] => later.flatMap((_, index) => delays(ids.length + index));
    while (!waited().includes(longest)) later.push(`later-${later.length}`);
    for (const id of [...ids, ...later]) await publish(pipeline, { topic: 'converged', id, data: {} });
    const arrivals = async (): Promise<string[]> =>
      (await received(pipeline, 'deliverAlert')).flatMap(({ event }) => (event === undefined ? [] : [event.id]));
    await eventually('every message is delivered', async () => (await arrivals()).length >= expected + waited().length);
    const order = (await arrivals()).filter((id) => !later.includes(id));
    expect(order).toHaveLength(expected);
    expect(expected).toBeGreaterThan(ids.length);
    expect(new Set(order)).toEqual(new Set(ids));
    expect([...new Set(order)]).not.toEqual(ids);
  });

  test('delivers a message again when the functions die over it', async () => {
    await publish(pipeline, { topic: 'reconcile', id: 'survivor', data: { order: 'die' } });
    const first = await eventually('the message is delivered', async () =>
      (await received(pipeline, 'reconcile')).find((entry) => entry.event?.id === 'survivor'),
    );
    await pipeline.killFunctions();
    const done = await eventually('it is delivered again', async () =>
      (await received(pipeline, 'reconcile')).find((entry) => entry.done === 'survivor'),
    );
    expect(first.pid).not.toBe(done.pid);
    expect(await runs(first.pid)).toBe(false);
    const answer = await fetch(pipeline.facts.status);
    expect(await answer.json()).toEqual({ name: 'status' });
  });

  test('restarts the functions at the same URLs', async () => {
    const before = pipeline.functions.pids();
    await pipeline.restartFunctions();
    expect(pipeline.functions.pids()).not.toEqual(before);
    expect((await fetch(pipeline.facts.status)).status).toBe(200);
    expect((await fetch(pipeline.functions.url('noSuchFunction'))).status).toBe(404);
  });

  test('calls checkDrift on schedule', async () => {
    const call = await eventually('the schedule has called', async () => (await received(pipeline, 'checkDrift'))[0]);
    expect(call).toMatchObject({ method: 'POST', headers: { 'x-cloudscheduler': 'true' } });
  });

  test('announces a push over HTTP by a webhook that is signed as GitHub signs', async () => {
    const url = pipeline.facts.repositories.master;
    const clone = await cloneWithCommit(url);
    const head = await git(clone, 'rev-parse', 'HEAD');
    await git(clone, 'push', '--quiet', 'origin', 'main');
    const { headers, body } = await eventually(
      'the push is announced',
      async () => (await received(pipeline, 'receivePush'))[0],
    );
    const signature = createHmac('sha256', pipeline.webhookSecret)
      .update(body ?? '')
      .digest('hex');
    expect(headers).toMatchObject({ 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` });
    expect(JSON.parse(body ?? '')).toMatchObject({
      ref: 'refs/heads/main',
      before: '0'.repeat(40),
      after: head,
      repository: { full_name: 'local/master', clone_url: url },
    });
  });

  test('rolls out a Deployment on the sandbox cluster', async () => {
    await pipeline.kubernetes.kubectl(['create', 'deployment', 'web', '--image=shop:1', '--replicas=2']);
    await pipeline.kubernetes.kubectl(['rollout', 'status', 'deployment/web', `--timeout=${eventSeconds}s`]);
    const ready = await pipeline.kubernetes.kubectl([
      'get',
      'deployment',
      'web',
      '-o',
      'jsonpath={.status.readyReplicas}',
    ]);
    expect(ready).toBe('2');
    await expect(pipeline.kubernetes.kubectl(['get', 'deployment', 'absent'])).rejects.toThrow('not found');
  });

  test('runs beside another one, which dies whole with its process', async () => {
    const other = join(scratch, 'other');
    const script = `
      const { startPipeline } = await import(${JSON.stringify(join(import.meta.dirname, '../../local/pipeline.ts'))});
      const pipeline = await startPipeline(${JSON.stringify({ folder: other, programs, functions: recordingFunctions })});
      await pipeline.clients.storage.bucket('family-master').file('other.yaml').save('');
      const pids = [...pipeline.kubernetes.pids, pipeline.pubsub.pid, pipeline.storage.pid, ...pipeline.functions.pids()];
      console.log(JSON.stringify({ pids, facts: pipeline.facts }));
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const { pids, facts } = announcedSchema.parse(JSON.parse(line));
    expect(await stillRunning(pids)).toEqual(pids);
    expect(facts['storage']).not.toBe(pipeline.facts.storage);
    expect(facts['kubeconfig']).not.toBe(pipeline.facts.kubeconfig);
    const [arrived] = await eventually('the other pipeline has its object', async () => {
      const entries = await received({ folder: other }, 'copyArtifact');
      return entries.length > 0 ? entries : undefined;
    });
    expect(arrived?.event?.subject).toBe('objects/other.yaml');
    expect(JSON.stringify(await received(pipeline, 'copyArtifact'))).not.toContain('other.yaml');
    parent.kill('SIGKILL');
    await eventually('the parts of the dead parent are gone', async () => (await stillRunning(pids)).length === 0);
    expect(await stillRunning(pidsOf(pipeline))).toHaveLength(8);
  });

  /** What no function can rely on: transport, and what is seen but not documented. */
  const incidental = ['host', 'connection', 'content-length', 'authorization', 'user-agent', 'traceparent'];
  const namesOf = (headers: object): string[] =>
    Object.keys(headers)
      .filter((name) => !incidental.includes(name))
      .sort();
  /** Digits and letters alike, so that a value is compared by its form. */
  const formOf = (value: unknown): string => String(value).replace(/\d+/g, '0');

  test('posts the request that is documented of a push subscription without wrapper', async () => {
    const documented = await readDelivery('reconcile-requested');
    const { 'ce-id': id = '' } = documented.headers;
    const attributes = Object.fromEntries(
      Object.entries(documented.headers).filter(([name]) => name.startsWith('ce-') || name === 'content-type'),
    );
    await pipeline.clients.pubsub
      .topic('reconcile')
      .publishMessage({ data: Buffer.from(JSON.stringify(documented.body)), attributes });
    const { headers = {}, body } = await eventually('the message is posted', async () =>
      (await received(pipeline, 'reconcile')).find(({ event }) => event?.id === id),
    );
    expect(body).toBe(JSON.stringify(documented.body));
    expect(namesOf(headers)).toEqual(namesOf(documented.headers));
    expect(headers).toMatchObject(attributes);
    expect(headers['x-goog-pubsub-subscription-name']).toMatch(/^projects\/local\/subscriptions\/reconcile-reconcile$/);
    expect(formOf(headers['x-goog-pubsub-publish-time'])).toBe(
      formOf(documented.headers['x-goog-pubsub-publish-time']),
    );
    expect(headers['x-goog-pubsub-message-id']).toEqual(expect.any(String));
  });

  test('posts the request that is documented of Eventarc for an object of Cloud Storage', async () => {
    const documented = await readDelivery('storage-finalized');
    await pipeline.clients.storage
      .bucket(pipeline.facts.buckets.master)
      .file('config/acme.yaml')
      .save('replicas: 2\n', { resumable: false });
    const { headers = {}, body = '' } = await eventually('the event is posted', async () =>
      (await received(pipeline, 'copyArtifact')).find(({ event }) => event?.subject === 'objects/config/acme.yaml'),
    );
    expect(namesOf(headers)).toEqual(namesOf(documented.headers));
    for (const name of ['content-type', 'ce-specversion', 'ce-type', 'ce-source', 'ce-subject', 'ce-bucket'])
      expect(headers[name]).toBe(documented.headers[name]);
    // The emulator leaves out of an object what nothing here reads.
    const formsOf = (object: unknown) =>
      z
        .object({ kind: z.string(), bucket: z.string(), name: z.string(), generation: z.string().transform(formOf) })
        .parse(object);
    expect(formsOf(JSON.parse(body))).toEqual(formsOf(documented.body));
  });

  test('brings the token that is documented of a push, for the function and by its caller', async () => {
    const documented = z
      .record(z.string(), z.unknown())
      .parse(
        JSON.parse(await readFile(join(import.meta.dirname, '../functions/deliveries/push-token-claims.json'), 'utf8')),
      );
    const [call] = await received(pipeline, 'reconcile');
    const claims = decodeJwt(String(call?.headers?.['authorization']).replace(/^Bearer /, ''));
    expect(Object.keys(claims).sort()).toEqual(Object.keys(documented).sort());
    expect(claims).toMatchObject({
      aud: 'https://local/reconcile',
      email: 'converge-push@local.iam.gserviceaccount.com',
      email_verified: true,
    });
    const seconds = ({ iat, exp }: { iat?: unknown; exp?: unknown }): number => Number(exp) - Number(iat);
    expect(seconds(claims)).toBe(seconds(documented));
  });

  test('leaves nothing running when it is stopped, also twice', async () => {
    const pids = pidsOf(pipeline);
    expect(await stillRunning(pids)).toHaveLength(8);
    await pipeline.stop();
    await pipeline.stop();
    expect(await stillRunning(pids)).toEqual([]);
    await expect(fetch(pipeline.facts.status)).rejects.toThrow();
    await expect(fetch(pipeline.facts.repositories.master)).rejects.toThrow();
  });

  test('stops what had started when the functions do not come up, and says why', async () => {
    const folder = join(scratch, 'half');
    const broken = join(scratch, 'broken-functions.ts');
    await writeFile(broken, `throw new Error('no such luck');\n`);
    await expect(startPipeline({ folder, programs, functions: broken })).rejects.toThrow('no such luck');
    const { stdout } = await execute('ps', ['-axww', '-o', 'args']);
    expect(stdout.split('\n').filter((line) => line.includes(folder))).toEqual([]);
  });
});

describe('the Git host', () => {
  interface Host {
    readonly url: string;
    readonly path: string;
    readonly pushes: Push[];
    readonly log: string[];
  }

  async function withHost(
    work: (host: Host) => Promise<void>,
    { failingWebhook }: { failingWebhook?: Error } = {},
  ): Promise<void> {
    const pushes: Push[] = [];
    const log: string[] = [];
    const host = await startGit({
      folder: await mkdtemp(join(scratch, 'git-')),
      repositories: ['master'],
      log: (message) => log.push(message),
      onPush: async (push) => {
        pushes.push(push);
        if (failingWebhook !== undefined) throw failingWebhook;
      },
    });
    try {
      await work({ url: host.url('master'), path: host.path('master'), pushes, log });
    } finally {
      await host.stop();
    }
  }

  test('takes a push whose webhook fails', () =>
    withHost(
      async ({ url, path, log }) => {
        const clone = await cloneWithCommit(url);
        await git(clone, 'push', '--quiet', 'origin', 'main');
        expect(await git(path, 'rev-parse', 'main')).toBe(await git(clone, 'rev-parse', 'main'));
        await eventually('it is told', async () => log.length > 0);
        expect(log).toEqual(['the push to refs/heads/main of master was not announced: nobody listens']);
      },
      { failingWebhook: new Error('nobody listens') },
    ));

  test('takes a large push in chunks, and gives it back to a shallow and to a partial clone', () =>
    withHost(async ({ url }) => {
      const clone = await cloneWithCommit(url);
      const head = await commit(clone, 'large.bin', randomBytes(3_000_000));
      await git(clone, '-c', 'http.postBuffer=65536', 'push', '--quiet', 'origin', 'main');
      for (const option of ['--depth=1', '--filter=blob:none']) {
        const copy = await mkdtemp(join(scratch, 'copy-'));
        await git(copy, 'clone', '--quiet', option, url, '.');
        expect(await git(copy, 'rev-parse', 'HEAD')).toBe(head);
      }
    }));

  test('refuses a push that rewrites history', () =>
    withHost(async ({ url, pushes }) => {
      const clone = await cloneWithCommit(url);
      await git(clone, 'push', '--quiet', 'origin', 'main');
      await git(clone, 'commit', '--quiet', '--amend', '-m', 'rewritten');
      await expect(git(clone, 'push', '--force', 'origin', 'main')).rejects.toThrow('non-fast-forward');
      expect(pushes).toHaveLength(1);
    }));

  test('announces branches and tags, neither notes nor what is pushed past it', () =>
    withHost(async ({ url, path, pushes }) => {
      const clone = await cloneWithCommit(url);
      await git(clone, 'push', '--quiet', path, 'main');
      await git(clone, 'notes', '--ref=converge', 'add', '-m', 'converged');
      await git(clone, 'push', '--quiet', 'origin', 'refs/notes/converge', 'main:release/1');
      await eventually('the push is announced', async () => pushes.length > 0);
      expect(pushes.map((push) => push.ref)).toEqual(['refs/heads/release/1']);
    }));

  test('answers 404 for a repository it does not have', () =>
    withHost(async ({ url }) => {
      expect((await fetch(`${url.replace('master', 'other')}/info/refs?service=git-upload-pack`)).status).toBe(404);
      expect((await fetch(`${url}/../../config`)).status).toBe(404);
    }));
});

test('a part that ends by itself is told of, one that is stopped is not', async () => {
  const ends: string[] = [];
  const options = { program: programs.pubsub, folder: scratch, onUnexpectedEnd: (how: string) => void ends.push(how) };
  const [dying, stopped] = await Promise.all([startPubSub(options), startPubSub(options)]);
  process.kill(dying.pid, 'SIGKILL');
  await eventually('its end is told', async () => ends.length > 0);
  await stopped.stop();
  await dying.stop();
  expect(ends).toEqual(['signal SIGKILL\n  ' + dying.host]);
});
