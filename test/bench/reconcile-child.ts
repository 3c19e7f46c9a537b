import { z } from 'zod';
import { loadConfig, wire } from '../../functions/wiring.ts';
import { reconcile } from '../../shared/pipeline/reconcile.ts';
import { reconcileRequestedSchema } from '../../shared/events/reconcile-requested.ts';
import { secondsOf } from './measure.ts';

/**
 * An instance of the function `reconcile` without the function around it: takes jobs over IPC, runs each by the product's own
 * stage on its own adapters, and answers with how it ended, how long it took and how much memory the process held at most so
 * far. Ends with its parent.
 */
const orderSchema = z.object({ order: z.int(), job: reconcileRequestedSchema });

const ports = { ...(await wire('state', 'repository', 'cluster', 'renderer', 'topics')), log: () => {} };

async function run(message: unknown): Promise<void> {
  const { order, job } = orderSchema.parse(message);
  let outcome = '';
  let summary = '';
  const seconds = await secondsOf(async () => {
    const result = await reconcile(job, ports, { limits: loadConfig().limits, holder: 'bench', event: String(performance.now()) });
    outcome = result.outcome;
    if (result.outcome === 'diverged') summary = result.summary;
  });
  const peakRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.send?.({ order, outcome, summary, seconds, peakRssMiB });
}

process.on('message', (message) => {
  run(message).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit(0));
