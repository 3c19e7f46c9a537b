import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { PubSub, type Message } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { dump } from 'js-yaml';
import { z } from 'zod';
import { forgetUsersCloud, partEnvironment } from '../../local/environment.ts';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { startKubernetes, type Kubernetes } from '../../local/parts/kubernetes.ts';
import { startPubSub } from '../../local/parts/pubsub.ts';
import { startStorage } from '../../local/parts/storage.ts';
import type { ConfigInput } from '../../local/pipeline.ts';
import { ensurePrograms } from '../../local/programs.ts';
import { webhookHosts } from '../../shared/config/config.ts';
import { topics, type Topic } from '../../shared/events/cloud-event.ts';
import { writeFiles } from '../write-files.ts';

const execute = promisify(execFile);

/** What a platform sends to a function: `body` is sent as its JSON, or nothing where it is null. */
export interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const deliverySchema = z.object({ headers: z.record(z.string(), z.string()), body: z.unknown() });

export async function readDelivery(name: string): Promise<Delivery> {
  return deliverySchema.parse(
    JSON.parse(await readFile(join(import.meta.dirname, 'deliveries', `${name}.json`), 'utf8')),
  );
}

/** A message that a function published. */
export interface Published {
  readonly topic: Topic;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: unknown;
}

/** A call that reached the alert sink. */
export interface SinkCall {
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** The outside world of the functions, real but for nobody else in it: what they publish goes to the test alone. */
export interface Parts {
  readonly config: string;
  readonly pubsubHost: string;
  readonly storage: Storage;
  readonly kubernetes: Kubernetes;
  readonly git: { readonly master: GitHost; readonly develop: GitHost };
  /** Commits files to the main branch of master, past its server. */
  commit(files: Readonly<Record<string, string>>): Promise<void>;
  /** What git says about master: `git log -1 --format=%B main`. */
  askMaster(...parameters: string[]): Promise<string>;
  /** The next message of a topic that no call has returned before. */
  next(topic: Topic): Promise<Published>;
  /** Messages that arrived and that no call has returned yet. */
  unread(topic: Topic): readonly Published[];
  deleteTopic(topic: Topic): Promise<void>;
  readonly sink: { answer: number; readonly calls: SinkCall[] };
  /** The file with the secret that its calls are signed with. */
  readonly sinkSecret: string;
  /** Forgets what the sink was told. */
  forgetTold(): Promise<void>;
  stop(): Promise<void>;
}

/** The secret that the webhook deliveries under `deliveries/` are signed with. */
const webhookSecret = 'family-webhook-secret';
const master = 'family/master';
const develop = 'family/develop';

export async function startParts(): Promise<Parts> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-functions-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  const stopping = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const part = await starting;
    stops.push(part.stop);
    return part;
  };

  async function start(): Promise<Parts> {
    const programs = await ensurePrograms();
    forgetUsersCloud();
    const pubsub = await stopping(startPubSub({ program: programs.pubsub, folder }));
    const [storageService, masterHost, developHost, kubernetes] = await Promise.all([
      stopping(startStorage({ program: programs.storage, folder, pubsubHost: pubsub.host })),
      stopping(startGit({ folder: join(folder, 'master'), repositories: [master] })),
      stopping(startGit({ folder: join(folder, 'develop'), repositories: [develop] })),
      stopping(startKubernetes({ folder: join(folder, 'kubernetes'), programs })),
    ]);
    const storage = new Storage({ projectId: 'local', apiEndpoint: storageService.url });
    await Promise.all(
      ['family-master', 'family-develop', 'family-state'].map((bucket) => storage.createBucket(bucket)),
    );

    const sink = await startSink();
    stops.push(sink.stop);
    const letters = await startMailbox(pubsub.host);
    stops.push(letters.stop);

    const [config, sinkSecret] = [join(folder, 'converge.yaml'), join(folder, 'sink-secret')];
    const configuration: ConfigInput = {
      project: 'local',
      state: { bucket: 'family-state' },
      repositories: {
        master: {
          url: masterHost.url(master),
          aliases: [
            'github.com',
            'gitlab.example.com',
            'bitbucket.org',
            'bitbucket.example.com',
            'gitea.example.com',
          ].map((host) => `https://${host}/family/master`),
          bucket: 'family-master',
        },
        develop: { url: developHost.url(develop), bucket: 'family-develop' },
      },
      clusters: { sandbox: { kubeconfig: kubernetes.kubeconfig } },
      webhooks: Object.fromEntries(webhookHosts.map((host) => [host, { secretFile: join(folder, 'webhook-secret') }])),
      alerts: { sinks: [{ name: 'ops', webhook: { url: sink.url, secretFile: sinkSecret } }] },
      reports: [{ name: 'weekly', schedule: '0 6 * * 1' }],
      storage: { endpoint: storageService.url },
      renderer: { program: programs.render },
      access: 'open',
    };
    await Promise.all([
      writeFile(config, dump(configuration)),
      writeFile(sinkSecret, 'sink-secret\n'),
      writeFile(join(folder, 'webhook-secret'), `${webhookSecret}\n`),
    ]);

    const [name, email] = ['Ana', 'ana@example.com'];
    const person = {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    };
    const settings = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    const environment = partEnvironment({ home: folder, variables: { ...person, ...settings } });
    const git = async (workingFolder: string, parameters: readonly string[]): Promise<string> =>
      (await execute('git', parameters, { cwd: workingFolder, env: environment })).stdout.trim();

    return {
      config,
      pubsubHost: pubsub.host,
      storage,
      kubernetes,
      git: { master: masterHost, develop: developHost },
      async commit(files) {
        const tree = await mkdtemp(join(folder, 'tree-'));
        await git(tree, ['init', '--quiet', '--initial-branch=main']);
        await git(tree, ['remote', 'add', 'origin', masterHost.path(master)]);
        if ((await git(tree, ['ls-remote', 'origin', 'main'])) !== '')
          await git(tree, ['pull', '--quiet', 'origin', 'main']);
        await writeFiles(tree, files);
        await git(tree, ['add', '--all']);
        await git(tree, ['commit', '--quiet', '--message', 'Write by hand']);
        await git(tree, ['push', '--quiet', 'origin', 'main']);
      },
      askMaster: (...parameters) => git(masterHost.path(master), parameters),
      next: letters.next,
      unread: letters.unread,
      deleteTopic: letters.deleteTopic,
      sink,
      sinkSecret,
      forgetTold: async () => storage.bucket('family-state').deleteFiles({ prefix: 'sinks/' }),
      stop,
    };
  }

  try {
    return await start();
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Mailbox extends Pick<Parts, 'next' | 'unread' | 'deleteTopic' | 'stop'> {}

async function startMailbox(host: string): Promise<Mailbox> {
  const pubsub = new PubSub({ projectId: 'local', apiEndpoint: host, emulatorMode: true });
  const arrived: Published[] = [];
  const waiting = new Set<() => void>();
  await Promise.all(
    topics.map(async (topic) => {
      await pubsub.createTopic(topic);
      const [subscription] = await pubsub.topic(topic).createSubscription(`${topic}-test`);
      subscription.on('message', (message: Message) => {
        message.ack();
        arrived.push({ topic, attributes: message.attributes, data: JSON.parse(message.data.toString('utf8')) });
        for (const look of waiting) look();
      });
    }),
  );
  return {
    next(topic) {
      const { promise, resolve } = Promise.withResolvers<Published>();
      const look = (): void => {
        const index = arrived.findIndex((message) => message.topic === topic);
        const [found] = index === -1 ? [] : arrived.splice(index, 1);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      return promise;
    },
    unread: (topic) => arrived.filter((message) => message.topic === topic),
    async deleteTopic(topic) {
      await pubsub.topic(topic).delete();
    },
    stop: () => pubsub.close(),
  };
}

async function startSink(): Promise<Parts['sink'] & { url: string; stop(): Promise<void> }> {
  const calls: SinkCall[] = [];
  const sink = { answer: 200, calls };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      calls.push({ headers: request.headers, body: JSON.parse(body) });
      response.writeHead(sink.answer).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink listens on no port');
  return Object.assign(sink, {
    url: `http://127.0.0.1:${address.port}/alerts`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
}
