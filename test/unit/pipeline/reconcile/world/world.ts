import { isDeepStrictEqual } from 'node:util';
import { configSchema } from '../../../../../shared/config/config.ts';
import type { Cluster } from '../../../../../shared/ports/kubernetes.ts';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { reconcileRequestedSchema, type ReconcileRequested } from '../../../../../shared/events/reconcile-requested.ts';
import { decodeLease } from '../../../../../shared/memory/lease.ts';
import { readMemory, type Memory } from '../../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../../shared/memory/state-paths.ts';
import { reconcile, type ReconcileResult } from '../../../../../shared/pipeline/reconcile.ts';
import type { ReconcilePorts, ReconcileSettings } from '../../../../../shared/pipeline/reconcile/run/run.ts';
import type { Topics } from '../../../../../shared/ports/messages.ts';
import type { OpenpgpVerdict, TrustRoot } from '../../../../../shared/ports/signatures.ts';
import { clockAt, recordingLog, recordingTopics, stateInMemory, type Published } from '../../ports.ts';
import { recordingCluster, type RecordingCluster } from './cluster.ts';
import { recordingRenderer } from './renderer.ts';
import { recordingRepository, type RecordingRepository } from './repository.ts';

const limits = configSchema.shape.limits.parse({});

/**
 * Everything a run meets, in memory: Git, the state bucket, one cluster, the topics, a clock that only sleeping moves.
 */
export interface World {
  readonly git: RecordingRepository;
  readonly cluster: RecordingCluster;
  readonly ports: ReconcilePorts;
  readonly published: readonly Published[];
  /** The topics, without a look at what is remembered of what is told. */
  readonly topics: Topics;
  readonly log: readonly string[];
  /** What the operator wants signed, and what signatures are found to be. */
  readonly trust: { root: TrustRoot | undefined; verdict: OpenpgpVerdict };
  /** Called after each sleep. */
  onSleep: () => void;
  /** Called where nobody can read the lease, as the function of this run has it. */
  onHindered: NonNullable<ReconcileSettings['onHindered']>;
  /** Whether reports are configured. */
  surveys: boolean;
  /** The operator's. */
  freeze: NonNullable<ReconcileSettings['freeze']>;
  /** Moves the clock. */
  wait(seconds: number): void;
  /** One job, with the ports of this world or others that lead to it; of a message of its own, or one that comes again. */
  run(job?: Partial<ReconcileRequested>, through?: ReconcilePorts, message?: string): Promise<ReconcileResult>;
  memoryOf(environment: string): Promise<Memory>;
  remember(environment: string, change: Partial<Memory>): Promise<void>;
  /** Loses what is remembered of an environment. */
  forget(environment: string): Promise<void>;
  /** Lets a run take so long that it asks whether the branch moved on. */
  dawdle(): void;
  /** What the state bucket holds, by path. */
  readonly state: ReadonlyMap<string, unknown>;
  /** Overwrites an object of the state bucket. */
  writeState(path: string, value: unknown): Promise<void>;
  /** Puts any text at a path of the state bucket. */
  spoil(path: string, text: string): void;
}

/** @param options.namesVersions whether each write has to name the version that was read; the version before did not */
export function createWorld({ namesVersions = true }: { namesVersions?: boolean } = {}): World {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(clock.now);
  const git = recordingRepository({ repositoryClass: 'master', now: clock.now });
  const cluster = recordingCluster({ name: 'sandbox', now: clock.now });
  const topics = recordingTopics();
  const log = recordingLog();
  const trust: World['trust'] = { root: undefined, verdict: { verdict: 'bad', key: 'unknown', why: 'is not allowed' } };
  let runs = 0;
  const pathsOf = (environment: string) => statePaths({ repository: 'master', environment });

  const ports: ReconcilePorts = {
    now: clock.now,
    async sleep(milliseconds) {
      clock.forward(Math.ceil(milliseconds) / 1000);
      world.onSleep();
    },
    log,
    state,
    repository: () => git,
    async cluster({ name }) {
      if (name === cluster.name) return namesVersions ? writingVersions(cluster) : cluster;
      throw new ConvergeError({
        code: 'UnknownCluster',
        subject: name,
        message: 'is not configured',
        disposition: 'refuse',
      });
    },
    renderer: recordingRenderer(git.treeOf),
    topics: {
      async publish(topic, event) {
        if (topic === 'diff' || topic === 'converged') await assertSaved(event.subject, event.data);
        await topics.publish(topic, event);
      },
    },
    signatures: {
      trustRoot: async () => trust.root,
      verifyOpenpgp: async () => trust.verdict,
      problemOfOpenpgpKeys: async () => undefined,
    },
  };

  /** Healing erases the evidence, and a run may die: what is told has been remembered before. */
  async function assertSaved(subject: string, data: unknown): Promise<void> {
    const { outbox = [] } = await memoryOf(subject.slice('master/'.length));
    if (outbox.some((alert) => isDeepStrictEqual(withoutUndefined(alert.data), withoutUndefined(data)))) return;
    throw new Error(`the alert of ${subject} is told, and was not remembered before`);
  }

  /** What the message said that goes on with the run before. */
  function toldTo(environment: string): Pick<ReconcileRequested, 'told' | 'waitId'> {
    const last = topics.published.findLast(
      ({ topic, event }) => topic === 'reconcile' && event.subject === `master/${environment}`,
    );
    if (last === undefined) return {};
    const { told, waitId } = reconcileRequestedSchema.parse(last.event.data);
    return { ...(told === undefined ? {} : { told }), ...(waitId === undefined ? {} : { waitId }) };
  }

  /** Only who holds the lease writes; what converged is recorded after it, too. */
  function isAllowed(call: string, { environment, event }: { environment: string; event: string }): boolean {
    const paths = pathsOf(environment);
    const lease = decodeLease(state.valueAt(paths.lease));
    const { ended } = readMemory({ value: state.valueAt(paths.memory), now: clock.now() });
    const isRecord = call === `apply ConfigMap acme/converge-${environment}`;
    return call.startsWith('dry-run ') || isRecord || (lease?.event === event && lease.nonce !== ended);
  }

  async function memoryOf(environment: string): Promise<Memory> {
    const path = pathsOf(environment).memory;
    const writtenAt = (await state.read(path))?.writtenAt;
    return readMemory({ value: state.valueAt(path), now: writtenAt ?? clock.now() });
  }

  const world: World = {
    ...{ git, cluster, ports, trust, memoryOf, topics, published: topics.published, log: log.lines },
    onSleep: () => {},
    onHindered: async () => {},
    surveys: false,
    freeze: [],
    wait: clock.forward,
    get state() {
      return state.objects;
    },
    async run(job = {}, through = ports, message?: string) {
      runs += 1;
      const named = { repository: 'master', environment: 'shop', cause: 'commit', ...job } as const;
      const asked = { ...toldTo(named.environment), ...named };
      const event = message ?? `job-${runs}`;
      cluster.onWrite = (call) => {
        if (!isAllowed(call, { environment: asked.environment, event }))
          throw new Error(`${call} is written without the lease`);
      };
      const onHindered: World['onHindered'] = async (by) => world.onHindered(by);
      const settings = { limits, event, writeback: true, surveys: world.surveys, freeze: world.freeze, onHindered };
      return await reconcile(asked, through, settings).finally(() => {
        cluster.onWrite = () => {};
      });
    },
    async remember(environment, change) {
      const value = { ...(await memoryOf(environment)), outbox: undefined, ...change };
      await state.write({ path: pathsOf(environment).memory, value, ifGeneration: 'any' });
    },
    async forget(environment) {
      const path = pathsOf(environment).memory;
      const found = await state.read(path);
      if (found !== undefined) await state.delete({ path, generation: found.generation });
      // Nobody knows any more whether the last lease has ended.
      if ((decodeLease(state.valueAt(pathsOf(environment).lease))?.nonce ?? null) !== null) clock.forward(60);
    },
    dawdle: () => clock.forward(3),
    spoil: state.spoil,
    writeState: async (path, value) => void (await state.write({ path, value, ifGeneration: 'any' })),
  };
  return world;
}

/** A run writes over what it has read, or where it has read that nothing is: each write names a version. */
function writingVersions(cluster: RecordingCluster): Cluster {
  const assertVersion = (written: string, resourceVersion: string | undefined): void => {
    if (resourceVersion === undefined) throw new Error(`${written} is written whatever is there`);
  };
  return {
    ...cluster,
    async apply(target) {
      const { kind, metadata } = target.object;
      if (!target.dryRun) assertVersion(`${kind} ${metadata.name}`, metadata.resourceVersion);
      return await cluster.apply(target);
    },
    async delete(target) {
      assertVersion(`${target.resource.kind} ${target.name}`, target.resourceVersion);
      return await cluster.delete(target);
    },
  };
}

function withoutUndefined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}
