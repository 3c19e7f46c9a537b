import { z } from 'zod';
import { loadConfig, wire } from '../../functions/wiring.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { changeCommittedSchema } from '../../shared/events/change-committed.ts';
import { reconcileRequestedSchema, type ReconcileRequested } from '../../shared/events/reconcile-requested.ts';
import { fanOut } from '../../shared/pipeline/fan-out.ts';
import type { Topics } from '../../shared/ports/messages.ts';
import { reconcile } from '../../shared/pipeline/reconcile.ts';
import { peakMemory } from '../peak-memory.ts';
import { countCalls } from './call-counts.ts';
import { secondsOf } from './measure.ts';

/**
 * An instance of the functions `fanOut` and `reconcile` without the functions around them: takes jobs over IPC, runs
 * each by the product's own stages on its own adapters, and answers with how it ended, how long it took, how much
 * memory the process held at most so far, and how many requests it has sent. Ends with its parent.
 */
const orderSchema = z.union([
  z.object({ order: z.int(), job: reconcileRequestedSchema }),
  z.object({ order: z.int(), change: changeCommittedSchema }),
]);

const config = loadConfig();
const counts = countCalls({
  git: Object.values(config.repositories).map(({ url }) => url),
  storage: config.storage?.endpoint ?? 'http://nowhere',
});
const ports = { ...(await wire('state', 'repository', 'cluster', 'renderer', 'topics', 'signatures')), log: () => {} };

async function look(job: ReconcileRequested): Promise<{ outcome: string; summary: string }> {
  const event = String(performance.now());
  try {
    const result = await reconcile(job, ports, {
      limits: config.limits,
      event,
      writeback: process.env['BENCH_WRITEBACK'] === 'true',
    });
    return { outcome: result.outcome, summary: result.outcome === 'diverged' ? result.summary : '' };
  } catch (error) {
    // Its message would come again.
    if (error instanceof ConvergeError && error.disposition === 'retry')
      return { outcome: error.code, summary: error.message };
    throw error;
  }
}

async function run(message: unknown): Promise<void> {
  const order = orderSchema.parse(message);
  let ended = { outcome: '', summary: '' };
  const seconds = await secondsOf(async () => {
    ended = 'job' in order ? await look(order.job) : await spread(order.change);
  });
  const peakRssMiB = Math.round(peakMemory() / 1024);
  process.send?.({ order: order.order, ...ended, seconds, peakRssMiB, counts: counts() });
}

/** From the announcement of a commit until all its jobs have ended. They are run here: no message goes over Pub/Sub. */
async function spread(change: z.infer<typeof changeCommittedSchema>): Promise<{ outcome: string; summary: string }> {
  const jobs: ReconcileRequested[] = [];
  const topics: Topics = {
    async publish(_topic, event) {
      jobs.push(reconcileRequestedSchema.parse(event.data));
    },
  };
  await fanOut(change, { ...ports, topics });
  const ended = await Promise.all(jobs.map(look));
  return {
    outcome: ended.map(({ outcome }) => outcome).join(' '),
    summary: ended.map(({ summary }) => summary).join(' '),
  };
}

process.on('message', (message) => {
  run(message).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit(0));
