/** Milliseconds after which what is still open is told again for the first time, unless the sink says otherwise. */
export const usualRepeat = 4 * 3_600_000;

/** The longest pause between two repeats, in milliseconds: longer is a report's business. */
const longestPause = 7 * 86_400_000;

/**
 * When what is still so is told again, in milliseconds since 1970: each pause is twice the one before. Undefined: never,
 * as where somebody has acknowledged it until then.
 *
 * @param first the first pause, in milliseconds; undefined: a sink that is never told twice
 * @param repeats how often it was told again so far
 * @param acknowledgedUntil milliseconds since 1970; infinite: until it ends
 */
export function repeatAt({
  toldAt,
  repeats,
  first,
  acknowledgedUntil,
}: {
  toldAt: number;
  repeats: number;
  first: number | undefined;
  acknowledgedUntil: number | undefined;
}): number | undefined {
  if (first === undefined || acknowledgedUntil === Infinity) return undefined;
  const due = toldAt + Math.min(first * 2 ** Math.min(repeats, 30), longestPause);
  return Math.max(due, acknowledgedUntil ?? due);
}
