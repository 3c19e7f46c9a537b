import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { PubSub } from '@google-cloud/pubsub';
import { startInbox, type Inbox } from '../../local/parts/inbox.ts';
import { startPipeline, type ConfigInput, type Pipeline } from '../../local/pipeline.ts';
import { encodeAlert, type Diff } from '../../shared/events/alert.ts';
import { secretFolder, startReceiver, type Call, type Receiver } from '../unit/adapters/sinks/receiver.ts';
import { median, type Case } from './measure.ts';

/** A pipeline whose sinks are on this machine, one of each kind, and answer at once. */
export interface AlertBench {
  /** From before an alert is published until each sink has it, of environments that fail one after the other. */
  latency(): Promise<readonly Case[]>;
  /** A thousand environments that fail for one cause: until each sink hears of it, and how many messages it gets of all. */
  manyOfOneCause(): Promise<readonly Case[]>;
  close(): Promise<void>;
}

const kinds = ['webhook', 'slack', 'googleChat', 'pagerduty', 'email'] as const;
type Kind = (typeof kinds)[number];

const alerts = 20;
const environments = 1_000;
/** Generous: a pipeline that takes longer is broken, not slow. Milliseconds. */
const patience = 60_000;
/** Until what joins a message is due. Milliseconds. */
const joinedAfter = 125_000;
/** Until the first of many messages are on their way. Milliseconds. */
const untilUnderWay = 5_000;

/** When which sink heard of an environment first, in milliseconds since 1970, and how many messages it got. */
interface Heard {
  readonly first: ReadonlyMap<Kind, ReadonlyMap<string, number>>;
  messages(kind: Kind): number;
  stop(): Promise<void>;
}

export async function prepareAlerts({ folder, programs }: Pipeline): Promise<AlertBench> {
  const [inbox, receiver, secrets] = await Promise.all([startInbox(), startReceiver(), secretFolder()]);
  const heard = hear({ inbox, receiver });
  const pipeline = await startPipeline({
    ...{ folder: join(folder, 'alerts'), programs, scheduleSeconds: 0, chaos: 'none' },
    configuration: { alerts: { sinks: await sinksOf({ inbox, receiver, secrets }) } },
  });
  const { pubsub } = pipeline.clients;
  return {
    async latency() {
      const seconds = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
      // The first finds functions that have loaded nothing.
      for (let round = 0; round <= alerts; round++) {
        const environment = `latency-${round}`;
        const publishedAt = Date.now();
        await publish(pubsub, environment);
        await heardByAll(heard, environment);
        for (const kind of kinds)
          if (round > 0) seconds.get(kind)?.push(((heard.first.get(kind)?.get(environment) ?? 0) - publishedAt) / 1000);
      }
      return kinds.map((of) => ({ ...plain, name: 'alert-latency', of, seconds: median(seconds.get(of) ?? []) }));
    },
    async manyOfOneCause() {
      const before = new Map(kinds.map((kind) => [kind, heard.messages(kind)]));
      const publishedAt = Date.now();
      const names = Array.from({ length: environments }, (_, index) => `many-${index}`);
      await Promise.all(names.map((environment) => publish(pubsub, environment)));
      await sleep(untilUnderWay);
      await pipeline.quiet();
      // What joined the first is told once two minutes are over, at the next look of the schedule.
      await sleep(Math.max(0, publishedAt + joinedAfter - Date.now()));
      await fetch(pipeline.functions.url('checkDrift'), {
        method: 'POST',
        headers: await pipeline.authorize('checkDrift'),
      });
      await sleep(untilUnderWay);
      await pipeline.quiet();
      return kinds.map((of) => {
        const times = names.flatMap((environment) => heard.first.get(of)?.get(environment) ?? []);
        const messages = heard.messages(of) - (before.get(of) ?? 0);
        const seconds = (Math.min(...times) - publishedAt) / 1000;
        return { ...plain, name: 'alerts-of-1000', of, seconds, messages };
      });
    },
    async close() {
      await pipeline.stop();
      await Promise.all([heard.stop(), inbox.stop(), receiver.stop(), secrets.remove()]);
    },
  };
}

const plain = { objects: 0, floorSeconds: null, apiCalls: null, peakRssMiB: null };

async function sinksOf({
  inbox,
  receiver: { url },
  secrets,
}: {
  inbox: Inbox;
  receiver: Receiver;
  secrets: Awaited<ReturnType<typeof secretFolder>>;
}): Promise<NonNullable<ConfigInput['alerts']>['sinks']> {
  const [token, address] = await Promise.all([
    secrets.fileWith('token', 'a-token'),
    secrets.fileWith('address', `${url}/googleChat`),
  ]);
  return [
    { name: 'webhook', webhook: { url: `${url}/webhook`, body: 'cloudevents' } },
    { name: 'slack', slack: { tokenSecretFile: token, channel: 'C123ABC456', api: `${url}/slack` } },
    { name: 'googleChat', googleChat: { urlSecretFile: address } },
    { name: 'pagerduty', pagerduty: { routingKeySecretFile: token, api: `${url}/pagerduty` } },
    ...inbox.sinks.filter(({ email }) => email !== undefined),
  ];
}

/** What came of every kind, as it comes: the receiver answers each service's calls. */
function hear({ inbox, receiver }: { inbox: Inbox; receiver: Receiver }): Heard {
  const first = new Map<Kind, Map<string, number>>(kinds.map((kind) => [kind, new Map()]));
  const counts = new Map<Kind, number>();
  const note = (kind: Kind, text: string): void => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const known = first.get(kind);
    for (const [name] of text.matchAll(/(?:latency|many)-\d+/g))
      if (known?.has(name) === false) known.set(name, Date.now());
  };
  receiver.answers = ({ path, text }: Call) => {
    const kind = kinds.find((one) => path.startsWith(`/${one}`));
    // Slack is asked and told of more than messages.
    if (kind !== undefined && (kind !== 'slack' || path === '/slack/chat.postMessage')) note(kind, text);
    return { body: { ok: true, ts: String(counts.get('slack') ?? 0), messages: [] } };
  };
  const ending = new AbortController();
  const following = followMails(inbox, { signal: ending.signal, take: (title) => note('email', title) });
  return {
    first,
    messages: (kind) => counts.get(kind) ?? 0,
    async stop() {
      ending.abort();
      await following;
    },
  };
}

async function followMails(
  inbox: Inbox,
  { signal, take }: { signal: AbortSignal; take: (title: string) => void },
): Promise<void> {
  let last = 0;
  while (!signal.aborted) {
    for (const { number, title } of inbox.messages()) {
      if (number > last) take(title);
      last = Math.max(last, number);
    }
    await inbox.next(signal).catch(() => {});
  }
}

async function heardByAll({ first }: Heard, environment: string): Promise<void> {
  const deadline = Date.now() + patience;
  while (kinds.some((kind) => first.get(kind)?.has(environment) !== true)) {
    if (Date.now() > deadline) throw new Error(`not all sinks heard of ${environment} within ${patience / 1000} s`);
    await sleep(5);
  }
}

/** A failure as a run would publish it, for the one commit that all of them fail at. */
async function publish(pubsub: PubSub, environment: string): Promise<void> {
  const now = new Date();
  const commit = '7b1e6a1b3d4e5f60718293a4b5c6d7e8f9012345';
  const data: Diff = {
    ...{ environment, repository: 'master', cluster: 'sandbox', revision: `main@sha1:${commit}` },
    cause: { commit, subject: 'Copy charts/shop.tgz', author: null, artifact: null, build: null, restores: null },
    ...{
      reason: 'Failed',
      incident: environment,
      subject: '',
      since: now.toISOString(),
      occurrence: 1,
      action: 'none',
    },
    ...{ summary: 'charts/shop cannot be rendered', objects: [], omitted: 0, rollback: null, policy: null },
  };
  const { id, type, source, subject, time } = encodeAlert({ topic: 'diff', data }, now);
  await pubsub.topic('diff').publishMessage({
    data: Buffer.from(JSON.stringify(data)),
    attributes: {
      ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': type, 'ce-source': source, 'ce-subject': subject },
      ...{ 'ce-time': time.toISOString(), 'content-type': 'application/json' },
    },
  });
}
