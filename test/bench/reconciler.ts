import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { partEnvironment } from '../../local/environment.ts';
import type { Pipeline } from '../../local/pipeline.ts';
import type { ChangeCommitted } from '../../shared/events/change-committed.ts';
import type { ReconcileRequested } from '../../shared/events/reconcile-requested.ts';
import { noCalls, type CallCounts } from './call-counts.ts';
import type { StateCounts } from './measure.ts';

/** A process that reconciles, as an instance of the function does: apart from the Git host, which is this process's. */
export interface Reconciler {
  /**
   * Seconds that the stage took. Throws where the run ended as something else than expected: that is no figure at all.
   */
  run(run: { job: ReconcileRequested; expected: readonly string[] }): Promise<number>;
  /** The same from the announcement of a commit until all its jobs have ended. */
  spread(run: { change: ChangeCommitted; expected: readonly string[] | 'anything' }): Promise<number>;
  /** Requests to Git and Cloud Storage until its last run ended. */
  calls(): CallCounts;
  /** Requests to Storage of its runs so far, the first one apart: it is the cold one. */
  state(): StateCounts;
  /** The most memory it held until its last run ended. */
  peakRssMiB(): number;
}

const answerSchema = z.object({
  order: z.int(),
  outcome: z.string(),
  summary: z.string(),
  seconds: z.number(),
  peakRssMiB: z.int(),
  counts: z.object({ git: z.int(), state: z.int(), reads: z.int(), writes: z.int(), environmentWrites: z.int() }),
});

/** Does the work with a process of its own, so that its peak of memory is that of this work. */
export async function withReconciler<T>(
  pipeline: Pipeline,
  work: (reconciler: Reconciler) => Promise<T>,
  { writeback = false, config = pipeline.config }: { writeback?: boolean; config?: string } = {},
): Promise<T> {
  const temporary = await mkdtemp(join(pipeline.folder, 'bench-'));
  const variables = {
    BENCH_WRITEBACK: String(writeback),
    CONVERGE_CONFIG: config,
    ...pipeline.variables,
    PUBSUB_EMULATOR_HOST: pipeline.pubsub.host,
    TMPDIR: temporary,
  };
  const profile = process.env['BENCH_CPU_PROFILES'];
  const child = fork(join(import.meta.dirname, 'reconcile-child.ts'), {
    env: partEnvironment({ home: temporary, variables }),
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
    ],
  });
  const ended = once(child, 'exit');
  let orders = 0;
  let peak = 0;
  let calls = noCalls;
  let first: CallCounts | undefined;
  let runs = 0;
  child.setMaxListeners(0);

  async function ask({
    content,
    what,
    expected,
  }: {
    content: object;
    what: string;
    expected: readonly string[] | 'anything';
  }): Promise<number> {
    const order = ++orders;
    const { promise, resolve, reject } = Promise.withResolvers<z.infer<typeof answerSchema>>();
    const take = (message: unknown): void => {
      const answer = answerSchema.parse(message);
      if (answer.order === order) resolve(answer);
    };
    const fail = (): void => reject(new Error('the reconciling process ended'));
    child.on('message', take);
    child.once('exit', fail);
    try {
      child.send({ order, ...content });
      const { outcome, summary, seconds, peakRssMiB, counts } = await promise;
      peak = peakRssMiB;
      calls = counts;
      first ??= counts;
      runs += 1;
      if (expected === 'anything' || expected.includes(outcome)) return seconds;
      throw new Error(`the run of ${what} ended as ${outcome}, expected ${expected.join(' or ')}: ${summary}`);
    } finally {
      child.off('message', take);
      child.off('exit', fail);
    }
  }

  try {
    return await work({
      run: ({ job, expected }) => ask({ content: { job }, what: job.environment, expected }),
      spread: ({ change, expected }) => ask({ content: { change }, what: change.commit, expected }),
      peakRssMiB: () => peak,
      calls: () => calls,
      state: () => stateOf({ calls, first: runs > 1 ? (first ?? noCalls) : noCalls, runs: Math.max(1, runs - 1) }),
    });
  } finally {
    if (child.connected) child.disconnect();
    await ended;
  }
}

function stateOf({ calls, first, runs }: { calls: CallCounts; first: CallCounts; runs: number }): StateCounts {
  return {
    runs,
    reads: calls.reads - first.reads,
    writes: calls.writes - first.writes,
    environmentWrites: calls.environmentWrites - first.environmentWrites,
  };
}
