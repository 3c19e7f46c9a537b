import { PubSub } from '@google-cloud/pubsub';
import { IdempotencyStrategy, Storage } from '@google-cloud/storage';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dump } from 'js-yaml';
import type { z } from 'zod';
import { functionSizes } from '../functions/sizes.ts';
import { parseConfig, type configSchema } from '../shared/config/config.ts';
import type { Topic } from '../shared/events/cloud-event.ts';
import {
  letterSubscriptions,
  readers,
  readTopics,
  redriveFilter,
  redriveTopic,
} from '../shared/events/found-letter.ts';
import { authorize, localAccess, type CalledFunction } from './callers.ts';
import type { Chaos } from './chaos.ts';
import { startDelivery, type Delivery, type Route } from './delivery.ts';
import { forgetUsersCloud, partEnvironment } from './environment.ts';
import { withAccounts, writeConfigOf, type Deployments } from './deployments.ts';
import type { StorageCall } from './fronts/storage-front.ts';
import { gitHostGrants, storageGrants, type StorageGrant } from './fronts/storage-grants.ts';
import { startFunctions, type Functions, type FunctionsOptions } from './functions.ts';
import type { GitHost, Push } from './parts/git.ts';
import type { GkeFront } from './parts/gke-front.ts';
import { kubeconfigIn } from './parts/control-plane.ts';
import type { Kubernetes } from './parts/kubernetes.ts';
import type { PubSubService } from './parts/pubsub.ts';
import { startPullRequests, type PullRequests } from './parts/pull-requests.ts';
import type { StorageService } from './parts/storage.ts';
import { asOnPlatform, type Instances, type MemoryLimit } from './platform.ts';
import { limitsOf } from './limits.ts';
import { openLog, type LogEntry, type PipelineLog } from './pipeline-log.ts';
import { comingPrograms, type ComingPrograms, type Programs, type Report } from './programs.ts';
import { startSchedule } from './schedule.ts';
import { clusterFolder, gkeCluster, startServices, type Services } from './services.ts';
import { openStorageAccess, withoutFront, type StorageAccess } from './storage-access.ts';
import { createStops, type Stops } from './stops.ts';
import { sendWebhook, type Announcement } from './webhook.ts';
import { cacheFolder } from '../shared/adapters/cache-folder.ts';

const project = 'local';
const repositoryClasses = ['master', 'staging', 'develop'] as const;
const stateBucket = 'family-state';
const storageTopic = 'storage-events';
/** Of the configuration. Nobody calls for it by a schedule here. */
export const dailyReport = 'daily';

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
  readonly inspect: string;
  readonly act: string;
  readonly webhook: string;
  /** Path of what the functions log, a line each. */
  readonly log: string;
  /** The pull requests of the Git host, where it has them: the URL of its API, and the token of who writes there. */
  readonly gitHost?: { readonly api: string; readonly token: string };
}

export interface PipelineOptions {
  /** A folder of this pipeline's own, empty or not there yet: for configuration, keys, repositories and logs. */
  readonly folder: string;
  /** Built programs, or those that are being built; absent: they are built. */
  readonly programs?: Programs | ComingPrograms;
  /** The module that registers the functions; absent: the product's. */
  readonly functions?: string;
  /**
   * Starts each function as its own instance, of the size that Terraform gives it. Absent: all in one process, without a
   * limit.
   */
  readonly memory?: MemoryLimit;
  /** Of each function, where `memory` says that it has instances of its own; one where absent. */
  readonly instances?: Instances;
  /** Starts them in another way than in one process: as several instances, say. */
  readonly host?: (options: FunctionsOptions) => Promise<Functions>;
  /**
   * How the functions reach the cluster: through what GKE puts before it, as their account, or with a kubeconfig of its
   * administrator, which tests write a proxy into. The first where absent.
   */
  readonly cluster?: 'gke' | 'kubeconfig';
  /**
   * `none`: each message once, at once, in order (benchmarks). Otherwise doubled, delayed and shuffled, and some of the
   * answers to the functions' writes are lost.
   */
  readonly chaos?: 'usual' | 'none';
  /** Whether Storage holds to the limits of Cloud Storage; it does where absent. `absent` is for who puts a front of its own there. */
  readonly platform?: 'enforced' | 'absent';
  /** What Storage lets each account do; what `terraform/` grants where absent. */
  readonly grants?: readonly StorageGrant[];
  /** Told each request to Storage that such a limit judges. */
  readonly onStorageCall?: (call: StorageCall) => void;
  /** Of the disturbances; drawn and logged where absent. */
  readonly seed?: number;
  /** The Git host has pull requests, too, and is told what commits became; none where absent. */
  readonly pullRequests?: 'served';
  /** How often `checkDrift` is called; 10 where absent, 0: never. */
  readonly scheduleSeconds?: number;
  /** Attempts before a message goes to the dead-letter topic; 5 where absent. */
  readonly attempts?: number;
  /** Over the configuration that the pipeline writes: alert sinks, reports, limits. */
  readonly configuration?: Pick<ConfigInput, 'alerts' | 'limits' | 'author' | 'reports'>;
  readonly log?: (entry: LogEntry) => void;
  readonly report?: Report;
}

export type ConfigInput = z.input<typeof configSchema>;

/** A pipeline whose cluster may not be up yet: until it is, what needs one waits. */
export interface EarlyPipeline {
  readonly facts: LocalFacts;
  readonly folder: string;
  /** Path of the operator's configuration, for `CONVERGE_CONFIG`. */
  readonly config: string;
  /** The same for CI of each class, which asks Storage as its account, and `status` about the rest. */
  readonly configOfCi: ByClass;
  /** What a process has in its environment that gets tokens of the account of `reconcile`. */
  readonly variables: Readonly<Record<string, string>>;
  /** The bucket of leases, memories and ledgers. */
  readonly stateBucket: string;
  /** The name of the cluster in environment files. */
  readonly cluster: string;
  readonly webhookSecret: string;
  readonly seed: number;
  /** Where it says no as Google Cloud does, in words. */
  readonly limits: readonly string[];
  readonly git: GitHost;
  /** Undefined where the options ask for none. */
  readonly pullRequests: PullRequests | undefined;
  readonly storage: StorageService;
  readonly pubsub: PubSubService;
  readonly functions: Functions;
  /** The header that lets a call of a function in: an ID token of the one who calls it in production. */
  authorize(name: CalledFunction): Promise<{ authorization: string }>;
  /** Clients of the two services, closed by `stop`; `ci`: with the rights of CI of each class. */
  readonly clients: {
    readonly storage: Storage;
    readonly ci: Readonly<Record<keyof ByClass, Storage>>;
    readonly pubsub: PubSub;
  };
  /** Ends the functions in order and starts them again, at the same URLs. */
  restartFunctions(): Promise<void>;
  /** Ends them at whatever line they are. They start again by themselves. */
  killFunctions(): Promise<void>;
  /** Resolves once no message is under way, a second copy of one neither. */
  quiet(): Promise<void>;
  /** Resolves once the cluster is up, and rejects where it does not come up. */
  whole(): Promise<Pipeline>;
  /** Ends everything that was started. May be called twice. */
  stop(): Promise<void>;
}

export interface Pipeline extends EarlyPipeline {
  readonly programs: Programs;
  readonly kubernetes: Kubernetes;
  /** What the functions reach the cluster through. */
  readonly gke: GkeFront;
}

const cluster = 'sandbox';
/**
 * What this machine takes at a time: a reconcile takes a cluster's and a renderer's time, uploads wait for one of them.
 * Never more than all instances do.
 */
const concurrencyHere = { copyArtifact: 8, fanOut: 4, reconcile: 4, planChange: 1, deliverAlert: 20 };
const concurrencyOf = (name: keyof typeof concurrencyHere): number =>
  Math.min(concurrencyHere[name], functionSizes[name].concurrency * functionSizes[name].maxInstances);

const ownRoutes: readonly Route[] = readTopics.flatMap((topic) => {
  const [reader, subscription] = [readers[topic], `${redriveTopic}-${topic}`];
  const only = { filter: redriveFilter(topic), subscription };
  return [
    { topic, function: reader, messages: 'own', concurrency: concurrencyOf(reader) },
    { topic: redriveTopic, function: reader, messages: 'own', concurrency: 1, only },
  ];
});
const routes: readonly Route[] = [
  { topic: storageTopic, function: 'copyArtifact', messages: 'storage', concurrency: concurrencyOf('copyArtifact') },
  ...ownRoutes,
];

/**
 * Brings up the whole pipeline on free ports of 127.0.0.1 and wires it as on Google Cloud. Takes what names the user's
 * clusters, cloud account and proxies out of this process's environment, for its own clients' sake.
 *
 * Throws `LocalError` for what the user can mend, after stopping whatever had started.
 */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const early = await startPipelineEarly(options);
  try {
    return await early.whole();
  } catch (error) {
    await early.stop();
    throw error;
  }
}

/**
 * The same, but resolves as soon as all but the cluster is up. Uploads are copied then, and pushes announced; jobs and
 * drift checks wait for the cluster.
 */
export async function startPipelineEarly(options: PipelineOptions): Promise<EarlyPipeline> {
  const folder = resolve(options.folder);
  const seed = options.seed ?? randomInt(2 ** 31);
  const chaos: Chaos = options.chaos === 'none' ? { kind: 'none' } : { kind: 'usual', seed };
  const programs = coming(
    options.programs ?? comingPrograms(options.report === undefined ? {} : { report: options.report }),
  );
  // Not before the build has begun, which may need the proxy to download modules.
  forgetUsersCloud();
  const home = join(folder, 'home');
  const temporary = join(folder, 'tmp');
  await Promise.all([home, temporary].map((path) => mkdir(path, { recursive: true })));

  const stops = createStops();
  const log = openLog({ file: join(folder, 'pipeline.log'), tell: options.log, isStopping: stops.hasBegun });
  try {
    return await startParts({ options, folder, home, temporary, programs, seed, chaos, stops, log });
  } catch (error) {
    await stops.stopAll();
    throw error;
  }
}

function coming({ pubsub, storage, render, kwok, cluster }: Programs | ComingPrograms): ComingPrograms {
  const promised = async (path: string | Promise<string>): Promise<string> => await path;
  const programs = { pubsub, storage, render, kwok, cluster };
  return {
    pubsub: promised(programs.pubsub),
    storage: promised(programs.storage),
    render: promised(programs.render),
    kwok: promised(programs.kwok),
    cluster: promised(programs.cluster),
  };
}

/** What each step of the start is handed. */
interface Start {
  readonly options: PipelineOptions;
  readonly folder: string;
  /** The parts' `HOME`. */
  readonly home: string;
  readonly temporary: string;
  readonly programs: ComingPrograms;
  readonly seed: number;
  readonly chaos: Chaos;
  readonly stops: Stops;
  readonly log: PipelineLog;
}

async function startParts(start: Start): Promise<EarlyPipeline> {
  const { folder, seed, chaos, stops, log } = start;
  const webhookSecret = randomBytes(24).toString('hex');
  let announceTo: string | undefined;
  const announce = async (announcement: Announcement): Promise<void> => {
    if (announceTo !== undefined) await sendWebhook({ url: announceTo, secret: webhookSecret, announcement });
  };
  let pullRequests: PullRequests | undefined;
  const onPush = async (push: Push): Promise<void> => {
    await pullRequests?.follow(push);
    await announce({ event: 'push', push });
  };
  const services = await startServices({ ...start, repositories: repositoryClasses, onPush });
  pullRequests = await servePullRequests({ start, services, announce });
  const buckets = byClass((name) => `family-${name}`);
  const access = await openStorage({ start, services, buckets });
  const clients = openClients({ stops, services, access });
  const repositories = byClass((name) => services.git.url(name));
  // Whoever hosts the functions may read the file that is named there.
  if (start.options.cluster === 'kubeconfig') await services.cluster;
  const config = await configure({
    ...{ start, services, buckets, repositories, webhookSecret, pullRequests },
    storage: access.functions,
  });
  await Promise.all([...Object.values(buckets), stateBucket].map((bucket) => clients.storage.createBucket(bucket)));

  const functions = await hostFunctions({
    ...{ start, services, config },
    deployments: withAccounts({ config, uploads: buckets, storageOf: access.of }),
  });
  const facts = factsOf({
    ...{ start, services, functions, buckets, repositories, config, pullRequests },
    storage: access.others,
  });
  const configOfCi = (name: string): string =>
    writeConfigOf({
      ...{ config, whose: `ci-${name}` },
      own: { storage: { endpoint: access.of(`ci-${name}`) }, status: { url: facts.status } },
    });
  announceTo = facts.webhook;
  const delivery = await deliverMessages({ start, services, clients, functions });
  await notifyOfUploads({ clients, buckets });
  scheduleDriftChecks({ start, services, functions });
  log.noteOf('pipeline')(
    chaos.kind === 'none' ? 'deliveries are undisturbed' : `deliveries are disturbed by seed ${seed}`,
  );

  const { git, storage, pubsub, issuer } = services;
  const early: EarlyPipeline = {
    facts,
    folder,
    config,
    configOfCi: byClass(configOfCi),
    variables: services.google.variables,
    stateBucket,
    cluster,
    webhookSecret,
    seed,
    limits: limitsOf(start.options),
    git,
    pullRequests,
    storage,
    pubsub,
    functions,
    authorize: (name) => authorize(issuer, name),
    clients,
    restartFunctions: functions.restart,
    killFunctions: functions.kill,
    quiet: delivery.quiet,
    whole: () => withCluster({ early, services, programs: start.programs }),
    stop: stops.stopAll,
  };
  return early;
}

async function withCluster({
  early,
  services,
  programs,
}: {
  early: EarlyPipeline;
  services: Services;
  programs: ComingPrograms;
}): Promise<Pipeline> {
  const { kubernetes, gke } = await services.cluster;
  const [pubsub, storage, render] = await Promise.all([programs.pubsub, programs.storage, programs.render]);
  const [kwok, cluster] = await Promise.all([programs.kwok, programs.cluster]);
  return { ...early, kubernetes, gke, programs: { pubsub, storage, render, kwok, cluster } };
}

async function servePullRequests({
  start: { options, stops, log },
  services: { git },
  announce,
}: {
  start: Start;
  services: Services;
  announce: (announcement: Announcement) => Promise<void>;
}): Promise<PullRequests | undefined> {
  if (options.pullRequests === undefined) return undefined;
  return await stops.withStop(
    startPullRequests({
      ...{ git, repositories: repositoryClasses, now: () => new Date().toISOString(), log: log.noteOf('git') },
      onEvent: (told) => announce({ event: 'pull_request', url: git.url(told.repository), ...told }),
    }),
  );
}

/** Share of the functions' writes whose answer is lost, as any answer may be. */
const lostShare = 0.02;

function openStorage({
  start: { options, chaos, stops },
  services: { storage },
  buckets,
}: {
  start: Start;
  services: Services;
  buckets: ByClass;
}): Promise<StorageAccess> {
  if (options.platform === 'absent') return Promise.resolve(withoutFront(storage.url));
  return stops.withStop(
    openStorageAccess({
      ...{ target: storage.url, stateBucket, uploads: buckets },
      ...(chaos.kind === 'none' ? {} : { lost: { seed: chaos.seed, share: lostShare } }),
      grants: options.grants ?? (tellsGitHosts(options) ? [...storageGrants, ...gitHostGrants] : storageGrants),
      ...(options.onStorageCall === undefined ? {} : { onCall: options.onStorageCall }),
    }),
  );
}

function tellsGitHosts({ pullRequests, configuration }: PipelineOptions): boolean {
  return pullRequests !== undefined || (configuration?.alerts?.gitHosts ?? []).length > 0;
}

function openClients({
  stops,
  services,
  access,
}: {
  stops: Stops;
  services: Services;
  access: StorageAccess;
}): Pipeline['clients'] {
  // No answer to these is lost, so none is done twice.
  const retryOptions = { idempotencyStrategy: IdempotencyStrategy.RetryAlways };
  const storageAt = (apiEndpoint: string): Storage => new Storage({ projectId: project, apiEndpoint, retryOptions });
  const pubsub = new PubSub({ projectId: project, apiEndpoint: services.pubsub.host, emulatorMode: true });
  stops.add(() => pubsub.close());
  const ci = {
    master: storageAt(access.of('ci-master')),
    staging: storageAt(access.of('ci-staging')),
    develop: storageAt(access.of('ci-develop')),
  };
  return { storage: storageAt(access.others), ci, pubsub };
}

/** Writes the operator's configuration and the webhooks' secret; resolves with the path of the first. */
async function configure({
  start: { options, folder, programs },
  services: { issuer, google },
  storage,
  buckets,
  repositories,
  webhookSecret,
  pullRequests,
}: {
  start: Start;
  services: Services;
  /** The URL of the functions' own. */
  storage: string;
  buckets: ByClass;
  repositories: ByClass;
  webhookSecret: string;
  pullRequests: PullRequests | undefined;
}): Promise<string> {
  const secretFile = join(folder, 'webhook-secret');
  const tokenSecretFile = join(folder, 'git-host-token');
  const file = join(folder, 'converge.yaml');
  const configuration: ConfigInput = {
    project,
    state: { bucket: stateBucket },
    repositories: Object.fromEntries(
      repositoryClasses.map((name) => [name, { url: repositories[name], branch: 'main', bucket: buckets[name] }]),
    ),
    clusters: {
      [cluster]:
        options.cluster === 'kubeconfig' ? { kubeconfig: kubeconfigIn(clusterFolder(folder)) } : { gke: gkeCluster },
    },
    google: { container: google.url, secretManager: google.url, connectGateway: google.url },
    webhooks: { github: { secretFile } },
    storage: { endpoint: storage },
    renderer: { program: await programs.render },
    checks: { interval: `${Math.max(5, Math.ceil((options.scheduleSeconds ?? 0) / 60))}m` },
    reports: [{ name: dailyReport, schedule: '0 6 * * *' }],
    access: localAccess(issuer),
    ...options.configuration,
    ...(pullRequests === undefined
      ? {}
      : {
          alerts: {
            ...options.configuration?.alerts,
            gitHosts: [{ name: 'local', github: { tokenSecretFile, api: pullRequests.api } }],
          },
        }),
  };
  const text = dump(configuration);
  parseConfig({ file, text });
  await Promise.all([
    writeFile(secretFile, webhookSecret, { mode: 0o600 }),
    ...(pullRequests === undefined ? [] : [writeFile(tokenSecretFile, pullRequests.token, { mode: 0o600 })]),
    writeFile(file, text),
  ]);
  return file;
}

function hostFunctions({
  start: { options, folder, home, temporary, stops, log },
  services,
  config,
  deployments,
}: {
  start: Start;
  services: Services;
  config: string;
  deployments: Deployments;
}): Promise<Functions> {
  const environment = partEnvironment({
    home,
    variables: {
      CONVERGE_CONFIG: config,
      GOOGLE_CLOUD_PROJECT: project,
      ...services.google.variables,
      NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'),
      NODE_ENV: 'production',
      PUBSUB_EMULATOR_HOST: services.pubsub.host,
      TMPDIR: temporary,
    },
  });
  const host =
    options.host ?? (options.memory === undefined ? startFunctions : asOnPlatform(options.memory, options.instances));
  return stops.withStop(
    host({
      source: options.functions ?? join(import.meta.dirname, '..', 'functions', 'index.ts'),
      environment,
      deployments,
      logFile: functionsLog(folder),
      onLine: (message) => options.log?.({ kind: 'output', part: 'functions', message }),
      log: log.noteOf('pipeline'),
      onTooMuchMemory: log.failureOf('functions:'),
    }),
  );
}

const functionsLog = (folder: string): string => join(folder, 'functions.log');

function factsOf({
  start: { folder },
  services: { pubsub },
  storage,
  functions,
  buckets,
  repositories,
  config,
  pullRequests,
}: {
  start: Start;
  services: Services;
  storage: string;
  functions: Functions;
  buckets: ByClass;
  repositories: ByClass;
  config: string;
  pullRequests: PullRequests | undefined;
}): LocalFacts {
  return {
    project,
    config,
    storage,
    pubsub: pubsub.host,
    buckets,
    repositories,
    topics: { diff: 'diff', converged: 'converged' },
    kubeconfig: kubeconfigIn(clusterFolder(folder)),
    status: functions.url('status'),
    inspect: functions.url('inspect'),
    act: functions.url('act'),
    webhook: functions.url('receivePush'),
    log: functionsLog(folder),
    ...(pullRequests === undefined ? {} : { gitHost: { api: pullRequests.api, token: pullRequests.token } }),
  };
}

async function deliverMessages({
  start: { options, chaos, stops, log },
  services: { issuer, cluster },
  clients,
  functions,
}: {
  start: Start;
  services: Services;
  clients: Pipeline['clients'];
  functions: Functions;
}): Promise<Delivery> {
  return await stops.withStop(
    startDelivery({
      pubsub: clients.pubsub,
      routes,
      deadLetterTopic: 'dead-letter' satisfies Topic,
      // What is given up here is on the first of them, with the last problem.
      kept: Object.fromEntries(letterSubscriptions.map((name) => [name, name])),
      chaos,
      functions: {
        url: functions.url,
        ready: async (name) => {
          if (name === 'reconcile' || name === 'planChange') await cluster;
          await functions.ready();
        },
        authorize: (name) => authorize(issuer, name),
      },
      ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
      log: log.noteOf('delivery'),
    }),
  );
}

async function notifyOfUploads({
  clients,
  buckets,
}: {
  clients: Pipeline['clients'];
  buckets: ByClass;
}): Promise<void> {
  const notified = { eventTypes: ['OBJECT_FINALIZE'], payloadFormat: 'JSON_API_V1' };
  await Promise.all(
    Object.values(buckets).map((bucket) => clients.storage.bucket(bucket).createNotification(storageTopic, notified)),
  );
}

function scheduleDriftChecks({
  start: { options, stops, log },
  services: { issuer, cluster },
  functions,
}: {
  start: Start;
  services: Services;
  functions: Functions;
}): void {
  const { scheduleSeconds = 10 } = options;
  if (scheduleSeconds <= 0) return;
  const schedule = startSchedule({
    seconds: scheduleSeconds,
    url: functions.url('checkDrift'),
    ready: async () => {
      await cluster;
      await functions.ready();
    },
    authorize: () => authorize(issuer, 'checkDrift'),
    log: log.noteOf('schedule'),
  });
  stops.add(schedule.stop);
}

function byClass(valueOf: (name: string) => string): ByClass {
  return { master: valueOf('master'), staging: valueOf('staging'), develop: valueOf('develop') };
}
