import { createHash } from 'node:crypto';

/**
 * A number from 0 up to 1 that the facts decide: equal facts, equal number. For what many requests draw at a time, in an
 * order that no seed decides.
 */
export function rollFor(...facts: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(facts)).digest().readUInt32BE() / 2 ** 32;
}

/** One of these, each as likely as its weight. Throws for none. */
export function weighted<T extends string>(weights: Readonly<Partial<Record<T, number>>>, rolled: number): T {
  const entries = Object.entries<number | undefined>(weights);
  let left = rolled * entries.reduce((sum, [, weight = 0]) => sum + weight, 0);
  for (const [name, weight = 0] of entries) {
    left -= weight;
    // The keys of the weights are all that `Object.entries` hands out.
    if (left < 0) return name as T;
  }
  throw new Error('there is nothing to draw from');
}
