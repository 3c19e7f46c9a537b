import { PubSub, type Topic as PubSubTopic } from '@google-cloud/pubsub';
import type { Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';
import type { Topics } from '../ports/messages.ts';

/** Milliseconds a message may wait for company: functions publish few, and their callers wait for them. */
const batchingDelay = 1;

/** Publishes CloudEvents as Pub/Sub messages: attributes `ce-*`, which a push subscription delivers as headers. */
export function createTopics({ project, topicPrefix }: Pick<Config, 'project' | 'topicPrefix'>): Topics {
  const client = new PubSub({ projectId: project });
  const topics = new Map<Topic, PubSubTopic>();
  return {
    async publish(topic: Topic, event: OutgoingEvent): Promise<void> {
      let target = topics.get(topic);
      if (target === undefined) {
        target = client.topic(`${topicPrefix}${topic}`, { batching: { maxMilliseconds: batchingDelay } });
        topics.set(topic, target);
      }
      try {
        await target.publishMessage({ data: Buffer.from(JSON.stringify(event.data)), attributes: attributesOf(event) });
      } catch (error) {
        throw new ConvergeError({
          code: 'PubSubUnavailable',
          subject: `topic ${topicPrefix}${topic}`,
          message: `${event.type} ${event.id} could not be published`,
          remedy: 'check that the topic exists and that the function may publish to it',
          disposition: 'retry',
          cause: error,
        });
      }
    },
  };
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
