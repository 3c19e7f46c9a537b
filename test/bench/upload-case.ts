import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@google-cloud/pubsub';
import type { Pipeline } from '../../local/pipeline.ts';
import { convergedSchema, type Converged } from '../../shared/events/alert.ts';
import { inTurns, median, secondsOf, type Case } from './measure.ts';
import type { RawApi } from './raw-api.ts';
import { createWorkTree, type WorkTree } from './work-tree.ts';

const uploads = 20;
const values = 'config/greeting.yaml';
/** Generous: a pipeline that takes longer is broken, not slow. */
const patience = 60_000;
/**
 * Between two uploads, so that Cloud Storage's limit of one write a second of one object (the lease's) is not what is
 * measured.
 */
const pauseMilliseconds = 2000;
/** The Deployment, the Service and the ConfigMap of `greeting/charts/greeting`. */
const objects = 3;

/**
 * One changed values file of a small chart, from before its upload until the `converged` message reaches a subscriber,
 * in the whole pipeline. The floor is what cannot be left out, done natively: the upload, a commit and push by git, one
 * apply.
 */
export async function measureUpload({ pipeline, raw }: { pipeline: Pipeline; raw: RawApi }): Promise<Case> {
  const converged = await watchConverged(pipeline);
  try {
    const tree = await createWorkTree({
      folder: join(pipeline.folder, 'master'),
      remote: pipeline.facts.repositories.master,
    });
    await cp(join(import.meta.dirname, 'greeting'), tree.folder, { recursive: true });
    await Promise.all([converged.next(), tree.push('refs/heads/main')]);

    const native = await createWorkTree({
      folder: join(pipeline.folder, 'staging'),
      remote: pipeline.facts.repositories.staging,
    });
    await raw.createNamespace('floor-upload');
    const bucket = pipeline.clients.storage.bucket(pipeline.facts.buckets.master);
    const seconds: number[] = [];
    const floor: number[] = [];
    const calls: number[] = [];
    for (let round = 0; round < uploads; round++) {
      await sleep(pauseMilliseconds);
      const content = `message: Good morning, for the ${round + 1}th time\n`;
      await inTurns(round, {
        even: async () => {
          const before = await raw.countRequests();
          seconds.push(
            await secondsOf(async () => {
              await Promise.all([converged.next(), bucket.file(values).save(content, { resumable: false })]);
            }),
          );
          calls.push((await raw.countRequests()) - before);
        },
        odd: async () => {
          floor.push(await secondsOf(() => withoutProduct({ pipeline, raw, native, content })));
        },
      });
    }
    return {
      name: 'upload-to-converged',
      objects,
      seconds: median(seconds),
      floorSeconds: median(floor),
      apiCalls: Math.max(...calls),
      peakRssMiB: null,
    };
  } finally {
    await converged.close();
  }
}

/** The state bucket notifies nobody, and neither does the Git host about refs outside `refs/heads` and `refs/tags`. */
async function withoutProduct({
  pipeline,
  raw,
  native,
  content,
}: {
  pipeline: Pipeline;
  raw: RawApi;
  native: WorkTree;
  content: string;
}): Promise<void> {
  await pipeline.clients.storage
    .bucket(pipeline.stateBucket)
    .file(`bench/${values}`)
    .save(content, { resumable: false });
  await native.write({ path: values, content });
  await native.push('refs/bench/main');
  const metadata = { name: 'greeting-page', namespace: 'floor-upload' };
  await raw.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'index.html': content } }]);
}

interface ConvergedWatch {
  /** The next `converged` of a revision that was not told before. Rejects after a minute without one. */
  next(): Promise<Converged>;
  close(): Promise<void>;
}

async function watchConverged({ clients, facts }: Pipeline): Promise<ConvergedWatch> {
  const [subscription] = await clients.pubsub.topic(facts.topics.converged).createSubscription('bench');
  const told = new Set<string>();
  let take: ((alert: Converged) => void) | undefined;
  subscription.on('message', (message: Message) => {
    message.ack();
    const alert = convergedSchema.parse(JSON.parse(message.data.toString('utf8')));
    if (told.has(alert.revision)) return;
    told.add(alert.revision);
    take?.(alert);
  });
  return {
    async next() {
      const { promise, resolve, reject } = Promise.withResolvers<Converged>();
      const timer = setTimeout(() => reject(new Error(`nothing converged within ${patience / 1000} s`)), patience);
      take = resolve;
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => subscription.close(),
  };
}
