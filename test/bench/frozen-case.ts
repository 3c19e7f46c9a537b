import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, PubSub } from '@google-cloud/pubsub';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { convergedType } from '../../shared/events/alert.ts';
import { reachableType, unreachableType } from '../../shared/events/dependency-alert.ts';
import { uploadRefusedType } from '../../shared/events/upload-alert.ts';
import type { Case } from './measure.ts';
import { createWorkTree } from './work-tree.ts';

/** The least that Cloud Scheduler waits between two looks. */
const tickSeconds = 60;
const frozenMilliseconds = 300_000;
/** Generous: a pipeline that takes longer is broken, not slow. Milliseconds. */
const patience = 600_000;

/**
 * An API server that answers nothing for five minutes, in a pipeline whose schedule looks each minute: until it is told,
 * until its end is told once it answers again, and how long a refused upload takes to be told meanwhile, beside what
 * that took before.
 */
export async function measureFrozen({ folder, programs }: Pipeline): Promise<readonly Case[]> {
  const pipeline = await startPipeline({
    ...{ folder: join(folder, 'frozen'), programs, scheduleSeconds: tickSeconds, chaos: 'none' },
  });
  const heard = await hear(pipeline.clients.pubsub);
  try {
    const remote = pipeline.facts.repositories.master;
    const tree = await createWorkTree({ folder: join(pipeline.folder, 'person'), remote });
    await tree.write({ path: 'environments/shop.yaml', content: environment });
    await tree.write({ path: 'manifests/shop/a.yaml', content: manifest });
    const since = Date.now();
    await tree.push('refs/heads/main');
    await heard.first({ type: convergedType, since });
    const before = await refusal(pipeline, heard);

    const pid = pipeline.kubernetes.apiServer.pid();
    const frozenAt = Date.now();
    process.kill(pid, 'SIGSTOP');
    const told = (await heard.first({ type: unreachableType, since: frozenAt })) - frozenAt;
    const meanwhile = await refusal(pipeline, heard);
    await sleep(Math.max(0, frozenAt + frozenMilliseconds - Date.now()));
    const answeredAt = Date.now();
    process.kill(pid, 'SIGCONT');
    const closed = (await heard.first({ type: reachableType, since: answeredAt })) - answeredAt;
    return [
      { ...plain, of: 'told', seconds: told / 1000 },
      { ...plain, of: 'closed', seconds: closed / 1000 },
      { ...plain, of: 'another alert', seconds: meanwhile / 1000, floorSeconds: before / 1000 },
    ];
  } finally {
    await heard.stop();
    await pipeline.stop();
  }
}

const plain = { name: 'frozen-api-server', objects: 1, floorSeconds: null, apiCalls: null, peakRssMiB: null } as const;

const environment = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: shop }
spec: { cluster: sandbox, namespace: shop, sources: [{ manifests: manifests/shop }] }
`;
const manifest = `apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data: { version: "1" }
`;

interface Heard {
  /** When the first event of a type came that was published since, in milliseconds since 1970. */
  first(of: { type: string; since: number; subject?: string }): Promise<number>;
  stop(): Promise<void>;
}

async function hear(pubsub: PubSub): Promise<Heard> {
  const events: { type: string; subject: string; at: number }[] = [];
  const subscriptions = await Promise.all(
    ['diff', 'converged'].map(async (topic) => {
      const [subscription] = await pubsub.topic(topic).createSubscription(`bench-${topic}-${randomUUID()}`);
      return subscription.on('message', (message: Message) => {
        const { 'ce-type': type = '', 'ce-subject': subject = '' } = message.attributes;
        events.push({ type, subject, at: Date.now() });
        message.ack();
      });
    }),
  );
  return {
    async first({ type, since, subject }) {
      const deadline = Date.now() + patience;
      for (;;) {
        const found = events.find(
          (event) => event.type === type && event.at >= since && (subject === undefined || event.subject === subject),
        );
        if (found !== undefined) return found.at;
        if (Date.now() > deadline) throw new Error(`no ${type} came within ${patience / 1000} s`);
        await sleep(5);
      }
    },
    stop: async () => void (await Promise.all(subscriptions.map(async (subscription) => subscription.close()))),
  };
}

/** Milliseconds from before an upload that is refused until a subscriber hears of it. */
async function refusal(pipeline: Pipeline, heard: Heard): Promise<number> {
  const name = `../outside-${randomUUID()}.yaml`;
  const since = Date.now();
  await pipeline.clients.ci.master
    .bucket(pipeline.facts.buckets.master)
    .file(name)
    .save('a: b\n', { resumable: false });
  const subject = `gs://${pipeline.facts.buckets.master}/${name}`;
  return (await heard.first({ type: uploadRefusedType, since, subject })) - since;
}
