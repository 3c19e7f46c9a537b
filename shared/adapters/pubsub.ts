import { PubSub, type Topic as PubSubTopic } from '@google-cloud/pubsub';
import type { Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';
import type { Topics } from '../ports/messages.ts';
import { endMetadataRequests } from './google/metadata-server.ts';
import { inSeconds, patience, within } from './patience.ts';

/** Milliseconds a message may wait for company: functions publish few, and their callers wait for them. */
const batchingDelay = 1;

/**
 * Publishes CloudEvents as Pub/Sub messages: attributes `ce-*`, which a push subscription delivers as headers.
 *
 * Throws `PubSubUnavailable` (retry).
 */
export function createTopics(
  { project, topicPrefix }: Pick<Config, 'project' | 'topicPrefix'>,
  { answer }: { readonly answer: number } = patience.pubsub,
): Topics {
  endMetadataRequests();
  let line = connect(project);
  return {
    async publish(topic: Topic, event: OutgoingEvent): Promise<void> {
      const mine = line;
      const message = { data: Buffer.from(JSON.stringify(event.data)), attributes: attributesOf(event) };
      let why = 'could not be published';
      try {
        const target = topicOf(mine, { name: `${topicPrefix}${topic}`, answer });
        await within({
          milliseconds: answer,
          work: target.publishMessage(message),
          late: () => {
            if (line === mine) line = connect(project);
            closeLater(mine, answer);
            why = `was not taken by Pub/Sub in ${inSeconds(answer)}`;
            return new Error(why);
          },
        });
      } catch (error) {
        throw new ConvergeError({
          code: 'PubSubUnavailable',
          subject: `topic ${topicPrefix}${topic}`,
          message: `${event.type} ${event.id} ${why}`,
          remedy: 'check that the topic exists and that the function may publish to it',
          disposition: 'retry',
          cause: error,
        });
      }
    },
  };
}

/** A connection, which is given up for another one where it is silent: every message goes by the same one. */
interface Line {
  readonly client: PubSub;
  readonly topics: Map<string, PubSubTopic>;
  isGivenUp: boolean;
}

/** Clients share theirs otherwise, and a new one would be handed the silent one. */
const ownConnections = { 'grpc.use_local_subchannel_pool': 1 };

function connect(project: string): Line {
  const client = new PubSub({ projectId: project, ...ownConnections });
  return { client, topics: new Map(), isGivenUp: false };
}

function topicOf({ client, topics }: Line, { name, answer }: { name: string; answer: number }): PubSubTopic {
  const known = topics.get(name);
  if (known !== undefined) return known;
  // The library would try for ten minutes.
  const made = client.topic(name, { batching: { maxMilliseconds: batchingDelay }, gaxOpts: { timeout: answer } });
  topics.set(name, made);
  return made;
}

/** When those who wait for it have come to their end, too. */
function closeLater(line: Line, milliseconds: number): void {
  if (line.isGivenUp) return;
  line.isGivenUp = true;
  setTimeout(() => void line.client.close().catch(() => {}), milliseconds).unref();
}

function attributesOf(event: OutgoingEvent): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': event.id,
    'ce-type': event.type,
    'ce-source': event.source,
    'ce-subject': event.subject,
    'ce-time': event.time.toISOString(),
    'content-type': 'application/json',
  };
}
