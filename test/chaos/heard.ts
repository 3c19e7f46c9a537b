import {
  convergedSchema,
  convergedType,
  diffSchema,
  diffType,
  type Converged,
  type Diff,
} from '../../shared/events/alert.ts';
import { deadLetterSchema, type DeadLetter } from '../../shared/events/dead-letter.ts';
import type { Pipeline } from '../../local/pipeline.ts';

/** When it came, in milliseconds of `performance.now`. */
type At = { readonly at: number };

/** What a subscriber heard, in the order it came, each event id once. */
export interface Heard {
  readonly diffs: readonly (Diff & At)[];
  readonly converged: readonly (Converged & At)[];
  readonly deadLetters: readonly (DeadLetter & At)[];
  stop(): Promise<void>;
}

export async function listenTo(pipeline: Pipeline): Promise<Heard> {
  const diffs = await listen(pipeline, { topic: 'diff', type: diffType }, (data) => diffSchema.parse(data));
  const converged = await listen(pipeline, { topic: 'converged', type: convergedType }, (data) =>
    convergedSchema.parse(data),
  );
  const deadLetters = await listen(pipeline, { topic: 'dead-letter' }, (data) => deadLetterSchema.parse(data));
  return {
    diffs: diffs.received,
    converged: converged.received,
    deadLetters: deadLetters.received,
    stop: async () => void (await Promise.all([diffs, converged, deadLetters].map((one) => one.stop()))),
  };
}

interface Listening<T> {
  readonly received: readonly (T & At)[];
  stop(): Promise<void>;
}

async function listen<T extends object>(
  { clients }: Pipeline,
  { topic, type }: { topic: string; type?: string },
  parse: (data: unknown) => T,
): Promise<Listening<T>> {
  const received: (T & At)[] = [];
  const seen = new Set<string>();
  const [subscription] = await clients.pubsub.topic(topic).createSubscription(`chaos-${topic}`);
  subscription.on('message', (message) => {
    message.ack();
    const id = message.attributes['ce-id'] ?? message.id;
    if (seen.has(id) || (type !== undefined && message.attributes['ce-type'] !== type)) return;
    seen.add(id);
    received.push({ ...parse(JSON.parse(message.data.toString('utf8'))), at: performance.now() });
  });
  subscription.on('error', () => undefined);
  return { received, stop: () => subscription.close() };
}
