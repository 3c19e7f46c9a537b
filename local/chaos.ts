import { share } from './seeded-share.ts';

/** How deliveries are disturbed: not at all (benchmarks), or as Pub/Sub may do it at any time, drawn from a seed. */
export type Chaos = { readonly kind: 'none' } | { readonly kind: 'usual'; readonly seed: number };

const duplicateShare = 0.1;
const longDelayShare = 0.05;
const promptShare = 0.25;
const shortDelayMilliseconds = 50;
const longDelayMilliseconds = 300;

/**
 * The waits in milliseconds after which the copies of one message are delivered, the first for the message itself.
 * Messages overtake each other by their different waits.
 *
 * @param message.ordinal counts the messages of a subscription from 0; equal seed, subscription and ordinal give equal
 * waits
 */
export function deliveryDelays(message: { chaos: Chaos; subscription: string; ordinal: number }): readonly number[] {
  const { chaos, subscription, ordinal } = message;
  if (chaos.kind === 'none') return [0];
  const draw = (purpose: string): number => share([chaos.seed, subscription, ordinal, purpose]);
  const first = delay(draw('delay'));
  return draw('duplicate') < duplicateShare ? [first, delay(draw('second delay'))] : [first];
}

function delay(drawn: number): number {
  if (drawn < longDelayShare) return longDelayMilliseconds;
  if (drawn < longDelayShare + promptShare) return 0;
  return Math.round(
    ((drawn - longDelayShare - promptShare) / (1 - longDelayShare - promptShare)) * shortDelayMilliseconds,
  );
}
