import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../shared/config/config.ts';
import type { Ports } from '../shared/ports/ports.ts';
import type { DeadLetters } from '../shared/ports/messages.ts';
import type { Uploads } from '../shared/ports/storage.ts';
import { findConfiguration, type Configuration } from './configuration.ts';
import { progressOn } from './progress.ts';

/** What a command may use of the outside world. */
export interface Context extends Configuration {
  readonly ports: Pick<Ports, 'now' | 'sleep'>;
  /**
   * The repositories of the configuration, the state bucket and the buckets of uploads; loaded when first asked for.
   */
  readonly open: {
    uploads(): Promise<Uploads>;
    buckets(): Promise<Ports['buckets']>;
    state(): Promise<Ports['state']>;
    repository(): Promise<Ports['repository']>;
    topics(): Promise<Ports['topics']>;
    deadLetters(): Promise<DeadLetters>;
    renderer(): Promise<Ports['renderer']>;
  };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** One line of what goes on. */
  readonly progress: (line: string) => void;
}

const now = (): Date => new Date();

/** Throws `CommandError` or `BadConfiguration` where there is no configuration, or a wrong one. */
export function openContext({ config: file }: { config: string | undefined }): Context {
  const found = findConfiguration({ file, environment: process.env, folder: process.cwd() });
  const { config } = found;
  return {
    ...found,
    ports: { now, sleep: async (milliseconds) => sleep(milliseconds) },
    open: {
      uploads: once(async () => (await import('../shared/adapters/uploads.ts')).createUploads(await connect(config))),
      buckets: once(async () => (await import('../shared/adapters/storage.ts')).createBuckets(await connect(config))),
      state: once(async () =>
        (await import('../shared/adapters/storage.ts')).createStateStore({
          storage: await connect(config),
          bucket: config.state.bucket,
        }),
      ),
      repository: once(async () =>
        (await import('../shared/adapters/git.ts')).createRepositories({
          config,
          author: config.author,
          cacheFolder: clones(),
          now,
        }),
      ),
      topics: once(async () => {
        findPubSub(found);
        return (await import('../shared/adapters/pubsub.ts')).createTopics(config);
      }),
      deadLetters: once(async () => {
        findPubSub(found);
        return (await import('../shared/adapters/dead-letters.ts')).createDeadLetters(config);
      }),
      renderer: once(async () => {
        const program = config.renderer?.program ?? join(import.meta.dirname, '..', 'bin', 'render');
        return (await import('../shared/adapters/renderer.ts')).createRenderer({ program });
      }),
    },
    environment: process.env,
    folder: process.cwd(),
    progress: progressOn(process.stderr, { now: () => performance.now(), every }),
  };
}

/** Pub/Sub's own client finds an emulator by this variable only. */
export function findPubSub({ pubsub }: Configuration): void {
  if (pubsub !== undefined) process.env['PUBSUB_EMULATOR_HOST'] = pubsub;
}

const connect = async (config: Config) => (await import('../shared/adapters/storage.ts')).connectStorage(config);

let cloneFolder: string | undefined;

function clones(): string {
  return (cloneFolder ??= mkdtempSync(join(tmpdir(), 'converge-cli-')));
}

/** Removes what the command left in the folder of temporary files. */
export function clearUp(): void {
  if (cloneFolder !== undefined) rmSync(cloneFolder, { recursive: true, force: true });
}

function every(milliseconds: number, work: () => void): void {
  setInterval(work, milliseconds).unref();
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
