import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { randomBytes, randomInt } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dump } from 'js-yaml';
import type { z } from 'zod';
import { functionSizes } from '../functions/sizes.ts';
import { parseConfig, type configSchema } from '../shared/config/config.ts';
import type { Topic } from '../shared/events/cloud-event.ts';
import { authorize, localAccess, type CalledFunction } from './callers.ts';
import type { Chaos } from './chaos.ts';
import { startDelivery, type Route } from './delivery.ts';
import { forgetUsersCloud, partEnvironment } from './environment.ts';
import { startFunctions, type Functions } from './functions.ts';
import { startGit, type GitHost } from './parts/git.ts';
import { startIssuer } from './parts/issuer.ts';
import { startKubernetes, type Kubernetes } from './parts/kubernetes.ts';
import { startPubSub, type PubSubService } from './parts/pubsub.ts';
import { startStorage, type StorageService } from './parts/storage.ts';
import { cacheFolder, ensurePrograms, type Programs, type Report } from './programs.ts';
import { sendPushWebhook } from './push-webhook.ts';
import { startSchedule } from './schedule.ts';

const project = 'local';
const repositoryClasses = ['master', 'staging', 'develop'] as const;
const stateBucket = 'family-state';
const storageTopic = 'storage-events';

type ByClass = Readonly<Record<(typeof repositoryClasses)[number], string>>;

/** What `.converge/local.json` holds: where the running pipeline's parts answer. */
export interface LocalFacts {
  readonly project: string;
  /** `http://127.0.0.1:PORT` */
  readonly storage: string;
  /** `127.0.0.1:PORT` */
  readonly pubsub: string;
  readonly buckets: ByClass;
  /** Path of the operator's configuration. */
  readonly config: string;
  /** Clone URLs. */
  readonly repositories: ByClass;
  /** Topic names within the project. */
  readonly topics: { readonly diff: string; readonly converged: string };
  /** Path. */
  readonly kubeconfig: string;
  readonly status: string;
  readonly webhook: string;
}

export interface PipelineOptions {
  /** A folder of this pipeline's own, empty or not there yet: for configuration, keys, repositories and logs. */
  readonly folder: string;
  /** Built programs; what is absent is built. */
  readonly programs?: Programs;
  /** The module that registers the functions; absent: the product's. */
  readonly functions?: string;
  /** `none`: each message once, at once, in order (benchmarks). Otherwise doubled, delayed and shuffled. */
  readonly chaos?: 'usual' | 'none';
  /** Of the disturbances; drawn and logged where absent. */
  readonly seed?: number;
  /** How often `checkDrift` is called; 10 where absent, 0: never. */
  readonly scheduleSeconds?: number;
  /** Attempts before a message goes to the dead-letter topic; 5 where absent. */
  readonly attempts?: number;
  /** Over the configuration that the pipeline writes: alert sinks, limits. */
  readonly configuration?: Pick<ConfigInput, 'alerts' | 'limits' | 'author'>;
  readonly log?: (entry: LogEntry) => void;
  readonly report?: Report;
}

export type ConfigInput = z.input<typeof configSchema>;

export interface LogEntry {
  /** `output`: a line that the functions printed; `note`: what the pipeline did; `failure`: a part ended by itself. */
  readonly kind: 'output' | 'note' | 'failure';
  /** `functions`, `delivery`, `git`, `kubernetes`, `pipeline`, ... */
  readonly part: string;
  readonly message: string;
}

export interface Pipeline {
  readonly facts: LocalFacts;
  readonly folder: string;
  /** Path of the operator's configuration, for `CONVERGE_CONFIG`. */
  readonly config: string;
  /** The bucket of leases, memories and ledgers. */
  readonly stateBucket: string;
  /** The name of the cluster in environment files. */
  readonly cluster: string;
  readonly webhookSecret: string;
  readonly seed: number;
  readonly programs: Programs;
  readonly kubernetes: Kubernetes;
  readonly git: GitHost;
  readonly storage: StorageService;
  readonly pubsub: PubSubService;
  readonly functions: Functions;
  /** The header that lets a call of a function in: an ID token of the one who calls it in production. */
  authorize(name: CalledFunction): Promise<{ authorization: string }>;
  /** Clients of the two services, closed by `stop`. */
  readonly clients: { readonly storage: Storage; readonly pubsub: PubSub };
  /** Ends the functions in order and starts them again, at the same URLs. */
  restartFunctions(): Promise<void>;
  /** Ends them at whatever line they are. They start again by themselves. */
  killFunctions(): Promise<void>;
  /** Ends everything that was started. May be called twice. */
  stop(): Promise<void>;
}

const cluster = 'sandbox';
/** What this machine takes at a time: a reconcile takes a cluster's and a renderer's time, uploads wait for one of them. Never more than all instances do. */
const concurrencyHere = { copyArtifact: 8, fanOut: 4, reconcile: 4, deliverAlert: 4 };
const concurrencyOf = (name: keyof typeof concurrencyHere): number =>
  Math.min(concurrencyHere[name], functionSizes[name].concurrency * functionSizes[name].maxInstances);

const routes: readonly Route[] = [
  { topic: storageTopic, function: 'copyArtifact', messages: 'storage', concurrency: concurrencyOf('copyArtifact') },
  { topic: 'change-committed', function: 'fanOut', messages: 'own', concurrency: concurrencyOf('fanOut') },
  { topic: 'reconcile', function: 'reconcile', messages: 'own', concurrency: concurrencyOf('reconcile') },
  { topic: 'diff', function: 'deliverAlert', messages: 'own', concurrency: concurrencyOf('deliverAlert') },
  { topic: 'converged', function: 'deliverAlert', messages: 'own', concurrency: concurrencyOf('deliverAlert') },
];

/**
 * Brings up the whole pipeline on free ports of 127.0.0.1 and wires it as on Google Cloud. Takes what names the user's
 * clusters, cloud account and proxies out of this process's environment, for its own clients' sake.
 *
 * Throws `LocalError` for what the user can mend, after stopping whatever had started.
 */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const folder = resolve(options.folder);
  const seed = options.seed ?? randomInt(2 ** 31);
  const chaos: Chaos = options.chaos === 'none' ? { kind: 'none' } : { kind: 'usual', seed };
  const programs =
    options.programs ?? (await ensurePrograms(options.report === undefined ? {} : { report: options.report }));
  // Not before the build, which may need the proxy to download modules.
  forgetUsersCloud();
  const home = join(folder, 'home');
  const temporary = join(folder, 'tmp');
  await Promise.all([home, temporary].map((path) => mkdir(path, { recursive: true })));
  const logFile = join(folder, 'pipeline.log');

  /** What is to be stopped, in the order it was started. */
  const stops: (() => Promise<void>)[] = [];
  let stopped: Promise<void> | undefined;
  function write(entry: LogEntry): void {
    appendFileSync(logFile, `${new Date().toISOString()} ${entry.part}: ${entry.message}\n`);
    options.log?.(entry);
  }
  const logOf =
    (part: string) =>
    (message: string): void =>
      write({ kind: 'note', part, message });
  const endOf =
    (part: string) =>
    (how: string): void => {
      if (stopped === undefined) write({ kind: 'failure', part, message: `ended by itself: ${how}` });
    };

  async function stopping<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
    const part = await starting;
    stops.push(part.stop);
    return part;
  }

  /** In the opposite order of the start, so that nothing calls what is gone; each gets its turn, whatever the one before said. */
  async function stopAll(): Promise<void> {
    const problems: unknown[] = [];
    for (const stop of stops.toReversed()) await stop().catch((error: unknown) => problems.push(error));
    if (problems.length > 0) throw new AggregateError(problems, 'not everything could be stopped');
  }
  const stop = (): Promise<void> => (stopped ??= stopAll());

  async function startParts(): Promise<Pipeline> {
    const webhookSecret = randomBytes(24).toString('hex');
    let announceTo: string | undefined;
    const startingPubSub = stopping(
      startPubSub({ program: programs.pubsub, folder: home, onUnexpectedEnd: endOf('pubsub') }),
    );
    const starting = [
      stopping(
        startKubernetes({
          folder: join(folder, 'kubernetes'),
          programs,
          onUnexpectedEnd: (part, how) => endOf(part)(how),
        }),
      ),
      startingPubSub,
      startingPubSub.then(({ host }) =>
        stopping(
          startStorage({
            program: programs.storage,
            folder: home,
            pubsubHost: host,
            onUnexpectedEnd: endOf('storage'),
          }),
        ),
      ),
      stopping(
        startGit({
          folder: join(folder, 'git'),
          repositories: repositoryClasses,
          log: logOf('git'),
          onPush: async (push) => {
            if (announceTo !== undefined) await sendPushWebhook({ url: announceTo, secret: webhookSecret, push });
          },
        }),
      ),
      stopping(startIssuer()),
    ] as const;
    // Also after one has failed: what came up later would otherwise be missed by the stop.
    await Promise.allSettled(starting);
    const [kubernetes, pubsub, storage, git, issuer] = await Promise.all(starting);

    const clients = {
      storage: new Storage({ projectId: project, apiEndpoint: storage.url }),
      pubsub: new PubSub({ projectId: project, apiEndpoint: pubsub.host, emulatorMode: true }),
    };
    stops.push(() => clients.pubsub.close());

    const buckets = byClass((name) => `family-${name}`);
    const repositories = byClass((name) => git.url(name));
    const secretFile = join(folder, 'webhook-secret');
    const config = join(folder, 'converge.yaml');
    const configuration: ConfigInput = {
      project,
      state: { bucket: stateBucket },
      repositories: Object.fromEntries(
        repositoryClasses.map((name) => [name, { url: repositories[name], branch: 'main', bucket: buckets[name] }]),
      ),
      clusters: { [cluster]: { kubeconfig: kubernetes.kubeconfig } },
      webhooks: { github: { secretFile } },
      storage: { endpoint: storage.url },
      renderer: { program: programs.render },
      access: localAccess(issuer),
      ...options.configuration,
    };
    const text = dump(configuration);
    parseConfig({ file: config, text });
    await Promise.all([writeFile(secretFile, webhookSecret, { mode: 0o600 }), writeFile(config, text)]);
    await Promise.all([...Object.values(buckets), stateBucket].map((bucket) => clients.storage.createBucket(bucket)));

    const functions = await stopping(
      startFunctions({
        source: options.functions ?? join(import.meta.dirname, '..', 'functions', 'index.ts'),
        environment: partEnvironment({
          home,
          variables: {
            CONVERGE_CONFIG: config,
            GOOGLE_CLOUD_PROJECT: project,
            METADATA_SERVER_DETECTION: 'none',
            NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'),
            NODE_ENV: 'production',
            PUBSUB_EMULATOR_HOST: pubsub.host,
            TMPDIR: temporary,
          },
        }),
        logFile: join(folder, 'functions.log'),
        onLine: (message) => options.log?.({ kind: 'output', part: 'functions', message }),
        log: logOf('pipeline'),
      }),
    );
    const facts: LocalFacts = {
      project,
      config,
      storage: storage.url,
      pubsub: pubsub.host,
      buckets,
      repositories,
      topics: { diff: 'diff', converged: 'converged' },
      kubeconfig: kubernetes.kubeconfig,
      status: functions.url('status'),
      webhook: functions.url('receivePush'),
    };
    announceTo = facts.webhook;

    await stopping(
      startDelivery({
        pubsub: clients.pubsub,
        routes,
        deadLetterTopic: 'dead-letter' satisfies Topic,
        chaos,
        functions: { ...functions, authorize: (name) => authorize(issuer, name) },
        ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
        log: logOf('delivery'),
      }),
    );
    const notified = { eventTypes: ['OBJECT_FINALIZE'], payloadFormat: 'JSON_API_V1' };
    await Promise.all(
      Object.values(buckets).map((bucket) => clients.storage.bucket(bucket).createNotification(storageTopic, notified)),
    );
    const { scheduleSeconds = 10 } = options;
    if (scheduleSeconds > 0) {
      const { stop: stopSchedule } = startSchedule({
        seconds: scheduleSeconds,
        url: functions.url('checkDrift'),
        ready: functions.ready,
        authorize: () => authorize(issuer, 'checkDrift'),
        log: logOf('schedule'),
      });
      stops.push(stopSchedule);
    }
    logOf('pipeline')(
      chaos.kind === 'none' ? 'deliveries are undisturbed' : `deliveries are disturbed by seed ${seed}`,
    );

    return {
      facts,
      folder,
      config,
      stateBucket,
      cluster,
      webhookSecret,
      seed,
      programs,
      kubernetes,
      git,
      storage,
      pubsub,
      functions,
      authorize: (name) => authorize(issuer, name),
      clients,
      restartFunctions: functions.restart,
      killFunctions: functions.kill,
      stop,
    };
  }

  try {
    return await startParts();
  } catch (error) {
    await stop();
    throw error;
  }
}

function byClass(valueOf: (name: string) => string): ByClass {
  return { master: valueOf('master'), staging: valueOf('staging'), develop: valueOf('develop') };
}
