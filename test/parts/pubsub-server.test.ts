import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PubSub, v1 } from '@google-cloud/pubsub';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPubSub, type PubSubService } from '../../local/parts/pubsub.ts';
import { ensureProgram } from '../../local/programs.ts';

let folder: string;
let service: PubSubService;
let pubsub: PubSub;
let subscriber: v1.SubscriberClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-pubsub-'));
  service = await startPubSub({ program: await ensureProgram('pubsub'), folder });
  pubsub = new PubSub({ projectId: 'local', apiEndpoint: service.host, emulatorMode: true });
  subscriber = new v1.SubscriberClient({ ...(await pubsub.getClientConfig()) });
});
afterAll(async () => {
  await pubsub.close();
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

it('the local Pub/Sub outlives clients that go away in the middle of their pings', async () => {
  const topic = pubsub.topic('pinged');
  await topic.create();
  const subscription = 'projects/local/subscriptions/pinged';
  await topic.createSubscription('pinged');
  for (let client = 0; client < 300; client++) {
    const stream = subscriber.streamingPull();
    const over = new Promise<void>((resolve) => stream.on('error', () => {}).on('close', resolve));
    let answers = 0;
    stream.on('data', () => {
      if (++answers === 1 + (client % 20)) stream.cancel();
    });
    stream.write({ subscription, streamAckDeadlineSeconds: 10, protocolVersion: 1 });
    for (let ping = 0; ping < 200; ping++) stream.write({});
    await over;
  }
  expect(await pubsub.topic('pinged').publishMessage({ data: Buffer.from('x') })).toMatch(/\d/);
});
