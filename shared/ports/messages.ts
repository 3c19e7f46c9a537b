import type { AlertSink } from '../config/config.ts';
import type { Alert } from '../events/alert.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';

export interface Topics {
  /** Resolves when Pub/Sub has the message. */
  publish(topic: Topic, event: OutgoingEvent): Promise<void>;
}

export interface Sinks {
  /** Delivers one alert to one sink. Throws `SinkUnavailable` (retry) or `SinkRefused` (refuse). */
  deliver(delivery: { sink: AlertSink; alert: Alert; id: string }): Promise<void>;
}
