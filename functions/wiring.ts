import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFiles } from '../shared/adapters/environment-files.ts';
import { unreadableFile } from '../shared/adapters/secret-file.ts';
import { createWebhookSecrets } from '../shared/adapters/webhook-secrets.ts';
import { parseConfig, type Config } from '../shared/config/config.ts';
import { ConvergeError } from '../shared/base/errors.ts';
import type { RedrivenMessage } from '../shared/events/found-letter.ts';
import { parseDuration } from '../shared/environment/duration.ts';
import { watchState, type StateWatch } from '../shared/pipeline/common/state-away.ts';
import type { DependencySettings } from '../shared/pipeline/common/tell-unreachable.ts';
import type { CopySettings } from '../shared/pipeline/copy-artifact/run.ts';
import type { Heartbeat } from '../shared/ports/heartbeat.ts';
import type { Log, Ports } from '../shared/ports/ports.ts';

/**
 * The operator's configuration, from the file that `CONVERGE_CONFIG` names, and that `CONVERGE_FILES` may hold. Throws
 * `BadConfiguration` (refuse), `SecretUnavailable` (retry).
 */
export const loadConfig = once((): Config => {
  const file = process.env['CONVERGE_CONFIG'];
  if (file === undefined || file === '') {
    throw new ConvergeError({
      code: 'BadConfiguration',
      subject: 'CONVERGE_CONFIG',
      message: 'is not set',
      remedy: 'name the configuration file',
      disposition: 'refuse',
    });
  }
  const files = process.env['CONVERGE_FILES'] ?? '';
  if (files !== '') writeFiles({ variable: 'CONVERGE_FILES', text: files, folder: dirname(file) });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadableFile({ file, cause: error });
  }
  return parseConfig({ file, text });
});

/** The class of the repository that a bucket is copied to. Throws `UnknownRepository` (refuse). */
export function repositoryOfBucket(bucket: string): string {
  const found = Object.entries(loadConfig().repositories).find(([, repository]) => repository.bucket === bucket);
  if (found !== undefined) return found[0];
  throw new ConvergeError({
    code: 'UnknownRepository',
    subject: `gs://${bucket}`,
    message: 'no repository of the configuration has this bucket',
    disposition: 'refuse',
  });
}

/** How uploads are copied to the repository of a class. */
export function copySettings(repositoryClass: string): CopySettings {
  const { repositories, limits, alerts } = loadConfig();
  return {
    repositoryClass,
    limits,
    conflicts: repositories[repositoryClass]?.conflicts ?? 'artifact-wins',
    holder: instance,
    unreadableAfter: parseDuration(alerts.unreadableAfter),
  };
}

/** The secrets of the Git hosts whose webhooks are configured. */
export const loadWebhookSecrets = once(() => createWebhookSecrets(loadConfig().webhooks));

/** Verifies the ID tokens of `access`. Its library is loaded by the first call whose token is to be verified here. */
export const loadIdTokens = once(async () => {
  const { access } = loadConfig();
  const { createIdTokens } = await import('../shared/adapters/id-tokens.ts');
  if (access === undefined || access === 'open') throw new TypeError('the configuration names no issuer of ID tokens');
  return createIdTokens({ keys: access.issuer.keys });
});

/** One structured line for Cloud Logging: `severity`, `message` and `time` are its names for them. */
export const log: Log = (severity, message, fields = {}) => {
  process.stdout.write(`${JSON.stringify({ severity, message, time: now().toISOString(), ...fields })}\n`);
};

/** Names this instance where it holds a lease. */
export const instance = randomUUID();

/*
 * Each adapter is loaded by the first function that uses it, and kept while the instance lives: a function that only
 * delivers alerts never loads Git or Kubernetes, whose imports would double its cold start.
 */
const loadStorage = once(async () => {
  const { connectStorage, createBuckets, createDocuments, createStateStore } =
    await import('../shared/adapters/storage.ts');
  const config = loadConfig();
  const storage = connectStorage(config);
  const { bucket } = config.state;
  return {
    storage,
    buckets: createBuckets(storage),
    state: createStateStore({ storage, bucket }),
    documents: createDocuments({ storage, bucket }),
  };
});

const loadRepositories = once(async () => {
  const { createRepositories } = await import('../shared/adapters/git.ts');
  const config = loadConfig();
  return createRepositories({
    config,
    author: config.author,
    cacheFolder: join(tmpdir(), `converge-${process.pid}`),
    now,
  });
});

const loadTopics = once(async () => (await import('../shared/adapters/pubsub.ts')).createTopics(loadConfig()));
const loadDeadLetters = once(async () =>
  (await import('../shared/adapters/dead-letters.ts')).createDeadLetters(loadConfig()),
);
const loadClusters = once(async () => (await import('../shared/adapters/kubernetes.ts')).createClusters(loadConfig()));
const loadSinks = once(async () => {
  const { createSinks } = await import('../shared/adapters/sinks.ts');
  const { repositories } = loadConfig();
  return createSinks({ repositoryUrl: (repositoryClass) => repositories[repositoryClass]?.url });
});
const loadGitHosts = once(async () => (await import('../shared/adapters/git-hosts.ts')).createGitHosts({ now }));
const loadSignatures = once(async () =>
  (await import('../shared/adapters/signatures.ts')).createSignatures(loadConfig()),
);
const loadRenderer = once(async () => {
  const program = loadConfig().renderer?.program ?? join(import.meta.dirname, '..', 'bin', 'render');
  return (await import('../shared/adapters/renderer.ts')).createRenderer({ program });
});

export function now(): Date {
  return new Date();
}

type Core = Pick<Ports, 'now' | 'sleep' | 'log'>;
const core: Core = { now, sleep: async (milliseconds) => sleep(milliseconds), log };

const load = {
  buckets: async () => (await loadStorage()).buckets,
  uploads: async () => (await import('../shared/adapters/uploads.ts')).createUploads((await loadStorage()).storage),
  unpack: async () => (await import('../shared/adapters/archive.ts')).unpackArchive,
  state: async () => (await loadStorage()).state,
  documents: async () => (await loadStorage()).documents,
  repository: loadRepositories,
  topics: loadTopics,
  deadLetters: loadDeadLetters,
  cluster: loadClusters,
  renderer: loadRenderer,
  signatures: loadSignatures,
  sinks: loadSinks,
  gitHosts: loadGitHosts,
} as const satisfies { [P in Exclude<keyof Ports, keyof Core>]: () => Promise<Ports[P]> };

/** What this instance has looked at, for `status` to tell. */
export const loadLooks = once(async () => {
  const { recordLooks } = await import('../shared/pipeline/common/record-looks.ts');
  return recordLooks({ instance, now, log, state: await load.state() });
});

/** What is an incident where it does not answer, and when. */
export function dependencySettings(): DependencySettings {
  const { repositories, alerts } = loadConfig();
  return {
    classOfBucket: new Map(Object.entries(repositories).map(([name, { bucket }]) => [bucket, name])),
    unreachableAfter: parseDuration(alerts.unreachableAfter),
  };
}

/** Who has answered this instance, for as long as it lives. */
export const loadWatch = once(async () => {
  const { watchDependencies } = await import('../shared/pipeline/common/watch-dependencies.ts');
  return watchDependencies(dependencySettings(), await wire('state', 'topics'));
});

/** Who waits for a sign of life, or nobody. */
export const loadHeartbeat = once(async (): Promise<Heartbeat> => {
  const { heartbeat } = loadConfig().alerts;
  if (heartbeat === undefined) return { beat: async () => {} };
  return (await import('../shared/adapters/heartbeat.ts')).createHeartbeat(heartbeat);
});

/** Sends an alert once more to `deliverAlert` alone; its library is loaded where there is one to send. */
export const loadRedrive = once(() => async (message: RedrivenMessage) => (await loadDeadLetters()).redrive(message));

/** Whether the bucket of the state answers this instance. */
export const loadStateWatch = once((): StateWatch => {
  const { state } = loadConfig();
  return watchState({ bucket: state.bucket, after: dependencySettings().unreachableAfter }, core);
});

/** The ports a stage names, and no others. */
export async function wire<P extends keyof typeof load>(...names: readonly P[]): Promise<Core & Pick<Ports, P>> {
  const ports = await Promise.all(names.map(async (name) => [name, await load[name]()] as const));
  return { ...core, ...Object.fromEntries(ports) } as Core & Pick<Ports, P>;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
