import { PubSub, v1 } from '@google-cloud/pubsub';
import { z } from 'zod';
import { ConvergeError, describeError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { redriveTopic, type LetterSubscription } from '../events/found-letter.ts';
import type { DeadLetters, TakenLetter } from '../ports/messages.ts';
import { endMetadataRequests } from './google/metadata-server.ts';
import { inSeconds, patience, within } from './patience.ts';

/** The longest that Pub/Sub leaves a message to one taker. https://docs.cloud.google.com/pubsub/docs/lease-management */
const holdSeconds = 600;
/** Pub/Sub takes so many ids in one call. */
const idsAtATime = 1_000;

/**
 * The subscriptions of dead letters, and the topic that leads back, by the rights of whoever calls. Throws
 * `PubSubUnavailable` (retry).
 */
export function createDeadLetters(
  { project, topicPrefix }: Pick<Config, 'project' | 'topicPrefix'>,
  { quiet }: { readonly quiet: number } = patience.letters,
): DeadLetters {
  endMetadataRequests();
  const pubsub = new PubSub({ projectId: project });
  const topic = pubsub.topic(`${topicPrefix}${redriveTopic}`, { gaxOpts: { timeout: patience.pubsub.answer } });
  let connected: Promise<v1.SubscriberClient> | undefined;
  const connect = async (): Promise<v1.SubscriberClient> =>
    (connected ??= pubsub.getClientConfig().then((config) => new v1.SubscriberClient({ ...config })));
  const nameOf = (subscription: LetterSubscription): string =>
    `projects/${project}/subscriptions/${topicPrefix}${subscription}`;
  const line = {
    quiet,
    connect,
    nameOf,
    subjectOf: (name: LetterSubscription) => `subscription ${topicPrefix}${name}`,
  };
  return {
    take: async (taking) => take(line, taking),
    hold: async (letters) => leave(line, { letters, seconds: holdSeconds }),
    giveBack: async (letters) => leave(line, { letters, seconds: 0 }),
    async acknowledge({ subscription, ackId }) {
      await asked(line.subjectOf(subscription), async () =>
        (await connect()).acknowledge({ subscription: nameOf(subscription), ackIds: [ackId] }),
      );
    },
    async redrive({ attributes, data }) {
      await asked(`topic ${topicPrefix}${redriveTopic}`, async () =>
        topic.publishMessage({ data: Buffer.from(data), attributes: { ...attributes } }),
      );
    },
  };
}

interface Line {
  /** Milliseconds of silence after which nothing more is there. */
  readonly quiet: number;
  readonly connect: () => Promise<v1.SubscriberClient>;
  readonly nameOf: (subscription: LetterSubscription) => string;
  /** In errors. */
  readonly subjectOf: (subscription: LetterSubscription) => string;
}

/**
 * One pull rarely has all that is there. The first comes back at once: that it came back says that the subscription can
 * be read, and the silence of a later one that nothing more is there.
 */
async function take(
  line: Line,
  { subscription, limit }: { subscription: LetterSubscription; limit: number },
): Promise<readonly TakenLetter[]> {
  const taken = new Map<string, TakenLetter>();
  const add = (letters: readonly TakenLetter[]): void => letters.forEach((letter) => taken.set(letter.id, letter));
  try {
    add(await pull(line, { subscription, limit, isAtOnce: true }));
    for (let more = true; more && taken.size < limit;) {
      const letters = await pull(line, { subscription, limit: limit - taken.size, isAtOnce: false });
      add(letters);
      more = letters.length > 0;
    }
  } catch (error) {
    await leave(line, { letters: [...taken.values()], seconds: 0 }).catch(() => {});
    throw error;
  }
  return [...taken.values()];
}

async function pull(
  { quiet, connect, nameOf, subjectOf }: Line,
  { subscription, limit, isAtOnce }: { subscription: LetterSubscription; limit: number; isAtOnce: boolean },
): Promise<readonly TakenLetter[]> {
  const milliseconds = isAtOnce ? patience.pubsub.answer : quiet;
  const request = { subscription: nameOf(subscription), maxMessages: limit, returnImmediately: isAtOnce };
  return await asked(subjectOf(subscription), async () => {
    try {
      const [{ receivedMessages }] = await (await connect()).pull(request, { timeout: milliseconds, maxRetries: 0 });
      return (receivedMessages ?? []).flatMap((received) => takenOf(subscription, received));
    } catch (error) {
      if (!isAtOnce && codeOf(error) === grpc.deadlineExceeded) return [];
      throw error;
    }
  });
}

/** The part of a pulled message that is used. */
const receivedSchema = z.object({
  ackId: z.string(),
  message: z.object({
    messageId: z.string(),
    publishTime: z.object({ seconds: z.coerce.number(), nanos: z.number().nullish() }),
    attributes: z.record(z.string(), z.string()).nullish(),
    data: z.union([z.instanceof(Uint8Array), z.base64().transform((text) => Buffer.from(text, 'base64'))]).nullish(),
  }),
});

function takenOf(subscription: LetterSubscription, received: unknown): readonly TakenLetter[] {
  const { ackId, message } = receivedSchema.parse(received);
  const { messageId: id, publishTime, attributes, data } = message;
  const milliseconds = publishTime.seconds * 1_000 + Math.floor((publishTime.nanos ?? 0) / 1_000_000);
  return [
    {
      ...{ ackId, id, subscription, publishTime: new Date(milliseconds) },
      ...{ attributes: attributes ?? {}, data: data ?? new Uint8Array() },
    },
  ];
}

async function leave(
  { connect, nameOf, subjectOf }: Line,
  { letters, seconds }: { letters: readonly TakenLetter[]; seconds: number },
): Promise<void> {
  for (const [subscription, own] of Map.groupBy(letters, (letter) => letter.subscription))
    for (let from = 0; from < own.length; from += idsAtATime) {
      const ackIds = own.slice(from, from + idsAtATime).map(({ ackId }) => ackId);
      await asked(subjectOf(subscription), async () =>
        (await connect()).modifyAckDeadline({
          ...{ subscription: nameOf(subscription), ackIds, ackDeadlineSeconds: seconds },
        }),
      );
    }
}

/** https://grpc.io/docs/guides/status-codes */
const grpc = { deadlineExceeded: 4, notFound: 5, permissionDenied: 7, unauthenticated: 16 } as const;

function codeOf(error: unknown): number | undefined {
  return z.object({ code: z.number() }).safeParse(error).data?.code;
}

async function asked<T>(subject: string, work: () => Promise<T>): Promise<T> {
  const milliseconds = patience.pubsub.answer;
  const late = (): Error => new Error(`no answer in ${inSeconds(milliseconds)}`);
  try {
    return await within({ milliseconds, work: work(), late });
  } catch (error) {
    throw new ConvergeError({
      ...{ code: 'PubSubUnavailable', subject, disposition: 'retry', cause: error },
      ...wordsFor(error),
    });
  }
}

/** What the caller can do about an answer of Pub/Sub. */
export function wordsFor(error: unknown): { readonly message: string; readonly remedy: string } {
  switch (codeOf(error)) {
    case grpc.notFound:
      return {
        message: 'is not there',
        remedy: 'project and topicPrefix of the configuration say which one is meant; terraform/ makes it',
      };
    case grpc.permissionDenied:
      return {
        message: 'you may not use it',
        remedy:
          'dead letters take roles/pubsub.subscriber on their subscriptions, to send them again takes roles/pubsub.publisher on the topic redrive',
      };
    case grpc.unauthenticated:
      return { message: 'does not know who you are', remedy: 'log in: gcloud auth application-default login' };
    default:
      return {
        message: `Pub/Sub does not answer as it should: ${describeError(error)}`,
        remedy:
          'try again, and see whether the pipeline runs and you are logged in: gcloud auth application-default login',
      };
  }
}
