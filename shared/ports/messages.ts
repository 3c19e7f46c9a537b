import type { AlertSink } from '../config/config.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';
import type { LetterMessage, LetterSubscription, RedrivenMessage } from '../events/found-letter.ts';

export interface Topics {
  /** Resolves when Pub/Sub has the message. */
  publish(topic: Topic, event: OutgoingEvent): Promise<void>;
}

export interface Sinks {
  /** Delivers one alert to one sink. Throws `SinkUnavailable` (retry) or `SinkRefused` (refuse). */
  deliver(delivery: { sink: AlertSink; alert: ReceivedAlert; id: string }): Promise<void>;
}

/** A message that nobody else is shown until it is given back, or its time is over. */
export interface TakenLetter extends LetterMessage {
  readonly ackId: string;
}

/** The subscriptions that keep what no function took. All of it throws `PubSubUnavailable` (retry). */
export interface DeadLetters {
  /** At most so many messages, for the minute that the subscription leaves for them. What others have taken is not seen. */
  take(taking: { subscription: LetterSubscription; limit: number }): Promise<readonly TakenLetter[]>;
  /** For ten minutes from now. */
  hold(letters: readonly TakenLetter[]): Promise<void>;
  /** As if nobody had taken them. */
  giveBack(letters: readonly TakenLetter[]): Promise<void>;
  /** Removes one for good. */
  acknowledge(letter: TakenLetter): Promise<void>;
  /** Resolves when Pub/Sub has the message, for one function alone. */
  redrive(message: RedrivenMessage): Promise<void>;
}
