import { z } from 'zod';
import { describeError } from '../base/errors.ts';
import { convergedType } from './alert.ts';
import { reachableType } from './dependency-alert.ts';
import { deadLetterSchema, type DeadLetter } from './dead-letter.ts';
import type { OutgoingEvent } from './cloud-event.ts';
import { encodeSinks, sinksAttribute } from './refused-sinks.ts';
import { parseObjectFinalized, type ObjectFinalized } from './object-finalized.ts';
import { reportType } from './report.ts';
import { uploadAcceptedType } from './upload-alert.ts';

/**
 * The topics that functions are called for, and which. `terraform/topics.tf` says it again, and a test holds it to this.
 */
export const readers = {
  'change-committed': 'fanOut',
  reconcile: 'reconcile',
  'plan-change': 'planChange',
  diff: 'deliverAlert',
  converged: 'deliverAlert',
  report: 'deliverAlert',
} as const;
export type ReadTopic = keyof typeof readers;
export const readTopics = Object.keys(readers).filter((name): name is ReadTopic => name in readers);

/** Where lies what was refused, and what was given up of each topic; the operator's `topicPrefix` stands before each. */
export type LetterSubscription = 'dead-letter' | `${ReadTopic}-given-up`;
export const letterSubscriptions: readonly LetterSubscription[] = [
  'dead-letter',
  ...readTopics.map((topic) => `${topic}-given-up` as const),
];

/** The topic, behind `topicPrefix`, from which one function alone takes what others had of the first topic. */
export const redriveTopic = 'redrive';
/** The attribute by which its subscriptions are told apart: the first topic. */
export const redriveAttribute = 'redrive';
export function redriveFilter(topic: ReadTopic): string {
  return `attributes.${redriveAttribute} = "${topic}"`;
}

/** What Pub/Sub says of a message on one of the subscriptions. */
export interface LetterMessage {
  readonly id: string;
  readonly subscription: LetterSubscription;
  readonly publishTime: Date;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** A message for one function. */
export interface RedrivenMessage {
  readonly topic: ReadTopic;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** How a letter reaches again what it was for. */
export type Redrive =
  | { readonly kind: 'message'; readonly message: RedrivenMessage }
  /** The event of an upload, whose topic is Eventarc's own: the object is written once more. */
  | { readonly kind: 'upload'; readonly object: ObjectFinalized }
  | { readonly kind: 'none'; readonly why: string };

export interface FoundLetter {
  /** Pub/Sub's. */
  readonly id: string;
  readonly subscription: LetterSubscription;
  readonly time: Date;
  /** The function, `?` where nobody can say. */
  readonly stage: string;
  /** The code of an error; `GivenUp` where no delivery succeeded, `Unreadable` for what is no letter. */
  readonly reason: string;
  readonly subject: string;
  readonly message: string;
  readonly redrive: Redrive;
}

/** Never throws: what is no letter is one that cannot be sent again. */
export function readLetter(found: LetterMessage): FoundLetter {
  const { subscription } = found;
  const topic = readTopics.find((name) => subscription === `${name}-given-up`);
  return topic === undefined ? readRefusal(found) : readGivenUp(found, topic);
}

/** Pub/Sub puts a message that it gave up there as it was sent, and adds attributes of its own. */
function readGivenUp(found: LetterMessage, topic: ReadTopic): FoundLetter {
  const { id, subscription, publishTime: time, attributes, data } = found;
  const event = Object.entries(attributes).filter(([name]) => name.startsWith('ce-') || name === 'content-type');
  const tries = attributes['CloudPubSubDeadLetterSourceDeliveryCount'];
  return {
    ...{ id, subscription, time, stage: readers[topic], reason: 'GivenUp', subject: attributes['ce-subject'] ?? '' },
    message: tries === undefined ? 'no delivery succeeded' : `no delivery of ${tries} succeeded`,
    redrive: { kind: 'message', message: addressed({ topic, attributes: Object.fromEntries(event), data }) },
  };
}

function readRefusal({ id, subscription, publishTime: time, data }: LetterMessage): FoundLetter {
  const letter = parseLetter(data);
  if (letter !== undefined) {
    const { stage, reason, subject, message } = letter;
    return { id, subscription, time, stage, reason, subject, message, redrive: redriveOf(letter) };
  }
  const why = 'it is no dead letter of Converge';
  return {
    ...{ id, subscription, time, stage: '?', reason: 'Unreadable', subject: '' },
    ...{ message: why, redrive: { kind: 'none', why } },
  };
}

function parseLetter(data: Uint8Array): DeadLetter | undefined {
  try {
    return deadLetterSchema.safeParse(JSON.parse(Buffer.from(data).toString())).data;
  } catch {
    return undefined;
  }
}

const eventSchema = z.object({
  id: z.string().min(1),
  type: z.string().min(1),
  source: z.string().min(1),
  subject: z.string().optional(),
  time: z.string().optional(),
  data: z.unknown().optional(),
});

function redriveOf({ stage, sinks = [], event: said }: DeadLetter): Redrive {
  const event = eventSchema.safeParse(said).data;
  if (event === undefined) return { kind: 'none', why: 'it holds no event: what was sent was none' };
  // The schedule refuses uploads whose event never came in the name of its own stage.
  if (stage === 'copyArtifact' || stage === 'checkDrift') return uploadOf(event);
  const topic = topicOf({ stage, type: event.type });
  if (topic === undefined) return { kind: 'none', why: `no topic leads to ${stage}` };
  const { id, type, source, subject, time, data } = event;
  const only = encodeSinks(sinks);
  const attributes = {
    ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': type, 'ce-source': source },
    ...(subject === undefined ? {} : { 'ce-subject': subject }),
    ...(time === undefined ? {} : { 'ce-time': time }),
    ...(only === undefined ? {} : { [`ce-${sinksAttribute}`]: only }),
    'content-type': 'application/json',
  };
  return {
    kind: 'message',
    message: addressed({ topic, attributes, data: Buffer.from(data === undefined ? '' : JSON.stringify(data)) }),
  };
}

function uploadOf(event: z.infer<typeof eventSchema>): Redrive {
  try {
    return { kind: 'upload', object: parseObjectFinalized(event) };
  } catch (error) {
    return { kind: 'none', why: `it names no object: ${describeError(error)}` };
  }
}

/** The types of alerts that end something, and are told on the topic `converged`; all others are of `diff`. */
const endings: readonly string[] = [convergedType, reachableType, uploadAcceptedType];

function topicOf({ stage, type }: { stage: string; type: string }): ReadTopic | undefined {
  const topics = readTopics.filter((topic) => readers[topic] === stage);
  if (type === reportType) return topics.find((topic) => topic === 'report') ?? topics[0];
  return endings.includes(type) ? (topics.find((topic) => topic === 'converged') ?? topics[0]) : topics[0];
}

/** An alert, once more, for some sinks alone. */
export function redrivenAlert(
  event: Omit<OutgoingEvent, 'time'> & { readonly time: string },
  sinks: readonly string[],
): RedrivenMessage {
  const { id, type, source, subject, time, data } = event;
  const only = encodeSinks(sinks);
  const attributes = {
    ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': type, 'ce-source': source, 'ce-subject': subject },
    ...{ 'ce-time': time, 'content-type': 'application/json' },
    ...(only === undefined ? {} : { [`ce-${sinksAttribute}`]: only }),
  };
  const topic = topicOf({ stage: 'deliverAlert', type }) ?? 'diff';
  return addressed({ topic, attributes, data: Buffer.from(JSON.stringify(data)) });
}

function addressed({ topic, attributes, data }: RedrivenMessage): RedrivenMessage {
  return { topic, attributes: { ...attributes, [redriveAttribute]: topic }, data };
}
