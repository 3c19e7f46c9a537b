import { letterSubscriptions, readLetter, type FoundLetter } from '../../events/found-letter.ts';
import type { DeadLetters, TakenLetter } from '../../ports/messages.ts';

export interface LetterOptions {
  /** Of each subscription. */
  readonly limit: number;
}

/** A dead letter that nobody else is shown meanwhile. */
export interface HeldLetter extends FoundLetter {
  readonly taken: TakenLetter;
}

export interface Held {
  /** The oldest first. */
  readonly letters: readonly HeldLetter[];
  /** Whether a subscription may have more than was looked at. */
  readonly mayBeMore: boolean;
  /** Removes one for good. */
  acknowledge(letter: HeldLetter): Promise<void>;
}

/**
 * What lies on the subscriptions of dead letters, held for as long as `work` takes: all that it does not acknowledge is
 * then as if nobody had looked.
 */
export async function withLetters<T>(
  deadLetters: DeadLetters,
  { limit }: LetterOptions,
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const found = await Promise.allSettled(
    letterSubscriptions.map(async (subscription) => deadLetters.take({ subscription, limit })),
  );
  const taken = new Set(found.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])));
  try {
    for (const one of found) if (one.status === 'rejected') throw one.reason;
    const letters = [...taken].map((letter) => ({ ...readLetter(letter), taken: letter }));
    return await work({
      letters: letters.toSorted((a, b) => a.time.getTime() - b.time.getTime()),
      mayBeMore: found.some((one) => one.status === 'fulfilled' && one.value.length >= limit),
      async acknowledge(letter) {
        await deadLetters.acknowledge(letter.taken);
        taken.delete(letter.taken);
      },
    });
  } finally {
    // They come back by themselves, a little later.
    await deadLetters.giveBack([...taken]).catch(() => {});
  }
}
