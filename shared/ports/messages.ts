import type { AlertSink } from '../config/sinks.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';
import type { SinkMessage } from '../notices/delivery-record.ts';
import type { Notice } from '../notices/notice.ts';
import type { LetterMessage, LetterSubscription, RedrivenMessage } from '../events/found-letter.ts';

export interface Topics {
  /** Resolves when Pub/Sub has the message. */
  publish(topic: Topic, event: OutgoingEvent): Promise<void>;
}

/** What one sink is to be told. */
export interface SinkDelivery {
  readonly sink: AlertSink;
  readonly alert: ReceivedAlert;
  /** The same for people, by what the sink has been told of its incident. */
  readonly notice: Notice;
  /** Of the alert's event. */
  readonly id: string;
  /** When that was made, ISO 8601; undefined where nobody said. */
  readonly time: string | undefined;
  /** By what the sink knows the message that it has of the incident; undefined where it has none that is remembered. */
  readonly message: SinkMessage | undefined;
  /** Whether it may have this already: an answer was lost, or nothing can be remembered. */
  readonly perhaps: boolean;
}

/** Somebody whom a sink did not take an alert for that it took for others, and what it said: `ana@example.com: 550`. */
export type Missed = (whom: string) => void;

/** An answer of a sink, also of one that refuses: its status (of HTTP or SMTP), and its words as they came. */
export interface HeardAnswer {
  readonly status: number;
  readonly text: string;
}

export interface Sinks {
  /**
   * Delivers one alert to one sink, and resolves to what it knows the message by, where it can be told more of it. Throws
   * `SinkUnavailable` (retry), `unanswered` where the sink may have the alert all the same; `SinkRefused` (refuse).
   */
  deliver(delivery: SinkDelivery, missed?: Missed): Promise<SinkMessage | undefined>;
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
