import { share } from '../seeded-share.ts';
import { mutatedBy } from './storage-request.ts';
import type { Asked } from './write-limit.ts';

/** Which answers are lost: equal seeds lose that of the same write of the same object. */
export interface LostAnswers {
  readonly seed: number;
  /** From 0 to 1, of all writes. */
  readonly share: number;
}

/** How the answer of the next write of an object is lost, if it is. */
export function lostAnswerOf({ seed, share: part }: LostAnswers): (asked: Asked) => 'cut' | 'unavailable' | undefined {
  const writes = new Map<string, number>();
  return (asked) => {
    const name = mutatedBy(asked) ?? '';
    const ordinal = writes.get(name) ?? 0;
    writes.set(name, ordinal + 1);
    if (share([seed, name, ordinal, 'lost']) >= part) return undefined;
    return share([seed, name, ordinal, 'how']) < 0.5 ? 'cut' : 'unavailable';
  };
}
