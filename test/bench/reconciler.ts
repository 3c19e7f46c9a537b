import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { partEnvironment } from '../../local/environment.ts';
import type { Pipeline } from '../../local/pipeline.ts';
import type { ReconcileRequested } from '../../shared/events/reconcile-requested.ts';

/** A process that reconciles, as an instance of the function does: apart from the Git host, which is this process's. */
export interface Reconciler {
  /** Seconds that the stage took. Throws where the run ended as something else than expected: that is no figure at all. */
  run(run: { job: ReconcileRequested; expected: string }): Promise<number>;
  stop(): Promise<void>;
}

const answerSchema = z.object({ order: z.int(), outcome: z.string(), seconds: z.number() });

export async function startReconciler(pipeline: Pipeline): Promise<Reconciler> {
  const temporary = join(pipeline.folder, 'bench-tmp');
  await mkdir(temporary);
  const variables = {
    CONVERGE_CONFIG: pipeline.config,
    METADATA_SERVER_DETECTION: 'none',
    PUBSUB_EMULATOR_HOST: pipeline.pubsub.host,
    TMPDIR: temporary,
  };
  const child = fork(join(import.meta.dirname, 'reconcile-child.ts'), {
    env: partEnvironment({ home: temporary, variables }),
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const ended = once(child, 'exit');
  let orders = 0;

  return {
    async run({ job, expected }) {
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
        child.send({ order, job });
        const { outcome, seconds } = await promise;
        if (outcome !== expected) throw new Error(`the run of ${job.environment} ended as ${outcome}, expected ${expected}`);
        return seconds;
      } finally {
        child.off('message', take);
        child.off('exit', fail);
      }
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
