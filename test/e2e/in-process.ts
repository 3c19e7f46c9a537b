import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import { createClusters } from '../../shared/adapters/kubernetes.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { createSignatures } from '../../shared/adapters/signatures.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import { connectStorage, createStateStore } from '../../shared/adapters/storage.ts';
import { parseConfig, type Config } from '../../shared/config/config.ts';
import type { OutgoingEvent, Topic } from '../../shared/events/cloud-event.ts';
import { reconcileRequestedSchema } from '../../shared/events/reconcile-requested.ts';
import { reconcile, type ReconcileResult } from '../../shared/pipeline/reconcile.ts';
import type { Cluster } from '../../shared/ports/kubernetes.ts';
import type { ReconcilePorts } from '../../shared/pipeline/reconcile/run/run.ts';
import type { Clone, Files, RepositoryClass, World } from './world.ts';

/** What a run says when it is killed: no code, no disposition, as if the process had ended there. */
export class Killed extends Error {}

/** Runs the stage in this process, on the real parts, so that a test can kill it at a call of its choice. */
export interface InProcess {
  /**
   * @param dies whether the run is killed at this call; absent: it lives. Every later call of that run fails, too.
   * @param waits what is to happen before a call
   */
  run(
    environment: string,
    options?: {
      repository?: RepositoryClass;
      dies?: (call: Call) => boolean;
      waits?: (call: Call) => Promise<void>;
    },
  ): Promise<ReconcileResult>;
  /** For a look at the cluster, which costs less than kubectl. */
  readonly cluster: Cluster;
  /** What the stage is handed, for what else reads it. */
  readonly ports: ReconcilePorts;
  /** What the runs published, each event id once. */
  readonly published: { readonly topic: Topic; readonly event: OutgoingEvent }[];
}

export interface Call {
  /** `cluster.apply`, `state.write`, … */
  readonly name: string;
  /** Counts the calls of one run, from 1. */
  readonly count: number;
  readonly parameters: readonly unknown[];
}

/** Pushes that no webhook announces: the functions of the pipeline do not hear of them. */
export async function pushUnheard(
  world: World,
  clone: Clone,
  files: Files,
  repository: RepositoryClass = 'master',
): Promise<string> {
  await clone.git('remote', 'set-url', '--push', 'origin', world.pipeline.git.path(repository));
  return await clone.push(files);
}

/**
 * Another installation of the product on the same clusters: its class `master` is another repository, and its state is
 * its own.
 */
export interface Installation {
  readonly master: string;
  readonly stateBucket: string;
}

/**
 * @param verify whose signatures the operator wants in master, beside what the pipeline's configuration says
 * @param beside further clusters, and where Google's APIs answer
 */
export async function startInProcess(
  world: World,
  verify?: Config['repositories'][string]['verify'],
  beside?: Pick<Config, 'clusters' | 'google'>,
  installation?: Installation,
): Promise<InProcess> {
  const { pipeline } = world;
  const parsed = parseConfig({ file: pipeline.config, text: await readFile(pipeline.config, 'utf8') });
  // Not through GKE's front: this process has no account of Google's.
  const file = pipeline.kubernetes.kubeconfig;
  const byKubeconfig = { [pipeline.cluster]: { kind: 'kubeconfig', file, identity: 'own' } } as const;
  const written = { ...parsed, clusters: { ...parsed.clusters, ...byKubeconfig } };
  const configured =
    beside === undefined
      ? written
      : { ...written, google: beside.google, clusters: { ...written.clusters, ...beside.clusters } };
  const { master } = configured.repositories;
  const config =
    installation === undefined || master === undefined
      ? configured
      : {
          ...configured,
          state: { ...configured.state, bucket: installation.stateBucket },
          repositories: { ...configured.repositories, master: { ...master, url: installation.master } },
        };
  const now = () => new Date();
  const published: { topic: Topic; event: OutgoingEvent }[] = [];
  const real: ReconcilePorts = {
    now,
    sleep: async (milliseconds) => sleep(milliseconds),
    log: () => {},
    state: createStateStore({ storage: connectStorage(config), bucket: config.state.bucket }),
    repository: createRepositories({
      config,
      author: config.author,
      cacheFolder: await mkdtemp(join(pipeline.folder, 'in-process-')),
      now,
    }),
    cluster: createClusters(config),
    signatures: createSignatures({
      repositories: {
        ...config.repositories,
        ...(master === undefined || verify === undefined ? {} : { master: { ...master, verify } }),
      },
    }),
    renderer: createRenderer({
      program: config.renderer?.program ?? join(import.meta.dirname, '..', '..', 'bin', 'render'),
    }),
    topics: {
      publish: async (topic, event) => {
        if (!published.some((known) => known.event.id === event.id)) published.push({ topic, event });
      },
    },
  };
  let runs = 0;
  /** By environment, the message whose run did not end. */
  const unanswered = new Map<string, string>();
  return {
    published,
    ports: real,
    cluster: await real.cluster({ name: pipeline.cluster, repository: 'master', environment: 'nobody' }),
    async run(environment, { repository = 'master', dies = () => false, waits = async () => {} } = {}) {
      const ports = mortal(real, { dies, waits });
      const name = `${repository}/${environment}`;
      // The message of a run that died comes again; else the one that goes on with what the run before left.
      const event = unanswered.get(name) ?? `run-${++runs}`;
      unanswered.set(name, event);
      const goesOn = published.findLast(({ topic, event: { subject } }) => topic === 'reconcile' && subject === name);
      const { told, waitId } = reconcileRequestedSchema.partial().parse(goesOn?.event.data ?? {});
      const job = { repository, environment, cause: 'request', told, waitId } as const;
      const result = await reconcile(job, ports, { limits: config.limits, event, writeback: true });
      unanswered.delete(name);
      return result;
    },
  };
}

function mortal(
  real: ReconcilePorts,
  { dies, waits }: { dies: (call: Call) => boolean; waits: (call: Call) => Promise<void> },
): ReconcilePorts {
  let count = 0;
  let dead = false;
  const watch = <T extends object>(name: string, part: T): T =>
    new Proxy(part, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function' || typeof key === 'symbol') return value;
        return async (...parameters: unknown[]): Promise<unknown> => {
          count += 1;
          const call = { name: `${name}.${key}`, count, parameters };
          if (!dead && dies(call)) dead = true;
          await waits(call);
          if (dead) throw new Killed(`killed at ${name}.${key}`);
          return await Promise.resolve(Reflect.apply(value, target, parameters));
        };
      },
    });
  return {
    ...real,
    state: watch('state', real.state),
    topics: watch('topics', real.topics),
    repository: (name) => watch('repository', real.repository(name)),
    cluster: async (asked) => watch('cluster', await real.cluster(asked)),
  };
}
