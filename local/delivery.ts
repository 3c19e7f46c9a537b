import { SubscriptionCloseBehaviors, type Message, type PubSub, type Subscription } from '@google-cloud/pubsub';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../shared/base/errors.ts';
import { encodeDeadLetter } from '../shared/events/dead-letter.ts';
import type { CalledFunction } from './callers.ts';
import { storageEvent, unwrappedEvent, type BinaryEvent, type PulledMessage } from './binary-event.ts';
import { deliveryDelays, type Chaos } from './chaos.ts';
import { post } from './http-post.ts';
import { orAborted } from './or-aborted.ts';

/** One push subscription: the messages of a topic go to a function. */
export interface Route {
  readonly topic: string;
  readonly function: CalledFunction;
  /**
   * `storage`: bucket notifications, which Eventarc turns into events; `own`: messages that are CloudEvents already.
   */
  readonly messages: 'storage' | 'own';
  /** How many deliveries run at a time. */
  readonly concurrency: number;
  /** Where the topic has several routes, which of its messages go this way, and what the subscription is called. */
  readonly only?: { readonly filter: string; readonly subscription: string };
}

export interface DeliveryOptions {
  readonly pubsub: PubSub;
  readonly routes: readonly Route[];
  readonly deadLetterTopic: string;
  /** Subscriptions that keep messages until somebody takes them, by name, with their topics. */
  readonly kept?: Readonly<Record<string, string>>;
  readonly chaos: Chaos;
  readonly functions: {
    url(name: string): string;
    /** Resolves once that function listens, and what it needs is up. */
    ready(name: CalledFunction): Promise<void>;
    /** The sender's ID token for a function, as a header. */
    authorize(name: CalledFunction): Promise<{ authorization: string }>;
  };
  /** Attempts before a message is given up; 5 where absent. */
  readonly attempts?: number;
  /** Wait after the first failed attempt in milliseconds, doubled after each further one up to the longest. */
  readonly backoff?: { readonly first: number; readonly longest: number };
  readonly log?: (message: string) => void;
}

export interface Delivery {
  /** Resolves once no message is under way, and none came of the last for a moment. */
  quiet(): Promise<void>;
  /** Ends the pulling, the waits and the requests under way. */
  stop(): Promise<void>;
}

/** The longest a push subscription waits for an answer. https://docs.cloud.google.com/pubsub/docs/push */
const answerMilliseconds = 600_000;
const acknowledgeSeconds = 600;
/** Until a message that is published is here. */
const pullMilliseconds = 200;

/**
 * Plays Eventarc and Pub/Sub's push subscriptions over the real client: creates the topics and one pull subscription
 * for each route, posts each message to its function as a binary CloudEvent, retries what is not answered 2xx, and
 * gives a message up to the dead-letter topic after the last attempt.
 */
export async function startDelivery(options: DeliveryOptions): Promise<Delivery> {
  const { pubsub, routes, kept = {} } = options;
  const { attempts = 5, backoff = { first: 200, longest: 10_000 }, log = () => {} } = options;
  const stopping = new AbortController();
  const sender: Sender = { ...options, kept, attempts, backoff, log, signal: stopping.signal, underWay: new Set() };

  const topics = new Set([...routes.map((route) => route.topic), options.deadLetterTopic, ...Object.values(kept)]);
  await Promise.all([...topics].map((topic) => pubsub.createTopic(topic)));
  await Promise.all(
    Object.entries(kept).map(([name, topic]) =>
      pubsub.topic(topic).createSubscription(name, { ackDeadlineSeconds: 60 }),
    ),
  );
  const subscriptions = await Promise.all(routes.map((route) => subscribe(sender, route)));

  return {
    async quiet() {
      while (sender.underWay.size > 0) {
        await Promise.all(sender.underWay);
        await sleep(pullMilliseconds);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await Promise.all(sender.underWay);
    },
  };
}

/** What all deliveries share. */
interface Sender extends Required<Omit<DeliveryOptions, 'routes'>> {
  /** Ends the waits and the requests. */
  readonly signal: AbortSignal;
  readonly underWay: Set<Promise<void>>;
}

/** One delivery of a message, after a wait of `delay` milliseconds. */
interface Job {
  readonly route: Route;
  readonly event: BinaryEvent;
  readonly slots: Slots;
  readonly delay: number;
}

async function subscribe(sender: Sender, route: Route): Promise<Subscription> {
  const { pubsub, chaos, log } = sender;
  const { filter = '', subscription: name = `${route.topic}-${route.function}` } = route.only ?? {};
  await pubsub.topic(route.topic).createSubscription(name, { ackDeadlineSeconds: acknowledgeSeconds, filter });
  const subscription = pubsub.subscription(name, {
    flowControl: { maxMessages: 10_000, allowExcessMessages: false },
    closeOptions: { behavior: SubscriptionCloseBehaviors.NackImmediately },
  });
  const slots = createSlots(route.concurrency);
  let ordinal = 0;
  subscription.on('error', (error: Error) => log(`${name}: ${error.message}`));
  subscription.on('message', (message: Message) => {
    const [first = 0, ...copies] = deliveryDelays({ chaos, subscription: name, ordinal: ordinal++ });
    const event = toEvent({ route, subscription: subscription.name, message: pulled(message) });
    track(sender, deliver(sender, { route, event, message, slots, delay: first }));
    for (const delay of copies) track(sender, deliverCopy(sender, { route, event, slots, delay }));
  });
  return subscription;
}

function track({ underWay, signal, log }: Sender, work: Promise<void>): void {
  const tracked = work.catch((error: unknown) => {
    if (!signal.aborted) log(describeError(error));
  });
  underWay.add(tracked);
  void tracked.finally(() => underWay.delete(tracked));
}

async function deliver(sender: Sender, job: Job & { readonly message: Message }): Promise<void> {
  const { attempts, backoff, log, signal } = sender;
  const { route, event, message } = job;
  let wait = job.delay;
  let problem = '';
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await pause(wait, signal);
    const failure = await job.slots.run(() => attemptOnce(sender, job));
    if (failure === undefined) {
      message.ack();
      return;
    }
    problem = failure;
    log(`${route.function}: attempt ${attempt} of ${attempts} for ${named(event)} failed: ${problem}`);
    wait = Math.min(backoff.first * 2 ** (attempt - 1), backoff.longest);
  }
  await giveUp(sender, { route, event, problem });
  message.ack();
}

/** A second delivery of the same message: whatever comes of it, the first one decides about the message. */
async function deliverCopy(sender: Sender, job: Job): Promise<void> {
  await pause(job.delay, sender.signal);
  await job.slots.run(() => attemptOnce(sender, job));
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds, undefined, { signal });
}

/** Why the function did not take the event, or undefined where it did. */
async function attemptOnce(
  { functions, signal }: Sender,
  { route, event }: Pick<Job, 'route' | 'event'>,
): Promise<string | undefined> {
  try {
    await orAborted(functions.ready(route.function), signal);
    const answer = await post({
      url: functions.url(route.function),
      headers: { ...event.headers, ...(await functions.authorize(route.function)) },
      body: event.body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]),
    });
    return answer.accepted ? undefined : `${answer.status} ${answer.text.trim().slice(0, 300)}`;
  } catch (error) {
    signal.throwIfAborted();
    return describeError(error);
  }
}

async function giveUp(
  { pubsub, deadLetterTopic, attempts, log }: Sender,
  { route, event, problem }: Pick<Job, 'route' | 'event'> & { readonly problem: string },
): Promise<void> {
  const { headers } = event;
  const letter = encodeDeadLetter(
    {
      stage: route.function,
      reason: 'GivenUp',
      message: `no delivery of ${attempts} succeeded; the last one: ${problem}`,
      subject: headers['ce-subject'] ?? '',
      event: {
        id: headers['ce-id'],
        type: headers['ce-type'],
        source: headers['ce-source'],
        subject: headers['ce-subject'],
        data: readJson(event.body),
      },
    },
    new Date(),
  );
  await pubsub.topic(deadLetterTopic).publishMessage({
    data: Buffer.from(JSON.stringify(letter.data)),
    attributes: {
      'ce-specversion': '1.0',
      'ce-id': letter.id,
      'ce-type': letter.type,
      'ce-source': letter.source,
      'ce-subject': letter.subject,
      'ce-time': letter.time.toISOString(),
      'content-type': 'application/json',
    },
  });
  log(`${route.function}: gave up ${named(event)}: ${problem}`);
}

function toEvent({
  route,
  subscription,
  message,
}: {
  route: Route;
  subscription: string;
  message: PulledMessage;
}): BinaryEvent {
  return route.messages === 'storage' ? storageEvent(message) : unwrappedEvent(message, subscription);
}

function named({ headers }: BinaryEvent): string {
  return `${headers['ce-type']} ${headers['ce-id']}`;
}

function pulled(message: Message): PulledMessage {
  return {
    id: message.id,
    publishTime: new Date(message.publishTime.getTime()),
    attributes: message.attributes,
    data: message.data,
  };
}

function readJson(body: Uint8Array): unknown {
  const text = Buffer.from(body).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Lets so many pieces of work run at a time, the others in the order they came. */
function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async run(work) {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}
