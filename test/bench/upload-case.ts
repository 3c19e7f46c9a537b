import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@google-cloud/pubsub';
import type { Pipeline } from '../../local/pipeline.ts';
import { convergedSchema, type Converged } from '../../shared/events/alert.ts';
import type { CallCounts } from './call-counts.ts';
import { inTurns, noRounds, secondsOf, summarise, type Case, type StateCounts } from './measure.ts';
import type { RawApi } from './raw-api.ts';
import type { StorageFront } from './storage-front.ts';
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

/** A pipeline with a small chart, and the uploads that change it. */
export interface UploadBench {
  /**
   * One changed values file of a small chart, from before its upload until the `converged` message reaches a subscriber,
   * in the whole pipeline. The floor is what cannot be left out, done natively: the upload, a commit and push by git,
   * one apply.
   */
  measure(): Promise<Case>;
  /** The same while Storage takes one write a second of one name, beside the time that it takes while it does not. */
  measureOnPlatform(): Promise<Case>;
  close(): Promise<void>;
}

interface Parts {
  readonly pipeline: Pipeline;
  readonly raw: RawApi;
  readonly front: StorageFront;
}

export async function prepareUpload(parts: Parts): Promise<UploadBench> {
  const { pipeline, raw, front } = parts;
  const converged = await watchConverged(pipeline);
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

  let count = 0;
  let unlimited: Promise<Case> | undefined;
  const measureFreely = (): Promise<Case> => {
    front.hold('none');
    return measureUploads({ ...parts, converged, native, next: () => ++count });
  };
  const measure = (): Promise<Case> => (unlimited ??= measureFreely());
  return {
    measure,
    async measureOnPlatform() {
      const { seconds: floorSeconds } = await measure();
      front.hold('one write a second');
      const measured = await measureUploads({ ...parts, converged, native, next: () => ++count });
      return { ...measured, name: 'upload-to-converged-platform', floorSeconds };
    },
    close: converged.close,
  };
}

async function measureUploads({
  pipeline,
  raw,
  front,
  converged,
  native,
  next,
}: Parts & { converged: ConvergedWatch; native: WorkTree; next: () => number }): Promise<Case> {
  const bucket = pipeline.clients.storage.bucket(pipeline.facts.buckets.master);
  const rounds = noRounds();
  let state: StateCounts = { runs: 0, reads: 0, writes: 0, environmentWrites: 0 };
  for (let round = 0; round < uploads; round++) {
    await sleep(pauseMilliseconds);
    const content = `message: Good morning, for the ${next()}th time\n`;
    await inTurns(round, {
      even: async () => {
        const before = { api: await raw.countRequests(), storage: front.counts() };
        rounds.seconds.push(
          await secondsOf(async () => {
            await Promise.all([converged.next(), bucket.file(values).save(content, { resumable: false })]);
          }),
        );
        rounds.calls.push((await raw.countRequests()) - before.api);
        state = withRun(state, { before: before.storage, after: front.counts() });
      },
      odd: async () => {
        rounds.floor.push(await secondsOf(() => withoutProduct({ pipeline, raw, native, content })));
      },
    });
  }
  return summarise({ name: 'upload-to-converged', objects, rounds, peakRssMiB: null, state });
}

function withRun(all: StateCounts, { before, after }: { before: CallCounts; after: CallCounts }): StateCounts {
  return {
    runs: all.runs + 1,
    reads: all.reads + after.reads - before.reads,
    writes: all.writes + after.writes - before.writes,
    environmentWrites: all.environmentWrites + after.environmentWrites - before.environmentWrites,
  };
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
